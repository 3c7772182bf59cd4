"""
Checkers: programs outside, such as virus scanners and spam filters, that are asked for
their opinion of messages.

An L{IChecker} is made once.  Its C{begin} gives an L{ICheck} for one message, which is
a consumer: it takes the message as it comes, and its C{finish} gives the L{Opinion}.
Whoever asks (L{smtpx.policy.checkers.consultation}) takes care of the rest: when a
check begins, how many there are at once, how long each may take, and that nothing that
goes wrong with one harms a message.

A checker of one's own::

    @implementer(IChecker)
    class Scales:
        name, finds = "scales", frozenset({"scales"})
        terms = Terms()

        def begin(self, session, envelope, message):
            return Weighing()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from zope.interface import Attribute, Interface

from ...core.envelope import Envelope, Recipient
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ..edits import Edit


class State(Enum):
    """
    How far a checker came with a message.

    @cvar KNOWN: to an opinion.
    @cvar NOT_ASKED: the client or the message is not for it.
    @cvar TOO_LARGE: the message is larger than it, or the operator, wants.
    @cvar AWAY: it could not be reached, or has gone.
    @cvar SLOW: it did not answer in time, or has too much to do.
    @cvar BROKEN: it answered what is no answer, or that it has a problem.
    """

    __hash__ = object.__hash__

    KNOWN = "known"
    NOT_ASKED = "not_asked"
    TOO_LARGE = "too_large"
    AWAY = "away"
    SLOW = "slow"
    BROKEN = "broken"

    @property
    def failed(self) -> bool:
        """Was there to be an opinion, and is none?"""
        return self in (State.AWAY, State.SLOW, State.BROKEN)


class WhenAway(Enum):
    """
    What holds for a message of which a checker has no opinion, though it should.

    @cvar DEFER: the client is told to come again, if a rule asks for the opinion.
    @cvar ACCEPT: conditions on the opinion do not hold, and it goes on.
    @cvar REJECT: it is refused for good.
    """

    DEFER = "defer"
    ACCEPT = "accept"
    REJECT = "reject"


@frozen
class Opinion:
    """
    What a checker thinks of a message.

    @ivar state: how far it came; all else is empty where that is not C{KNOWN}.
    @ivar found: what conditions and variables tell of it, by names such as
        C{malware_name}.
    @ivar refusal: what the client is told where the checker itself refuses the message
        (L{IChecker.decides}); L{None}: it does not.
    @ivar refusals: the same for single recipients, of the envelope's.
    @ivar edits: what the checker wants to be changed (L{smtpx.policy.edits}).
    @ivar why: why there is no opinion, for the log.
    @ivar finds: what it is an opinion of (L{IChecker.finds}); whoever asks sets it.
    @ivar whenAway: what holds if there is none, though there should be; likewise.
    """

    state: State = State.KNOWN
    found: Mapping[str, object] = field(factory=dict)
    refusal: Reply | None = None
    refusals: Mapping[Recipient, Reply] = field(factory=dict)
    edits: tuple[Edit, ...] = ()
    why: str = ""
    finds: frozenset[str] = field(default=frozenset(), eq=False)
    whenAway: WhenAway = field(default=WhenAway.DEFER, eq=False)

    @property
    def untold(self) -> bool:
        """Does the message have to wait for one?"""
        return self.state.failed and self.whenAway is not WhenAway.ACCEPT

    @property
    def known(self) -> bool:
        """Is there an opinion?"""
        return self.state is State.KNOWN


#: Of a message that a checker is not for.
NOT_ASKED = Opinion(State.NOT_ASKED)


@frozen
class Message:
    """
    What is known of a message when a check of it begins.

    @ivar id: in the spool; empty: it has none.
    @ivar octets: how long it is, exactly; L{None}: nobody knows.
    """

    id: str
    octets: int | None


@frozen
class Terms:
    """
    On what terms a checker is asked.

    @ivar whenAway: what holds where it has no opinion.
    @ivar seconds: how long it may take, from the message's end on.
    @ivar atOnce: how many messages it is given at once.
    @ivar decides: is its opinion asked for without a rule?  Its refusals count then.
    @ivar wanted: is a client's message for it?
    @ivar octetsMax: the size above which it is not asked; L{None}: it always is.
    """

    whenAway: WhenAway = WhenAway.DEFER
    seconds: float = 120.0
    atOnce: int = 10
    decides: bool = False
    wanted: Callable[[IServerSession], bool] = lambda session: True
    octetsMax: int | None = None


#: On those that are usual.
USUAL = Terms()


class ICheck(IConsumer):
    """
    One message at one checker.  C{write} takes it piece by piece, with CRLF line ends
    and without stuffed dots, and never fails; C{registerProducer} gets a streaming
    producer, which is paused while the checker does not keep up, and C{stopProducing}
    tells it that no more is wanted.
    """

    def finish() -> Deferred[Opinion]:
        """
        The message is whole.  Called once.

        @return: fails with what has gone wrong: an C{OSError} or a C{ConnectError} of
            Twisted means that the checker is away, a C{TimeoutError} that it is slow,
            and anything else that it is broken.
        """

    def abort() -> None:
        """
        Nobody wants the opinion any more.  It may be called at any time, also behind
        C{finish}, whose Deferred need not fire then.
        """


class IChecker(Interface):
    """Somebody who has opinions of messages."""

    name: str = Attribute("What it is called in the configuration and in logs.")
    finds: frozenset[str] = Attribute(
        "What it finds out, such as C{malware} and C{spam}: what rules ask for."
    )
    terms: Terms = Attribute("On what terms it is asked.")

    def begin(
        session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | None:
        """
        A message is about to be checked.

        @return: takes it; L{None}: it is not asked about this one.
        """


#: Gives a message that is there once more, from its start, piece by piece; it raises
#: C{OSError} where it cannot be read.
Reread = Callable[[], Iterator[bytes]]


__all__ = [
    "NOT_ASKED",
    "ICheck",
    "IChecker",
    "Message",
    "Opinion",
    "Reread",
    "State",
    "Terms",
    "USUAL",
    "WhenAway",
]
