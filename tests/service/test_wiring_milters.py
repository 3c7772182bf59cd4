"""
Tests for L{smtpx.service.wiring.milters}: a house with milters.
"""

from __future__ import annotations

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint

from smtpx.policy.milter.packets import packet
from smtpx.service.tables import MilterEntry
from smtpx.service.wiring import milters
from tests.policy.milter.made import ACCEPT, MadeMilter

from .made import MESSAGE, HouseTestCase

ADDED = packet(b"i", (0).to_bytes(4) + b"X-Milter\0was here\0")


class MilterHouseTests(HouseTestCase):
    """Messages that come in at a house with milters."""

    def begin(self, milter: MadeMilter, **options: object) -> None:
        """Start it."""
        self.milter = milter
        self.patch(milters, "endpointOf", lambda machine, entry: milter)
        entry = {"name": "made", "address": "/run/made"} | options
        self.start(milter=[entry], authentication={"checks": []})

    def sent(self, host: str = "192.0.2.1") -> bytes:
        """Send a message; gives what is said to it."""
        call = self.site.call(host=host)
        said = b""
        for each in (
            b"",
            b"EHLO client.example\r\n",
            b"MAIL FROM:<ann@example.org>\r\n",
            b"RCPT TO:<bob@localhost>\r\n",
            b"DATA\r\n",
            MESSAGE + b".\r\n",
        ):
            if each:
                call.protocol.dataReceived(each)
            while self.milter.turn():
                self.site.reactor.advance(0)
            said = call.wire.said()
        return said

    def log(self) -> str:
        """The main log, which is written a moment later."""
        self.site.reactor.advance(1)
        return (self.site.folder / "state/main.log").read_text("utf-8")

    def test_changes(self) -> None:
        """What a milter puts above all stands above all; the log says who did it."""
        self.begin(MadeMilter(answers={b"E": ADDED + ACCEPT}))
        self.assertEqual(self.sent()[:4], b"250 ")
        [message] = self.site.inboxes()
        above = message.index(b"X-Milter: was here\r\n")
        self.assertLess(above, message.index(b"Received:"))
        log = self.log()
        self.assertIn("milter made changed at end of message: add header", log)
        self.site.hangUp()
        self.milter.turn()
        self.assertEqual(self.milter.codes, "OCHMRTLNBEQ")

    def test_refuses(self) -> None:
        """The log names who refuses."""
        refusal = packet(b"y", b"554 5.7.1 Spam\0")
        self.begin(MadeMilter(answers={b"E": refusal}))
        self.assertEqual(self.sent(), b"554 5.7.1 Spam\r\n")
        self.assertEqual(self.site.inboxes(), [])
        log = self.log()
        self.assertIn("rejected after DATA: Spam (rule milter made)", log)

    def test_forSome(self) -> None:
        """Only clients that it is for are looked at."""
        self.begin(MadeMilter(), hosts=["!192.0.2.0/24", "*"])
        self.assertEqual(self.sent()[:4], b"250 ")
        self.assertEqual(self.milter.codes, "")
        self.sent("198.51.100.1")
        self.assertEqual(self.milter.codes[:3], "OCH")

    def test_forOtherListeners(self) -> None:
        """There is none of the kind."""
        self.begin(MadeMilter(), roles=["submission"])
        self.assertEqual(self.sent()[:4], b"250 ")
        self.assertEqual(self.milter.codes, "")

    def test_endpoints(self) -> None:
        """A path and a port lead to sockets of their kind."""
        for address, kind in (
            ("/run/x", UNIXClientEndpoint),
            ("127.0.0.1:1", HostnameEndpoint),
        ):
            entry = MilterEntry("x", address)
            found = milters.endpointOf(self.site.machine, entry)
            self.assertIsInstance(found, kind)
