"""
Tests for L{smtpx.commands.peer}.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands import peer
from smtpx.core.hooks import Hello, Target
from smtpx.knowledge import file as fileModule
from smtpx.knowledge.file import Change, KnowledgeFile
from smtpx.knowledge.hellos import HelloMemory
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.interfaces import Record
from smtpx.knowledge.kinds import KINDS
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.names import hostName
from smtpx.knowledge.rooms import Name
from tests.service.test_manual import blocks

from .terminals import Ran, Terminal

DOC = Path(smtpx.__file__).parent.parent / "doc"

#: 2026-11-22 10:00:00 UTC.
NOW = 1_795_341_600.0

_MX = hostName(b"mx.example.org", b"192.0.2.1", 25)
_OTHER = hostName(b"mx2.example.org", b"2001:db8::1", 25)


class PeerTests(SynchronousTestCase):
    """C{smtpx peer}."""

    def setUp(self) -> None:
        """A configuration, of a server that has not run yet."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "peers.sqlite")
        self.configuration = self.folder / "smtpx.toml"
        self.configuration.write_text('state = "."\n')
        self.patch(peer._FileOptions, "now", staticmethod(lambda: NOW))

    def run_(self, command: str, *words: str) -> Ran:
        """Run a command."""
        configuration = ("--config", str(self.configuration))
        return Terminal().run("peer", command, *configuration, *words)

    def said(self, command: str, *words: str) -> list[str]:
        """What is printed where all is well."""
        ran = self.run_(command, *words)
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out.splitlines()

    def failed(self, command: str, *words: str) -> str:
        """What is wrong."""
        ran = self.run_(command, *words)
        self.assertEqual(ran.status, 1)
        return ran.err.removeprefix("smtpx: ").removesuffix("\n")

    def write(self, name: Name, record: Record) -> None:
        """A server finds something out."""
        file = KnowledgeFile(self.path)
        file.exchange({name: Change(records=(record,))}, {}, NOW - 60)
        file.close()

    def know(self) -> None:
        """A server knows something of two hosts."""
        knowledge = MemoryKnowledge(lambda: NOW)
        hints = HostHints(knowledge, lambda: NOW)
        hints.failed(_MX, "Connection refused", NOW - 7200.0)
        hints.failed(_MX, "No route to host", NOW - 300.0)
        hints.failed(_OTHER, "Connection refused", NOW - 4000.0)
        hellos = HelloMemory(knowledge, lambda: NOW - 90_000.0)
        keywords = ((b"SIZE", b"1000"), (b"X\x1b[2J", None))
        target = Target(b"mx.example.org", b"192.0.2.1")
        hellos.remember(target, False, Hello(b"mx.example.org", keywords), False)
        for name, entry in knowledge:
            for record in entry.records:
                self.write(name, record)

    def test_nothing(self) -> None:
        """Where nothing was ever known, that is said, and no file is made."""
        nowhere = f": there is no {self.path}"
        self.assertEqual(self.said("list"), [f"Nothing is known{nowhere}."])
        self.assertEqual(self.said("list", "--json"), ["[]"])
        self.assertEqual(self.said("tidy"), ["removed 0 records"])
        missing = f"nothing is known of mx.example.org{nowhere}"
        self.assertEqual(self.failed("show", "mx.example.org"), missing)
        self.assertEqual(self.failed("forget", "mx.example.org"), missing)
        self.assertEqual(os.listdir(self.folder), ["smtpx.toml"])

    def test_list(self) -> None:
        """A line for each thing that is known."""
        self.know()
        lines = self.said("list")
        self.assertEqual(
            [" ".join(line.split()) for line in lines],
            [
                "retry 5 min ago mx.example.org [192.0.2.1]:25"
                " next try in 10 min: No route to host",
                "ehlo 1 d 1 h ago mx.example.org [192.0.2.1]:25 clear",
                "retry 1 h 6 min ago mx2.example.org [2001:db8::1]:25"
                " to be tried: Connection refused",
            ],
        )
        self.assertEqual({line.index("mx") for line in lines}, {22})
        [line] = self.said("list", "--kind", "ehlo")
        self.assertTrue(line.startswith("ehlo  1 d 1 h ago"))

    def test_show(self) -> None:
        """All that is known of a host, with nothing that a terminal would do."""
        self.know()
        retry = [
            "mx.example.org [192.0.2.1]:25: retry",
            "  written: 2026-11-22 09:55:00 UTC (5 min ago)",
            "  expires: 2026-11-29 09:55:00 UTC (in 6 d 23 h)",
            "  failures: 2",
            "  first: 2026-11-22 08:00:00 UTC (2 h ago)",
            "  last: 2026-11-22 09:55:00 UTC (5 min ago)",
            "  due: 2026-11-22 10:10:00 UTC (in 10 min)",
            "  error: No route to host",
        ]
        hello = [
            "mx.example.org [192.0.2.1]:25 clear: ehlo",
            "  written: 2026-11-21 09:00:00 UTC (1 d 1 h ago)",
            "  expires: 2026-11-28 09:00:00 UTC (in 5 d 23 h)",
            "  name: mx.example.org",
            "  keywords:",
            "    SIZE 1000",
            "    X\\x1b[2J",
            "  since: 2026-11-21 09:00:00 UTC (1 d 1 h ago)",
            "  first: 2026-11-21 09:00:00 UTC (1 d 1 h ago)",
            "  as expected: 0",
            "  otherwise: 0",
        ]
        for asked in ("mx.example.org", "MX.example.org.", "192.0.2.1"):
            self.assertEqual(self.said("show", asked), retry + hello)

    def test_page(self) -> None:
        """The page on early pipelining shows what is printed."""
        knowledge = MemoryKnowledge(lambda: NOW)
        clock = Clock()
        clock.advance(NOW - 7200.0)
        hellos = HelloMemory(knowledge, clock.seconds)
        target = Target(b"mail.example.net", b"192.0.2.1")
        words = (b"8BITMIME", b"PIPELINING", b"PIPECONNECT", b"CHUNKING")
        keywords = ((b"SIZE", b"52428800"), *((word, None) for word in words))
        hello = Hello(b"mail.example.net", keywords)
        hellos.remember(target, False, hello, False)
        for _ in range(16):
            clock.advance(60)
            hellos.remember(target, False, hello, True)
        clock.advance(NOW - 300.0 - clock.seconds())
        hellos.remember(target, False, hello, True)
        for name, entry in knowledge:
            for record in entry.records:
                self.write(name, record)
        page = DOC / "howto" / "early-pipelining.rst"
        command = "   $ smtpx peer show --config smtpx.toml mail.example.net\n"
        shown = page.read_text("utf-8").partition(command)[2].partition("\n\n")[0]
        lines = [line.removeprefix("   ") for line in shown.splitlines()]
        self.assertEqual(self.said("show", "mail.example.net"), lines)

    def test_showSome(self) -> None:
        """What is known of some is printed, also if nothing is of others."""
        self.know()
        ran = self.run_("show", "2001:DB8::1", "x.example", "y\x1b.example")
        self.assertIn("mx2.example.org [2001:db8::1]:25: retry\n", ran.out)
        self.assertEqual(
            (ran.status, ran.err),
            (1, "smtpx: nothing is known of x.example, y\\x1b.example\n"),
        )

    def test_JSON(self) -> None:
        """For programs there is a list of objects."""
        self.know()
        found = json.loads("\n".join(self.said("list", "--json")))
        self.assertEqual(len(found), 3)
        [shown] = json.loads("\n".join(self.said("show", "--json", "mx2.example.org")))
        self.assertEqual(
            shown,
            {
                "name": "mx2.example.org [2001:db8::1]:25",
                "host": "mx2.example.org",
                "address": "2001:db8::1",
                "port": 25,
                "kind": "retry",
                "version": 1,
                "written_at": NOW - 4000,
                "used_at": NOW - 60,
                "expires_at": NOW - 4000 + 7 * 86400,
                "counts": True,
                "facts": {
                    "failures": 1,
                    "first_at": NOW - 4000,
                    "last_at": NOW - 4000,
                    "due_at": NOW - 4000 + 900,
                    "error": "Connection refused",
                },
            },
        )

    def test_secretsAreNotShown(self) -> None:
        """Of a record that is not for us to read, the value is never printed."""
        record = Record(1, b"SECRET", NOW, NOW + 60)
        self.write(Name("tls", _MX), record)
        self.write(Name("retry", _MX), Record(99, b"SECRET", NOW, NOW + 60))
        self.write(Name("policy", b"example.org"), record)
        printed = [
            *self.said("list"),
            *self.said("list", "--json"),
            *self.said("show", "mx.example.org"),
            *self.said("show", "--json", "example.org"),
        ]
        self.assertNotIn("SECRET", "".join(printed))
        self.assertIn("  what it says is not for this smtpx to read", printed)
        self.assertIn(' "address": null,'.strip(), [each.strip() for each in printed])

    def test_expired(self) -> None:
        """What expired is marked, until it is removed."""
        self.know()
        record = Record(1, b"{}", NOW - 100, NOW - 50)
        self.write(Name("retry", b"old.example"), record)
        self.assertIn("expired", self.said("list")[-1])
        self.assertEqual(
            self.said("show", "old.example")[2],
            "  expired: 2026-11-22 09:59:10 UTC (50 s ago)",
        )
        self.assertEqual(self.said("tidy"), ["removed 1 record"])
        self.assertEqual(len(self.said("list")), 3)

    def test_forget(self) -> None:
        """What is known of a host is forgotten, and of no other."""
        self.know()
        self.assertEqual(
            self.said("forget", "MX.example.org"), ["MX.example.org: forgot 2 records"]
        )
        [line] = self.said("list")
        self.assertIn("mx2.example.org", line)
        self.assertEqual(
            self.failed("forget", "mx.example.org"),
            "nothing is known of mx.example.org",
        )

    def test_forgetKind(self) -> None:
        """Only what is of one kind is forgotten, if that is wished."""
        self.know()
        said = self.said("forget", "--kind", "ehlo", "192.0.2.1")
        self.assertEqual(said, ["192.0.2.1: forgot 1 record"])

    def test_unknownKind(self) -> None:
        """A kind that there is not is an error, and not nothing."""
        self.know()
        kinds = ", ".join(sorted(KINDS))
        for words in (("list", "--kind", "helo"), ("forget", "--kind", "helo", "x")):
            self.assertEqual(
                self.failed(*words),
                f'there is no kind "helo"; the kinds are {kinds}',
            )

    def test_oddTimes(self) -> None:
        """A time that no calendar has is printed in words."""
        self.write(Name("retry", _MX), Record(1, b"{}", NOW, 1e300))
        self.assertIn("  expires: at no time", self.said("show", "mx.example.org"))

    def test_now(self) -> None:
        """What was found out this moment."""
        self.write(Name("retry", _MX), Record(1, b"{}", NOW, NOW + 1))
        [line] = self.said("list")
        self.assertEqual(line, "retry  now  mx.example.org [192.0.2.1]:25")

    def test_badFiles(self) -> None:
        """What is wrong with a file is told in a line, and the file is left alone."""
        with open(self.path, "wb") as file:
            file.write(b"not at all" * 1000)
        damaged = "it is damaged; a server puts it aside, and it may be deleted"
        self.assertEqual(self.failed("list"), f"{self.path}: {damaged}")
        os.unlink(self.path)
        connection = sqlite3.connect(self.path)
        connection.execute("CREATE TABLE a(b)")
        connection.close()
        self.assertIn("not one of peers that smtpx made", self.failed("list"))
        os.unlink(self.path)
        os.mkdir(self.path)
        text = f"{self.path}: unable to open database file"
        self.assertEqual(self.failed("tidy"), text)

    def test_notAllowed(self) -> None:
        """Whose file it is not is told so."""
        self.know()
        self.patch(os, "access", lambda path, mode: False)
        self.assertEqual(self.failed("list"), f"{self.path}: Permission denied")

    def test_busy(self) -> None:
        """A file that somebody else has for long is told of."""
        self.know()
        self.patch(fileModule, "_BUSY_SECONDS", 0.01)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertEqual(self.failed("tidy"), f"{self.path}: database is locked")

    def test_noFile(self) -> None:
        """Without a file there is nothing to look at."""
        self.configuration.write_text("[peers]\npersistent = false\n")
        text = "peers.persistent is false: what is known is in the server's memory"
        self.assertEqual(self.failed("list"), f"{self.configuration}: {text}")

    def test_badConfiguration(self) -> None:
        """A configuration of no use is told of."""
        self.configuration.write_text("[peers]\nretry_data_expire = '1 x'\n")
        self.assertIn("smtpx.toml:2: peers.retry_data_expire:", self.failed("list"))

    def test_badCommandLines(self) -> None:
        """What is missing on a command line is asked for."""
        for words, wanted in (
            ((), "list, show, forget or tidy?"),
            (("show",), "which host?"),
            (("forget",), "which host?"),
        ):
            ran = Terminal().run("peer", *words)
            self.assertEqual(ran.status, 2)
            self.assertIn(wanted, ran.err)


