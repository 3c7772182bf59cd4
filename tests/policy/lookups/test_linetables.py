"""Tests for L{smtpx.policy.lookups.linetables}."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.lookups import linetables
from smtpx.policy.lookups.linetables import BadLines, Lines, literal, networks, wild


class LiteralTests(SynchronousTestCase):
    """C{lsearch}."""

    def test_caseDoesNotMatterAndTheFirstCounts(self) -> None:
        """As in Exim."""
        lines = literal(b"Example.ORG: one\nexample.org: two\n*: three\n")
        self.assertEqual(lines.find(b"example.org"), b"one")
        self.assertEqual(lines.find(b"EXAMPLE.org"), b"one")
        self.assertEqual(lines.find(b"*"), b"three")
        self.assertIsNone(lines.find(b"other"))
        self.assertEqual(lines.count, 2)

    def test_tooLong(self) -> None:
        """Every entry that is too long is told, to a bound."""
        long = b"%s: v\n" % (b"k" * 2000)
        bad = self.assertRaises(BadLines, literal, b"a: b\n" + long * 2)
        text = "a key has at most 1024 octets"
        self.assertEqual(bad.problems, [(2, text), (3, text)])
        bad = self.assertRaises(BadLines, literal, long * 30)
        self.assertEqual(len(bad.problems), 20)

    def test_tooMany(self) -> None:
        """There is a bound on the number of entries."""
        self.patch(linetables, "ENTRIES_MOST", 2)
        self.assertEqual(literal(b"a:\nb:\n").count, 2)
        bad = self.assertRaises(BadLines, literal, b"a:\nb:\nc:\n")
        self.assertEqual(
            bad.problems, [(3, "there are more than 2 entries; a database has room")]
        )


class WildTests(SynchronousTestCase):
    """C{wildlsearch} and C{nwildlsearch}."""

    def test_patterns(self) -> None:
        """A star at the beginning, a regular expression, or the thing itself."""
        find = wild(
            b"*.a.b.c:  suffix\n"
            b"^\\d+\\.x\\.b:  expression\n"
            b"plain*: no pattern\n"
            b'"^with space$": quoted\n'
        ).find
        for key, value in (
            (b"X.A.b.c", b"suffix"),
            (b".a.b.c", b"suffix"),
            (b"a.b.c", None),
            (b"12.x.b.more", b"expression"),
            (b"a12.x.b", None),
            (b"PLAIN*", b"no pattern"),
            (b"plainly", None),
            (b"With Space", b"quoted"),
        ):
            self.assertEqual(find(key), value, key)

    def test_firstInTheFileWins(self) -> None:
        """Whichever kind of pattern it is."""
        entries = [b"*.org: suffix", b"^a: expression", b"a.org: plain"]
        for first in entries:
            others = [each for each in entries if each is not first]
            value = first.partition(b": ")[2]
            for rest in (others, others[::-1]):
                find = wild(b"\n".join([first, *rest])).find
                self.assertEqual(find(b"a.org"), value)

    def test_severalEnds(self) -> None:
        """Of several ends that match, too, the first one counts."""
        find = wild(b"*.b.org: long\n*.org: short\n*: all\n*.c.org: never\n").find
        self.assertEqual(find(b"a.b.org"), b"long")
        self.assertEqual(find(b"a.c.org"), b"short")
        self.assertEqual(find(b"a.net"), b"all")

    def test_caseOfExpressions(self) -> None:
        """It does not matter, unless an expression says so."""
        find = wild(b"^abc: one\n^(?-i)ABX: two\n").find
        self.assertEqual(find(b"ABC"), b"one")
        self.assertEqual(find(b"ABX"), b"two")
        self.assertIsNone(find(b"abx"))

    def test_expanded(self) -> None:
        r"""In wildlsearch, escapes are read, but for what is between C{\N}."""
        find = wild(
            b"^\\N\\d+\\.a$\\N: protected\n"
            b"*\\.b: escaped\n"
            b"\\$x: dollar\n"
            b"\\\\N: backslash\n"
            b"y\\N$y: open end\n",
            True,
        ).find
        for key, value in (
            (b"12.a", b"protected"),
            (b"12.ab", None),
            (b"a.b", b"escaped"),
            (b"$x", b"dollar"),
            (b"\\N", b"backslash"),
            (b"y$y", b"open end"),
        ):
            self.assertEqual(find(key), value, key)

    def test_noVariables(self) -> None:
        """A key that wants a variable is of no use, and told."""
        bad = self.assertRaises(BadLines, wild, b"a: b\n*.$domain: x\n\\\\$x: y", True)
        self.assertEqual([line for line, _ in bad.problems], [2, 3])
        self.assertIn("there are no variables in keys", bad.problems[0][1])
        self.assertIsNone(wild(b"*.$domain: x").find(b"a"))

    def test_badExpressions(self) -> None:
        """What is no regular expression is told, with its line."""
        bad = self.assertRaises(BadLines, wild, b"a: b\n^(: c\n^[: d\n")
        self.assertEqual([line for line, _ in bad.problems], [2, 3])
        self.assertIn("it is no regular expression: ", bad.problems[0][1])

    def test_tooManyExpressions(self) -> None:
        """There is a bound on what is tried one after the other."""
        self.patch(linetables, "EXPRESSIONS_MOST", 1)
        bad = self.assertRaises(BadLines, wild, b"^a: b\n^c: d\ne: f\n")
        text = "there are more than 1 regular expressions"
        self.assertEqual(bad.problems, [(2, text)])


class NetworkTests(SynchronousTestCase):
    """C{iplsearch}."""

    FILE = (
        b"192.0.2.1: one\n"
        b"192.0.2.0/24: net\n"
        b"192.0.2.2: too late\n"
        b'"2001:db8::/32": six\n'
        b'"2001:db8::1": too late\n'
        b"10.1.2.3/8: host bits\n"
        b"*: other\n"
        b"*: another\n"
    )

    def test_addresses(self) -> None:
        """The first that an address is in counts, not the one that fits best."""
        find = networks(self.FILE).find
        for key, value in (
            (b"192.0.2.1", b"one"),
            (b"192.0.2.2", b"net"),
            (b"2001:DB8::1", b"six"),
            (b"10.255.0.1", b"host bits"),
            (b"198.51.100.1", None),
            (b"2001:db9::1", None),
            (b"*", b"other"),
            (b"example.org", None),
            (b"\xff", None),
        ):
            self.assertEqual(find(key), value, key)

    def test_all(self) -> None:
        """A network of everything."""
        find = networks(b'0.0.0.0/0: four\n"::/0": six\n').find
        self.assertEqual(find(b"192.0.2.1"), b"four")
        self.assertEqual(find(b"::1"), b"six")

    def test_bad(self) -> None:
        """What is no network is told; IPv6 without quotes ends at its colon."""
        octets = b"192.0.2.0/33: x\n2001:db8::1: x\nexample.org: x\n10.0.0.0/255.0.0.0"
        bad = self.assertRaises(BadLines, networks, octets)
        self.assertEqual(
            [str(each) for _, each in bad.problems],
            [
                f'"{each}" is no address and no network (IPv6 wants quotes)'
                for each in (
                    "192.0.2.0/33",
                    "2001",
                    "example.org",
                    "10.0.0.0/255.0.0.0",
                )
            ],
        )


class AnyTests(SynchronousTestCase):
    """What holds for all of them."""

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200), st.binary(max_size=20))
    def test_anything(self, octets: bytes, key: bytes) -> None:
        """A file is read, or all that is wrong with it is told; and any key asked."""
        readers: tuple[Callable[[bytes], Lines], ...] = (
            literal,
            wild,
            lambda some: wild(some, True),
            networks,
        )
        for read in readers:
            try:
                found = read(octets).find(key)
            except BadLines as bad:
                self.assertTrue(bad.problems)
            else:
                self.assertTrue(found is None or isinstance(found, bytes))
