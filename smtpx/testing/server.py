"""
A server connection with a scripted world outside, for tests.

L{talk} plays a client's side of a dialogue against the real core and gives back
what the server said and what it asked for::

    said = talk([Size()], b"EHLO c.example\\r\\nMAIL FROM:<a@b.example>\\r\\n")
    assert said.replies[-1] == b"250 2.0.0 OK"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from attrs import define, field
from zope.interface import implementer

from ..core.bounds import Bounds
from ..core.dialogue import Question
from ..core.effects import (
    IServerPort,
    MayConnect,
    MayDeliver,
    MayReceive,
    MaySend,
    OpenBody,
    Pending,
    TakeMessage,
)
from ..core.envelope import Envelope
from ..core.hooks import Dialect, TLSInfo, TLSOptions
from ..core.interfaces import IExtension
from ..core.profile import ServerProfile
from ..core.reply import Reply, reply
from ..core.server import ServerConnection

T = TypeVar("T")
Answers = Mapping[type, Callable[[Any], object]]

TAKEN = reply(250, "2.0.0", b"Taken")


@implementer(IServerPort)
@define(eq=False)
class ScriptedPort:
    """
    A port that answers at once, or as the test says.

    @ivar answers: by type of question, what answers it; the core's own are
        granted where nothing is given; C{MayDeliver} is asked where it is in
        here.  L{smtpx.core.effects.PENDING} for
        "later".
    @ivar asked: all questions, in order.
    @ivar bodies: the bodies of messages that were taken.
    @ivar taken: their envelopes.
    @ivar dropped: how many bodies were dropped.
    @ivar handshakes: the options of each handshake that was asked for.
    @ivar troubles: owner and exception of each.
    @ivar refusals: command and reply of each.
    @ivar evictions: each reply with which the session was to be ended.
    @ivar open: may C{body} be called, as far as the core was told?
    """

    answers: Answers = field(factory=dict)
    asked: list[Question[Any]] = field(factory=list)
    bodies: list[bytes] = field(factory=list)
    taken: list[Envelope] = field(factory=list)
    dropped: int = 0
    handshakes: list[TLSOptions] = field(factory=list)
    troubles: list[tuple[str, BaseException]] = field(factory=list)
    refusals: list[tuple[bytes, Reply]] = field(factory=list)
    evictions: list[Reply] = field(factory=list)
    pieces: list[bytes] = field(factory=list)
    open: bool = False

    def ask(self, question: Question[T]) -> T | Pending:
        """See L{IServerPort}."""
        self.asked.append(question)
        answerer = self.answers.get(type(question))
        found: Any = None
        if answerer is not None:
            found = answerer(question)
        elif not isinstance(question, MayConnect | MaySend | MayReceive | OpenBody):
            assert isinstance(question, TakeMessage), question
            found = TAKEN
        if isinstance(question, OpenBody):
            self.pieces = []
            self.open = not isinstance(found, Reply)
        if isinstance(question, TakeMessage):
            self.open = False
            self.bodies.append(b"".join(self.pieces))
            self.taken.append(question.envelope)
        answer: T | Pending = found
        return answer

    def body(self, octets: bytes) -> None:
        """See L{IServerPort}."""
        assert self.open, "a piece of a body that was not begun"
        self.pieces.append(octets)

    def dropBody(self) -> None:
        """See L{IServerPort}."""
        self.dropped += 1
        self.open = False
        self.pieces = []

    def handshake(self, options: TLSOptions) -> None:
        """See L{IServerPort}."""
        self.handshakes.append(options)

    def evict(self, why: Reply) -> None:
        """See L{IServerPort}."""
        self.evictions.append(why)

    def trouble(self, owner: str, error: BaseException) -> None:
        """See L{IServerPort}."""
        self.troubles.append((owner, error))

    def refused(self, command: bytes, answer: Reply) -> None:
        """See L{IServerPort}."""
        self.refusals.append((command, answer))


@define(eq=False)
class Said:
    """
    What became of a dialogue.

    @ivar octets: everything the server wrote.
    @ivar connection: the connection, to go on with or look into.
    @ivar port: what it asked of the world.
    """

    octets: bytes
    connection: ServerConnection
    port: ScriptedPort

    @property
    def replies(self) -> list[bytes]:
        """The lines the server wrote, without CRLF."""
        return self.octets.split(b"\r\n")[:-1]

    @property
    def last(self) -> bytes:
        """The last line the server wrote."""
        return self.replies[-1]

    @property
    def codes(self) -> list[int]:
        """The code of each reply, in order; one for a reply of many lines."""
        return [int(line[:3]) for line in self.replies if line[3:4] != b"-"]

    def feed(self, octets: bytes) -> bytes:
        """One flight more; gives what the server says to it."""
        out = self.connection.feed(octets)
        self.octets += out
        return out

    def secure(self, info: TLSInfo | None = None) -> bytes:
        """The handshake that was asked for is done."""
        out = self.connection.answer(TLSInfo() if info is None else info)
        self.octets += out
        return out

    def answer(self, value: object) -> bytes:
        """The answer to a question that was left open."""
        out = self.connection.answer(value)
        self.octets += out
        return out


def talk(
    extensions: Iterable[IExtension],
    octets: bytes = b"",
    *,
    answers: Answers | None = None,
    bounds: Bounds | None = None,
    secured: TLSInfo | None = None,
    tlsReady: bool = False,
    peer: bytes = b"192.0.2.1",
    name: bytes = b"mx.example.org",
    clock: Callable[[], float] = lambda: 1000.0,
    early: bytes = b"",
    whole: bool = False,
    dialect: Dialect = Dialect.SMTP,
) -> Said:
    """
    Play a client.

    @param octets: what the client says; it waits for the answer to each line,
        as a client without PIPELINING does.
    @param whole: send C{octets} in one flight instead.
    @param early: sent before the greeting.
    @param answers: see L{ScriptedPort}.
    @param secured: the handshake of implicit TLS.
    """
    profile = ServerProfile(
        name=name,
        clock=clock,
        bounds=bounds or Bounds(),
        tlsReady=tlsReady,
        dialect=dialect,
        judges=MayDeliver in (answers or {}),
    ).load(extensions)
    port = ScriptedPort(answers or {})
    connection = ServerConnection(
        profile, port, peer, 40000, b"192.0.2.25", 25, secured
    )
    said = Said(b"", connection, port)
    if early:
        said.feed(early)
    said.octets += connection.start()
    if whole:
        said.feed(octets)
        return said
    for line in _lines(octets):
        said.feed(line)
    return said


def _lines(octets: bytes) -> list[bytes]:
    parts = octets.split(b"\r\n")
    lines = [part + b"\r\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines
