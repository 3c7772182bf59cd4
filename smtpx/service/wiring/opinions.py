"""
Everybody who is asked for an opinion of messages.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ...observe.journal import Journal
from ...policy.checkers import IChecker
from ...policy.rules.interfaces import Keep
from ...policy.rules.wanted import wantedBy
from ..config import Configuration
from ..machine import Machine
from .bmi import bmiChecker
from .checkers import checkersOf
from .dcc import dccDaemon
from .rules import rulesOf


def everyChecker(
    machine: Machine,
    configuration: Configuration,
    keep: Keep,
    journal: Journal,
    stack: AsyncExitStack,
    isTrial: bool = False,
) -> list[IChecker]:
    """
    Those of whom something is wanted: the checkers of the configuration in its order,
    then DCC, then the scanner with a verdict for each recipient.

    @param keep: keeps host lists up to date.
    @param stack: where what was opened is closed.
    @param isTrial: is it nobody's mail?  Then none is asked that would count it.
    @raise Exception: whatever the Python of a scanner raises.
    """
    rules = rulesOf(configuration)
    wanted = wantedBy(rules)
    found: list[IChecker] = checkersOf(machine, configuration, keep, wanted)
    dcc = dccDaemon(machine, configuration, keep, rules, journal, isTrial)
    if dcc is not None:
        found.append(dcc)
    bmi = None if isTrial else bmiChecker(machine, configuration, stack)
    if bmi is not None:
        found.append(bmi)
    return found


__all__ = ["everyChecker"]
