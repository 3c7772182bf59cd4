"""
Tests for L{smtpx.mailauth.resultsclaims}.
"""

from __future__ import annotations

from time import process_time

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.resultsclaims import Claim, OurNames

OURS = OurNames.of([b"mx.example.org", "b\u00fccher.example".encode(), b"our host"])


class ClaimTests(SynchronousTestCase):
    """
    Which fields from outside are to be taken out.
    """

    def test_ours(self) -> None:
        """
        A field that has one of our names is found, however it is written.
        """
        for value in (
            b" mx.example.org; spf=pass",
            b"MX.Example.ORG;spf=pass",
            b" mx.example.org",
            b" mx.example.org 1; none",
            b" mx.example.org 2; what=ever",
            b" mx.example.org.; spf=pass",
            b' "mx.example.org"; spf=pass',
            b' "mx.\\example.org"; spf=pass',
            b" (x (y)) mx.example.org(z); spf=pass",
            b"\r\n mx.example.org\r\n ; spf=pass",
            b" mx.example.org; and what follows is ==no== result",
            b" b\xc3\xbccher.example; spf=pass",
            b" xn--bcher-kva.example; spf=pass",
            b'"Our host"; none',
        ):
            self.assertEqual(OURS.claimed(value), Claim.OURS, value)

    def test_others(self) -> None:
        """
        A field of somebody else stays.
        """
        for value in (
            b" mx.example.net; spf=pass",
            b" example.org; spf=pass",
            b" mx.example.org.example; spf=pass",
            b" xmx.example.org; spf=pass",
            b" other (mx.example.org); spf=pass smtp.helo=mx.example.org",
            b" other 1; ==",
        ):
            self.assertIsNone(OURS.claimed(value), value)

    def test_unknownVersion(self) -> None:
        """
        A version that we do not know is told.
        """
        self.assertEqual(OURS.claimed(b" other 2; x=y"), Claim.VERSION)
        self.assertEqual(OURS.claimed(b" other 0; x=y"), Claim.VERSION)

    def test_unreadable(self) -> None:
        """
        A field of which nobody can tell whose it is is told.
        """
        for value in (
            b"",
            b"spf=pass smtp.helo=x",
            b"mx.example.org spf=pass",
            b"mx.example.org/2; spf=pass",
            b"(mx.example.org; spf=pass",
            b"mx.example.org\n; spf=pass",
            b"x\r\nmx.example.org; spf=pass",
            b"mx.example.org\x00; spf=pass",
            b"mx.example.org@x; spf=pass",
            b"\xff\x00",
        ):
            self.assertEqual(OURS.claimed(value), Claim.UNREADABLE, value)

    def test_name(self) -> None:
        """
        A name alone can be asked for, too.
        """
        self.assertTrue(OURS.has("B\u00dccher.example".encode()))
        self.assertFalse(OURS.has(b"mx.example.net"))
        self.assertFalse(OURS.has(b"\xff"))

    def test_hugeFields(self) -> None:
        """
        A field of a megabyte is decided at once; what cannot be reached in it is
        unreadable.
        """
        began = process_time()
        for value, expected in (
            (b"mx.example.org; " + b"a" * (1 << 20), Claim.OURS),
            (b"other; " + b"a" * (1 << 20), None),
            (b"a" * (1 << 20), Claim.UNREADABLE),
            (b"(" * (1 << 20), Claim.UNREADABLE),
            (b"()" * (1 << 19) + b"other;", Claim.UNREADABLE),
            (b" \r\n" * (1 << 18) + b" other;", Claim.UNREADABLE),
            (b'"' + b"\\a" * (1 << 19), Claim.UNREADABLE),
            (b"a " * (1 << 19), Claim.UNREADABLE),
        ):
            self.assertEqual(OURS.claimed(value), expected, value[:20])
        # It takes a tenth of a second; minutes, where anything is looked at twice.
        self.assertLess(process_time() - began, 20)

    @given(st.binary(max_size=60))
    @settings(max_examples=100)
    def test_anything(self, value: bytes) -> None:
        """
        Anything gets an answer.
        """
        self.assertIn(OURS.claimed(value), (*Claim, None))
