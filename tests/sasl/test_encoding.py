"""
Tests for L{smtpx.sasl.encoding}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.sasl.encoding import decodeBase64, encodeBase64


class Base64Tests(SynchronousTestCase):
    """Base64, read strictly."""

    @given(st.binary(max_size=64))
    @settings(max_examples=100, deadline=None)
    def test_whatIsWrittenIsReadBack(self, octets: bytes) -> None:
        """All octets survive."""
        self.assertEqual(decodeBase64(encodeBase64(octets)), octets)

    def test_vectorsOfTheRFC(self) -> None:
        """RFC 4648 section 10."""
        for text, octets in (
            (b"", b""),
            (b"Zg==", b"f"),
            (b"Zm8=", b"fo"),
            (b"Zm9v", b"foo"),
            (b"Zm9vYg==", b"foob"),
        ):
            self.assertEqual(decodeBase64(text), octets)
            self.assertEqual(encodeBase64(octets), text)

    def test_whatIsNotBase64IsRefused(self) -> None:
        """
        Foreign characters, wrong lengths, and padding anywhere but at the end
        (RFC 4954 section 4 has two of these as examples).
        """
        for bad in (
            b"=AAA",
            b"AAA=BBB",
            b"=",
            b"A",
            b"AA",
            b"AAA",
            b"AA=",
            b"AA=A",
            b"A===",
            b"AAAA=",
            b"AAAA====",
            b"AAAA AAAA",
            b"AAAA\n",
            b" AAAA",
            b"AA-_",
            b"Zh==",
            b"Zm9=",
            b"AAA\x00",
            b"AAA\xc3",
        ):
            self.assertRaises(Malformed, decodeBase64, bad)
