"""
Tests for L{smtpx.mailauth.tagging}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.tagging import (
    compact,
    listed,
    readBase64,
    readNumber,
    readTags,
    renderBase64,
    renderTags,
)

_names = st.from_regex(rb"\A[A-Za-z][A-Za-z0-9_]{0,5}\Z")
_values = st.from_regex(rb"\A[!-:<-~]{0,40}(:[!-:<-~]{1,40}){0,4}\Z")
_tags = st.dictionaries(_names, _values, min_size=1, max_size=6)


def values(octets: bytes) -> dict[bytes, bytes]:
    """The values of a list, by name."""
    return {name: tag.value for name, tag in readTags(octets).tags.items()}


class ReadTests(SynchronousTestCase):
    """A list, read."""

    def test_spaceAndFoldsAroundWordsAreNotOfThem(self) -> None:
        """Values keep what is inside of them."""
        found = values(b" v = 1;\r\n\th=from :\r\n to; x=;\r\n")
        self.assertEqual(found, {b"v": b"1", b"h": b"from :\r\n to", b"x": b""})

    def test_namesAreToldApartByCase(self) -> None:
        """RFC 6376 section 3.2."""
        self.assertEqual(values(b"a=1;A=2"), {b"a": b"1", b"A": b"2"})

    def test_valuesMayHaveUTF8(self) -> None:
        """RFC 8616 section 4."""
        self.assertEqual(values(b"i=\xc3\xa9@x"), {b"i": b"\xc3\xa9@x"})

    def test_whatIsNoListIsRefused(self) -> None:
        """Of every kind."""
        for octets in (
            b"",
            b"   ",
            b";",
            b"a",
            b"a=1;;b=2",
            b"a=1; ;b=2",
            b"a=1;;",
            b"=1",
            b"1a=1",
            b"a b=1",
            b"a=1;a=1",
            b"a=\0",
            b"a=\x7f",
            b"a=1\rb",
            b"a=1\nb",
            b"a=1\r\nb=2",
            b"a=1\r\n\r\n",
        ):
            with self.assertRaises(Malformed, msg=repr(octets)):
                readTags(octets)

    def test_veryManyTagsAreNoList(self) -> None:
        """
        Each takes time, and nobody needs a hundred.
        """
        many = b";".join(b"a%d=b" % number for number in range(102))
        self.assertRaises(Malformed, readTags, many)
        self.assertEqual(100, len(readTags(many[: many.index(b"a100")]).tags))

    def test_tagsThatMustBeThere(self) -> None:
        """Are missed by their name."""
        tags = readTags(b"a=1")
        self.assertEqual(tags.required(b"a"), b"1")
        self.assertIs(tags.get(b"b"), None)
        error = self.assertRaises(Malformed, tags.required, b"b")
        self.assertEqual(str(error), "no b= tag")

    def test_valueIsDeletedWithTheSpaceAroundIt(self) -> None:
        """RFC 6376 section 3.5: only the value of C{b=}, and not of C{bh=}."""
        for octets, wanted in (
            (b" bh=1; b = x\r\n y ; c=2\r\n", b" bh=1; b =; c=2\r\n"),
            (b"bh=1; b=xyz\r\n", b"bh=1; b="),
            (b"b=xyz;\r\n", b"b=;\r\n"),
            (b"B=1;b=;", b"B=1;b=;"),
        ):
            self.assertEqual(readTags(octets).emptied(b"b"), wanted)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=40) | st.from_regex(rb"\A[a-c=; \r\n\t]{0,20}\Z"))
    def test_anythingIsAListOrMalformed(self, octets: bytes) -> None:
        """Nothing else comes out."""
        try:
            found = readTags(octets)
        except Malformed:
            return
        self.assertTrue(found.tags)

    def test_parsingIsCutAnywhere(self) -> None:
        """A list that ends too early is another list or none."""
        octets = b"v=1; a=rsa-sha256;\r\n\tb=abc=\r\n"
        for end in range(len(octets)):
            try:
                found = readTags(octets[:end])
            except Malformed:
                continue
            self.assertLessEqual(set(found.tags), {b"v", b"a", b"b"})


class ValuesTests(SynchronousTestCase):
    """What stands in values."""

    def test_lists(self) -> None:
        """Are divided by colons."""
        self.assertEqual(listed(b"a : b:\r\n\tc"), (b"a", b"b", b"c"))
        self.assertEqual(listed(b""), (b"",))

    def test_compact(self) -> None:
        """All white space goes."""
        self.assertEqual(compact(b" a\r\n\tb c "), b"abc")

    def test_base64(self) -> None:
        """May be folded anywhere; is not empty and has nothing else."""
        self.assertEqual(readBase64(b"aG\r\n k="), b"hi")
        for octets in (b"", b" ", b"aGk", b"aG*k=", b"aGk==", b"aGk=aGk="):
            with self.assertRaises(Malformed, msg=repr(octets)):
                readBase64(octets)

    def test_numbers(self) -> None:
        """Are decimal, and not too long."""
        self.assertEqual(readNumber(b"0012", 4), 12)
        for octets in (b"", b"12345", b"-1", b"+1", b"1_0", b"0x1", b"\xd9\xa1"):
            with self.assertRaises(Malformed, msg=repr(octets)):
                readNumber(octets, 4)


class RenderTests(SynchronousTestCase):
    """A list, written."""

    @settings(max_examples=100, deadline=None)
    @given(_tags)
    def test_whatIsWrittenIsRead(self, tags: dict[bytes, bytes]) -> None:
        """And no line is longer than it has to be."""
        octets = renderTags(b"DKIM-Signature", tags.items())
        name, _, value = octets.partition(b":")
        self.assertEqual(name, b"DKIM-Signature")
        found = {key: compact(each) for key, each in values(value).items()}
        self.assertEqual(found, tags)
        for line in octets.split(b"\r\n")[1:]:
            words = line.split(b":")
            self.assertTrue(len(line) <= 78 or max(map(len, words)) > 39, line)

    def test_tagThatIsNotKnownYetIsLast(self) -> None:
        """So that its value can be put behind it."""
        octets = renderTags(b"X", [(b"a", b"1"), (b"b", b"2")], b"c")
        self.assertEqual(octets, b"X: a=1; b=2; c=")

    @settings(max_examples=100, deadline=None)
    @given(st.binary(min_size=1, max_size=600), st.integers(0, 100))
    def test_base64IsFolded(self, octets: bytes, column: int) -> None:
        """Within 78 characters, from the column on where it begins."""
        text = renderBase64(octets, column)
        self.assertEqual(readBase64(text), octets)
        first, *rest = text.split(b"\r\n")
        self.assertLessEqual(len(first) + min(column, 78), 78)
        self.assertTrue(all(1 < len(line) <= 78 for line in rest))
