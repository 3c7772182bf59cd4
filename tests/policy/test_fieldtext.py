"""
Tests for L{smtpx.policy.fieldtext}.
"""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.core.submitted import fieldsOf
from smtpx.policy.fieldtext import LINE_OCTETS, checkedName, fieldOf


class CheckedNameTests(SynchronousTestCase):
    """Names of fields."""

    def test_goodNameIsGivenBack(self) -> None:
        """All that RFC 5322 section 2.2 allows."""
        for name in (b"X-A", b"!~", b"a" * 256):
            self.assertEqual(checkedName(name), name)

    def test_badNameIsRefused(self) -> None:
        """None would be a field, or it would be another one."""
        for name in (b"", b"X A", b"X:", b"X\r\nY", b"X\n", b"\xc3\xbc", b"a" * 257):
            self.assertRaises(Malformed, checkedName, name)


class FieldOfTests(SynchronousTestCase):
    """Fields of names and values."""

    def test_blankStandsBehindTheColon(self) -> None:
        """Unless there is one, or the value is to be as it is."""
        self.assertEqual(fieldOf(b"X", b"a"), b"X: a\r\n")
        self.assertEqual(fieldOf(b"X", b"\ta"), b"X:\ta\r\n")
        self.assertEqual(fieldOf(b"X", b"a", exact=True), b"X:a\r\n")
        self.assertEqual(fieldOf(b"X", b""), b"X:\r\n")
        self.assertEqual(fieldOf(b"X", b"  "), b"X:\r\n")
        self.assertEqual(fieldOf(b"X", b" ", exact=True), b"X: \r\n")

    def test_foldedValueGetsCRLF(self) -> None:
        """Milters fold with a line feed."""
        for end in (b"\n", b"\r\n", b"\r"):
            self.assertEqual(fieldOf(b"X", b"a;" + end + b"\tb"), b"X: a;\r\n\tb\r\n")

    def test_noLineBreaksOut(self) -> None:
        """What has no blank in front gets one; an empty line is left out."""
        value = b"a\nEvil: yes\r\n\r\n \n\nbody\r\n"
        self.assertEqual(fieldOf(b"X", value), b"X: a\r\n Evil: yes\r\n body\r\n")

    def test_controlsAreLeftOut(self) -> None:
        """But for tabs; UTF-8 stays."""
        self.assertEqual(
            fieldOf(b"X", b"a\x00\x1b\tgr\xc3\xbc\x7f"), b"X: a\tgr\xc3\xbc\r\n"
        )

    def test_longLineIsFoldedAtItsLastBlank(self) -> None:
        """RFC 5322 section 2.1.1: no line is longer than 998 octets."""
        field = fieldOf(b"X", b"word " * 500)
        lines = field.split(b"\r\n")
        self.assertTrue(all(len(each) <= LINE_OCTETS for each in lines))
        self.assertEqual(field.replace(b"\r\n", b""), b"X: " + b"word " * 500)

    def test_longWordIsCutBetweenCharacters(self) -> None:
        """There is no other way."""
        field = fieldOf(b"Subject", "\u00fc".encode() * 1200)
        lines = field.rstrip().split(b"\r\n ")
        self.assertTrue(lines[0].startswith(b"Subject: \xc3\xbc"))
        for each in lines:
            self.assertLessEqual(len(each), LINE_OCTETS)
            each.decode("utf-8")
        self.assertEqual(b"".join(lines), b"Subject: " + "\u00fc".encode() * 1200)

    def test_manyBlanksMakeNoEmptyLine(self) -> None:
        """Which some would take for the end of the header."""
        field = fieldOf(b"X", b"a" + b" " * 5000 + b"b")
        lines = field.removesuffix(b"\r\n").split(b"\r\n")
        self.assertTrue(all(each.strip() for each in lines))
        self.assertTrue(all(len(each) <= LINE_OCTETS for each in lines))

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=30),
                st.sampled_from([b"\n", b"\r\n", b"\r", b" " * 999, b"x" * 1500]),
            )
        ),
        st.booleans(),
    )
    def test_whateverStandsInAValueItIsOneField(
        self, parts: list[bytes], exact: bool
    ) -> None:
        """With lines that have text, and are not too long."""
        field = fieldOf(b"X-Name", b"".join(parts), exact)
        fields, rest = fieldsOf(field)
        self.assertEqual(([each.octets for each in fields], rest), ([field], b""))
        lines = field.removesuffix(b"\r\n").split(b"\r\n")
        self.assertTrue(all(each.strip(b" \t") for each in lines))
        self.assertTrue(all(len(each) <= LINE_OCTETS for each in lines))
        self.assertNotIn(b"\r", field.replace(b"\r\n", b""))
        message = message_from_bytes(field + b"\r\nbody", policy=SMTP)
        self.assertEqual(message.keys(), ["X-Name"])
