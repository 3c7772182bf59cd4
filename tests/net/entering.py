"""
A server behind a proxy, for tests.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.ends import Ends
from smtpx.net.factory import IAdmission, Silence, SMTPServerFactory

from .made import Wire, made
from .proxied import (
    LINE_FOUR,
    SIX,
)

#: The proxy, and its own connection.
PROXY = IPv4Address("TCP", "203.0.113.1", 50000)
OURS = IPv4Address("TCP", "203.0.113.25", 2525)
REAL = Ends(b"203.0.113.1", 50000, b"203.0.113.25", 2525)
PROXIES = HostList.parse(["203.0.113.0/29"])

HELLO = b"EHLO c.example\r\n"


@define(eq=False)
class Story(Silence):
    """
    A journal that remembers.

    @ivar connections: the sessions that began, with what was known then.
    @ivar refusals: the connections that a header has ended.
    """

    enabled: bool = True
    connections: list[tuple[Ends, bytes | None]] = field(factory=list)
    refusals: list[tuple[Ends, str]] = field(factory=list)

    def connected(self, session: IServerSession) -> None:
        """See L{IJournal}."""
        ends = Ends(session.peer, session.peerPort, session.local, session.localPort)
        self.connections.append((ends, session.proxy))

    def proxyRefused(self, ends: Ends, why: str) -> None:
        """See L{IJournal}."""
        self.refusals.append((ends, why))


@implementer(IAdmission)
@define
class Counted:
    """
    Lets everybody in but one.

    @ivar entered: who came.
    @ivar left: who went.
    """

    entered: list[bytes] = field(factory=list)
    left: list[bytes] = field(factory=list)

    def enter(self, address: bytes) -> Reply | None:
        """See L{IAdmission}."""
        self.entered.append(address)
        if address == SIX.peer:
            return reply(421, None, b"Not you", closes=True)
        return None

    def leave(self, address: bytes) -> None:
        """See L{IAdmission}."""
        self.left.append(address)


class Line(Wire):
    """A transport as Twisted's are: it knows its protocol, which may change."""

    protocol: Any = None

    def startTLS(self, creator: object) -> None:
        """TLS comes between: the protocol gets what it decodes, in capitals."""
        inner = self.protocol
        self.write(b"[TLS]")

        class Decoding:
            """TLS, so to speak."""

            def dataReceived(self, data: bytes) -> None:
                """Octets have come."""
                inner.handshakeCompleted()
                inner.dataReceived(data.upper())

        self.protocol = Decoding()

    def getHandle(self) -> None:
        """The TLS connection, which nobody looks at."""

    def come(self, octets: bytes) -> bytes:
        """Octets come in; gives what is written at once."""
        self.protocol.dataReceived(octets)
        return self.said()


class ProxyTestCase(SynchronousTestCase):
    """A test with a server behind a proxy."""

    def setUp(self) -> None:
        """A server that knows its proxy."""
        self.admission = Counted()
        self.begin()

    def begin(self, **more: Any) -> None:
        """A server."""
        self.story = Story()
        more.setdefault("proxies", PROXIES)
        server = made(journal=self.story, admission=self.admission, **more)
        self.factory: SMTPServerFactory = server.factory
        self.clock: Clock = server.clock

    def connect(self, address: IPv4Address = PROXY) -> Line:
        """Somebody connects."""
        line = Line(OURS, address)
        protocol: IProtocol | None = self.factory.buildProtocol(address)
        assert protocol is not None
        line.protocol = protocol
        protocol.makeConnection(line)
        return line

    def lose(self, line: Line) -> None:
        """A connection is gone."""
        line.protocol.connectionLost(Failure(ConnectionDone()))

    def refused(self, line: Line, why: str) -> None:
        """The connection was ended without a word, and one event says why."""
        self.assertEqual(line.said(), b"")
        self.assertTrue(line.aborted)
        [(ends, text)] = self.story.refusals
        self.assertEqual(ends, REAL)
        self.assertIn(why, text)
        self.assertEqual(line.come(LINE_FOUR), b"")
        self.lose(line)
        self.clock.advance(100)
        self.assertEqual(len(self.story.refusals), 1)
        self.assertEqual((self.story.connections, self.admission.entered), ([], []))
        self.assertFalse(self.factory.connections)
