"""
Where a checker is asked: so many at once, each for so long, and whatever goes wrong
comes to an L{Opinion}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError as DeferredTimeout,
)
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    TimeoutError as ConnectTimeout,
)
from twisted.internet.interfaces import IReactorTime

from ...core.envelope import Envelope
from ...core.errors import Malformed
from ...core.interfaces import IServerSession
from ..chain import Trouble
from ..edits import Edit, Editor
from ..turnstile import Crowded, Turnstile
from .interfaces import NOT_ASKED, ICheck, IChecker, Message, Opinion, State
from .pump import Pump

T = TypeVar("T")

#: How many wait for each that is being asked.
_WAITING_EACH = 20

#: Told of each opinion, for logs: whose it is, how long it took in seconds, and of what
#: message, by its id in the spool.
Tell = Callable[[IServerSession, str, Opinion, float, str], None]


class Desk:
    """
    Where one checker is asked.

    @ivar checker: whose it is.
    @ivar clock: for limits of time.
    """

    def __init__(
        self, checker: IChecker, clock: IReactorTime, trouble: Trouble
    ) -> None:
        """
        @param trouble: told of mistakes in a checker; not of one that is away.
        """
        self.checker = checker
        self.clock = clock
        self._trouble = trouble
        terms = checker.terms
        self._turnstile = Turnstile(
            clock, terms.atOnce, terms.atOnce * _WAITING_EACH, terms.seconds
        )
        self._early = 0

    @property
    def hasRoom(self) -> bool:
        """
        Is there room for one that begins while its message still comes?  Half of the
        room is for messages that are there, for others may take their time.
        """
        return self._early < self.checker.terms.atOnce // 2

    def wants(self, session: IServerSession, envelope: Envelope) -> Opinion | None:
        """
        Is a message for this checker?

        @return: what to say without asking it; L{None}: it is to be asked.
        """
        terms = self.checker.terms
        if not terms.wanted(session):
            return NOT_ASKED
        if terms.octetsMax is not None and envelope.octets > terms.octetsMax:
            return Opinion(State.TOO_LARGE, why=f"it has {envelope.octets} octets")
        return None

    def enter(self) -> None:
        """A check has begun whose message is not there yet."""
        self._count(1)

    def leave(self) -> None:
        """Such a one has ended."""
        self._count(-1)

    def _count(self, more: int) -> None:
        self._early += more
        # All together they are no more than the operator wants.
        self._turnstile.allow(max(1, self.checker.terms.atOnce - self._early))

    def begin(
        self, session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | Opinion:
        """Begin a check; an opinion: there is nothing to begin."""
        try:
            check = self.checker.begin(session, envelope, message)
        except Exception as error:
            return self.opinionOf(session, error)
        return NOT_ASKED if check is None else check

    def ask(
        self,
        session: IServerSession,
        envelope: Envelope,
        message: Message,
        pieces: Callable[[], Iterator[bytes]],
    ) -> Deferred[Opinion]:
        """
        Have a message checked that is there, when there is room.

        @param pieces: gives it, from its start.
        @return: never fails, but if it is cancelled.
        """

        async def work() -> Opinion:
            check = self.begin(session, envelope, message)
            if isinstance(check, Opinion):
                return check
            try:
                await Pump(check, pieces(), self.clock).run()
                return await check.finish()
            except BaseException:
                check.abort()
                raise

        visit = self._turnstile.admit(
            lambda: Deferred.fromCoroutine(work()), whose=session.peer
        )
        return Deferred.fromCoroutine(self._told(session, visit))

    def conclude(self, session: IServerSession, check: ICheck) -> Deferred[Opinion]:
        """
        The message of a check that has begun early is there.

        @return: never fails, but if it is cancelled.
        """

        async def work() -> Opinion:
            try:
                return await check.finish()
            except BaseException:
                check.abort()
                raise

        waiting = Deferred.fromCoroutine(work())
        waiting.addTimeout(self.checker.terms.seconds, self.clock)
        return Deferred.fromCoroutine(self._told(session, waiting))

    async def _told(
        self, session: IServerSession, waiting: Deferred[Opinion]
    ) -> Opinion:
        try:
            return await waiting
        except CancelledError:
            raise
        except Exception as error:
            return self.opinionOf(session, error)

    def edit(
        self, session: IServerSession, editor: Editor, edits: Iterable[Edit]
    ) -> None:
        """Have a message changed; one that wants too much has nothing changed."""
        name = f"checker {self.checker.name}"
        try:
            editor.edit(name, edits)
        except Malformed as error:
            self._trouble(session, name, error)

    def opinionOf(self, session: IServerSession, error: Exception) -> Opinion:
        """What it comes to if something goes wrong."""
        why = str(error) or type(error).__name__
        slow = (DeferredTimeout, TimeoutError, ConnectTimeout, Crowded)
        if isinstance(error, slow):
            return Opinion(State.SLOW, why=why)
        if isinstance(error, ConnectError | ConnectionClosed | OSError):
            return Opinion(State.AWAY, why=why)
        if not isinstance(error, Malformed):
            # It is ours, and not the checker's.
            self._trouble(session, f"checker {self.checker.name}", error)
        return Opinion(State.BROKEN, why=why)


__all__ = ["Desk", "Tell"]
