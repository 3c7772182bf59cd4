"""
Traces of sessions, for people.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.status import House
from smtpx.observe.trace import Flight, HandshakeStep, TraceLine, TraceStore
from smtpx.observe.watch import Watch
from smtpx.observe.web.resources import StatusResource
from smtpx.observe.web.traces import tracePage, tracesPage

from ..stories import NOW
from ..traces import CLIENT, TRACE
from .test_page import EVIL, Checked, words
from .visits import Visits


class ListTests(SynchronousTestCase):
    """All traces that there are."""

    def test_none(self) -> None:
        """It says so."""
        page = tracesPage("mx.example.org", [], NOW)
        Checked(page)
        self.assertIn("No session was traced since the start.", words(page))

    def test_some(self) -> None:
        """Each with the way to it, and with what one looks for it by."""
        page = tracesPage("mx.example.org", [TraceLine.of(TRACE)], NOW + 70)
        Checked(page)
        self.assertIn('<a href="trace/d82b59dd-1">', page)
        text = words(page)
        self.assertIn("it began 1 min 10 s ago", text)
        self.assertIn(
            "2026-11-22 03:19:48 UTC from [192.0.2.7]:4567 client.example.net"
            " recipient bob@example.com QUIT 0.310 s 25 73",
            text,
        )

    def test_whereWeAreTheClient(self) -> None:
        """The list says which way, and the page who we are."""
        out = evolve(TRACE, outgoing=True)
        listed = words(tracesPage("mx.example.org", [TraceLine.of(out)], NOW))
        self.assertIn("to [192.0.2.7]:4567 client.example.net", listed)
        self.assertIn("QUIT 0.310 s 73 25", listed)
        page = tracePage("mx.example.org", out)
        Checked(page)
        text = words(page)
        self.assertIn("client [192.0.2.25]:25 (this is us)", text)
        self.assertIn("server [192.0.2.7]:4567 client.example.net", text)
        self.assertIn("73 from the server, 25 from us", text)


class LadderTests(SynchronousTestCase):
    """One trace."""

    def test_everyRung(self) -> None:
        """Who sent what when, the handshake, what went wrong, and what is left out."""
        page = tracePage("mx.example.org", TRACE)
        Checked(page)
        text = words(page)
        for said in (
            "Session d82b59dd-1",
            "client [192.0.2.7]:4567 client.example.net server [192.0.2.25]:25",
            "0.000 s 220 mx.example.org ESMTP 33 octets",
            "0.050 s +0.050 EHLO client.example.net STARTTLS 24 octets",
            "TLS: TLSv1.3 TLS_AES_256_GCM_SHA384 (256 bits), resumed,"
            " SNI mx.example.org, certificate CN=ann not verified"
            " (certificate has expired), took 0.025 s",
            "0.150 s +0.025 * (1 octet) 1 octet inside TLS, took 0.100 s",
            "0.260 s OSError in spool",
            "0.300 s +0.040 451 4.3.0 Local error 40 octets inside TLS",
            "2 more lines are left out",
        ):
            self.assertIn(said, text)
        self.assertEqual(page.count('<li class="client'), 2)
        self.assertEqual(page.count('<li class="server'), 2)
        self.assertIn('aria-label="client to server, 1 octet inside TLS"', page)
        self.assertIn('aria-label="server to client, 33 octets"', page)

    def test_silences(self) -> None:
        """The longer nothing was said, the further apart the rungs are."""
        times = (0.0, 0.01, 0.05, 0.2, 3.0)
        steps = tuple(Flight(at, at, CLIENT, 1) for at in times)
        page = tracePage("mx", evolve(TRACE, steps=steps))
        kinds = [
            attributes["class"]
            for name, attributes in Checked(page).elements
            if name == "li" and attributes["class"] != "remark"
        ]
        self.assertEqual(
            kinds,
            ["client", "client", "client short", "client some", "client long"],
        )

    def test_aHandshakeThatFailed(self) -> None:
        """It is marked."""
        steps = (HandshakeStep(0.1, 0.2),)
        page = tracePage("mx", evolve(TRACE, steps=steps, omitted=0, name=None))
        self.assertIn('<li class="handshake bad', page)
        self.assertIn("TLS: handshake not complete", words(page))

    def test_whatPeersSay(self) -> None:
        """Nobody's words become part of the page."""
        evil = EVIL.decode()
        flight = Flight(0.0, 0.0, CLIENT, 1, False, (evil,))
        trace = evolve(TRACE, name=evil, why=evil, end=evil, steps=(flight,))
        listed = tracesPage("mx", [TraceLine.of(trace)], NOW)
        for page in (tracePage("mx", trace), listed):
            self.assertNotIn("<script", page)
            self.assertNotIn("<img", page)
            self.assertIn(evil, words(page))


class ResourceTests(SynchronousTestCase):
    """Where they are on the site."""

    def setUp(self) -> None:
        """A site with a trace."""
        store = TraceStore()
        store.add(TRACE)
        self.visits = Visits()
        watch = Watch(lambda: NOW, traces=store)
        watch.enter(House("mx.example.org"))
        self.visits.serve(StatusResource(watch))

    def test_list(self) -> None:
        """The list has it, and the status page has the way to the list."""
        self.assertIn(b"trace/d82b59dd-1", self.visits.get("/traces").body)
        self.assertIn(b'<a href="traces">traces (1)</a>', self.visits.get("/").body)

    def test_one(self) -> None:
        """It is found by the session's id."""
        answer = self.visits.get("/trace/d82b59dd-1")
        self.assertEqual(answer.status, 200)
        self.assertIn(b"<h1>Session d82b59dd-1</h1>", answer.body)

    def test_gone(self) -> None:
        """One that there is not, or not any more, is not found."""
        for path in ("/trace/x", "/trace/", "/trace", "/trace/%ff", "/trace/a/b"):
            self.assertEqual(self.visits.get(path).status, 404, path)
        self.assertEqual(self.visits.get("/trace/x", "evil.example").status, 421)
