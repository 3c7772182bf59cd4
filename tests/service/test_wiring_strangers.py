"""
Tests for L{smtpx.service.wiring.strangers}: a server that asks strangers to come again;
and for the page C{doc/howto/greylisting.rst}.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute

from smtpx.commands.main import MainOptions
from smtpx.commands.policy import told
from smtpx.policy.rules import HouseRules, Vocabulary
from smtpx.policy.strangers.greylistfile import GreylistFile, GreylistTerms
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.problems import ConfigurationError
from smtpx.service.toml import parseDocument
from smtpx.service.wiring.ruletest import tryRules

from .made import FOUND, HouseTestCase
from .test_manual import blocks

DOOR = {"port": 0, "tls": "none"}
PAGE = "howto/greylisting.rst"

ZONE = """
example.net TXT "v=spf1 ip4:192.0.2.200 -all"
"""


def configured(text: str) -> Configuration:
    """
    The configuration of a file.

    @raise ConfigurationError: it is of no use.
    """
    path = Path("smtpx.toml")
    path.write_text(text)
    return readConfiguration(path, FOUND)


class GreylistedHouseTests(HouseTestCase):
    """Greylisting, in a whole server."""

    def rules(self, text: str) -> None:
        """Start a server with these rules."""
        self.site.resolver.add(ZONE)
        self.site.reactor.tcpServers.clear()
        values = dict(parseDocument(text, "rules.toml", Path()).values)
        self.start(listener=[DOOR], **values)

    def said(
        self,
        recipient: bytes,
        sender: bytes = b"ann@b.example",
        host: str = "198.51.100.7",
    ) -> bytes:
        """What is said of a message; the last reply."""
        call = self.site.call(host=host)
        said = b""
        for line in (
            b"EHLO client.example",
            b"MAIL FROM:<%b>" % sender,
            b"RCPT TO:<%b>" % recipient,
            b"DATA",
            b"Subject: x\r\n\r\nx\r\n.",
        ):
            said = call.say(line + b"\r\n")
            if said[:1] not in b"23":
                break
        return said

    @property
    def path(self) -> str:
        """Where it is remembered."""
        return str(self.site.folder / "state" / "greylist.sqlite")

    def example(self) -> str:
        """The configuration of the page."""
        return blocks(PAGE, "toml")[0]

    def test_page(self) -> None:
        """The page's example puts off who is new, and lets in who comes again."""
        self.rules(self.example())
        waits = b"451 4.7.1 Not known here yet; please come again in %d seconds\r\n"
        self.assertEqual(self.said(b"bob@localhost"), waits % 300)
        self.site.reactor.advance(100)
        self.assertEqual(self.said(b"bob@localhost"), waits % 200)
        self.site.reactor.advance(200)
        self.assertEqual(self.said(b"bob@localhost")[:4], b"250 ")
        self.assertEqual(self.said(b"bob@localhost")[:4], b"250 ")

    def test_pageExceptions(self) -> None:
        """Whom one knows, and mail that SPF passes, does not wait."""
        self.rules(self.example())
        self.assertEqual(self.said(b"bob@localhost", host="192.0.2.9")[:4], b"250 ")
        sender = b"ann@example.net"
        self.assertEqual(self.said(b"b@localhost", sender, "192.0.2.200")[:4], b"250 ")
        self.assertFalse(os.path.exists(self.path))

    def test_pageNullSender(self) -> None:
        """Who only asks whether there is somebody is told; a report waits."""
        self.rules(self.example())
        call = self.site.call(host="198.51.100.7")
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<>\r\n")
        self.assertEqual(call.say(b"RCPT TO:<bob@localhost>\r\n")[:4], b"250 ")
        self.assertEqual(call.say(b"DATA\r\n")[:4], b"451 ")
        self.site.reactor.advance(300)
        self.assertEqual(self.said(b"bob@localhost", b"")[:4], b"250 ")

    def test_afterRestart(self) -> None:
        """What is known is known after a restart."""
        self.rules(self.example())
        self.said(b"bob@localhost")
        self.stop()
        self.site.reactor.advance(300)
        self.rules(self.example())
        self.assertEqual(self.said(b"bob@localhost")[:4], b"250 ")

    def test_whenAway(self) -> None:
        """While the file cannot be used, mail is let in, or put off, as one says."""
        os.makedirs(self.path)
        self.rules(self.example())
        self.assertEqual(self.said(b"bob@localhost")[:4], b"250 ")
        self.stop()
        self.rules(self.example() + '[greylist]\nwhen_away = "defer"\n')
        self.assertEqual(
            self.said(b"bob@localhost"),
            b"451 4.4.3 It cannot be told now whether this is accepted;"
            b" try again later\r\n",
        )

    def test_options(self) -> None:
        """The table says for how long, and for whom."""
        self.rules(
            '[[policy.rcpt]]\ngreylist = true\naction = "defer"\n'
            "[greylist]\ndelay = 10\nretry_window = 20\nnetwork_prefix_ipv4 = 32\n"
            "records_max = 100\nclients_after = 0\n"
            f"file = '{self.site.folder / 'other.sqlite'}'\n"
        )
        self.said(b"bob@localhost")
        self.site.reactor.advance(10)
        self.assertEqual(self.said(b"bob@localhost", host="198.51.100.8")[:4], b"451 ")
        self.assertEqual(self.said(b"bob@localhost")[:4], b"250 ")
        self.assertFalse(os.path.exists(self.path))
        self.assertTrue(os.path.exists(self.site.folder / "other.sqlite"))

    def test_withoutRules(self) -> None:
        """Where no rule asks, there is no file, and no thread for it."""
        self.rules("")
        self.said(b"bob@localhost")
        self.assertFalse(os.path.exists(self.path))
        self.assertNotIn("greylist", [each.name for each in self.site.pools])

    def test_tooShortWindow(self) -> None:
        """A window in which nobody could come again is told of."""
        text = '[greylist]\ndelay = "1 h"\nretry_window = "5 min"\n'
        error = self.assertRaises(ConfigurationError, configured, text)
        self.assertIn("it has to be longer than the delay", str(error))


