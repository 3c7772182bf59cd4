"""Tests for L{smtpx.policy.rules.lists}."""

from __future__ import annotations

import fnmatch

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.rules.faults import BadRule, Fault
from smtpx.policy.rules.lists import AddressList, DomainList, TextList, WordList

WORDS = ("pass", "fail", "none")


def wordsIn(*items: str) -> list[str]:
    """The words that a list has."""
    made = WordList.parse(items, WORDS, {"err": "fail"})
    return [word for word in WORDS if made.has(word)]


class WordListTests(SynchronousTestCase):
    """Lists of a few words."""

    def test_listHasTheWordsThatStandInIt(self) -> None:
        """In any case, and by other names."""
        self.assertEqual(wordsIn("Fail", "none"), ["fail", "none"])
        self.assertEqual(wordsIn("err"), ["fail"])
        self.assertEqual(wordsIn(), [])
        self.assertEqual(wordsIn("*"), ["pass", "fail", "none"])

    def test_wordWithAnExclamationMarkIsNotInTheList(self) -> None:
        """The seeds: "!fail" will match all results but "fail"."""
        self.assertEqual(wordsIn("!fail"), ["pass", "none"])
        self.assertEqual(wordsIn("!fail", "*"), ["pass", "none"])

    def test_firstItemThatMatchesDecides(self) -> None:
        """What comes behind it is not looked at."""
        self.assertEqual(wordsIn("fail", "!*"), ["fail"])
        self.assertEqual(wordsIn("!pass", "pass", "fail"), ["fail"])

    def test_strangeWordIsRefusedWithThoseThatThereAre(self) -> None:
        """So that somebody can say which was meant."""
        error = self.assertRaises(BadRule, wordsIn, "pass", "!fial")
        expected = Fault((1,), '"fial" is none of pass, fail, none', "fial", WORDS)
        self.assertEqual(error.faults, (expected,))


class AddressListTests(SynchronousTestCase):
    """Lists of addresses."""

    def has(self, path: bytes, *items: str) -> bool:
        """Is it in this list?"""
        return AddressList.parse(items).has(path)

    def test_addressesDomainsAndWhatIsBelowThem(self) -> None:
        """Each kind of pattern finds its own."""
        self.assertTrue(self.has(b"Ann@Example.ORG", "ann@example.org"))
        self.assertFalse(self.has(b"bob@example.org", "ann@example.org"))
        self.assertTrue(self.has(b"bob@example.org", "example.org"))
        self.assertTrue(self.has(b"bob@example.org", "*@example.org"))
        self.assertTrue(self.has(b"bob@a.example.org", "*.example.org"))
        self.assertFalse(self.has(b"bob@example.org", "*.example.org"))
        self.assertTrue(self.has(b"bob@example.org", "*"))

    def test_firstItemThatMatchesDecides(self) -> None:
        """Everybody there but one."""
        items = ("!ann@example.org", "example.org")
        self.assertFalse(self.has(b"ann@example.org", *items))
        self.assertTrue(self.has(b"bob@example.org", *items))
        self.assertFalse(self.has(b"bob@example.net", *items))

    def test_listThatEndsWithANoIsEverybodyElse(self) -> None:
        """As in host lists."""
        self.assertTrue(self.has(b"bob@example.net", "!example.org"))
        self.assertFalse(self.has(b"bob@example.org", "!example.org"))

    def test_nullSenderHasAnItemOfItsOwn(self) -> None:
        """It is at no domain, not even at ours."""
        self.assertTrue(self.has(b"", "<>"))
        self.assertTrue(self.has(b"", "*"))
        self.assertFalse(self.has(b"", "localhost"))
        self.assertTrue(self.has(b"", "!localhost"))
        self.assertFalse(self.has(b"ann@example.org", "<>"))
        self.assertFalse(self.has(b"", "!<>", "*"))

    def test_whatIsNoPatternIsToldWithItsPlace(self) -> None:
        """And what is there twice is told of."""
        error = self.assertRaises(BadRule, AddressList.parse, ["a@b.c", "a b@c.d"])
        self.assertEqual([each.place for each in error.faults], [(1,)])
        self.assertRaises(BadRule, AddressList.parse, ["a..b"])
        error = self.assertRaises(BadRule, AddressList.parse, ["a@b.c", "A@B.C"])
        self.assertIn("twice", str(error))


