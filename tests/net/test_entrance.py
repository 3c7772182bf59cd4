"""
Tests for L{smtpx.net.entrance}, and for what the server makes of headers of the
PROXY protocol.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from hypothesis import given, settings, strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.ends import Ends
from smtpx.net.entrance import Entrance
from smtpx.net.factory import IAdmission, Silence, SMTPServerFactory
from smtpx.net.server import RefusedProtocol, ServerProtocol

from .made import Wire, made
from .proxied import (
    FOUR,
    LINE_FOUR,
    LINE_SIX,
    SIX,
    UNKNOWN,
    block,
    checked,
    version2,
)
from .test_tls import Certificates

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


class EntranceTests(ProxyTestCase):
    """
    A proxy says whom it brings.
    """

    def test_client(self) -> None:
        """
        The client is who the header says it is: for the session, its log, and the
        count of connections; nothing is said before the header is whole.
        """
        for header, ends in (
            (LINE_FOUR, FOUR),
            (version2(FOUR), FOUR),
            (checked(FOUR), FOUR),
        ):
            self.admission = Counted()
            self.begin()
            line = self.connect()
            for octet in header[:-1]:
                self.assertEqual(line.come(bytes([octet])), b"")
            self.assertEqual(line.come(header[-1:])[:4], b"220 ")
            self.assertIsInstance(line.protocol, ServerProtocol)
            self.assertEqual(self.story.connections, [(ends, b"203.0.113.1")])
            self.assertEqual(self.admission.entered, [ends.peer])
            self.assertIn(b"250", line.come(HELLO))
            self.lose(line)
            self.assertEqual(self.admission.left, [ends.peer])
            self.assertEqual(self.clock.getDelayedCalls(), self.clock.calls[:1])

    def test_healthCheck(self) -> None:
        """
        Where the proxy speaks for itself it is the client.
        """
        for header in (UNKNOWN, block(b"", 0, 0x20), block(b"", 0, 0x21)):
            self.begin()
            line = self.connect()
            self.assertEqual(line.come(header)[:4], b"220 ")
            self.assertEqual(self.story.connections, [(REAL, None)])

    def test_unixClient(self) -> None:
        """
        A client that came to the proxy over a UNIX socket has no address; it is
        not taken for the proxy.
        """
        line = self.connect()
        self.assertEqual(line.come(block(bytes(216), 0x31))[:4], b"220 ")
        self.assertEqual(self.story.connections, [(Ends(), b"203.0.113.1")])

    def test_earlyTalk(self) -> None:
        """
        What the client says in one segment with the header is early talk as any
        other: answered with the greeting where it is allowed, and refused where
        it is not.
        """
        said = self.connect().come(LINE_FOUR + HELLO)
        self.assertTrue(said.startswith(b"220 mx.example.org"), said)
        self.assertIn(b"\r\n250-mx.example.org", said)
        self.begin(extensions=())
        line = self.connect()
        self.assertEqual(line.come(LINE_FOUR + HELLO)[:3], b"554")
        self.assertTrue(line.disconnecting)
        self.assertEqual(self.story.refusals, [])

    def test_implicitTLS(self) -> None:
        """
        The header comes before TLS; a ClientHello in one segment with it goes to
        TLS and not to SMTP.
        """
        self.begin(tls=Certificates(), implicitTLS=True)
        line = self.connect()
        self.assertEqual(line.come(LINE_FOUR[:5]), b"")
        said = line.come(LINE_FOUR[5:] + b"ehlo c.example\r\n")
        self.assertTrue(said.startswith(b"[TLS]220 "), said)
        self.assertIn(b"\r\n250-mx.example.org", said)
        self.assertEqual(self.story.connections[0][0], FOUR)
        line = self.connect()
        self.assertEqual(line.come(version2(FOUR)), b"[TLS]")

    def test_notAdmitted(self) -> None:
        """
        A client that has too many connections is told so; it is the client that
        has them and not the proxy.
        """
        line = self.connect()
        self.assertEqual(line.come(LINE_SIX), b"421 Not you\r\n")
        self.assertIsInstance(line.protocol, RefusedProtocol)
        line.protocol.dataReceived(b"late")
        self.assertTrue(line.disconnecting)
        self.begin(tls=Certificates(), implicitTLS=True)
        line = self.connect()
        self.assertEqual(line.come(LINE_SIX + HELLO), b"")
        self.assertTrue(line.disconnecting)

    def test_crowd(self) -> None:
        """
        Where even to say no would be too much, the connection is just ended.
        """
        lines = [self.connect() for _ in range(20)]
        for line in lines:
            line.come(LINE_SIX)
        self.assertTrue(lines[-1].aborted)
        self.assertIsInstance(lines[-1].protocol, Entrance)

    def test_late(self) -> None:
        """
        A header that is not whole in time ends the connection, however slowly it
        comes.
        """
        self.begin(proxySeconds=5.0)
        line = self.connect()
        for octet in LINE_FOUR[:4]:
            line.come(bytes([octet]))
            self.clock.advance(1)
        self.assertFalse(line.aborted)
        self.clock.advance(1)
        self.refused(line, "no whole header within 5 seconds")

    def test_mute(self) -> None:
        """
        So does none at all: this proxy does not speak the protocol.
        """
        line = self.connect()
        self.clock.advance(10)
        self.refused(line, "no whole header within 10 seconds")

    def test_malformed(self) -> None:
        """
        A header that is none ends the connection at once.
        """
        line = self.connect()
        self.assertEqual(line.come(HELLO), b"")
        self.refused(line, "no PROXY header")

    def test_tooLong(self) -> None:
        """
        A header that is too long ends the connection.
        """
        line = self.connect()
        line.come(b"PROXY UNKNOWN ".ljust(200))
        self.refused(line, "more than 107")

    def test_cut(self) -> None:
        """
        A connection that ends within the header is told of.
        """
        line = self.connect()
        line.come(LINE_FOUR[:-1])
        self.lose(line)
        self.assertEqual(self.story.refusals, [(REAL, "cut short")])
        self.assertEqual(self.clock.getDelayedCalls(), self.clock.calls[:1])

    def test_probe(self) -> None:
        """
        One that ends before the header has begun is not: it only wanted to see
        whether somebody listens.
        """
        self.lose(self.connect())
        self.assertEqual((self.story.refusals, self.story.connections), ([], []))

    def test_headerTwice(self) -> None:
        """
        The client cannot say who it is by a header of its own.
        """
        line = self.connect()
        line.come(LINE_FOUR + LINE_SIX)
        self.assertEqual(line.said(), b"")
        self.assertTrue(line.disconnecting)
        self.assertEqual(self.story.refusals, [(FOUR, "not a listed proxy")])
        self.assertEqual(line.come(LINE_SIX), b"")
        self.assertEqual(len(self.story.refusals), 1)

    def test_full(self) -> None:
        """
        Connections whose header has not come count among all.
        """
        self.begin(connectionsMax=2)
        first = self.connect()
        second = self.connect()
        self.assertIn("connections", self.factory._pauses)
        self.lose(second)
        self.assertNotIn("connections", self.factory._pauses)
        first.come(LINE_FOUR)
        self.assertNotIn("connections", self.factory._pauses)
        self.connect()
        self.assertIn("connections", self.factory._pauses)

    def test_shutDown(self) -> None:
        """
        A server that stops does not wait for headers.
        """
        line = self.connect()
        self.successResultOf(self.factory.shutDown())
        self.assertTrue(line.aborted)
        self.assertEqual(self.story.refusals, [])
        self.lose(line)


class AnythingTests(ProxyTestCase):
    """
    Anything, cut anywhere.
    """

    @given(
        st.sampled_from([LINE_FOUR, UNKNOWN, checked(FOUR), LINE_SIX]),
        st.one_of(
            st.binary(max_size=80),
            st.sampled_from([b"", HELLO, b"QUIT\r\n", HELLO + b"NOOP\r\nQUIT\r\n"]),
        ),
        st.lists(st.integers(0, 200), max_size=5),
        st.integers(0, 90),
        st.booleans(),
    )
    @settings(max_examples=100, deadline=None)
    def test_cuts(
        self, header: bytes, rest: bytes, cuts: list[int], flaw: int, flawed: bool
    ) -> None:
        """
        The same is said, told and ended, however the header is cut, good or bad,
        and nothing is said before it is whole.
        """
        if flawed:
            header = header[:flaw] + b"?" + header[flaw + 1 :]
        places = sorted({min(cut, len(header) - 1) for cut in cuts})
        pieces = [
            header[begin:end]
            for begin, end in zip([0, *places], [*places, len(header)], strict=True)
        ]
        # What is in one piece with the end of the header is early talk.
        pieces[-1] += rest
        ends = []
        for flights in ([header + rest], [piece for piece in pieces if piece]):
            self.begin()
            line = self.connect()
            said = b"".join(map(line.come, flights))
            self.lose(line)
            self.assertFalse(self.factory.connections)
            ends.append(
                (
                    said,
                    line.aborted,
                    line.disconnecting,
                    self.story.connections,
                    [ends for ends, _ in self.story.refusals],
                )
            )
        self.assertEqual(ends[0], ends[1])


class StrangerTests(ProxyTestCase):
    """
    Somebody who is no listed proxy sends a header.
    """

    stranger = IPv4Address("TCP", "192.0.2.9", 1234)
    ends = Ends(b"192.0.2.9", 1234, b"203.0.113.25", 2525)

    def test_stranger(self) -> None:
        """
        A stranger is greeted as ever; with a header as its first words the
        connection ends, whether there are proxies or not, and wherever it is cut.
        """
        for header in (LINE_FOUR, UNKNOWN, version2(SIX)):
            for proxies in (PROXIES, None):
                for cut in (1, 5, len(header)):
                    self.begin(proxies=proxies)
                    line = self.connect(self.stranger)
                    self.assertEqual(line.said()[:4], b"220 ")
                    line.protocol.dataReceived(header[:cut])
                    line.protocol.dataReceived(header[cut:])
                    self.assertEqual(line.said(), b"")
                    self.assertTrue(line.disconnecting)
                    self.assertEqual(
                        self.story.refusals, [(self.ends, "not a listed proxy")]
                    )
                    self.lose(line)

    def test_early(self) -> None:
        """
        So it does if the header comes before the greeting.
        """
        line = Line(OURS, self.stranger)
        protocol = self.factory.buildProtocol(self.stranger)
        assert isinstance(protocol, ServerProtocol)
        protocol.talks = True
        protocol.makeConnection(line)
        protocol.dataReceived(LINE_FOUR)
        self.assertEqual(line.said(), b"")
        self.assertTrue(line.disconnecting)

    def test_later(self) -> None:
        """
        Later in a session it is a command that nobody knows.
        """
        line = self.connect(self.stranger)
        line.come(HELLO)
        self.assertEqual(line.come(LINE_FOUR)[:3], b"500")
        self.assertEqual(self.story.refusals, [])

    def test_alike(self) -> None:
        """
        What only looks like the beginning of one is answered as ever, also when
        an empty line is the first word.
        """
        for begin, end in ((b"P", b"ROXIES\r\n"), (b"\r", b"\n")):
            line = self.connect(self.stranger)
            line.said()
            self.assertEqual(line.come(begin), b"")
            self.assertEqual(line.come(end)[:3], b"500")
            self.assertIn(b"250", line.come(HELLO))

    def test_alikeAndGone(self) -> None:
        """
        A client that ends there is let go.
        """
        line = self.connect(self.stranger)
        line.come(b"PROX")
        line.protocol.readConnectionLost()
        self.assertTrue(line.disconnecting)

    def test_silence(self) -> None:
        """
        A program without a journal has it in Twisted's log.
        """
        server = made(proxies=PROXIES)
        protocol = server.factory.buildProtocol(PROXY)
        assert protocol is not None
        line = Line(OURS, PROXY)
        protocol.makeConnection(line)
        with capturedLogs() as events:
            protocol.dataReceived(HELLO)
        [event] = events
        self.assertEqual(event["peer"], b"203.0.113.1")
        self.assertIn("no PROXY header", event["why"])
