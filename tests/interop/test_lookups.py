"""
Look-ups in files that others have made: LMDB's own C{mdb_load}, and C{cdb}; and Exim
asked for the same keys.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import count, filterfalse, islice
from pathlib import Path
from random import Random
from smtplib import SMTP

from smtpx.policy.lookups import (
    READERS,
    CDBTable,
    Complaints,
    Default,
    ITable,
    LineTable,
    LMDBTable,
    Lookup,
    LookupDeferred,
    Matching,
)
from smtpx.policy.lookups.linelookup import readLines
from smtpx.policy.lookups.lmdbtable import neededOctets
from smtpx.policy.watchedfile import BadList

from ..policy.lookups.tables import ticking
from .cases import InteropTestCase, findPeer
from .exim import findExim
from .running import waitFor

VALUES = {
    b"example.org": b"yes",
    b"*.fict.example": b"partly",
    b"*@example.net": b"everybody there",
    b"*": b"any",
    "m\u00fcnchen.example".encode(): "gr\u00fc\u00df".encode(),
    b"with space": b"a value, of words",
}


class LMDBTests(InteropTestCase):
    """Files of C{mdb_load}."""

    def setUp(self) -> None:
        """A folder for them."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "relaydomains.mdb"

    def load(
        self,
        values: Mapping[bytes, bytes],
        path: Path | None = None,
        room: int = 1 << 20,
    ) -> None:
        """Another process puts values into a file."""
        program = findPeer("mdb_load", "lmdb-utils")
        head = f"VERSION=3\nformat=bytevalue\ntype=btree\nmapsize={room}\nHEADER=END\n"
        lines = "".join(f" {k.hex()}\n {v.hex()}\n" for k, v in sorted(values.items()))
        text = f"{head}{lines}DATA=END\n".encode()
        self.run_([program, "-n", str(path or self.path)], text)

    def table(self) -> LMDBTable:
        """The table in the file."""
        table = LMDBTable(self.path, Complaints("some"), seconds=ticking())
        self.addCleanup(table.close)
        return table

    def test_allIsFound(self) -> None:
        """Each key with its value, as it is, and with what is partial and default."""
        self.load(VALUES)
        table = self.table()
        for key, value in VALUES.items():
            self.assertEqual(table.find(key), value)
        self.assertIsNone(table.find(b"other"))
        lookup = Lookup("some", table, Matching(2, default=Default.AT))
        for key, value in (
            (b"www.dates.fict.example", b"partly"),
            (b"ann@example.net", b"everybody there"),
            (b"ann@other.example", b"any"),
        ):
            self.assertEqual(lookup.find(key), value)

    def test_freshOnEveryLookup(self) -> None:
        """What another process writes is seen by the next look-up."""
        self.load(VALUES)
        table = self.table()
        for n in range(5):
            value = b"changed %d" % n
            self.load({b"example.org": value, b"new %d" % n: b"1"})
            self.assertEqual(table.find(b"example.org"), value)
            self.assertEqual(table.find(b"new %d" % n), b"1")
        self.assertEqual(table.find(b"with space"), VALUES[b"with space"])

    def test_grows(self) -> None:
        """A writer may give the file more room than we have mapped."""
        self.load(VALUES)
        table = self.table()
        self.assertEqual(table.find(b"example.org"), b"yes")
        more = {b"key %d" % n: b"v" * 1500 for n in range(3000)}
        self.load(more, room=1 << 24)
        self.assertGreater(os.stat(self.path).st_size, 1 << 20)
        self.assertEqual(table.find(b"key 2999"), b"v" * 1500)
        self.assertEqual(table.find(b"example.org"), b"yes")

    def test_replaced(self) -> None:
        """Another file that takes its place by renaming is the one from then on."""
        self.load(VALUES)
        table = self.table()
        self.assertEqual(table.find(b"example.org"), b"yes")
        other = self.folder / "new.mdb"
        self.load({b"example.org": b"other"}, other)
        os.rename(other, self.path)
        self.assertEqual(table.find(b"example.org"), b"other")
        self.assertIsNone(table.find(b"with space"))

    def test_size(self) -> None:
        """No file of LMDB's own is taken for one that is cut short."""
        values = dict(VALUES)
        random = Random(9)
        for _ in range(20):
            values.update(
                (b"k%d" % random.randrange(500), b"v" * random.randrange(5000))
                for _ in range(50)
            )
            self.load(values, room=1 << 24)
            self.assertLessEqual(neededOctets(self.path), os.stat(self.path).st_size)
            values = dict.fromkeys(values, b"")

    def test_cut(self) -> None:
        """One that is cut short cannot tell, wherever, and the process lives on."""
        self.load({**VALUES, **{b"key %d" % n: b"v" * 700 for n in range(300)}})
        whole = self.path.read_bytes()
        table = self.table()
        for at in range(0, len(whole), 997):
            self.path.write_bytes(whole[:at])
            self.assertRaises(LookupDeferred, table.find, b"key 150")
        self.path.write_bytes(whole)
        self.assertEqual(table.find(b"key 150"), b"v" * 700)