class GuideTests(SynchronousTestCase):
    """What C{doc/howto/dead-hosts.rst} shows."""

    def test_examples(self) -> None:
        """Each command prints what the guide says."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        state = folder / "smtpx-state"
        state.mkdir()
        configuration = folder / "smtpx.toml"
        configuration.write_text("")
        self.patch(peer._FileOptions, "now", staticmethod(lambda: NOW))
        knowledge = MemoryKnowledge(lambda: NOW)
        hints = HostHints(knowledge, lambda: NOW)
        hints.failed(_MX, "Connection refused", NOW - 7200.0)
        hints.failed(_MX, "No route to host", NOW - 300.0)
        hints.failed(_OTHER, "Connection refused", NOW - 4000.0)
        file = KnowledgeFile(str(state / "peers.sqlite"))
        changes = {name: Change(records=entry.records) for name, entry in knowledge}
        file.exchange(changes, {}, NOW)
        file.close()
        run = 0
        for block in blocks("howto/dead-hosts.rst", "console"):
            command, *expected = block.rstrip("\n").split("\n")
            _, program, *words = command.split()
            if program == "rm":
                self.assertEqual(list(state.iterdir()), [folder / words[0]])
                continue
            words[words.index("smtpx.toml")] = str(configuration)
            ran = Terminal().run(*words)
            self.assertEqual((ran.status, ran.err), (0, ""))
            self.assertEqual(ran.out.splitlines(), expected)
            run += 1
        self.assertEqual(run, 3)
