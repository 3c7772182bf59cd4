"""Tests for L{smtpx.service.wiring.lookups}: look-ups in a whole server."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import lmdb

from smtpx.service.toml import parseDocument

from .made import HouseTestCase

DOOR = {"port": 0, "tls": "none"}


def answered(key: bytes) -> str | None:
    """A look-up in Python."""
    return "from Python" if key == b"python.example" else None


CONFIGURATION = """
[[lookup]]
name = "lines"
kind = "lsearch"
file = "{folder}/lines"
partial = 2
[[lookup]]
name = "mapped"
kind = "lmdb"
file = "{folder}/mapped"
[[lookup]]
name = "folded"
kind = "lmdb"
file = "{folder}/mapped"
lower_case = true
[[lookup]]
name = "constant"
kind = "cdb"
file = "{folder}/constant"
[[lookup]]
name = "queried"
kind = "sqlite"
file = "{folder}/queried"
query = "SELECT value FROM relay WHERE name = :key"
[[lookup]]
name = "called"
kind = "python"
python = "{module}:answered"
{rules}
"""

RULE = """
[[policy.mail]]
lookup = {{ in = "{name}", key = "$sender_address_domain" }}
action = "reject"
message = "{name}: $lookup_value"
"""


class LookingUpHouseTests(HouseTestCase):
    """Rules with look-ups of every kind."""

    def setUp(self) -> None:
        """One file of each kind."""
        super().setUp()
        folder = self.folder = self.site.folder / "look"
        folder.mkdir()
        (folder / "lines").write_bytes(b"*.lines.example: in lines\n")
        with lmdb.open(str(folder / "mapped"), subdir=False) as environment:
            with environment.begin(write=True) as transaction:
                transaction.put(b"lmdb.example", b"in LMDB")
        (folder / "constant").write_bytes((2048).to_bytes(4, "little") * 512)
        os.truncate(folder / "constant", 2048 + 8 * 2048)
        connection = sqlite3.connect(folder / "queried")
        connection.execute("CREATE TABLE relay (name, value)")
        connection.execute("INSERT INTO relay VALUES ('sqlite.example', 'in SQLite')")
        connection.commit()
        connection.close()

    def begin(self, *names: str, text: str = CONFIGURATION) -> None:
        """Start a server with a rule for each look-up."""
        text = text.format(
            folder=self.folder.absolute(),
            module=__name__,
            rules="".join(RULE.format(name=name) for name in names),
        )
        values = dict(parseDocument(text, "rules.toml", Path()).values)
        values["log"] = {"json": str(self.site.folder / "events")}
        self.start(listener=[DOOR], **values)

    def mail(self, domain: bytes) -> bytes:
        """What MAIL from a domain is answered."""
        call = self.site.call()
        call.say(b"EHLO client.example\r\n")
        return call.say(b"MAIL FROM:<a@%b>\r\n" % domain).rstrip()

    def test_allKinds(self) -> None:
        """Each is asked in its turn, and finds what is its own."""
        self.begin("lines", "mapped", "folded", "queried", "called")
        for domain, said in (
            (b"x.lines.example", b"550 5.7.1 lines: in lines"),
            (b"lmdb.example", b"550 5.7.1 mapped: in LMDB"),
            (b"sqlite.example", b"550 5.7.1 queried: in SQLite"),
            (b"python.example", b"550 5.7.1 called: from Python"),
        ):
            self.assertEqual(self.mail(domain), said)
        self.assertEqual(self.mail(b"other.example")[:3], b"250")

    def test_broken(self) -> None:
        """One that is gone defers, and the log says so once."""
        self.begin("lines", "mapped")
        os.unlink(self.folder / "mapped")
        for _ in range(3):
            self.assertEqual(self.mail(b"a.example")[:9], b"451 4.4.3")
        self.assertEqual(self.mail(b"x.lines.example")[:3], b"550")
        self.stop()
        events = (self.site.folder / "events").read_text()
        self.assertEqual(events.count('"event":"lookup.broken"'), 1)
        self.assertIn("cannot be read: No such file or directory", events)

    def test_oneFileTwoNames(self) -> None:
        """A file that is found by two names is opened once: LMDB can no more."""
        os.rename(self.folder / "mapped", self.folder / "real")
        os.symlink("real", self.folder / "mapped")
        text = CONFIGURATION.replace('mapped"\nlower', 'real"\nlower')
        self.begin("mapped", "folded", text=text)
        self.assertEqual(self.mail(b"lmdb.example"), b"550 5.7.1 mapped: in LMDB")
        self.assertEqual(self.mail(b"other.example")[:3], b"250")

    def test_linesAreReadAgain(self) -> None:
        """A file with lines is watched."""
        self.begin("lines")
        (self.folder / "lines").write_bytes(b"new.example: new\n")
        self.site.reactor.pump([1.0, 1.0, 1.0])
        self.assertEqual(self.mail(b"new.example"), b"550 5.7.1 lines: new")
