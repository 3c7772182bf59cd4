"""
What is remembered of clients that are strangers.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ...policy.rules import Greylisted
from ...policy.strangers import (
    AWAY_ACCEPTS,
    AWAY_DEFERS,
    Greylist,
    GreylistTerms,
)
from ...policy.strangers.networks import Prefixes
from ..config import Configuration
from ..machine import Machine
from ..tables.greylist import WhenAway
from .threads import threads


def greylistTerms(configuration: Configuration) -> GreylistTerms:
    """Who has to wait, and for how long."""
    table = configuration.greylist
    return GreylistTerms(
        table.delay,
        table.retryWindow,
        table.lifetime,
        table.clientsAfter,
        Prefixes(table.networkPrefixIPv4, table.networkPrefixIPv6),
        table.recordsMax,
    )


def greylist(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> Greylist | None:
    """
    The greylist; L{None}: no rule asks for it.

    @param stack: ends it.
    """
    asked = any(
        isinstance(condition, Greylisted)
        for _, _, entry in configuration.policy.entries()
        for condition in entry.rule.conditions
    )
    if not asked:
        return None
    accepts = configuration.greylist.whenAway is WhenAway.ACCEPT
    made = Greylist(
        machine.reactor,
        machine.now,
        # One thread: the file is used by one at a time.
        threads(machine, 1, "greylist", stack),
        str(configuration.greylistFile),
        greylistTerms(configuration),
        AWAY_ACCEPTS if accepts else AWAY_DEFERS,
    )
    stack.push_async_callback(made.stop)
    return made


__all__ = ["greylist", "greylistTerms"]
