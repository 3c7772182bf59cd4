"""
Tests for what L{smtpx.net.server} makes of a PROXY header that nobody has asked for.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.logger import capturedLogs

from smtpx.net.ends import Ends
from smtpx.net.server import ServerProtocol

from .entering import (
    HELLO,
    OURS,
    PROXIES,
    PROXY,
    Line,
    ProxyTestCase,
)
from .made import made
from .proxied import (
    LINE_FOUR,
    SIX,
    UNKNOWN,
    version2,
)


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
