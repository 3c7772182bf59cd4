"""Tests for L{smtpx.service.lookupcheck} and the tables C{[[lookup]]}."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import lmdb

from smtpx.policy.lookups import Default
from smtpx.service.lookupcheck import checkLookups

from .test_rulekind import RuleTestCase


def callable_(key: bytes) -> None:
    """Something that a configuration can name."""


class LookupTableTests(RuleTestCase):
    """What stands in the configuration."""

    def test_defaults(self) -> None:
        """Two options are enough for a file."""
        (entry,) = self.read(
            '[[lookup]]\nname = "some"\nkind = "lsearch"\nfile = "x"\n'
        ).lookups
        self.assertIsNone(entry.partial)
        self.assertEqual(entry.affix, "*.")
        self.assertIs(entry.defaultKey, Default.NONE)
        self.assertFalse(entry.lowerCase)

    def test_all(self) -> None:
        """All that can stand there."""
        (entry,) = self.read(
            '[[lookup]]\nname = "some"\nkind = "sqlite"\nfile = "x"\n'
            'query = "SELECT a FROM b WHERE c = ?"\npartial = 2\naffix = "."\n'
            'default_key = "*@"\nlower_case = true\nlookup_seconds = "1 min"\n'
        ).lookups
        self.assertEqual((entry.partial, entry.affix), (2, "."))
        self.assertIs(entry.defaultKey, Default.AT)
        self.assertTrue(entry.lowerCase)
        self.assertEqual(entry.lookupSeconds, 60.0)

    def test_wrong(self) -> None:
        """Each fault has its place."""
        for text, problem in (
            (
                'kind = "lsearch"',
                "file: a look-up of the kind lsearch cannot do without",
            ),
            ('kind = "lserch"\nfile = "x"', "kind: expected "),
            (
                'kind = "lmdb"\nfile = "x"\nquery = "?"',
                "query: it is of no use for a look-up of the kind lmdb",
            ),
            (
                'kind = "cdb"\nfile = "x"\npython = "a:b"',
                "python: it is of no use for a look-up of the kind cdb",
            ),
            (
                'kind = "python"\npython = "a:b"\nfile = "x"',
                "file: it is of no use for a look-up of the kind python",
            ),
            (
                'kind = "python"',
                "python: a look-up of the kind python cannot do without",
            ),
            (
                'kind = "sqlite"\nfile = "x"',
                "query: a look-up of the kind sqlite cannot do without",
            ),
            (
                'kind = "sqlite"\nfile = "x"\nquery = "SELECT 1"',
                'query: there is no key in it: expected ":key" or "?"',
            ),
            (
                'kind = "iplsearch"\nfile = "x"\npartial = 2',
                "partial: addresses are matched as networks, not in parts",
            ),
            (
                'kind = "lsearch"\nfile = "x"\naffix = "a."',
                'affix: expected punctuation such as "*." or ".", got "a."',
            ),
        ):
            (wrong,) = self.wrong(f'[[lookup]]\nname = "some"\n{text}\n')
            self.assertIn(f"lookup[0].{problem}", wrong)
        (wrong,) = self.wrong('[[lookup]]\nname = "a b"\nkind = "cdb"\nfile = "x"\n')
        self.assertIn("expected a name of letters, digits, hyphens", wrong)


class CheckTests(RuleTestCase):
    """Whether look-ups are of use."""

    def setUp(self) -> None:
        """A folder for files."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def check(self, kind: str, name: str, more: str = "") -> list[str]:
        """What is wrong with one."""
        read = self.read(
            f'[[lookup]]\nname = "some"\nkind = "{kind}"\n'
            f"file = '{self.folder.absolute() / name}'\n{more}"
        )
        problems = [str(each) for each in checkLookups(read)]
        return [each.rpartition(f"{self.folder.name}/")[2] for each in problems]

    def test_missing(self) -> None:
        """A file that is not there."""
        for kind in ("lsearch", "lmdb", "cdb"):
            (wrong,) = self.check(kind, "gone")
            self.assertEqual(wrong, "gone: cannot be read: No such file or directory")
        (wrong,) = self.check("sqlite", "gone", 'query = "SELECT 1 WHERE ? = 1"')
        self.assertEqual(wrong, "gone: cannot be read: No such file or directory")

    def test_files(self) -> None:
        """Files that are of use, each of its kind, and of none of the others."""
        (self.folder / "lsearch").write_bytes(b"a: b\n^(: c\n")
        with lmdb.open(str(self.folder / "lmdb"), subdir=False):
            pass
        (self.folder / "lmdb-lock").unlink()
        (self.folder / "cdb").write_bytes((2048).to_bytes(4, "little") * 512)
        connection = sqlite3.connect(self.folder / "sqlite")
        connection.execute("CREATE TABLE relay (name, value)")
        connection.close()
        query = 'query = "SELECT value FROM relay WHERE name = :key"'
        for kind in ("lsearch", "lmdb", "sqlite"):
            self.assertEqual(
                self.check(kind, kind, query if kind == "sqlite" else ""), []
            )
        for kind in ("lmdb", "cdb"):
            (wrong,) = self.check(kind, "lsearch")
            self.assertIn(f"it is no {kind.upper()} file", wrong)
        (wrong,) = self.check("sqlite", "lsearch", query)
        self.assertEqual(wrong, "lsearch: file is not a database")
        # Nothing was written.
        names = sorted(each.name for each in self.folder.iterdir())
        self.assertEqual(names, ["cdb", "lmdb", "lsearch", "sqlite"])

    def test_linesOfFiles(self) -> None:
        """What is wrong in a file has its line there."""
        (self.folder / "wild").write_bytes(b"a: b\n^(: c\n")
        (wrong,) = self.check("nwildlsearch", "wild")
        self.assertTrue(wrong.startswith("wild:2: it is no regular expression"), wrong)

    def test_queries(self) -> None:
        """A query that does not go with the database; one that is busy is right."""
        path = self.folder / "db"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("CREATE TABLE relay (name, value)")
        wrong = (
            'query = "SELECT x FROM relay WHERE name = :key"\nlookup_seconds = 0.1\n'
        )
        self.assertEqual(self.check("sqlite", "db", wrong), ["db: no such column: x"])
        connection.execute("BEGIN EXCLUSIVE")
        self.assertEqual(self.check("sqlite", "db", wrong), [])
        connection.close()

    def test_python(self) -> None:
        """A callable that there is, one that is none, and a module that is not."""
        name = __name__
        for named, problem in (
            (f"{name}:callable_", ""),
            (f"{name}:__doc__", f"UsageError: {name}:__doc__ cannot be called"),
            ("nosuchmodule:x", "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ):
            read = self.read(
                f'[[lookup]]\nname = "some"\nkind = "python"\npython = "{named}"\n'
            )
            found = [each.text for each in checkLookups(read)]
            self.assertEqual(found, [problem] if problem else [])

    def test_twice(self) -> None:
        """Each has a name of its own."""
        one = (
            '[[lookup]]\nname = "some"\nkind = "python"\n'
            f'python = "{__name__}:callable_"\n'
        )
        (problem,) = checkLookups(self.read(one + one))
        self.assertIn("6: lookup[1].name: there is another look-up some", str(problem))

    def test_noPackage(self) -> None:
        """LMDB without its package."""
        self.addCleanup(sys.modules.__setitem__, "lmdb", lmdb)
        sys.modules["lmdb"] = None  # type: ignore[assignment] # import takes it so
        (wrong,) = self.check("lmdb", "x")
        self.assertIn("lookup[0].kind: look-ups in LMDB files want the package", wrong)
