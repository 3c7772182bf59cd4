"""
The world around a server that is fuzzed: it answers questions, at once or later,
and complains where the server does not keep to what it promises its shell.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from attrs import define, evolve, field, frozen
from zope.interface import implementer

from smtpx.core.bounds import BareLines, Bounds
from smtpx.core.dialogue import Question
from smtpx.core.effects import (
    PENDING,
    IServerPort,
    MayConnect,
    MayReceive,
    MaySend,
    OpenBody,
    Pending,
    TakeMessage,
)
from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.hostlist import HostList
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.core.server import ServerConnection
from smtpx.extensions.auth import Auth
from smtpx.extensions.requiretls import RequireTLS
from smtpx.extensions.standard import STANDARD
from smtpx.extensions.xclient import XClient, XClientSettings
from smtpx.extensions.xforward import XForward, XForwardSettings
from smtpx.sasl import CheckPassword, CheckToken, FetchVerifier, IUsers

from ..sasl.pairs import ANSWERS

T = TypeVar("T")

TAKEN = reply(250, "2.0.0", b"Taken")
NO = reply(550, "5.7.1", b"No")

#: What a server may write: whole replies (RFC 5321 section 4.2), each of one code.
REPLIES = re.compile(
    rb"(?:(?:([2345][0-9][0-9])-[^\r\n\0]*\r\n(?:\1-[^\r\n\0]*\r\n)*\1"
    rb"|[2345][0-9][0-9])(?: [^\r\n\0]*)?\r\n)*\Z"
)

#: What it says where somebody did not wait.  That depends on what has come when.
OUT_OF_SYNC = b"554 5.5.0 SMTP synchronisation error\r\n"

INFO = TLSInfo(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    bits=256,
    verified=True,
    subject="CN=user",
)

_CORE = (MayConnect, MaySend, MayReceive, OpenBody, TakeMessage)

#: Everybody may be somebody else.
_ANYBODY = HostList.parse(["*"])

#: Small enough that short inputs reach them.
_NARROW = Bounds(
    messageOctets=300,
    recipientsMax=2,
    transactionsMax=3,
    chunksMax=3,
    commandOctets=512,
    textLineOctets=1000,
    headerOctets=100,
    earlyOctets=100,
    errorsMax=4,
    refusalsMax=2,
    idleCommandsMax=6,
    discardedOctets=200,
)


class Broken(Exception):
    """The world failed, as the input wanted."""


@implementer(IUsers)
class _Users:
    """Users of whom all is known."""

    available = True
    scram = True


@frozen
class Manner:
    """
    How a server is set up, and how the world treats it.

    @ivar narrow: are its bounds so small that they are met?
    @ivar normalise: does it make bare line ends whole?
    @ivar implicit: does TLS begin with the connection?
    @ivar late: are questions answered later?
    @ivar unkind: is whatever is about Eve refused?
    @ivar broken: is whatever is about Xerxes more than the world can tell?
    """

    narrow: bool = False
    normalise: bool = False
    implicit: bool = False
    late: bool = False
    unkind: bool = False
    broken: bool = False

    @classmethod
    def of(cls, bits: int) -> Manner:
        """The manner that a number stands for."""
        return cls(*(bool(bits >> place & 1) for place in range(6)))


@lru_cache
def _profile(narrow: bool, normalise: bool) -> ServerProfile:
    """A server with everything that there is, as it is otherwise set up."""
    bounds = _NARROW if narrow else Bounds()
    if normalise:
        bounds = evolve(bounds, bareLines=BareLines.NORMALISE)
    profile = ServerProfile(
        name=b"mx.example.org", clock=lambda: 1000.0, bounds=bounds, tlsReady=True
    )
    made: Mapping[str, Callable[[], Any]] = dict(STANDARD) | {
        Auth.name: lambda: Auth(
            users=_Users(), tokens=True, certificates={"CN=user": b"user"}
        ),
        RequireTLS.name: lambda: RequireTLS(honoured=True),
        XClient.name: lambda: XClient(XClientSettings(_ANYBODY)),
        XForward.name: lambda: XForward(XForwardSettings(_ANYBODY)),
    }
    return profile.load(make() for make in made.values())


@implementer(IServerPort)
@define(eq=False)
class World:
    """
    The shell of a server, and the server.

    @ivar manner: how it answers.
    @ivar server: the server.
    @ivar said: all that it has written.
    @ivar taken: the messages that were taken: envelope and body.
    """

    manner: Manner
    server: ServerConnection = field(init=False)
    said: bytes = b""
    taken: list[tuple[bytes, tuple[bytes, ...], bytes]] = field(factory=list)
    _pending: deque[Callable[[], bytes]] = field(factory=deque)
    _body: list[bytes] | None = None
    _handshake: bool = False

    def __attrs_post_init__(self) -> None:
        """Make the server."""
        manner = self.manner
        self.server = ServerConnection(
            _profile(manner.narrow, manner.normalise),
            self,
            b"192.0.2.7",
            4567,
            b"192.0.2.25",
            25,
            INFO if manner.implicit else None,
        )

    # --- what a shell does ------------------------------------------------------

    def start(self) -> None:
        """The server greets."""
        self._hear(self.server.start())

    def feed(self, octets: bytes) -> None:
        """Octets come."""
        ended = self.server.closed
        written = self.server.feed(octets)
        assert not (ended and written), f"behind its end it says {written!r}"
        self._hear(written)

    def end(self) -> None:
        """The time is over, and the client is gone."""
        self._hear(self.server.expire())
        assert self.server.closed, "a time limit is the end"
        assert not self.server.feed(b"NOOP\r\n")
        self.server.lost()
        assert self._body is None, "a body was neither taken nor dropped"

    def _hear(self, written: bytes) -> None:
        self.said += written
        while self._pending or self._handshake:
            if self._handshake:
                self._handshake = False
                written = self.server.answer(INFO)
            else:
                written = self._pending.popleft()()
            self.said += written
        assert REPLIES.match(self.said), self.said

    # --- what a server asks for ---------------------------------------------------

    def ask(self, question: Question[T]) -> T | Pending:
        """See L{IServerPort}."""
        answer = self._answer(question)
        if isinstance(question, OpenBody) and answer is None:
            assert self._body is None, "a body was begun inside of another"
            self._body = []
        elif isinstance(question, TakeMessage):
            self._take(question, answer)
        if isinstance(answer, Broken):
            answer = self._break(question, answer)
        elif self.manner.late:
            there = answer
            self._pending.append(lambda: self.server.answer(there))
            return PENDING
        found: T | Pending = answer
        return found

    def _answer(self, question: Question[Any]) -> Any:
        """What the world says: the same for the same question."""
        manner, word = self.manner, b""
        if isinstance(question, MaySend):
            word = question.envelope.sender
        elif isinstance(question, MayReceive):
            word = question.recipient.path
        elif isinstance(question, OpenBody | TakeMessage):
            word = question.envelope.recipients[0].path
        elif isinstance(question, CheckPassword | CheckToken | FetchVerifier):
            word = question.user
        if manner.broken and b"xerxes" in word:
            return Broken()
        if manner.unkind and b"eve" in word and isinstance(question, _CORE):
            return NO
        if isinstance(question, TakeMessage):
            return TAKEN
        if isinstance(question, _CORE):
            return None
        return ANSWERS[type(question)](question)

    def _break(self, question: Question[Any], error: Broken) -> Any:
        """The shell cannot tell, and says so in its own way."""
        if not self.manner.late:
            raise error
        core = isinstance(question, _CORE)
        self._pending.append(
            lambda: self.server.answer(LOCAL_ERROR) if core else self.server.fail(error)
        )
        return PENDING

    def _take(self, question: TakeMessage, answer: Reply | Broken) -> None:
        envelope, body = question.envelope, self._body
        assert body is not None, "a message without a body"
        if isinstance(answer, Broken) and not self.manner.late:
            # What raises has not taken it over.
            return
        self._body = None
        octets = b"".join(body)
        assert len(octets) == envelope.octets, (len(octets), envelope.octets)
        assert envelope.recipients, "a message for nobody"
        if answer is TAKEN:
            paths = tuple(recipient.path for recipient in envelope.recipients)
            self.taken.append((envelope.sender, paths, octets))

    def body(self, octets: bytes) -> None:
        """See L{IServerPort}."""
        assert self._body is not None, "octets of no body"
        self._body.append(octets)

    def dropBody(self) -> None:
        """See L{IServerPort}."""
        assert self._body is not None, "no body to drop"
        self._body = None

    def handshake(self, options: TLSOptions) -> None:
        """See L{IServerPort}."""
        assert not self._handshake, "TLS begins twice"
        self._handshake = True

    def evict(self, why: Reply) -> None:
        """See L{IServerPort}."""
        raise AssertionError("nobody comes in the place of this one")

    def trouble(self, owner: str, error: BaseException) -> None:
        """See L{IServerPort}."""
        if not isinstance(error, Broken):
            raise error

    def refused(self, command: bytes, answer: Reply) -> None:
        """See L{IServerPort}."""
        assert answer.refuses, answer
        assert len(command) <= self.server.profile.bounds.commandOctets, command
