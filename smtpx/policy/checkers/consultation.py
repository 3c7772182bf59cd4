"""
What checkers think of one message; L{Consultation} is a transaction's.

A message of up to L{HELD_OCTETS}, as most are, is kept until somebody asks for an
opinion, and is then given to all checkers at once, with its length: no connection to a
checker stays open for a client that takes its time, and where a rule has let the
message through before, none is made at all.  (The spool keeps such a message in memory
all the same; these are the same octets.)

A longer one is given to each checker as it comes, from its beginning, and the client
is held up while one of them does not keep up.  A checker that has no room, or that
such a message has kept busy for too long, gets it when it is there: it is read from the
spool once more, piece by piece.  So is what a client goes on with that was cut short
(RFC 1845), and what broke off at a checker that has come back since.

No message is ever in memory as a whole, and none is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall

from ...core.envelope import Envelope, Recipient, Stamp
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...net.withheld import letGo
from ..edits import Editor
from ..shared import Shared
from .desk import Desk, Tell
from .interfaces import ICheck, Message, Opinion, Reread, State
from .taps import Junction, Tap

#: How much of a message is kept before checkers get it.
HELD_OCTETS = 1 << 16

#: How long a client is held up by a checker that does not keep up.
STALL_SECONDS = 20.0

#: Opinions, by the names of the checkers.
Opinions = Mapping[str, Opinion]


def _never(text: str) -> Consultation:
    """It is not for the spool."""
    raise ValueError(text)


#: Of a transaction: what checkers think of its message.
CONSULTATION = Stamp["Consultation"]("checkers.consultation", None, _never)
#: Of an envelope, or of a recipient: what is not to be found out of the message
#: (L{IChecker.finds}).
SKIPPED = Stamp[frozenset[str]]("checkers.skipped", None, lambda text: frozenset())


def skippedOf(envelope: Envelope) -> frozenset[str]:
    """
    What is not to be found out of a message: of what is noted for recipients, what is
    noted for all of them, for nobody gets unchecked what was to be checked for him by
    having a recipient beside him.
    """
    found = envelope.stamp(SKIPPED) or frozenset()
    each = [one.stamp(SKIPPED) or frozenset() for one in envelope.recipients]
    return found | frozenset.intersection(*each) if each else found


class Consultation:
    """
    What checkers think of one message.
    """

    def __init__(
        self,
        desks: Sequence[Desk],
        session: IServerSession,
        envelope: Envelope,
        id: str,
        reread: Reread | None,
        resumed: bool,
        tell: Tell,
    ) -> None:
        """
        @param desks: of the checkers that may be asked.
        @param id: of the message in the spool; empty: it has none.
        @param reread: gives it again; L{None}: nobody keeps it.
        @param resumed: has a part of it come before?
        @param tell: told of each opinion.
        """
        self._session = session
        self._envelope = envelope
        self._id = id
        self._reread = reread
        self._tell = tell
        self._held: list[bytes] | None = None if resumed else []
        self._octets = 0
        self._early: list[_Early] = []
        self._junction: Junction | None = None
        self._asked: dict[Desk, Shared[Opinion]] = {}
        self._desks = desks
        #: Those that are given the message as it comes, or were.
        self._begun: dict[Desk, _Early] = {}

    # --- the message ----------------------------------------------------------------

    def through(self, junction: Junction) -> None:
        """
        What comes can be held up.

        @param junction: where.
        """
        self._junction = junction
        for each in self._early:
            each.through(junction)

    def write(self, data: bytes) -> None:
        """A piece of the message."""
        self._octets += len(data)
        for each in tuple(self._early):
            if each.octetsMax is not None and self._octets > each.octetsMax:
                each.drop()
            else:
                each.check.write(data)
        held = self._held
        if held is None:
            return
        held.append(data)
        if self._octets > HELD_OCTETS:
            self._held = None
            self._part(held)

    def _part(self, held: Sequence[bytes]) -> None:
        """It is a long one: give it to those who can take it now."""
        for desk in self._desks:
            if desk.wants(self._session, self._envelope) is not None:
                continue
            # Where nobody keeps it, there is no later.
            if desk.hasRoom or self._reread is None:
                self._begin(desk, held)

    def _begin(self, desk: Desk, there: Sequence[bytes]) -> None:
        """
        Give one the message as it comes.

        @param there: what there is of it.
        """
        message = Message(self._id, None)
        check = desk.begin(self._session, self._envelope, message)
        if isinstance(check, Opinion):
            return
        early = _Early(desk, check, self._forget)
        self._early.append(early)
        self._begun[desk] = early
        if self._junction is not None:
            early.through(self._junction)
        for piece in there:
            check.write(piece)

    def _forget(self, early: _Early) -> None:
        """One does not get the message as it comes any more."""
        if early in self._early:
            self._early.remove(early)

    # --- the opinions ---------------------------------------------------------------

    @property
    def known(self) -> Opinions:
        """What is known; nothing, if nobody has asked."""
        found = ((desk, self._asked.get(desk)) for desk in self._desks)
        return {
            desk.checker.name: asked.result
            for desk, asked in found
            if asked is not None and asked.result is not None
        }

    def opinions(self) -> Deferred[Opinions]:
        """
        What they think; to be asked when the message is there.

        @return: never fails.  To cancel it is nobody else's business.
        """
        return self._opinionsOf(self._desks)

    def decided(self) -> Deferred[Opinions]:
        """
        What those think who are asked without a rule (C{Terms.decides}).

        @return: see C{opinions}.
        """
        return self._opinionsOf([e for e in self._desks if e.checker.terms.decides])

    def _opinionsOf(self, desks: Sequence[Desk]) -> Deferred[Opinions]:
        letGo(self._envelope)
        if self._junction is not None:
            self._junction.close()
        for desk in desks:
            if desk not in self._asked:
                self._asked[desk] = Shared(self._ask(desk))
        waiting = [self._asked[desk].wait() for desk in desks]
        names = [desk.checker.name for desk in desks]
        together = gatherResults(waiting, consumeErrors=True)
        return together.addCallback(lambda found: dict(zip(names, found, strict=True)))

    def _ask(self, desk: Desk) -> Deferred[Opinion]:
        began = desk.clock.seconds()
        asking = Deferred.fromCoroutine(self._opinion(desk))

        def told(found: Opinion) -> Opinion:
            checker = desk.checker
            found = evolve(found, finds=checker.finds, whenAway=checker.terms.whenAway)
            if found.state is not State.NOT_ASKED:
                seconds = desk.clock.seconds() - began
                self._tell(self._session, checker.name, found, seconds, self._id)
            return found

        return asking.addCallback(told)

    async def _opinion(self, desk: Desk) -> Opinion:
        """What one of them thinks."""
        session, envelope = self._session, self._envelope
        early = self._begun.get(desk)
        found = desk.wants(session, envelope)
        if found is not None:
            if early is not None:
                early.drop()
            return found
        if early is not None and not early.dropped:
            found = await early.conclude(session)
            if self._reread is None or found.state not in (State.AWAY, State.BROKEN):
                return found
            # It may have lost patience with a slow client, or was started again.
        pieces = self._pieces()
        if pieces is None:
            return Opinion(State.SLOW, why="it did not keep up")
        # What is kept may be longer or shorter than what came: who takes claims out of
        # a header, or completes it, stands before us.
        octets = None if self._held is None else self._octets
        message = Message(self._id, octets)
        return await desk.ask(session, envelope, message, pieces)

    def _pieces(self) -> Callable[[], Iterator[bytes]] | None:
        """What gives the message from its start; L{None}: nothing does."""
        held = self._held
        return self._reread if held is None else partial(iter, held)

    def close(self) -> None:
        """The message was taken, or there will be none."""
        self._held = None
        for each in tuple(self._early):
            each.drop()
        for asked in self._asked.values():
            asked.cancel()

    # --- what comes of them ---------------------------------------------------------

    def edit(self, editor: Editor) -> None:
        """Have changed what checkers want to be, in their order."""
        known = self.known
        for desk in self._desks:
            found = known.get(desk.checker.name)
            if found is not None and found.edits:
                desk.edit(self._session, editor, found.edits)

    def refusalOf(self, recipient: Recipient) -> Reply | None:
        """What a checker says against a recipient; L{None}: nothing does."""
        found = (each.refusals.get(recipient) for each in self.known.values())
        return next((each for each in found if each is not None), None)


class _Early:
    """
    A check that is given a message as it comes.

    @ivar check: it.
    @ivar dropped: was it given up, so that it gets the message later?
    @ivar octetsMax: how long a message it wants; L{None}: any.
    """

    __slots__ = (
        "_desk",
        "_forget",
        "_limit",
        "_tap",
        "check",
        "dropped",
        "octetsMax",
    )

    def __init__(
        self, desk: Desk, check: ICheck, forget: Callable[[_Early], None]
    ) -> None:
        self._desk = desk
        self.check = check
        self._forget = forget
        self._tap: _Watched | None = None
        self.dropped = False
        desk.enter()
        terms = desk.checker.terms
        self.octetsMax = terms.octetsMax
        self._limit = desk.clock.callLater(terms.seconds, self.drop)

    def through(self, junction: Junction) -> None:
        """It can hold up what comes."""
        self._tap = _Watched(junction, self)
        self.check.registerProducer(self._tap, True)

    def stalled(self) -> IDelayedCall:
        """It cannot take more now; it gets some time."""
        return self._desk.clock.callLater(STALL_SECONDS, self.drop)

    def _stop(self) -> None:
        """It is given no more of the message, and no time either."""
        if self._limit.active():
            self._limit.cancel()
        if self._tap is not None:
            self._tap.close()
            self.check.unregisterProducer()
            self._tap = None
        self._forget(self)

    async def conclude(self, session: IServerSession) -> Opinion:
        """The message is there: what the checker thinks of it."""
        self._stop()
        try:
            return await self._desk.conclude(session, self.check)
        finally:
            self._desk.leave()

    def drop(self) -> None:
        """Give it up."""
        if not self.dropped:
            self.dropped = True
            self._stop()
            self.check.abort()
            self._desk.leave()


class _Watched(Tap):
    """A tap that is not shut for long."""

    __slots__ = ("_early", "_limit")

    def __init__(self, junction: Junction, early: _Early) -> None:
        Tap.__init__(self, junction)
        self._early = early
        self._limit: IDelayedCall | None = None

    def pauseProducing(self) -> None:
        """See L{Tap}."""
        if self._limit is None:
            self._limit = self._early.stalled()
        Tap.pauseProducing(self)

    def resumeProducing(self) -> None:
        """See L{Tap}."""
        self.close()

    def close(self) -> None:
        """It does not hold up anybody."""
        limit, self._limit = self._limit, None
        if limit is not None and limit.active():
            limit.cancel()
        Tap.resumeProducing(self)


__all__ = [
    "CONSULTATION",
    "HELD_OCTETS",
    "SKIPPED",
    "STALL_SECONDS",
    "Consultation",
    "Opinions",
    "skippedOf",
]
