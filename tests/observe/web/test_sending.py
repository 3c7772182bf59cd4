"""
What leaves, on the status page.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import events
from smtpx.observe.status import DestinationState
from smtpx.observe.watch import ROWS_MOST
from smtpx.observe.web.sending import sending
from smtpx.spool.via import Cause

from .houses import Server
from .test_page import EVIL, Checked, words


class SendingTests(SynchronousTestCase):
    """What people see."""

    def setUp(self) -> None:
        """A server."""
        self.server = Server()

    def text(self) -> str:
        """The part of the page, without its markup."""
        part = sending(self.server.watch.look())
        Checked(part)
        return words(f"<body>{part}")

    def test_nothingYet(self) -> None:
        """Nobody sent anything."""
        self.server.spool = None
        self.assertEqual(self.text().strip(), "Sending Nothing is under way now.")

    def test_now(self) -> None:
        """Where messages go, how many connections there are, how much waits."""
        assert self.server.spool is not None
        self.server.spool = evolve(self.server.spool, parked=1234)
        self.server.connections = 3
        self.server.destinations = [
            DestinationState(b"smtp mx.example.com:25", 2, 20, True),
            DestinationState(b"smtp mx.example.net:25", 1, 0, False),
        ]
        text = self.text()
        for said in (
            "Now: 1,234 wait for a busy destination, 3 connections to other hosts.",
            "2 destinations now",
            "smtp mx.example.com:25 2 20 yes",
            "smtp mx.example.net:25 1 0",
        ):
            self.assertIn(said, text)

    def test_manyDestinations(self) -> None:
        """The fullest are shown."""
        self.server.destinations = [
            DestinationState(b"lane %d" % number, 1, 0, False)
            for number in range(ROWS_MOST + 1)
        ]
        text = self.text()
        self.assertIn("16 destinations now, of which the fullest 15", text)
        self.assertIn("lane 14", text)
        self.assertNotIn("lane 15", text)

    def test_whatWasGiven(self) -> None:
        """To other hosts: over which connections, under what TLS."""
        told = {"transport": "smtp", "host": b"mx.example.com", "took": 0.25}
        self.server.tell(events.DELIVERED, **told)
        tls = {"version": "TLSv1.3", "resumed": True, "reused": True}
        for _ in range(2):
            self.server.tell(events.DELIVERED, **told, **tls)
        text = self.text()
        self.assertIn("reused TLSv1.3, resumed 2", text)
        self.assertIn("new in the clear 1", text)

    def test_problems(self) -> None:
        """How many, and the last of them, the newest first."""
        self.server.defer(b"ann@example.com", "first", b"mx.example.com")
        self.server.now += 90
        self.server.defer(b"bob@example.com", "second")
        text = self.text()
        self.assertIn("deferred no connection 2", text)
        self.assertIn("ann@example.com deferred mx.example.com first 1 min 30 s", text)
        self.assertIn("bob@example.com deferred second 0 s", text)
        self.assertLess(text.index("second"), text.index("first"))

    def test_whatOthersSay(self) -> None:
        """It is text, whatever it looks like."""
        self.server.defer(EVIL, EVIL.decode("ascii"), EVIL)
        self.server.destinations = [DestinationState(EVIL, 1, 0, False)]
        part = sending(self.server.watch.look())
        for tag, _ in Checked(part).elements:
            self.assertNotIn(tag, ("script", "img"))
        self.assertEqual(self.text().count("<script>"), 4)

    def test_eachCauseHasWords(self) -> None:
        """An operator need not know ours."""
        for cause in Cause:
            self.server.watch.counters.sending.problems.count("failed", cause.value)
        text = self.text()
        for cause in Cause:
            self.assertNotIn(f"failed {cause.value} 1", text)
