"""
Tests for L{smtpx.mailauth.canonical}.
"""

from __future__ import annotations

import re

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import Field, fieldsOf
from smtpx.mailauth.canonical import (
    PIECE_OCTETS,
    BodyForm,
    Form,
    fieldForm,
    selected,
    signedOctets,
)

#: Bodies in which everything is special.
_bodies = st.from_regex(rb"\A[ab \t\r\n]{0,30}\Z") | st.lists(
    st.sampled_from([b"\r\n", b" ", b"\t", b"\r", b"\n", b"a"]), max_size=30
).map(b"".join)


def formed(form: Form, *pieces: bytes) -> bytes:
    """A body in its form."""
    made = BodyForm(form)
    found = [b"".join(made.write(piece)) for piece in pieces]
    return b"".join(found) + b"".join(made.end())


def byTheBook(form: Form, body: bytes) -> bytes:
    """The same, as RFC 6376 sections 3.4.3 and 3.4.4 say it."""
    lines = body.split(b"\r\n")
    if form is Form.RELAXED:
        lines = [re.sub(rb"[ \t]+", b" ", line) for line in lines]
        lines = [line.removesuffix(b" ") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    text = b"".join(line + b"\r\n" for line in lines)
    return text if text or form is Form.RELAXED else b"\r\n"


class FieldFormTests(SynchronousTestCase):
    """Fields in their form."""

    def test_simpleFieldStaysAsItIs(self) -> None:
        """RFC 6376 section 3.4.1."""
        field = b"SubJect :  a\r\n\t b \r\n"
        self.assertEqual(fieldForm(field, Form.SIMPLE), field)

    def test_relaxedFieldIsOneLine(self) -> None:
        """RFC 6376 section 3.4.2, and the example of section 3.4.5."""
        for field, wanted in (
            (b"A: X\r\n", b"a:X\r\n"),
            (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
            (b"C:\r\n", b"c:\r\n"),
            (b"C: \r\n \r\n", b"c:\r\n"),
            (b"D:\x0b x\x0c: y\r\n", b"d:\x0b x\x0c: y\r\n"),
        ):
            self.assertEqual(fieldForm(field, Form.RELAXED), wanted)


class BodyFormTests(SynchronousTestCase):
    """Bodies in their form."""

    def test_examplesOfTheStandard(self) -> None:
        """RFC 6376 section 3.4.5."""
        body = b" C \r\nD \t E\r\n\r\n\r\n"
        self.assertEqual(formed(Form.RELAXED, body), b" C\r\nD E\r\n")
        self.assertEqual(formed(Form.SIMPLE, body), b" C \r\nD \t E\r\n")

    def test_bodyOfNothing(self) -> None:
        """Is a line where it is simple, and nothing where it is relaxed."""
        for body in (b"", b"\r\n", b"\r\n\r\n"):
            self.assertEqual(formed(Form.SIMPLE, body), b"\r\n")
            self.assertEqual(formed(Form.RELAXED, body), b"")
        self.assertEqual(formed(Form.RELAXED, b" \t \r\n \r\n"), b"")

    @settings(max_examples=100, deadline=None)
    @given(_bodies, st.sampled_from(Form))
    def test_formIsThatOfTheStandard(self, body: bytes, form: Form) -> None:
        """Whatever the body has, lone CRs and LFs included."""
        self.assertEqual(formed(form, body), byTheBook(form, body))

    @settings(max_examples=100, deadline=None)
    @given(_bodies, st.sampled_from(Form))
    def test_cutsDoNotMatter(self, body: bytes, form: Form) -> None:
        """At every place, and at all at once."""
        whole = formed(form, body)
        for at in range(len(body) + 1):
            self.assertEqual(formed(form, body[:at], body[at:]), whole)
        single = [body[at : at + 1] for at in range(len(body))]
        self.assertEqual(formed(form, *single), whole)

    def test_largePieces(self) -> None:
        """Are worked on bit by bit, and empty lines in their midst are kept."""
        body = b"a" + b"\r\n" * PIECE_OCTETS + b" " * PIECE_OCTETS + b"b\r\n"
        self.assertEqual(formed(Form.SIMPLE, body), body)
        relaxed = b"a" + b"\r\n" * PIECE_OCTETS + b" b\r\n"
        self.assertEqual(formed(Form.RELAXED, body), relaxed)
        longest = max(map(len, BodyForm(Form.SIMPLE).write(body)))
        self.assertLessEqual(longest, PIECE_OCTETS + 1)


class SelectedTests(SynchronousTestCase):
    """Which fields a list of names means."""

    def select(self, header: bytes, *names: bytes) -> list[bytes]:
        """What is selected."""
        fields, _ = fieldsOf(header)
        return [each.octets.strip() for each in selected(fields, names)]

    def test_lastOfANameComesFirst(self) -> None:
        """RFC 6376 section 5.4.2: from the bottom of the header up."""
        header = b"A: 1\r\nB: 2\r\nA: 3\r\n"
        self.assertEqual(self.select(header, b"a"), [b"A: 3"])
        self.assertEqual(
            self.select(header, b"a", b"b", b"a"), [b"A: 3", b"B: 2", b"A: 1"]
        )

    def test_nameTooManyIsNothing(self) -> None:
        """It signs that there is no more."""
        self.assertEqual(self.select(b"A: 1\r\n", b"a", b"a", b"c"), [b"A: 1"])

    def test_signedOctets(self) -> None:
        """Fields first, the one for the signature last, and without a CRLF."""
        fields = [Field(b"a", b"A: 1 \r\n"), Field(b"b", b"B:  2\r\n")]
        for own in (b"Sig: x; b=", b"Sig: x; b=\r\n"):
            self.assertEqual(
                signedOctets(fields, own, Form.RELAXED), b"a:1\r\nb:2\r\nsig:x; b="
            )
            self.assertEqual(
                signedOctets(fields, own, Form.SIMPLE), b"A: 1 \r\nB:  2\r\nSig: x; b="
            )
