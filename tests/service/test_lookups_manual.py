"""Tests for the page C{doc/howto/look-ups.rst}."""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path

import lmdb
from attrs import evolve

from smtpx.commands import lookup as command
from smtpx.policy.lookups import Matching, readLines
from smtpx.policy.rules.lookupvalue import LookupValue
from smtpx.policy.rules.own import Set
from smtpx.service.check import check
from smtpx.service.config import Configuration
from smtpx.service.toml import parseDocument
from smtpx.service.wiring import matchingOf
from tests.commands.terminals import Terminal

from .made import FOUND, HouseTestCase
from .test_manual import DOC, blocks

PAGE = "howto/look-ups.rst"
DOOR = {"port": 0, "tls": "none"}


class LookUpManualTests(HouseTestCase):
    """How look-ups are configured, and what rules do with them."""

    def setUp(self) -> None:
        """The files that the page names, in a folder of ours."""
        super().setUp()
        self.folder = self.site.folder.absolute() / "named"
        self.folder.mkdir()
        with lmdb.open(
            str(self.folder / "relaydomains.mdb"), subdir=False
        ) as environment:
            with environment.begin(write=True) as transaction:
                transaction.put(b"example.org", b"yes")
        lines = next(
            each
            for each in blocks(PAGE, "text")
            if each.startswith("# /etc/smtpx/blocked")
        )
        (self.folder / "blocked").write_text(lines)
        (self.folder / "parts").write_text("*.fict.example: a value\n*: any\n")
        connection = sqlite3.connect(self.folder / "limits.sqlite")
        connection.execute("CREATE TABLE limits (address, size)")
        connection.execute("INSERT INTO limits VALUES ('ann@example.org', 1000)")
        connection.commit()
        connection.close()
        (python,) = blocks(PAGE, "python")
        (self.folder / "lookingup.py").write_text(python)
        self.addCleanup(setattr, sys, "path", list(sys.path))
        self.addCleanup(sys.modules.pop, "lookingup", None)

    def whole(self) -> str:
        """All examples of the configuration, as one file that names our folder."""
        text = "\n".join(blocks(PAGE, "toml"))
        folders = r'"/(?:var/lib/baruwa/data/db|etc/smtpx|var/lib/mail)/'
        # What stands before the first table is of the file as a whole.
        return f'python_path = ["{self.folder}"]\n' + re.sub(
            folders, f'"{self.folder}/', text
        )

    def begin(self) -> None:
        """Start a server with all of the page."""
        values = dict(parseDocument(self.whole(), "page", Path()).values)
        values["log"] = {"main": str(self.site.folder / "main.log")}
        self.start(listener=[DOOR], **values)

    def test_rules(self) -> None:
        """Who is blocked is refused with what was found, others are not."""
        self.begin()
        call = self.site.call()
        call.say(b"EHLO client.example\r\n")
        said = call.say(b"MAIL FROM:<Spammer@example.net>\r\n")
        self.assertEqual(
            said,
            b"550 5.7.1 Mail from Spammer@example.net is not taken: a nuisance\r\n",
        )
        self.assertEqual(call.say(b"MAIL FROM:<ann@example.org>\r\n")[:3], b"250")

    def test_values(self) -> None:
        """
        The three examples of Exim's document: what was found; nothing found, which is
        the empty text, or leaves the variable as it was.
        """
        self.begin()
        for sender, field in (
            (b"ann@Example.ORG", b"X-Relay: yes/yes/yes\r\n"),
            (b"ann@other.example", b"X-Relay: //\r\n"),
        ):
            call = self.site.call()
            call.say(b"EHLO client.example\r\n")
            call.say(b"MAIL FROM:<%b>\r\n" % sender)
            call.say(b"RCPT TO:<ann@localhost>\r\n")
            call.say(b"DATA\r\n")
            self.assertEqual(call.say(b"Subject: x\r\n\r\nx\r\n.\r\n")[:3], b"250")
            found = [each for each in self.site.inboxes() if field in each]
            self.assertEqual(len(found), 1)
        self.site.reactor.advance(1)
        log = (self.site.folder / "main.log").read_text()
        self.assertIn("Warning: relay: yes", log)

    def read(self, text: str) -> Configuration:
        """A configuration."""
        return self.site.read(parseDocument(text, "page", Path()).values)

    def test_fail(self) -> None:
        """With fail a variable stays as it was, as in Exim's C{set}."""
        configuration = self.site.read(
            parseDocument(self.whole(), "page", Path()).values
        )
        entry = configuration.policy.mail[1]
        (setting,) = entry.rule.conditions
        assert isinstance(setting, Set)
        values = list(setting.values.values())
        key = "$sender_address_domain"
        self.assertEqual(
            values,
            [
                LookupValue("relaydomains", key, "$value"),
                LookupValue("relaydomains", key, "$value", None),
                LookupValue("relaydomains", key),
            ],
        )

    def test_check(self) -> None:
        """All of it is right, and all files are tried."""
        configuration = self.site.read(
            parseDocument(self.whole(), "page", Path()).values
        )
        self.assertEqual(check(self.site.machine, configuration, FOUND), [])
        (self.folder / "parts").unlink()
        (self.folder / "relaydomains.mdb").write_text("broken")
        told = [str(each) for each in check(self.site.machine, configuration, FOUND)]
        self.assertEqual(len(told), 2)

    def test_command(self) -> None:
        """What the command prints is what the page shows."""
        machine = self.site.machine
        self.patch(command, "theMachine", lambda: machine)
        config = self.folder / "smtpx.toml"
        config.write_text(self.whole())
        text = (DOC / PAGE).read_text("utf-8")
        shown = re.findall(
            r"   \$ smtpx lookup --config smtpx.toml (.*)\n((?:   .*\n)*)", text
        )
        self.assertEqual(len(shown), 2)
        for words, printed in shown:
            ran = Terminal(interactive=False).run(
                "lookup", "--config", str(config), *words.split()
            )
            self.assertEqual(ran.out, re.sub(r"(?m)^   ", "", printed))
        for name, key, value in (
            ("limits", "ann@example.org", "1000"),
            ("directory", "bob@example.org", "engineering"),
        ):
            ran = Terminal(interactive=False).run(
                "lookup", "--config", str(config), name, key
            )
            self.assertEqual(ran.out, f"{value}\n")

    def test_table(self) -> None:
        """Exim's words for what is tried, and ours."""
        text = (DOC / PAGE).read_text("utf-8")
        rows = re.findall(r"\* - ``(.*)``\n     - (.*)\n", text)
        self.assertEqual(len(rows), 5)
        for exim, ours in rows:
            options = "\n".join(re.findall(r"``(.*?)``", ours))
            table = '[[lookup]]\nname = "x"\nkind = "lsearch"\nfile = "x"\n'
            configuration = self.read(table + options)
            found = matchingOf(configuration.lookups[0])
            self.assertEqual(found, asExim(exim), exim)

    def test_file(self) -> None:
        """The file of the page, as it is read."""
        lines = readLines(self.folder / "blocked")
        self.assertEqual(lines.count, 3)
        found = lines.find(b"192.0.2.66")
        self.assertEqual(found, b"a host, and its value goes on")


def asExim(text: str) -> Matching:
    """What a search type of Exim's says."""
    found = re.match(r"(?:partial(\d*)(?:-|\((.*)\)))?lsearch(\*@?)?", text)
    assert found is not None, text
    made = Matching()
    if text.startswith("partial"):
        made = evolve(
            made, partial=int(found[1] or 2), affix=(found[2] or "*.").encode()
        )
    default = type(made.default)(found[3] or "none")
    return evolve(made, default=default)