class DomainListTests(SynchronousTestCase):
    """Lists of domains."""

    def test_domainsAndWhatIsBelowThem(self) -> None:
        """In any case, with a final dot or without."""
        made = DomainList.parse(["example.org", "*.example.net", "[192.0.2.1]"])
        self.assertTrue(made.has(b"Example.org."))
        self.assertFalse(made.has(b"a.example.org"))
        self.assertTrue(made.has(b"a.b.example.net"))
        self.assertFalse(made.has(b"example.net"))
        self.assertTrue(made.has(b"[192.0.2.1]"))
        self.assertTrue(made.hasThatOf(b"ann@example.org"))

    def test_whoHasNoDomainIsAnybodyOnly(self) -> None:
        """Such as the null sender."""
        self.assertFalse(DomainList.parse(["localhost"]).has(b""))
        self.assertTrue(DomainList.parse(["*"]).has(b""))
        self.assertTrue(DomainList.parse(["!example.org"]).has(b""))

    def test_whatLooksLikeALiteralAndIsNoneIsNoTrouble(self) -> None:
        """Clients call themselves anything."""
        self.assertFalse(DomainList.parse(["example.org"]).has(b"[192.0.2.]"))

    def test_oneOfSeveralIsEnough(self) -> None:
        """Of none at all it is so where the list ends with a no."""
        made = DomainList.parse(["example.org"])
        self.assertTrue(made.hasAny([b"example.net", b"example.org"]))
        self.assertFalse(made.hasAny([b"example.net"]))
        self.assertFalse(made.hasAny([]))
        self.assertTrue(DomainList.parse(["!*"]).hasAny([]))
        self.assertFalse(DomainList.parse(["!*"]).hasAny([b"example.org"]))

    def test_addressIsNoDomain(self) -> None:
        """The domain of it is what was meant."""
        error = self.assertRaises(BadRule, DomainList.parse, ["ann@example.org"])
        text = '"ann@example.org" is an address; expected a domain: example.org'
        self.assertEqual(error.faults, (Fault((0,), text),))
        self.assertRaises(BadRule, DomainList.parse, ["<>"])


class TextListTests(SynchronousTestCase):
    """Lists of patterns of text."""

    def has(self, text: str, *items: str) -> bool:
        """Is it in this list?"""
        return TextList.parse(items).has(text)

    def test_starStandsForAnyCharacters(self) -> None:
        """In front, behind, between, and nowhere."""
        self.assertTrue(self.has("Cheap PILLS here", "*pills*"))
        self.assertTrue(self.has("pills", "*pills*"))
        self.assertTrue(self.has("a-b-c", "a*c"))
        self.assertFalse(self.has("a-b-c-d", "a*c"))
        self.assertTrue(self.has("Yes", "yes"))
        self.assertFalse(self.has("yes!", "yes"))
        self.assertFalse(self.has("ab", "ab*b"))
        self.assertFalse(self.has("xab", "ab*"))
        self.assertFalse(self.has("acb", "a*x*b"))

    def test_otherCharactersStandForThemselves(self) -> None:
        """Nothing is a regular expression."""
        self.assertTrue(self.has("[x]?", "[x]?"))
        self.assertFalse(self.has("x", "[x]?"))

    def test_noneAtAllIsInAListThatEndsWithANo(self) -> None:
        """C{["!*"]} says that there is none."""
        absent = TextList.parse(["!*"])
        self.assertTrue(absent.hasAny([]))
        self.assertFalse(absent.hasAny(["x"]))
        self.assertTrue(TextList.parse(["x"]).hasAny(["y", "x"]))

    @given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
    @settings(max_examples=100)
    def test_patternsAreThoseOfFileNames(self, pattern: str, text: str) -> None:
        """A library knows the same ones."""
        self.assertEqual(self.has(text, pattern), fnmatch.fnmatchcase(text, pattern))
