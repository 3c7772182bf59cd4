"""
Has written down what became of messages, and tells of each as a whole.

Where the spool does not take that, the message stays leased, so that nobody delivers it
again, and it is tried to write it down another time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.errors import UsageError
from ..spool.format import SpooledMessage
from ..spool.interfaces import IOperatedSpool
from ..spool.journal import IDeliveryJournal
from .asked import Asked
from .settlement import Settlement

T = TypeVar("T")


@define(eq=False)
class Settling:
    """
    Writes settlements down.

    @ivar spool: where messages are.
    @ivar journal: who is told.
    @ivar asked: told of each message that was tried.
    @ivar parked: called with a lane for which the spool has one more message.
    @ivar put: called with a time, in seconds since the epoch, to which a message was
        put off.
    @ivar track: called with what is still to be done.
    """

    spool: IOperatedSpool
    journal: IDeliveryJournal
    asked: Asked
    parked: Callable[[bytes], object]
    put: Callable[[float], object]
    track: Callable[[Coroutine[Deferred[Any], Any, None]], object]
    _unsettled: list[Settlement] = field(factory=list, init=False)

    _log = Logger()

    def __len__(self) -> int:
        """Of how many it could not be written down."""
        return len(self._unsettled)

    def left(self) -> list[Settlement]:
        """Those of which it could not be written down, to try that again."""
        unsettled, self._unsettled = self._unsettled, []
        return unsettled

    def settle(
        self, settlement: Settlement, done: Callable[[T], object], what: T
    ) -> None:
        """
        Have it written down.

        @param done: called with C{what} when that is done, or has failed.
        """
        message, lane = settlement.message, settlement.lane
        arguments = settlement, done, what
        writing: Deferred[Any]
        try:
            if lane is None:
                writing = self.spool.settle(
                    message,
                    settlement.outcomes,
                    settlement.due,
                    settlement.reports,
                    settlement.told,
                )
            else:
                writing = self.spool.park(
                    message, lane, settlement.outcomes, settlement.due
                )
        except Exception:
            writing = fail()
        writing.addCallbacks(self._written, self._failed, arguments, {}, arguments)

    def _failed(
        self,
        failure: Failure,
        settlement: Settlement,
        done: Callable[[T], object],
        what: T,
    ) -> None:
        """It could not be written down."""
        error = failure.value
        assert error is not None
        try:
            self.journal.trouble(settlement.message, "spool", error)
        finally:
            # What is not ours any more is none the better for another trial.
            if not isinstance(error, UsageError):
                self._unsettled.append(settlement)
            done(what)

    def _written(
        self,
        ids: Sequence[str] | None,
        settlement: Settlement,
        done: Callable[[T], object],
        what: T,
    ) -> None:
        """It is written down; tell of the message as a whole."""
        message, due = settlement.message, settlement.due
        try:
            if settlement.lane is not None:
                self.parked(settlement.lane)
                return
            if self.asked.some:
                self.asked.tried(message.id)
            if due is not None:
                self.put(due)
            if ids or settlement.reports:
                for id, report in zip(ids or (), settlement.reports, strict=True):
                    self.journal.reported(message, id, report)
            if settlement.held is not None:
                self._hold(settlement, settlement.held)
            elif due is None:
                self.journal.completed(message)
        except Exception:
            self._log.failure("Something of the queue is broken")
        finally:
            done(what)

    def _hold(self, settlement: Settlement, why: str) -> None:
        """It is on hold."""
        message = settlement.message
        self.journal.held(message, why, settlement.wished)
        if not settlement.wished:
            self.track(self._note(message, why))

    async def _note(self, message: SpooledMessage, why: str) -> None:
        """Leave a note for the operator on a message that is on hold already."""
        try:
            await self.spool.hold([message.id], why)
        except Exception as error:
            self.journal.trouble(message, "spool", error)


__all__ = ["Settling"]