class PageTests(HouseTestCase):
    """What the page says besides."""

    def test_examples(self) -> None:
        """The other examples can be read, alone and together."""
        found = blocks(PAGE, "toml")
        self.assertEqual(len(found), 4)
        for text in found:
            text = text if "[authentication]" in text else found[0] + text
            configured(text)

    def test_defaults(self) -> None:
        """The numbers are those that hold without them."""
        text = blocks(PAGE, "toml")[1]
        given = configured(text)
        self.assertEqual(given.greylist, self.site.read({}).greylist)

    def test_policyTest(self) -> None:
        """C{smtpx policy test} tells what the page shows, and remembers nothing."""
        (console,) = blocks(PAGE, "console")
        command, *lines = console.rstrip().splitlines()
        options: Any = MainOptions()  # type: ignore[no-untyped-call]  # Twisted's
        options.parseOptions(shlex.split(command)[2:])
        trial = options.subOptions.subOptions._trial()
        text = f"state = '{self.site.folder}'\n"
        first = text.count("\n")
        configuration = configured(text + blocks(PAGE, "toml")[0])

        def shifted(line: str) -> str:
            return re.sub(
                r"smtpx\.toml:(\d+)",
                lambda found: f"smtpx.toml:{int(found[1]) - first}",
                line,
            )

        for _ in range(2):
            work = tryRules(self.site.machine, configuration, FOUND, trial)
            tried = self.successResultOf(Deferred.fromCoroutine(work))
            self.assertEqual([shifted(line) for line in told(tried)], lines)
        self.assertFalse((self.site.folder / "greylist.sqlite").exists())

    def test_python(self) -> None:
        """The example in Python makes rules that ask."""
        found: dict[str, Any] = {}
        (example,) = blocks(PAGE, "python")
        exec(example, found)
        path = str(self.site.folder / "greylist.sqlite")
        clock = self.site.reactor
        means = found["means"](clock, clock.seconds, execute, path)
        HouseRules.of(found["RULES"], Vocabulary(), means)
        self.successResultOf(Deferred.fromCoroutine(means.greylist.stop()))
        GreylistFile(path, GreylistTerms()).close()
