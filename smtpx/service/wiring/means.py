"""
What the server lends to the conditions of rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from ...dns.interfaces import IResolver
from ...policy.dnslists import ListAsker
from ...policy.lookups import ILookup
from ...policy.names import HostNames
from ...policy.rules import Means
from ..config import Configuration
from ..machine import Machine
from .strangers import Strangers


def means(
    machine: Machine,
    configuration: Configuration,
    names: HostNames,
    resolver: IResolver,
    lookups: Mapping[str, ILookup],
    strangers: Strangers,
    stack: AsyncExitStack,
    isTrial: bool = False,
) -> Means:
    """
    What the server lends to conditions.

    @param names: keeps host lists up to date.
    @param lookups: those of the configuration, by their names.
    @param strangers: what is remembered of clients.
    @param stack: where what was opened is closed.
    @param isTrial: see L{Means}.
    """
    options = configuration.dnsLists
    clock = machine.reactor
    lists = ListAsker(resolver, clock, options.seconds, options.atOnce)
    if strangers.counters is not None:
        lists.count = strangers.counters.listSaid
    return Means(
        names.keep,
        resolver,
        clock,
        machine.now,
        lists=lists,
        weights=options.weights,
        isTrial=isTrial,
        lookups=lookups,
        greylist=strangers.greylist,
        rates=strangers.rates,
        alerts=strangers.alerts,
    )


__all__ = ["means"]
