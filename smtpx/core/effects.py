"""
What the core asks of its shell.

The server core answers C{feed} with the octets to write; everything that is
rare, large or needs the world goes through a port, L{IServerPort}.  The port
may answer a question at once; only where it says L{PENDING} does the core wait,
and take no further command until L{smtpx.core.server.ServerConnection.answer}
is called.  The client core, where nothing is that hot, answers with a list of
effects.

The core has questions of its own: L{MayConnect}, L{MaySend}, L{MayReceive},
L{OpenBody}, L{MayDeliver} and L{TakeMessage}.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeVar

from attrs import define, frozen
from zope.interface import Interface

from .dialogue import Question
from .envelope import Envelope, Recipient
from .hooks import Phase, Scope, Stage, TLSOptions
from .interfaces import IServerSession
from .reply import Reply
from .values import value

T = TypeVar("T")


class Pending(Enum):
    """The type of L{PENDING}."""

    PENDING = "pending"


#: "The answer comes later", from a port.
PENDING = Pending.PENDING


class Waiting(Enum):
    """What a connection waits for, and so which time limit holds."""

    GREETING = "greeting"
    COMMAND = "command"
    BODY = "body"
    ANSWER = "answer"
    HANDSHAKE = "handshake"


class Awaited(Enum):
    """
    What a client connection waits for, and so which time limit holds (RFC 5321
    section 4.5.3.2).

    @cvar NOTHING: it is idle, or over.
    @cvar GREETING: the peer's greeting.
    @cvar HELLO: the reply to EHLO or HELO.
    @cvar COMMAND: the reply to any other command that is none of those below.
    @cvar MAIL: the reply to MAIL.
    @cvar RCPT: the reply to a RCPT.
    @cvar DATA: the go-ahead for the message.
    @cvar BODY: room to send more of the message.
    @cvar FINAL: the reply to the message, or to a part of it.
    @cvar HANDSHAKE: the end of a TLS handshake.
    @cvar ANSWER: the answer to a L{Pose}.
    @cvar GOODBYE: the reply to QUIT.
    """

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    NOTHING = "nothing"
    GREETING = "greeting"
    HELLO = "EHLO"
    COMMAND = "command"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "message"
    FINAL = "end of message"
    HANDSHAKE = "TLS handshake"
    ANSWER = "answer"
    GOODBYE = "QUIT"


class IServerPort(Interface):
    """
    The shell, as a server connection sees it.  Nothing here may call back into
    the connection before it has returned.  C{ask} and C{body} may raise, and the
    client is told 451; the others must not.
    """

    def ask(question: Question[T]) -> T | Pending:
        """
        Answer a question, at once or by C{answer} (or C{fail}) later.
        """

    def body(octets: bytes) -> None:
        """
        A piece of the message body, between a granted L{OpenBody} and
        L{TakeMessage} or L{dropBody}.  To push back, stop reading.
        """

    def dropBody() -> None:
        """The body that was begun will not be finished; forget it."""

    def refused(command: bytes, answer: Reply) -> None:
        """
        A command was answered with a 4yz or 5yz.

        @param command: the line, without what is secret in it.
        """

    def handshake(options: TLSOptions) -> None:
        """
        Write what is to be written, then start TLS; C{answer} with
        L{smtpx.core.hooks.TLSInfo}.
        """

    def evict(why: Reply) -> None:
        """
        Somebody else goes on in this client's place: as soon as this has returned,
        end the session by C{ServerConnection.evicted}.
        """

    def trouble(owner: str, error: BaseException) -> None:
        """
        An exception came out of a hook; report it, once, as an error event.

        @param owner: the name of the extension, or C{"core"}.
        """


class IDirectPort(Interface):
    """
    A shell that is asked what is asked most without a value for each question.  Each
    method does what C{ask} does with the question that is named behind it.
    """

    def maySend(session: IServerSession, envelope: Envelope) -> Reply | None | Pending:
        """L{MaySend}."""

    def mayReceive(
        session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Pending:
        """L{MayReceive}."""

    def openBody(session: IServerSession, envelope: Envelope) -> Reply | None | Pending:
        """L{OpenBody}."""

    def takeMessage(
        session: IServerSession, envelope: Envelope
    ) -> Reply | tuple[Reply, ...] | Pending:
        """L{TakeMessage}."""


# --- the core's own questions ---------------------------------------------


@define
class MayConnect(Question["Reply | None"]):
    """A client is there: refuse (a reply), or L{None}."""

    session: IServerSession


@define
class MaySend(Question["Reply | None"]):
    """MAIL: refuse (a reply), or L{None}."""

    session: IServerSession
    envelope: Envelope


@define
class MayReceive(Question["Reply | None"]):
    """
    RCPT: refuse (a reply), give a better 2yz (251), or L{None}.  The recipient
    is not yet among the envelope's.
    """

    session: IServerSession
    envelope: Envelope
    recipient: Recipient


@define
class OpenBody(Question["Reply | None"]):
    """
    The body is about to begin and the envelope is whole: make room for it, or
    refuse (452 where there is none).
    """

    session: IServerSession
    envelope: Envelope


@define
class MayDeliver(Question["tuple[Reply | None, ...]"]):
    """
    The message is there, and may yet be refused to some of its recipients: a
    refusal or L{None} for each, in order.  Asked where the profile says that
    somebody judges (C{ServerProfile.judges}).
    """

    session: IServerSession
    envelope: Envelope


@define
class TakeMessage(Question["Reply | tuple[Reply, ...]"]):
    """
    The message is complete: the final reply, or one a recipient, where the session
    has C{tellEach}.  A 2yz means that it is on the disk.
    """

    session: IServerSession
    envelope: Envelope


# --- the client's effects ---------------------------------------------------


@value
class Write:
    """Send these octets."""

    octets: bytes


@frozen
class Handshake:
    """Start TLS; C{answer} with L{smtpx.core.hooks.TLSInfo}."""

    options: TLSOptions


@frozen
class Pose:
    """Answer this question; give its answer to C{answer}."""

    question: Question[Any]


@frozen
class Drain:
    """Call C{resume} once the transport wants more."""


@frozen
class Close:
    """Close the connection."""


@frozen
class Ready:
    """Greeted, secured, authenticated: give it envelopes."""


@value
class Served:
    """
    A recipient has the message, while others are still to be answered for (RFC 2033
    section 5 wants that heeded at once).  L{Settled} has it, too.
    """

    recipient: Recipient
    reply: Reply


@value
class Settled:
    """
    One envelope is done with.

    @ivar outcomes: one reply a recipient, in order.  A 2yz is final.
    @ivar scope: how far the others reach; L{Scope.MESSAGE}: take them as they
        are.
    @ivar rest: those of C{envelope}'s recipients, in order, who were only too
        many for one transaction (RFC 5321 section 4.5.3.1.10, RFC 9422), or were
        kept apart from the others by an extension (C{hooks.Refusal}): the
        message may go to them at once, over this connection, in another
        envelope (L{Envelope.addressedTo}).  What C{outcomes} has for them
        is for whoever does not.  Each round has fewer of them.  Nobody,
        where C{scope} is another one.
    @ivar stages: at what each outcome came about, in the same order; L{None}: at
        no command, for the connection was lost or we ourselves are in trouble.
    @ivar ours: the places of the outcomes that are our own words, for the peer was not
        asked: it would not do for the message, or for the recipient.
    @ivar unsure: had the whole message been sent, and the connection been lost
        before the peer answered it?  It may have taken the message then (RFC
        1047).
    """

    envelope: Envelope
    outcomes: tuple[tuple[Recipient, Reply], ...]
    scope: Scope = Scope.MESSAGE
    rest: tuple[Recipient, ...] = ()
    stages: tuple[Stage | None, ...] = ()
    unsure: bool = False
    ours: frozenset[int] = frozenset()


@frozen
class GaveUp:
    """
    The session cannot be used, or not any more.  What comes behind it, a QUIT
    perhaps and L{Close}, is the connection's end.

    @ivar reply: what the peer said, or in our own words why it will not do;
        L{None}: the connection was lost.
    @ivar phase: in which phase a step of an extension, or what the route demands
        of it, did not come off; L{None}: it had another reason.
    """

    reply: Reply | None
    phase: Phase | None = None


@frozen
class Trouble:
    """
    An exception came out of a hook; report it, once, as an error event.

    @ivar owner: the name of the extension, or C{"core"}.
    """

    owner: str
    error: BaseException


ClientEffect = (
    Write
    | Handshake
    | Pose
    | Drain
    | Close
    | Ready
    | Served
    | Settled
    | GaveUp
    | Trouble
)
