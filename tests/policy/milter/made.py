"""
What tests of milters are made of: milters that do as they are told, and a server that
asks them, all in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Dialect
from smtpx.core.interfaces import IExtension, IServerSession
from smtpx.core.reply import OK, Reply
from smtpx.core.trace import ABOVE, HEADER
from smtpx.extensions.standard import standard
from smtpx.net.factory import SMTPServerFactory
from smtpx.net.interfaces import IArrival, IPolicy
from smtpx.policy.chain import NamedPolicy, PolicyChain
from smtpx.policy.editing import EditingReceiver
from smtpx.policy.milter.asking import MilterCommands, MilterPolicy, MilterReviews
from smtpx.policy.milter.link import MilterLink
from smtpx.policy.milter.milter import Milter
from smtpx.policy.milter.negotiation import Action, Step
from smtpx.policy.milter.packets import Packets, packet
from smtpx.policy.milter.receiving import MilterReceiver
from smtpx.policy.milter.terms import MilterTerms
from smtpx.policy.rules import ANSWERS
from tests.net.made import Call, RememberedArrival, RememberingReceiver, Server

#: To what milters answer that are not silent.
_ANSWERED = frozenset(b"CHMRTLNBE")

GO_ON, ACCEPT, REFUSE, DEFER, DISCARD = map(packet, (b"c", b"a", b"r", b"t", b"d"))

#: Does not answer.
NOTHING = b""

#: Ends the connection.
GONE = None

SILENT = {
    ord("C"): Step.SILENT_CONNECT,
    ord("H"): Step.SILENT_HELO,
    ord("M"): Step.SILENT_MAIL,
    ord("R"): Step.SILENT_RCPT,
    ord("T"): Step.SILENT_DATA,
    ord("L"): Step.SILENT_HEADER,
    ord("N"): Step.SILENT_END_OF_HEADER,
    ord("B"): Step.SILENT_BODY,
}


class Line(StringTransport):
    """What a link writes to."""

    aborted = False

    def abortConnection(self) -> None:
        """The connection is cut off."""
        self.aborted = True

    def getHandle(self) -> object:
        """There is no socket."""
        return self


@implementer(IStreamClientEndpoint)
@define(eq=False)
class MadeMilter:
    """
    A milter, and the endpoint that leads to it.

    @ivar answers: what is answered, by the command's octet or by that and what it says;
        otherwise it is to go on.
    @ivar heard: all that it was told, as command and what stands behind that.
    @ivar down: can it not be connected to?
    @ivar deaf: does nobody answer who tries?
    """

    name: str = "made"
    steps: Step = Step(0)
    actions: Action = Action(0x1FF)
    answers: Mapping[bytes, bytes | None | Callable[[], bytes | None]] = field(
        factory=dict
    )
    heard: list[tuple[bytes, bytes]] = field(factory=list)
    lines: list[tuple[Line, MilterLink, Packets]] = field(factory=list)
    connections: int = 0
    down: bool = False
    deaf: bool = False
    waiting: list[Deferred[IProtocol]] = field(factory=list)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        if self.down:
            return fail(Failure(ConnectionRefusedError()))
        if self.deaf:
            self.waiting.append(Deferred())
            return self.waiting[-1]
        self.connections += 1
        link = cast(MilterLink, protocolFactory.buildProtocol(None))  # type: ignore[arg-type]  # from nowhere
        line = Line()
        link.makeConnection(line)  # type: ignore[no-untyped-call]  # Twisted has no types for it
        self.lines.append((line, link, Packets()))
        return succeed(cast(IProtocol, link))

    @property
    def codes(self) -> str:
        """All that it was told, in one letter each, but for macros."""
        return "".join(code.decode() for code, _ in self.heard if code != b"D")

    @property
    def macros(self) -> dict[bytes, dict[bytes, bytes]]:
        """The macros that it was told last, by command."""
        found: dict[bytes, dict[bytes, bytes]] = {}
        for code, said in self.heard:
            if code == b"D":
                words = said[1:-1].split(b"\0")
                found[said[:1]] = dict(zip(words[::2], words[1::2], strict=True))
        return found

    def said(self, code: bytes) -> list[bytes]:
        """All that it was told by one command."""
        return [said for each, said in self.heard if each == code]

    def turn(self) -> bool:
        """Read what was written, and answer; was there anything?"""
        busy = False
        for each in list(self.lines):
            busy = self._read(*each) or busy
        return busy

    def end(self) -> None:
        """End all connections."""
        lines, self.lines = self.lines, []
        for _, link, _ in lines:
            link.connectionLost(Failure(ConnectionDone()))

    def _read(self, line: Line, link: MilterLink, packets: Packets) -> bool:
        octets = line.value()
        line.clear()
        out = b""
        for code, said in packets.feed(octets):
            self.heard.append((code, said))
            answer = self._answer(code, said)
            if answer is None:
                line.aborted = True
                break
            out += answer
        if out:
            link.dataReceived(out)
        if line.disconnecting and line.value():
            return True
        if line.aborted or line.disconnecting:
            self.lines = [each for each in self.lines if each[0] is not line]
            link.connectionLost(Failure(ConnectionDone()))
            return True
        return bool(octets)

    def _answer(self, code: bytes, said: bytes) -> bytes | None:
        if code == b"O":
            numbers = (6, self.actions, self.steps)
            usual = packet(b"O", b"".join(each.to_bytes(4) for each in numbers))
        elif code[0] in _ANSWERED and not self.steps & SILENT.get(code[0], Step(0)):
            usual = GO_ON
        else:
            usual = b""
        found = self.answers.get(code + said, self.answers.get(code, usual))
        return found() if callable(found) else found


@define(eq=False)
class KeptArrival(RememberedArrival):
    """An arrival that can be read again, as those of a spool can."""

    id: str = "1abcde-000000-01"
    taken: Envelope | None = None

    def reread(self) -> Iterator[bytes]:
        """See L{IArrival}."""
        for at in range(0, len(self.octets), 4096):
            yield self.octets[at : at + 4096]

    def finish(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | Deferred[Reply]:
        """See L{IArrival}."""
        above, header = envelope.stamp(ABOVE) or b"", envelope.stamp(HEADER) or b""
        self.octets = above + header + self.octets
        self.taken = envelope
        return super().finish(session, envelope)


class KeepingReceiver(RememberingReceiver):
    """Makes such arrivals."""

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        if self.refusal is not None:
            return self.refusal
        found = KeptArrival(self.answer)
        self.arrivals.append(found)
        return found


@define(eq=False)
class MilterServer:
    """
    A server that asks milters.

    @ivar policy: asks them.
    @ivar told: what they did, as name, stage, what, and why.
    @ivar troubles: mistakes.
    """

    server: Server
    policy: MilterPolicy
    milters: tuple[MadeMilter, ...]
    asked: tuple[Milter, ...]
    told: list[tuple[str, str, str, str]] = field(factory=list)
    troubles: list[str] = field(factory=list)

    @property
    def clock(self) -> Clock:
        """Of all of it."""
        return self.server.clock

    def settle(self) -> None:
        """Let everybody read and answer until nobody has anything to say."""
        for _ in range(5000):
            busy = [each.turn() for each in self.milters]
            self.clock.advance(0)
            if not any(busy):
                return
        raise AssertionError("they never stop")

    def call(self, host: str = "192.0.2.1") -> MilterCall:
        """A client connects."""
        call = self.server.call(host)
        self.settle()
        return MilterCall(self, call)

    @property
    def kept(self) -> list[KeptArrival]:
        """The messages that were taken."""
        arrivals = cast("list[KeptArrival]", self.server.receiver.arrivals)
        return [each for each in arrivals if each.finished]

    @property
    def message(self) -> bytes:
        """The only message that was taken."""
        [found] = self.kept
        return found.octets

    @property
    def envelope(self) -> Envelope:
        """With what envelope."""
        [found] = self.kept
        assert found.taken is not None
        return found.taken


@define(eq=False)
class MilterCall:
    """A client of such a server."""

    server: MilterServer
    call: Call

    def say(self, octets: bytes) -> bytes:
        """Say something; gives all that is said to it."""
        self.call.protocol.dataReceived(octets)
        self.server.settle()
        return self.said()

    def said(self) -> bytes:
        """What was said since the last call."""
        return self.call.wire.said()

    def mail(self, *recipients: bytes) -> bytes:
        """EHLO, MAIL and RCPT; gives what is said to the last."""
        self.say(b"EHLO client.example.net\r\n")
        said = self.say(b"MAIL FROM:<ann@example.net>\r\n")
        for each in recipients or (b"bob@example.org",):
            said = self.say(b"RCPT TO:<%b>\r\n" % each)
        return said

    def send(self, message: bytes = b"Subject: x\r\n\r\nhello\r\n") -> bytes:
        """DATA and a message; gives what is said to it."""
        said = self.say(b"DATA\r\n")
        if said[:3] != b"354":
            return said
        return self.say(message + b".\r\n")

    def leave(self) -> None:
        """The client has gone."""
        self.call.protocol.connectionLost(Failure(ConnectionDone()))
        self.server.settle()


def served(
    *milters: MadeMilter,
    terms: MilterTerms | Mapping[str, Any] | None = None,
    policies: Iterable[IPolicy] = (),
    extensions: Iterable[IExtension] = (),
    bounds: Bounds | None = None,
    dialect: Dialect = Dialect.SMTP,
) -> MilterServer:
    """
    A server that asks milters.

    @param policies: that are asked before.
    """
    clock = Clock()
    if not isinstance(terms, MilterTerms):
        terms = evolve(MilterTerms(), **(terms or {}))
    asked = tuple(Milter(each.name, each, terms, clock) for each in milters)
    told: list[tuple[str, str, str, str]] = []
    troubles: list[str] = []

    def tell(
        session: IServerSession, name: str, stage: str, what: str, why: str
    ) -> None:
        told.append((name, stage, what, why))

    policy = MilterPolicy(lambda session: asked, tell)
    before = [NamedPolicy("other", each) for each in policies]
    chain = PolicyChain(
        [*before, NamedPolicy("milters", policy)],
        lambda session, owner, error: troubles.append(f"{owner}: {error}"),
        clock,
        300.0,
    )
    receiver = KeepingReceiver(answer=OK)
    factory = SMTPServerFactory(
        clock,
        MilterReceiver(EditingReceiver(receiver)),
        name=b"mx.example.org",
        extensions=[*standard(), MilterCommands(), *extensions, MilterReviews()],
        policy=chain,
        answers=ANSWERS,
        bounds=bounds,
        dialect=dialect,
    )
    factory.leaving = policy.left
    factory.startFactory()
    server = Server(factory, receiver, clock)
    return MilterServer(server, policy, milters, asked, told, troubles)
