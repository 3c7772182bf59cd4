"""
Tests for L{smtpx.commands.greylist}.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import textwrap
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands import greylist
from smtpx.policy.strangers.greylistfile import GreylistFile, GreylistTerms
from smtpx.policy.strangers.interfaces import Triples

from .terminals import Ran, Terminal

DOC = Path(smtpx.__file__).parent.parent / "doc"

#: 2026-11-22 10:00:00 UTC.
NOW = 1_795_341_600.0

_ANN = Triples(b"192.0.2.1", b"ann@example.net", (b"bob@example.org",))
_LIST = Triples(
    b"198.51.100.7", b"bounce-4711@lists.example.com", (b"bob@example.org",)
)


class GreylistTests(SynchronousTestCase):
    """C{smtpx greylist}."""

    def setUp(self) -> None:
        """A configuration, of a server that has not run yet."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "greylist.sqlite")
        self.configuration = self.folder / "smtpx.toml"
        self.configuration.write_text('state = "."\n')
        self.patch(greylist._FileOptions, "now", staticmethod(lambda: NOW))

    def run_(self, command: str, *words: str) -> Ran:
        """Run a command."""
        configuration = ("--config", str(self.configuration))
        return Terminal().run("greylist", command, *configuration, *words)

    def said(self, command: str, *words: str) -> list[str]:
        """What is printed where all is well."""
        ran = self.run_(command, *words)
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out.splitlines()

    def failed(self, command: str, *words: str, status: int = 1) -> str:
        """What is wrong."""
        ran = self.run_(command, *words)
        self.assertEqual(ran.status, status)
        return ran.err.removeprefix("smtpx: ").removesuffix("\n")

    def know(self) -> None:
        """A server has seen a list, often, and somebody new."""
        file = GreylistFile(self.path, GreylistTerms(clients=50))
        # Of others of the list nothing is left but that it comes again.
        for number, sender in enumerate((b"a@b.c", b"d@b.c", b"e@b.c", b"f@b.c")):
            triples = evolve(_LIST, sender=sender)
            for seconds in (0, 600):
                file.ask([triples], NOW - 200_000 + 7200 * number + seconds)
            file.forgetAddress(sender)
        for seconds in (600, 0):
            file.ask([_LIST], NOW - 86400 - seconds)
        file.ask([_ANN], NOW - 240)
        file.ask([_ANN], NOW - 120)
        file.allow("203.0.113.0/24", NOW, None)
        file.close()

    def test_page(self) -> None:
        """It prints what the manual shows."""
        self.know()
        page = (DOC / "reference/commands.rst").read_text("utf-8")
        run = 0
        for shown in re.findall(r"(?m)^   \$ smtpx greylist (.*\n(?:   .*\n)*)", page):
            command, *lines = textwrap.dedent(f"   {shown}").splitlines()
            words = shlex.split(command.replace("--config smtpx.toml", ""))
            self.assertEqual(self.said(*words), lines)
            run += 1
        self.assertEqual(run, 3)

    def test_nobody(self) -> None:
        """Where there is nobody, it says so, and makes no file."""
        self.assertEqual(self.said("list"), ["There is nobody on the greylist."])
        self.assertEqual(self.said("list", "--json"), ["[]"])
        self.assertFalse(os.path.exists(self.path))

    def test_listSome(self) -> None:
        """One can ask for a client, for people, or for who has to wait."""
        self.know()
        for words, kinds in (
            (("192.0.2.99",), ["waits"]),
            (("198.51.100.0/24",), ["client", "known"]),
            (("<Ann@example.net>",), ["waits"]),
            (("bounce-99@lists.example.com",), ["known"]),
            (("bob@example.org",), ["waits", "known"]),
            (("<>",), []),
            (("--waiting",), ["waits"]),
        ):
            found = json.loads("\n".join(self.said("list", "--json", *words)))
            self.assertEqual([each["kind"] for each in found], kinds)

    def test_json(self) -> None:
        """Programs get all there is to know."""
        self.know()
        found = json.loads("\n".join(self.said("list", "--json")))
        self.assertEqual(
            found[0],
            {
                "kind": "client",
                "client": "203.0.113.0/24",
                "allowed": True,
                "passed": 0,
                "last_at": NOW,
                "expires_at": None,
            },
        )
        self.assertEqual(
            found[2],
            {
                "kind": "waits",
                "client": "192.0.2.0/24",
                "sender": "ann@example.net",
                "recipient": "bob@example.org",
                "attempts": 2,
                "first_at": NOW - 240,
                "last_at": NOW - 120,
                "passed_at": None,
                "expires_at": NOW - 240 + 2 * 86400,
            },
        )

    def test_forget(self) -> None:
        """Whom one forgets has to wait anew; of whom nothing is known it is told."""
        self.know()
        self.assertEqual(
            self.said("forget", "bob@example.org"),
            ["bob@example.org: forgot 2 records"],
        )
        self.assertEqual(
            self.said("forget", "203.0.113.0/24"), ["203.0.113.0/24: forgot 1 record"]
        )
        self.assertEqual(
            self.failed("forget", "203.0.113.9", "<eve@x.example>"),
            "nothing is known of 203.0.113.9, <eve@x.example>",
        )

    def test_forgetWithoutFile(self) -> None:
        """Where no server has run nothing is known."""
        for name in ("192.0.2.1", "ann@example.net"):
            self.assertEqual(self.failed("forget", name), f"nothing is known of {name}")

    def test_allow(self) -> None:
        """A client that is allowed need not wait, also before a server has run."""
        self.assertEqual(
            self.said("allow", "192.0.2.1", "2001:db8::1"),
            [
                "192.0.2.0/24 is allowed for ever",
                "2001:db8::/64 is allowed for ever",
            ],
        )
        self.said("allow", "--for", "1 d", "192.0.2.1")
        listed = [each.partition(" (")[0] for each in self.said("list")]
        self.assertEqual(
            sorted(listed),
            [
                "allowed 192.0.2.0/24: until 2026-11-23 10:00:00 UTC",
                "allowed 2001:db8::/64: for ever",
            ],
        )
        file = GreylistFile(self.path, GreylistTerms())
        self.addCleanup(file.close)
        (standing,) = file.ask([_ANN], NOW)
        self.assertTrue(standing.passes)

    def test_wrong(self) -> None:
        """What makes no sense is told."""
        wrong = "expected an address or a network"
        for words in (("list", "x"), ("forget", "1.2.3"), ("allow", "ann@x")):
            self.assertIn(wrong, self.failed(*words))
        self.assertIn("a@@b", self.failed("forget", "a@@b"))
        for line, text in (
            ("forget", "whom?"),
            ("allow", "which client?"),
            ("allow --for soon 192.0.2.1", "--for: "),
        ):
            self.assertIn(text, self.failed(*line.split(), status=2))
        self.assertEqual(Terminal().run("greylist").status, 2)

    def test_badFile(self) -> None:
        """A file that cannot be used is told of."""
        Path(self.path).write_bytes(b"no database" * 100)
        self.assertIn("it is damaged; a server puts it aside", self.failed("list"))
        os.unlink(self.path)
        os.mkdir(self.path)
        self.assertIn(self.path, self.failed("list"))

    def test_badConfiguration(self) -> None:
        """So is a configuration that is of no use."""
        self.configuration.write_text("x = 1\n")
        self.assertIn("x", self.failed("list"))
