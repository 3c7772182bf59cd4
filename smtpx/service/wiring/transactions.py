"""
The memory for transactions that clients name.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ...core.interfaces import IExtension
from ...core.queueprofile import QueueProfile
from ...extensions.checkpoint import Checkpoint, CheckpointSettings
from ...net.interfaces import IReceiver
from ...observe.journal import Journal
from ...spool.interfaces import IOperatedSpool
from ...spool.names import INames
from ..config import Configuration
from ..elsewhere import Elsewhere, answersOf
from ..machine import Machine
from ..remembering import RememberingReceiver
from ..transactions import Transactions
from ..workers.answers import Answers
from ..workers.worker import Worker


def transactions(
    machine: Machine, configuration: Configuration, journal: Journal, answers: Answers
) -> Transactions:
    """
    The memory, which remembers nothing yet.

    @param answers: gets what it tells the other workers.
    """
    found = configuration.extensions.settings.get(Checkpoint.name)
    options = found if isinstance(found, CheckpointSettings) else CheckpointSettings()
    worker = machine.worker
    memory = Transactions(
        machine.reactor,
        machine.now,
        _shared(options, worker),
        journal.cameAgain,
        Elsewhere(worker.others) if worker.count > 1 else None,
    )
    answers.add(answersOf(memory))
    return memory


def _shared(options: CheckpointSettings, worker: Worker) -> CheckpointSettings:
    """Our part of what all workers together may remember."""
    return evolve(
        options,
        namesMax=worker.share(options.namesMax),
        clientNamesMax=worker.share(options.clientNamesMax),
    )


def openTransactions(
    memory: Transactions,
    spool: IOperatedSpool,
    extensions: Iterable[IExtension],
    stack: AsyncExitStack,
) -> None:
    """
    Have the memory remember in a spool, if that can.

    @param spool: it is open.
    """
    names = getattr(spool, "names", None)
    if not INames.providedBy(names):
        return
    memory.open(names, QueueProfile().load(extensions).stamps)
    tidying = Deferred.fromCoroutine(memory.keepTidy())
    tidying.addErrback(Failure.trap, CancelledError)
    stack.callback(memory.close)
    stack.callback(tidying.cancel)


def remembering(memory: Transactions, receiver: IReceiver) -> IReceiver:
    """A receiver that takes what has a name once only."""
    return RememberingReceiver(receiver, memory)
