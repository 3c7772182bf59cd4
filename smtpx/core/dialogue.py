"""
What generators wait for, and the typed sugar to say it.

What takes more than one step in SMTP is a generator that runs straight down the
page: it yields I{needs} (a line, so many octets, TLS, the answer to a question)
and returns what ends it.  No generator sees a socket, a Deferred or a clock.
Needs are yielded through the small functions below, which give the type of what
comes back::

    response = yield from line(prompt)
    known = yield from ask(CheckPassword(user, password))
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Generator, Generic, TypeVar

from attrs import define, frozen

from .reply import Reply

if TYPE_CHECKING:
    from .hooks import Refusal, TLSInfo
    from .interfaces import IBody
    from .repeatable import Repeatable

T = TypeVar("T")


@frozen
class Line:
    """
    Send C{prompt}, then give me the next line, without its CRLF.

    @ivar limit: the most octets of that line; above it the line is thrown
        away and C{None} given instead.
    @ivar secret: is it never to be seen in a log?
    """

    prompt: Reply
    limit: int = 12288
    secret: bool = False


@frozen
class Octets:
    """
    Take exactly C{count} octets off the wire.  They go into the message body if
    one is open, and nowhere if not.
    """

    count: int


@frozen
class Dotted:
    """Send C{prompt}, stream the dot-stuffed body that follows."""

    prompt: Reply


@frozen
class Secure:
    """
    Flush C{before}, if any, then start TLS; answered with
    L{smtpx.core.hooks.TLSInfo}.

    @ivar before: the go-ahead, or L{None} on the client side, where there is
        nothing to say.
    """

    before: Reply | None


@frozen
class Sync:
    """Wait until no reply is outstanding, so that nothing is a guess."""


@frozen
class Establish:
    """
    Wait until what is sent can only be heard once, which what rides on a SYN (RFC
    7413 section 2.1) cannot.

    @ivar octets: what follows may be heard twice, and has so many octets: go on where
        it rides on the SYN with all that was sent before; L{None}: it may not.
    """

    octets: int | None = None


@frozen
class Wanted:
    """
    Wait until it is known that somebody is to get the message; where nobody is, the
    dialogue ends here.  Only what carries a body may ask for it.
    """


@frozen
class Ask(Generic[T]):
    """A question only the world outside can answer."""

    question: "Question[T]"


@frozen
class Send:
    """The client sends a command line and wants its reply."""

    line: bytes


@define(eq=False)
class Slot:
    """
    The place of a reply that is still to come.

    @ivar reply: what came; L{None} until then.
    """

    reply: Reply | None = None

    def fill(self, got: Reply) -> None:
        """
        It has come.

        @raise smtpx.core.errors.PeerError: it cannot be meant for this.
        """
        self.reply = got


@frozen
class Flight:
    """
    The client sends whole commands and goes on at once.

    @ivar octets: the commands, each with its CRLF.
    @ivar slots: the places of their replies, one for each, in order.
    """

    octets: bytes
    slots: Sequence[Slot]


@frozen
class Emit:
    """
    The client sends C{octets} and goes on at once; answered with the L{Slot} of
    the reply to come, or L{None} where C{expects} is false and none will come.
    What is emitted without a wait in between leaves as one write.

    @ivar ends: do these octets end the message?  Then there may be a reply for
        each recipient (LMTP, PRDR).  Those are the core's business; the slot gets
        what they come to.
    """

    octets: bytes
    expects: bool = True
    ends: bool = False


@frozen
class Await:
    """Wait until C{slot} has its reply; answered with that L{Reply}."""

    slot: Slot


@frozen
class Flow:
    """Wait until the transport wants more; yielded between pieces of a body."""


class Question(Generic[T]):
    """
    Base of all questions; its answer is a C{T}.  Questions are the only way by
    which the world gets in; the shell has an answerer for each type of them.
    """

    __slots__ = ()


ServerNeed = Line | Octets | Dotted | Secure | Ask[Any]
ClientNeed = Send | Emit | Flight | Await | Flow | Secure | Sync | Establish | Ask[Any]

#: What ends a command: a reply, one a recipient (LMTP, PRDR), or None where
#: nothing is to be said (after a TLS handshake).
Answered = Reply | tuple[Reply, ...] | None

#: A verb in progress: yields what it waits for, returns what ends it.
ServerDialogue = Generator[ServerNeed, Any, Answered]

#: A check in progress: a refusal, a better 2yz reply, or None.
Verdict = Generator[ServerNeed, Any, "Reply | None"]


class Step(Enum):
    """How a client step ended."""

    DONE = auto()
    GREET_AGAIN = auto()
    GIVE_UP = auto()


#: A client step in progress, between EHLO and MAIL.  What it returns is how it
#: ended; a reply is to give up, and why, where that is not what the peer refused
#: last.
ClientDialogue = Generator[ClientNeed, Any, Step | Reply]

#: A body on its way out; returns the final reply.
BodyDialogue = Generator[ClientNeed | Wanted, Any, Reply]

#: A body that is being changed; returns the other one, or why it cannot be had.
Transformation = Generator[ClientNeed, Any, "IBody | Refusal"]

#: A transaction that is to be known again, or L{None}: the peer would not.
Recognition = Generator[ClientNeed, Any, "Repeatable | None"]


def line(
    prompt: Reply, limit: int = 12288, secret: bool = False
) -> Generator[ServerNeed, Any, bytes | None]:
    """
    Wait for one line; typed sugar over L{Line}.

    @return: the line, or L{None} where it was longer than C{limit} octets.
    """
    got: bytes | None = yield Line(prompt, limit, secret)
    return got


def octets(count: int) -> Generator[ServerNeed, Any, None]:
    """Take C{count} octets into the body; typed sugar over L{Octets}."""
    yield Octets(count)


def ask(question: Question[T]) -> Generator[Any, Any, T]:
    """Put C{question} to the outside; typed sugar over L{Ask}."""
    answer: T = yield Ask(question)
    return answer


def send(command: bytes) -> Generator[ClientNeed, Any, Reply]:
    """Send one command line, wait for its reply; typed sugar over L{Send}."""
    got: Reply = yield Send(command)
    return got


def emit(octets: bytes, ends: bool = False) -> Generator[ClientNeed, Any, Slot]:
    """Send octets that will be replied to, go on; typed sugar over L{Emit}."""
    slot: Slot = yield Emit(octets, True, ends)
    return slot


def pour(octets: bytes) -> Generator[ClientNeed, Any, None]:
    """Send octets that get no reply of their own; typed sugar over L{Emit}."""
    yield Emit(octets, False)


def settle(slot: Slot) -> Generator[ClientNeed, Any, Reply]:
    """Wait for the reply in C{slot}; typed sugar over L{Await}."""
    got: Reply = yield Await(slot)
    return got


def flow() -> Generator[ClientNeed, Any, None]:
    """Wait until there is room to send; typed sugar over L{Flow}."""
    yield Flow()


def sync() -> Generator[ClientNeed, Any, None]:
    """Wait for the truth; typed sugar over L{Sync}."""
    yield Sync()


def established(octets: int | None = None) -> Generator[ClientNeed, Any, None]:
    """Wait until nothing is heard twice; typed sugar over L{Establish}."""
    yield Establish(octets)


def wanted() -> Generator[Wanted, Any, None]:
    """Wait for somebody who gets the message; typed sugar over L{Wanted}."""
    yield Wanted()


def secure(before: Reply | None = None) -> Generator[Any, Any, TLSInfo]:
    """Start TLS, wait for the handshake; typed sugar over L{Secure}."""
    info: TLSInfo = yield Secure(before)
    return info