SERVER = """
[[lookup]]
name = "mapped"
kind = "lmdb"
file = "{folder}/mapped"
[[lookup]]
name = "queried"
kind = "sqlite"
file = "{folder}/queried"
query = "SELECT value FROM relay WHERE name = :key"
lookup_seconds = 4
[[lookup]]
name = "called"
kind = "python"
python = "tests.policy.lookups.tables:called"
[[policy.mail]]
lookup = {{ in = "mapped", key = "$sender_address_domain" }}
action = "reject"
message = "mapped: $value"
[[policy.mail]]
senders = ["*.queried.example"]
lookup = {{ in = "queried", key = "$sender_address_domain" }}
action = "reject"
message = "queried: $value"
[[policy.mail]]
lookup = {{ in = "called", key = "$sender_address_domain" }}
action = "reject"
message = "called: $value"
"""


class ServerTests(InteropTestCase):
    """A whole server with look-ups, its reactor and its threads."""

    def test_allKinds(self) -> None:
        """
        Each finds what is its own; a database that is locked, and a file that is gone,
        defer those who depend on them, say so once, and hold nobody else up.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        database = sqlite3.connect(folder / "queried", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("CREATE TABLE relay (name, value)")
        database.execute("INSERT INTO relay VALUES ('a.queried.example', 'in SQLite')")
        program = findPeer("mdb_load", "lmdb-utils")
        head, end = b"VERSION=3\nformat=print\nHEADER=END\n", b"DATA=END\n"
        text = head + b" lmdb.example\n in LMDB\n" + end
        self.run_([program, "-n", str(folder / "mapped")], text)
        server = self.serve(SERVER.format(folder=folder))

        def mail(domain: str) -> str:
            with SMTP("127.0.0.1", server.port, timeout=20) as client:
                client.ehlo("client.example")
                code, said = client.mail(f"ann@{domain}")
                return f"{code} {said.decode()}"

        for _ in range(2):
            self.assertEqual(mail("lmdb.example"), "550 5.7.1 mapped: in LMDB")
            self.assertEqual(mail("a.queried.example"), "550 5.7.1 queried: in SQLite")
            self.assertEqual(mail("python.example"), "550 5.7.1 called: from Python")
            self.assertEqual(mail("other.example")[:3], "250")
            self.assertEqual(mail("b.queried.example")[:3], "250")
        database.execute("BEGIN EXCLUSIVE")
        self.assertEqual(mail("a.queried.example")[:9], "451 4.4.3")
        self.assertEqual(mail("lmdb.example"), "550 5.7.1 mapped: in LMDB")
        database.execute("ROLLBACK")
        self.assertEqual(mail("a.queried.example")[:3], "550")
        os.rename(folder / "mapped", folder / "away")
        for _ in range(3):
            self.assertEqual(mail("other.example")[:9], "451 4.4.3")
        broken = "The look-up {} cannot tell"
        waitFor(lambda: broken.format("mapped") in server.said(), "what is told")
        said = server.said()
        self.assertEqual(said.count(broken.format("mapped")), 1)
        self.assertEqual(said.count(broken.format("queried")), 1)
        self.assertIn("database is locked", said)


class EximTests(InteropTestCase):
    """What Exim finds in the same files is what we find."""

    def setUp(self) -> None:
        """A folder for files, and a configuration for Exim."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "file"
        self.config = self.folder / "exim.conf"
        self.config.write_text("primary_hostname = mx.example.org\n")

    def asked(self, kind: str, keys: Sequence[str]) -> list[str | None]:
        """What Exim finds."""
        texts = [
            rf"${{lookup{{\N{key}\N}}{kind}{{{self.file}}}{{<$value>}}{{none}}}}"
            for key in keys
        ]
        said = self.run_([findExim(), "-C", str(self.config), "-be", *texts])
        lines = said.splitlines()
        self.assertEqual(len(lines), len(keys), said)
        return [None if each == "none" else each[1:-1] for each in lines]

    def same(self, kind: str, table: ITable, keys: Sequence[str]) -> None:
        """We find what Exim finds, for a search type with what belongs to it."""
        for exim, matching in (
            (kind, Matching()),
            (f"{kind}*", Matching(default=Default.STAR)),
            (f"{kind}*@", Matching(default=Default.AT)),
            (f"partial-{kind}", Matching(2)),
            (f"partial0-{kind}", Matching(0)),
            (f"partial1(.){kind}*@", Matching(1, b".", Default.AT)),
            (f"partial0(){kind}", Matching(0, b"")),
        ):
            lookup = Lookup("some", table, matching)
            ours = [lookup.find(each.encode()) for each in keys]
            found = [None if o is None else o.decode() for o in map(_prompt, ours)]
            self.assertEqual(found, self.asked(exim, keys), exim)

    def lines(self, kind: str) -> LineTable:
        """The table in the file."""
        return LineTable(self.file, READERS[kind], Complaints("some"))

    def test_lsearch(self) -> None:
        """The form of the file, and all that is tried for a key."""
        self.file.write_text(
            "example.org:   yes\n# no\n*.fict.example  partly\n*@example.net: there\n"
            "cont:\n   goes on\n\tand on\n\n# between\n"
            '"quoted: \\"key\\" \\x41\\102": q\nupper.EXAMPLE:u\n.d.example: dot\n'
            "twice: 1\ntwice: 2\nspaced   :  out  \n:empty\n*: any\n"
        )
        keys = [
            "example.org",
            "www.dates.fict.example",
            "ann@example.net",
            "ann@other",
            "cont",
            'quoted: "key" ab',
            "UPPER.example",
            "x.d.example",
            "twice",
            "spaced",
            "no.such.key",
            "example",
        ]
        self.same("lsearch", self.lines("lsearch"), keys)

    def test_anything(self) -> None:
        """Files with anything in them are read as Exim reads them."""
        random = Random(2026)
        pieces = [
            "a",
            "b.c",
            "*",
            "@",
            ":",
            " ",
            "  ",
            "\t",
            '"',
            "\\",
            "x4",
            "#",
            "\n",
        ]
        pieces += ["\n", "\n ", ".", "\r\n", '"a b"', "1"]
        keys = ["a", "b.c", "a b", "ab.c", "*", "x4", "1", "a@b.c", "b.ca", '"', "\\a"]
        texts = (
            # Where the last line has no end, Exim leaves white space behind it.
            "".join(random.choices(pieces, k=random.randrange(60))) + "\n"
            for _ in count()
        )
        for text in islice(filterfalse(_breaksOff, texts), 40):
            self.file.write_bytes(text.encode())
            find = self.lines("lsearch").find
            found = [find(each.encode()) for each in keys]
            ours = [None if each is None else each.decode() for each in found]
            self.assertEqual(ours, self.asked("lsearch", keys), text)

    def test_wildlsearch(self) -> None:
        """Patterns, whichever comes first."""
        for kind, text in (
            ("nwildlsearch", r"^\d+\.x\.example$: digits" + "\n"),
            ("wildlsearch", r"^\N\d+\.x\.example$\N: digits" + "\n"),
        ):
            self.file.write_text(
                text + "*.b.example: suffix\n*: all but\nnever: reached\n"
            )
            keys = ["12.x.example", "X.B.Example", "b.example", "1.x.example.org", "*"]
            table = self.lines(kind)
            found = [table.find(each.encode()) for each in keys]
            ours = [None if each is None else each.decode() for each in found]
            self.assertEqual(ours, self.asked(kind, keys), kind)

    def test_iplsearch(self) -> None:
        """Networks, of which the first counts."""
        self.file.write_text(
            '192.0.2.1: one\n192.0.2.0/24: net\n192.0.2.2: late\n"2001:db8::/32": six\n'
            "10.1.2.3/8: bits\n*: other\n"
        )
        table = self.lines("iplsearch")
        keys = [
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::5",
            "10.9.9.9",
            "198.51.100.1",
            "*",
        ]
        found = [table.find(each.encode()) for each in keys]
        ours = [None if each is None else each.decode() for each in found]
        self.assertEqual(ours, self.asked("iplsearch", keys))

    def test_cdb(self) -> None:
        """A file of C{cdb}."""
        program = findPeer("cdb", "tinycdb")
        values = {**VALUES, b"twice": b"1", b"*.b.c": b"star", b".d.e": b"dot"}
        values.update((b"key%d.example" % n, b"%d" % n) for n in range(500))
        records = b"".join(
            b"+%d,%d:%b->%b\n" % (len(key), len(value), key, value)
            for key, value in [*values.items(), (b"twice", b"2")]
        )
        self.run_([program, "-c", str(self.file), "-"], records + b"\n")
        table = CDBTable(self.file, Complaints("some"))
        self.addCleanup(table.close)
        for key, value in values.items():
            self.assertEqual(table.find(key), value, key)
        keys = [
            "example.org",
            "Example.org",
            "www.dates.fict.example",
            "a.b.c",
            "x.d.e",
        ]
        keys += ["ann@example.net", "with space", "twice", "key499.example", "none"]
        self.same("cdb", table, keys)

    def test_badExpression(self) -> None:
        """What is no pattern is told before anybody asks."""
        self.file.write_text("^(: x\n")
        self.assertRaises(BadList, readLines, self.file, READERS["nwildlsearch"])


def _breaksOff(text: str) -> bool:
    """
    Does a value go on behind an empty line or a comment?  Exim's manual says that it
    may, and so do we; Exim 4.96 drops all that stands there.
    """
    lines = [each.rstrip() for each in text.split("\n")]
    nothing = False
    for each in lines:
        if not each or each.startswith("#"):
            nothing = True
        elif each[0].isspace():
            if nothing:
                return True
        else:
            nothing = False
    return False


def _prompt(found: object) -> bytes | None:
    assert found is None or isinstance(found, bytes), found
    return found
