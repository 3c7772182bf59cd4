"""
The scanner that has a verdict for each recipient.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from twisted.internet.defer import maybeDeferred

from ...policy.bmi.checker import BMIChecker, scannerFrom
from ...policy.bmi.interfaces import IBMIScanner
from ...policy.checkers import Terms, WhenAway
from ..config import Configuration
from ..machine import Machine
from .rules import rulesOf
from .threads import threads


def bmiScanner(configuration: Configuration) -> IBMIScanner | None:
    """
    The scanner of the configuration; L{None}: it has none.

    @raise Exception: whatever that Python raises.
    """
    options = configuration.bmi
    if options.python is None:
        return None
    found = options.python.load()
    return scannerFrom(options.python.name, found, str(options.bmiConfigFile))


def scans(configuration: Configuration) -> bool:
    """Does a rule have messages scanned?"""
    return any("bmi_run" in rule.controls for rule in rulesOf(configuration))


def bmiChecker(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> BMIChecker | None:
    """
    Who has messages scanned; L{None}: nobody does, or no rule wants that.

    @param stack: where it is closed.
    @raise Exception: whatever that Python raises.
    """
    if not scans(configuration):
        return None
    scanner = bmiScanner(configuration)
    if scanner is None:
        return None
    options = configuration.bmi
    work = threads(machine, options.atOnceMax, "bmi", stack)
    terms = Terms(
        WhenAway.ACCEPT,
        options.opinionSeconds,
        options.atOnceMax,
        decides=True,
        octetsMax=options.checkedOctets,
    )
    checker = BMIChecker(scanner, work, terms)

    async def close() -> None:
        await maybeDeferred(checker.close)

    stack.push_async_callback(close)
    return checker
