"""
The milters of one session of a client.

What concerns the client or the whole message is said to all of them side by side; of
recipients, the next one hears if the one before has nothing against them, so that they
know of the same.  Of refusals the first counts, in the order of the milters.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ...core.envelope import Envelope, Recipient, Stamp
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from .milter import Milter
from .seat import Seat, Tell

Answer = Coroutine[Deferred[Any], Any, "Reply | None"]


def _never(text: str) -> Bench:
    """It is not for the spool."""
    raise ValueError(text)


class Bench:
    """
    The milters of a session.

    @ivar seats: one for each, in their order.
    """

    __slots__ = ("parameters", "seats", "turnedDown")

    def __init__(
        self, milters: Sequence[Milter], session: IServerSession, tell: Tell
    ) -> None:
        self.seats = tuple(Seat(each, session, tell) for each in milters)
        #: What stood behind the path of the command in work.
        self.parameters: tuple[bytes, ...] = ()
        #: What was said to the last recipient that a milter has refused.
        self.turnedDown: Reply | None = None

    def connect(self) -> Deferred[Reply | None]:
        """A client is there."""
        return self._all(lambda seat: seat.connect())

    def helo(self, name: bytes) -> Deferred[Reply | None]:
        """It says who it is."""
        return self._all(lambda seat: seat.helo(name))

    def mail(self, envelope: Envelope) -> Deferred[Reply | None]:
        """A sender."""
        parameters = self.parameters

        def told(refusal: Reply | None) -> Reply | None:
            if refusal is not None:
                self.aborted()
            return refusal

        asked = self._all(lambda seat: seat.mail(envelope, parameters))
        return asked.addCallback(told)

    def rcpt(self, envelope: Envelope, recipient: Recipient) -> Deferred[Reply | None]:
        """A recipient."""
        return Deferred.fromCoroutine(self._rcpt(envelope, recipient.path))

    async def _rcpt(self, envelope: Envelope, path: bytes) -> Reply | None:
        parameters = self.parameters
        for seat in self.seats:
            refusal = await seat.rcpt(envelope, path, parameters)
            if refusal is not None:
                self.turnedDown = refusal
                return refusal
        return None

    def refused(self, envelope: Envelope | None, path: bytes, why: Reply) -> None:
        """A recipient was refused by others."""
        for seat in self.seats:
            Deferred.fromCoroutine(seat.refused(envelope, path, self.parameters, why))

    def data(self, envelope: Envelope) -> Deferred[Reply | None]:
        """The message is about to come."""
        return self._all(lambda seat: seat.data(envelope))

    def aborted(self) -> None:
        """There will be no such message."""
        for seat in self.seats:
            seat.aborted()

    def settled(self) -> None:
        """The message has come to its end."""
        for seat in self.seats:
            seat.settled()

    def leave(self) -> None:
        """The client has gone."""
        for seat in self.seats:
            seat.leave()

    def _all(self, ask: Callable[[Seat], Answer]) -> Deferred[Reply | None]:
        """Ask all of them at once."""
        asked = [Deferred.fromCoroutine(ask(seat)) for seat in self.seats]
        if len(asked) == 1:
            return asked[0]
        return Deferred.fromCoroutine(_first(asked))


async def _first(asked: Sequence[Deferred[Reply | None]]) -> Reply | None:
    """The first refusal, once all have answered."""
    waiting = list(asked)
    found: Reply | None = None
    try:
        while waiting:
            said = await waiting[0]
            waiting.pop(0)
            found = found or said
    finally:
        # Nobody wants to know any more.
        for each in waiting:
            each.addErrback(lambda _: None)
            each.cancel()
    return found


#: The milters of a session; where there are none, it has none.
BENCH = Stamp[Bench]("policy.milters", None, _never)


def benchOf(session: IServerSession) -> Bench | None:
    """The milters of a session; L{None}: none are asked."""
    return session.stamps.get(BENCH)


__all__ = ["BENCH", "Bench", "benchOf"]
