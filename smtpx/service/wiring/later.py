"""
What waits to be released: counted when the server starts, and told to other workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ...core.interfaces import IExtension
from ...extensions.futurerelease import FutureRelease
from ...queue.heldmail import HeldMail
from ...spool.interfaces import IOperatedSpool
from ..machine import Machine
from ..workers.answers import Answers
from ..workers.heldtelling import HeldTelling


def countHeld(
    extensions: Iterable[IExtension],
    spool: IOperatedSpool,
    trouble: Callable[[BaseException], None],
    stack: AsyncExitStack,
) -> None:
    """
    Count what the spool has from before, in the background, if it matters.

    @param trouble: told of what goes wrong.
    """
    for held in _counted(extensions):
        counting = Deferred.fromCoroutine(held.load(spool))
        stack.callback(counting.cancel)
        counting.addErrback(_tell, trouble)


def shareHeld(
    machine: Machine,
    extensions: Iterable[IExtension],
    answers: Answers,
    stack: AsyncExitStack,
) -> None:
    """
    Let other workers know how much waits here, and hear it from them.

    @param answers: what they ask for.
    """
    if not machine.worker.others.numbers:
        return
    for held in _counted(extensions):
        telling = HeldTelling(held, machine.worker)
        answers.add(telling.verbs())
        answers.whenOpen(telling.begin)
        stack.callback(telling.stop)


def _counted(extensions: Iterable[IExtension]) -> Iterator[HeldMail]:
    """What counts messages that wait, if it matters."""
    for each in extensions:
        if not isinstance(each, FutureRelease) or not each.options.holdMaxSeconds:
            continue
        # Somebody else's may be loaded already.
        held: object = each.held
        if isinstance(held, HeldMail):
            yield held


def _tell(failure: Failure, trouble: Callable[[BaseException], None]) -> None:
    # The border: users have more room than they should, and mail goes on.
    error = failure.value
    if error is not None and not isinstance(error, CancelledError):
        trouble(error)
