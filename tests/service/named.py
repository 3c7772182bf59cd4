"""
A server that remembers what clients have named, over a spool without threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.interfaces import IExtension, IServerSession
from smtpx.core.queueprofile import QueueProfile
from smtpx.core.reply import Reply
from smtpx.extensions.checkpoint import Checkpoint, CheckpointSettings
from smtpx.extensions.checkpointserver import Recall
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.pipeconnect import PipeConnect
from smtpx.extensions.pipelining import Pipelining
from smtpx.net.factory import Open, Silence, SMTPServerFactory
from smtpx.net.interfaces import IReceiver
from smtpx.service.receiving import SpoolReceiver
from smtpx.service.remembering import RememberingReceiver
from smtpx.service.transactions import Transactions
from smtpx.service.yielding import IElsewhere

from ..spool.rig import Rig, SpoolTestCase, octetsOf

#: A name, and a header with which messages begin.
NAME = b"TRANSID=<4f2a.17@client.example>"
HEADER = b"Subject: x\r\n\r\n"

#: A message that is worth to be gone on with where it is cut short.
LONG = (
    HEADER + b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab\r\n" * 3000
)

MAIL = b"MAIL FROM:<a@client.example> " + NAME
RCPT = b"RCPT TO:<b@server.example>"
SHORT = HEADER + b"hello\r\n"
BDAT = b"BDAT %d LAST\r\n%b" % (len(SHORT), SHORT.removesuffix(b"\r\n"))
OTHER = BDAT.replace(b"hello", b"Hello")
AT_END = f"355 {len(SHORT)} is the transaction offset for 1 recipient"


@define(eq=False)
class Policy(Open):
    """
    Takes everything but what it is told not to.

    @ivar answers: what is said to recipients, by path; others are taken.
    @ivar sending: what is said to MAIL.
    @ivar late: who is refused behind the message, by path.
    @ivar asked: what it was asked of, in order.
    """

    answers: dict[bytes, Reply | Deferred[Reply | None]] = field(factory=dict)
    sending: Reply | None = None
    late: dict[bytes, Reply] = field(factory=dict)
    asked: list[bytes] = field(factory=list)

    def maySend(  # type: ignore[override]  # it may refuse
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None:
        """MAIL."""
        self.asked.append(b"<" + envelope.sender)
        return self.sending

    def mayReceive(  # type: ignore[override]  # it may refuse
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """RCPT."""
        self.asked.append(b">" + recipient.path)
        return self.answers.get(recipient.path)

    def mayDeliver(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """The message is there."""
        self.asked.append(b"=" + recipient.path)
        return self.late.get(recipient.path)


@define(eq=False)
class Client:
    """
    One connection to a server.

    @ivar said: what the server has said that nobody has looked at.
    """

    server: Server
    protocol: Any
    transport: StringTransport

    def send(self, *lines: bytes) -> None:
        """Say lines, in one flight."""
        self.protocol.dataReceived(b"".join(line + b"\r\n" for line in lines))

    def raw(self, octets: bytes) -> None:
        """Say octets."""
        self.protocol.dataReceived(octets)

    @property
    def said(self) -> list[str]:
        """What the server has said since this was last asked for, line by line."""
        octets: bytes = self.transport.value()
        self.transport.clear()
        return octets.decode("latin-1").split("\r\n")[:-1]

    @property
    def codes(self) -> list[str]:
        """The codes of that."""
        return [line[:3] for line in self.said if line[3:4] != "-"]

    def talk(self, *lines: bytes) -> list[str]:
        """Say lines in one flight; what the server says when all is done."""
        self.send(*lines)
        self.server.settle()
        return self.said

    def lose(self) -> None:
        """The connection is lost."""
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.server.settle()


class Server:
    """
    The server.  C{around} is what its receiver has around it.

    @ivar rig: its spool.
    @ivar told: the message that came again, and where one went on.
    """

    def __init__(
        self,
        rig: Rig,
        options: CheckpointSettings | None = None,
        extensions: Sequence[IExtension] = (),
        policy: Policy | None = None,
        submission: bool = False,
        around: Callable[[IReceiver], IReceiver] = lambda receiver: receiver,
        elsewhere: IElsewhere | None = None,
        **more: Any,
    ) -> None:
        self.rig = rig
        self.told: list[tuple[int, bool]] = []
        settings = options or CheckpointSettings()
        self.memory = Transactions(
            rig.reactor,
            self.now,
            settings,
            lambda session, octets, resumed: self.told.append((octets, resumed)),
            elsewhere,
        )
        checkpoint = Checkpoint(settings, memory=self.memory, submission=submission)
        loaded = [Pipelining(), PipeConnect(), Chunking(), checkpoint, *extensions]
        stamps = QueueProfile().load(loaded).stamps
        self.memory.open(rig.spool.names, stamps)
        receiver: IReceiver = SpoolReceiver(
            rig.spool, Silence(), lambda envelope: False, transactions=self.memory
        )
        self.policy = policy or Policy()
        self.factory = SMTPServerFactory(
            rig.reactor,
            RememberingReceiver(around(receiver), self.memory),
            extensions=loaded,
            policy=self.policy,
            clock=self.now,
            answers={Recall: self.memory.recall},
            **more,
        )

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.rig.now + self.rig.reactor.seconds()

    def settle(self) -> None:
        """Let all be done that needs no time to pass."""
        for _ in range(3):
            self.rig.run()
            self.rig.reactor.advance(0)
        self.rig.run()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        while seconds > 0:
            self.rig.reactor.advance(min(0.02, seconds))
            seconds -= 0.02
            self.rig.run()
        self.settle()

    def client(self, host: str = "192.0.2.1", greet: bool = True) -> Client:
        """A client; it has said EHLO, unless it is to say so itself."""
        client = self.arriving(host)
        self.settle()
        if greet:
            client.talk(b"EHLO client.example")
        return client

    def arriving(self, host: str = "192.0.2.1") -> Client:
        """A client that has just connected."""
        protocol = self.factory.buildProtocol(IPv4Address("TCP", host, 40000))
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        return Client(self, protocol, transport)

    def messages(self) -> list[tuple[bytes, list[bytes], bytes]]:
        """What is in the spool: sender, recipients, body."""
        rig = self.rig
        found = []
        for each in rig.wait(rig.spool.messages("", 99)):
            message = rig.wait(rig.spool.fetch(each.id))
            assert message is not None
            paths = [one.path for one in message.envelope.recipients]
            body = octetsOf(rig, message)
            found.append((message.envelope.sender, paths, body))
        return found


def codes(said: list[str]) -> list[str]:
    """The codes of replies."""
    return [line[:3] for line in said if line[3:4] != "-"]


def data(client: Client, octets: bytes = SHORT) -> list[str]:
    """Send a message by DATA."""
    return client.talk(b"DATA") + client.talk(octets + b".")


class NamedTestCase(SpoolTestCase):
    """A test with such a server."""

    def server(self, **options: Any) -> Server:
        """The server."""
        return Server(self.rig(), **options)
