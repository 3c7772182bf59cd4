"""
Tests for L{smtpx.net.entrance}, and for what the server makes of headers of the
PROXY protocol.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from smtpx.net.ends import Ends
from smtpx.net.entrance import Entrance
from smtpx.net.refused import RefusedProtocol
from smtpx.net.server import ServerProtocol

from .entering import (
    HELLO,
    REAL,
    Counted,
    ProxyTestCase,
)
from .proxied import (
    FOUR,
    LINE_FOUR,
    LINE_SIX,
    UNKNOWN,
    block,
    checked,
    version2,
)
from .test_tls import Certificates


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
            # Inside of it: what stands behind it is talk.
            flaw = min(flaw, len(header) - 1)
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
