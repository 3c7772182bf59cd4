"""
What the server lends to the conditions of rules.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ...dns.interfaces import IResolver
from ...policy.names import HostNames
from ...policy.rules import Means
from ..config import Configuration
from ..machine import Machine


def means(
    machine: Machine,
    configuration: Configuration,
    names: HostNames,
    resolver: IResolver,
    stack: AsyncExitStack,
) -> Means:
    """
    What the server lends to conditions.

    @param names: keeps host lists up to date.
    @param stack: where what was opened is closed.
    """
    return Means(names.keep, resolver, machine.reactor, machine.now)


__all__ = ["means"]
