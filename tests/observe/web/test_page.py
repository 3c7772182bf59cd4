"""
The status page.
"""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import events
from smtpx.observe.web.layout import lasting, octets
from smtpx.observe.web.page import statusPage
from smtpx.spool.stock import SpoolState

from .houses import Server, inDays

_VOID = {"meta", "link"}

#: A browser's own script would be that of whoever wrote this.
EVIL = b'"><script>alert(1)</script><img src=//evil.example onerror=alert(2)>'


class Checked(HTMLParser):
    """Every element is closed, in order; keeps elements and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See L{HTMLParser}."""
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See L{HTMLParser}."""
        last = self.open.pop()
        assert last == tag, (last, tag)


def words(page: str) -> str:
    """What can be read on a page."""
    body = page.partition("<body>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


class PageTests(SynchronousTestCase):
    """What people see."""

    def setUp(self) -> None:
        """A server."""
        self.server = Server()

    def page(self, refresh: int = 0) -> str:
        """The page, which is good HTML, and has nothing from elsewhere."""
        page = statusPage(self.server.watch.look(), refresh)
        for tag, attributes in Checked(page).elements:
            self.assertNotIn(tag, ("script", "img", "iframe", "object", "form"))
            for name, value in attributes.items():
                self.assertFalse(name.startswith("on"), name)
                self.assertNotEqual(name, "style")
                if name in ("href", "src") and attributes.get("rel") != "icon":
                    self.assertNotIn("//", value or "")
                    self.assertNotIn(":", value or "")
        return page

    def test_headings(self) -> None:
        """There is one title, and a heading for each part; tables have heads."""
        self.server.visit(b"192.0.2.1", b"x")
        elements = Checked(self.page()).elements
        names = [name for name, _ in elements]
        self.assertEqual(names.count("h1"), 1)
        self.assertEqual(names.count("h2"), names.count("section"))
        for name, attributes in elements:
            if name == "th":
                self.assertIn(attributes["scope"], ("col", "row"))
            if name == "svg":
                said = attributes.get("role") == "img"
                self.assertTrue(said or attributes.get("aria-hidden") == "true")

    def test_nothingYet(self) -> None:
        """A server to which nothing has happened has a page, too."""
        self.server.spool = self.server.oldest = None
        self.server.certificates = ()
        self.server.listeners = ()
        text = words(self.page())
        for said in (
            "mx.example.org",
            "takes mail",
            "Nobody is here now.",
            "No TLS handshakes yet.",
            "There are none.",
        ):
            self.assertIn(said, text)

    def test_numbers(self) -> None:
        """What happened stands there."""
        ann = self.server.visit(b"192.0.2.1", b"ann.example")
        self.server.secure(ann, resumed=True)
        for _ in range(3):
            self.server.accept(ann)
            self.server.tell(events.DELIVERED, transport="maildir")
        self.server.refuse(b"192.0.2.9", b"RCPT TO:<x>", 550, "5.1.1")
        self.server.tell(events.AUTHENTICATED, mechanism="PLAIN")
        self.server.watch.counters.refusals.count("address")
        self.server.now += 90
        text = words(self.page())
        for said in (
            "accepted, last hour 3",
            "delivered, last hour 3",
            "refused, last hour 1",
            "sessions now 1",
            "3 accepted by esmtps, 3 delivered by maildir",
            "RCPT 550 5.1.1 1",
            "(bound on an address)",
            "192.0.2.1 ann.example 1 min 30 s TLSv1.3 3 is to be greeted",
            "TLSv1.3 resumed 1",
            "PLAIN good 1",
            "0.0.0.0:25 STARTTLS mx open 1",
            "[::1]:465 implicit TLS submission closed 0",
            "waiting 10 messages on hold 2 messages size 3.0 MiB oldest 2 h 1 min",
            "disk free 5.0 GiB; none is taken below 128.0 MiB",
        ):
            self.assertIn(said, text)

    def test_certificates(self) -> None:
        """The one that ends first is first; what is wrong with it is told."""
        text = words(self.page())
        self.assertRegex(
            text,
            r"old\.example\.org key\.pem: no such file in 2 d 0 h ends has ended"
            r" it has expired mx\.example\.org, mail\.example\.org in 50 d 0 h"
            r" ends in 3 d 0 h",
        )
        many = tuple(f"h{number}.example" for number in range(9))
        first = evolve(self.server.certificates[0], names=many, ends=inDays(-1))
        bare = evolve(first, names=(), staple=None)
        assert first.staple is not None
        unread = evolve(first, staple=evolve(first.staple, ends=None))
        self.server.certificates = (first, bare, unread)
        text = words(self.page())
        self.assertIn("h4.example… has ended", text)
        self.assertIn("new.pem has ended –", text)
        self.assertIn("has ended none", text)

    def test_withoutADisk(self) -> None:
        """
        An empty spool that has no disk has little to tell, even where the oldest
        message has gone since it was looked for.
        """
        self.server.spool = SpoolState(0, 0, 0)
        text = words(self.page())
        self.assertIn("in the spool 0", text)
        self.assertIn("size 0 B oldest –", text)
        self.assertNotIn("disk free", text)

    def test_notReady(self) -> None:
        """What is wrong stands above everything else."""
        self.server.unready += ["No room.", "No <b>memory</b>."]
        text = words(self.page())
        self.assertIn("takes no mail", text)
        self.assertIn("No messages are taken now: No room. No <b>memory</b>.", text)

    def test_manySessions(self) -> None:
        """Where not all are shown, the page says so."""
        for _ in range(60):
            self.server.visit(b"192.0.2.1", b"x")
        self.assertIn("60 now, of which the newest 50", words(self.page()))

    def test_refresh(self) -> None:
        """The way that is taken is marked among the ways to see it live."""
        self.assertIn('<meta http-equiv="refresh" content="15">', self.page(15))
        self.assertIn(
            '<a href="?refresh=15" aria-current="true">15 s</a>', self.page(15)
        )
        self.assertIn('<a href="./" aria-current="true">off</a>', self.page())

    def test_whatPeersSay(self) -> None:
        """Nobody's name becomes part of the page, or turns its text around."""
        visitor = self.server.visit(EVIL, EVIL)
        visitor.core.peerName = visitor.core.identity = EVIL
        self.server.accept(visitor)
        self.server.refuse(EVIL, EVIL, 500, "5.5.2")
        self.server.visit(b"192.0.2.2", "\u202egro.elpmaxe\u2066\u200b\n".encode())
        self.server.visit(b"192.0.2.3", "почта.рф".encode())
        self.server.visit(b"192.0.2.4", b"x" * 500)
        page = self.page()
        self.assertNotIn("<script", page)
        self.assertNotIn("<img", page)
        for character in "\u202e\u2066\u200b":
            self.assertNotIn(character, page)
        self.assertIn("<bdi>\\u202egro.elpmaxe\\u2066\\u200b\\x0a</bdi>", page)
        self.assertIn("<bdi>почта.рф</bdi>", page)
        self.assertNotIn("x" * 130, page)


class WordsTests(SynchronousTestCase):
    """How numbers are said."""

    def test_lasting(self) -> None:
        """Two units are enough."""
        for seconds, said in (
            (-5, "0 s"),
            (0.4, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_661, "1 h 1 min"),
            (90_000, "1 d 1 h"),
        ):
            self.assertEqual(lasting(seconds), said)

    def test_octets(self) -> None:
        """In units of 1024."""
        for count, said in (
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536 * 1024, "1.5 MiB"),
            (1 << 30, "1.0 GiB"),
            (1 << 60, "1048576.0 TiB"),
        ):
            self.assertEqual(octets(count), said)
