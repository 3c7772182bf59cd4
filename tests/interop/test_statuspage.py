"""
The status page in a real browser.
"""

from __future__ import annotations

import json
import re
import smtplib
import ssl
import time
from base64 import b64encode
from pathlib import Path
from urllib.request import urlopen

from attrs import evolve

from smtpx.observe.trace import Direction, Flight
from smtpx.observe.web.traces import tracePage

from ..observe.traces import TRACE
from .browser import Browser
from .cases import InteropTestCase, findPeer
from .running import RunningServer

HTTP = "[http]\nport = 0\n"

_WHERE = re.compile(r"The status page is at (http://127\.0\.0\.1:\d+/)")

#: Nobody's name is to become part of the page.
EVIL = "<script>document.title='evil'</script>"

_PHONE = 360


def where(server: RunningServer) -> str:
    """The address of a server's page."""
    found = _WHERE.search(server.said())
    assert found is not None, server.said()
    return found[1]


#: How much of a minute it takes at most to look at what happens in it.
_ROOM_SECONDS = 30.0


class StatusPageTests(InteropTestCase):
    """What people see in Chromium."""

    def browser(self) -> Browser:
        """A browser of the test's own."""
        program = findPeer("chromium", "chromium")
        made = Browser(program, Path(self.mktemp()).absolute())
        self.closing(made.close)
        return made

    def traffic(self, server: RunningServer) -> smtplib.SMTP:
        """
        Three messages, two refusals, one handshake.

        @return: a session that is still there.
        """
        context = ssl.create_default_context(cafile=str(server.authority))
        client = smtplib.SMTP("localhost", server.port, "client.example", timeout=20)
        self.addCleanup(client.close)
        client.starttls(context=context)
        for number in range(3):
            text = f"Subject: {number}\r\n\r\nhello\r\n"
            client.sendmail("ann@client.example", ["bob@localhost"], text)
        for _ in range(2):
            code, _ = client.docmd("RCPT", "TO:<x@elsewhere.example>")
            self.assertEqual(code, 503)
        server.delivered(3)
        return client

    def test_numbersAreThoseOfTheTraffic(self) -> None:
        """Messages, refusals, TLS and the session that is there are on the page."""
        server = self.serve(HTTP)
        self.traffic(server)
        browser = self.browser()
        seen = browser.open(where(server))
        tiles = browser.evaluate(
            "Object.fromEntries([...document.querySelectorAll('.tiles div')].map("
            "each => [each.querySelector('dt').innerText,"
            " each.querySelector('dd').innerText]))"
        )
        self.assertEqual(tiles["accepted, last hour"], "3")
        self.assertEqual(tiles["delivered, last hour"], "3")
        self.assertEqual(tiles["refused, last hour"], "2")
        self.assertEqual(tiles["sessions now"], "1")
        self.assertEqual(tiles["in the spool"], "0")
        text = re.sub(r"\s+", " ", browser.evaluate("document.body.innerText"))
        self.assertIn("takes mail", text)
        self.assertRegex(text, r"RCPT 503 5\.5\.1 2\b")
        self.assertRegex(text, r"TLSv1\.3 in full 1\b")
        self.assertRegex(text, r"127\.0\.0\.1 client\.example \d+ \w+ TLSv1\.3 3 waits")
        self.assertRegex(text, r"127\.0\.0\.1 3 2 1\b")
        self.assertRegex(text, r"mx\.example\.org, localhost in \d+ d")
        # The columns of the last hour's plot: one minute, or two of them.
        columns = browser.evaluate(
            "document.querySelector('svg.plot').querySelectorAll('rect').length"
        )
        self.assertIn(columns, (1, 2))
        with urlopen(where(server) + "status.json", timeout=20) as answer:
            status = json.load(answer)
        self.assertEqual(sum(status["hour"]["accepted"]["values"]), 3)
        self.assertEqual(seen.complaints, [])

    def test_nothingComesFromElsewhere(self) -> None:
        """The page is all there is: one request, no complaint, no script."""
        server = self.serve(HTTP)
        self.traffic(server)
        browser = self.browser()
        for path in ("", "?refresh=60", "traces"):
            url = where(server) + path
            seen = browser.open(url)
            asked = [each for each in seen.requests if not each.startswith("data:")]
            self.assertEqual(asked, [url])
            self.assertEqual(seen.complaints, [])
            self.assertEqual(browser.evaluate("document.scripts.length"), 0)

    def test_itReloads(self) -> None:
        """With a refresh the page becomes a newer one by itself."""
        server = self.serve(HTTP)
        browser = self.browser()
        browser.open(where(server) + "?refresh=5")
        time = "document.querySelector('header time').dateTime"
        before = browser.evaluate(time)
        browser.forget()
        browser.loaded()
        self.assertGreater(browser.evaluate(time), before)

    def test_phones(self) -> None:
        """At 360 pixels nothing is wider than the screen."""
        server = self.serve(HTTP)
        client = self.traffic(server)
        client.docmd("EHLO", "x" * 200 + ".example")
        browser = self.browser()
        for path in ("", "traces"):
            browser.open(where(server) + path, width=_PHONE)
            width = browser.evaluate("document.documentElement.scrollWidth")
            self.assertEqual(width, _PHONE, path)

    def test_traces(self) -> None:
        """From the page to the list to the ladder of a session, without a secret."""
        server = self.serve(HTTP + '[trace]\nhosts = ["127.0.0.1"]\n')
        server.addUser("joe@example.org", "correct horse")
        client = self.traffic(server)
        client.login("joe@example.org", "correct horse")
        client.quit()
        browser = self.browser()
        browser.open(where(server))
        for link in ("footer a[href=traces]", "tbody a"):
            browser.follow(link)
        text = re.sub(r"\s+", " ", browser.evaluate("document.body.innerText"))
        for said in (
            "client [127.0.0.1]:",
            "220 mx.example.org ESMTP",
            "EHLO client.example",
            "TLS: TLSv1.3",
            "MAIL FROM:<ann@client.example>",
            "octets inside TLS",
            "503 5.5.1",
            "QUIT",
        ):
            self.assertIn(said, text)
        self.assertRegex(text, r"AUTH [\w-]+ \*")
        for secret in ("correct horse", b64encode(b"correct horse").decode()):
            self.assertNotIn(secret, text)
        self.assertGreater(
            browser.evaluate("document.querySelectorAll('.arrow').length"), 10
        )

    def test_ladders(self) -> None:
        """A trace fits a phone, too, and its arrows point where they should."""
        lines = ("250-" + "x" * 300, "250 y")
        long = Flight(0.0, 0.0, Direction.SERVER, 310, False, lines)
        trace = evolve(TRACE, steps=(long, *TRACE.steps))
        page = Path(self.mktemp()).absolute().with_suffix(".html")
        page.write_text(tracePage("mx.example.org", trace), "utf-8")
        browser = self.browser()
        for width in (_PHONE, 1200):
            browser.open(page.as_uri(), width=width)
            found = browser.evaluate("document.documentElement.scrollWidth")
            self.assertEqual(found, width)
            # Left ends of shaft and head: of the server's arrows the head is first.
            ends = browser.evaluate(
                "[...document.querySelectorAll('.arrow')].map(each =>"
                " ['.shaft', '.head'].map(part =>"
                " each.querySelector(part).getBoundingClientRect().x))"
            )
            self.assertEqual(len(ends), 5)
            server = [head < shaft for shaft, head in ends]
            self.assertEqual(server, [True, True, False, False, True])

    def test_lightAndDark(self) -> None:
        """The page is drawn, and follows what its user likes."""
        server = self.serve(HTTP)
        # Each minute has its column, and the traffic is to be of one.
        left = 60 - time.time() % 60
        if left < _ROOM_SECONDS:
            time.sleep(left)
        self.traffic(server)
        browser = self.browser()
        for dark, column in ((False, "2c6e91"), (True, "6cb2d4")):
            browser.open(where(server), dark=dark)
            drawn = browser.colours("svg.plot")
            [(ground, most), *_] = drawn.most_common()
            self.assertGreater(most, 0.5 * drawn.total())
            self.assertEqual(ground.hex(), "1a2024" if dark else "ffffff")
            # One column of sixty, as high as the plot.
            share = drawn[bytes.fromhex(column)] / drawn.total()
            self.assertGreater(share, 0.005)
            self.assertLess(share, 0.05)

    def test_hostileNames(self) -> None:
        """Whatever a client calls itself is text, and turns no other text around."""
        server = self.serve(HTTP)
        client = smtplib.SMTP("localhost", server.port, timeout=20)
        self.addCleanup(client.close)
        client.docmd("HELO", EVIL)
        other = smtplib.SMTP("localhost", server.port, timeout=20)
        self.addCleanup(other.close)
        assert other.sock is not None
        other.sock.sendall("HELO a\u202eb.example\r\n".encode())
        other.getreply()
        browser = self.browser()
        seen = browser.open(where(server))
        title = browser.evaluate("document.title")
        self.assertEqual(title, "mx.example.org – smtpx")
        self.assertEqual(browser.evaluate("document.scripts.length"), 0)
        self.assertNotIn("\u202e", browser.evaluate("document.body.innerText"))
        self.assertEqual(seen.complaints, [])

    def test_headings(self) -> None:
        """What a screen reader goes by: one title, parts with names, plots in words."""
        server = self.serve(HTTP)
        self.traffic(server)
        browser = self.browser()
        browser.open(where(server))
        tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
        roles: dict[str, list[str]] = {}
        for node in tree:
            role = node.get("role", {}).get("value", "")
            roles.setdefault(role, []).append(node.get("name", {}).get("value", ""))
        self.assertIn("mx.example.org", roles["heading"])
        self.assertIn("Refusals", roles["heading"])
        images = [*roles.get("image", []), *roles.get("img", [])]
        self.assertEqual(len(images), 6)
        for said in images:
            self.assertRegex(said, r"Last (hour|day)\. ")
        self.assertIn("Messages", roles["columnheader"])
