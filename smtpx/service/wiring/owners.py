"""
Who knows since when mailboxes have their owners.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import cast

from ...core.errors import UsageError
from ...net.answers import Answerers
from ...observe.journal import Journal
from ...policy.owners import OwnerCheck, OwnersFile, OwnershipTest
from ...policy.turnstile import Turnstile
from ..config import Configuration
from ..logs import Logs
from ..machine import Machine
from ..objects import PythonObject
from .addresses import tagSeparators
from .intake import Intake
from .threads import threads

#: How many are asked for at once of somebody's Python, and how many wait.
_AT_ONCE, _WAITING = 20, 200


def ownerAnswers(
    machine: Machine,
    configuration: Configuration,
    taken: Intake,
    journal: Journal,
    logs: Logs,
    stack: AsyncExitStack,
) -> Answerers:
    """
    What answers the questions of RRVS; nothing, if nobody knows.

    @param taken: whom mail is taken for.
    @param logs: told of what goes wrong later.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    table = configuration.local
    if not table.ownersKnown:
        return {}
    file: OwnersFile | None = None
    if table.ownersSinceFile is not None:
        separators = tagSeparators(configuration)
        file = OwnersFile(table.ownersSinceFile, separators, logs.publisher.publish)
        file.start(machine.reactor, threads(machine, 1, "owners", stack))
        stack.callback(file.stop)

    def ours(path: bytes) -> bool | None:
        known, aliases = taken.local.knows(path), taken.redirection
        # An alias need not be listed to be somebody's address.
        if known is False and aliases is not None:
            return aliases.expand(path) is not None
        return known

    named, share = table.ownersPython, machine.worker.share
    seconds = configuration.limits.bounds.answerSeconds
    test = OwnershipTest(
        ours,
        file,
        None if named is None else ownerCheck(named),
        Turnstile(machine.reactor, share(_AT_ONCE), share(_WAITING), seconds),
        journal.trouble,
    )
    return test.answers


def ownerCheck(named: PythonObject) -> OwnerCheck:
    """
    A check of owners that is somebody's Python.

    @raise UsageError: it is nothing that can be called.
    @raise Exception: whatever that Python raises while it is imported.
    """
    check = named.load()
    if not callable(check):
        raise UsageError(f"{named} is not callable")
    return cast(OwnerCheck, check)
