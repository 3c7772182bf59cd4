"""Tests for L{smtpx.mailauth.idn}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.idn import asciiDomain


class ASCIIDomainTests(SynchronousTestCase):
    """Domains as the DNS has them."""

    def test_labels(self) -> None:
        """U-labels become A-labels, in lower case; what is ASCII stays."""
        for domain, expected in (
            ("Example.ORG.", b"example.org"),
            ("b\u00fccher.example", b"xn--bcher-kva.example"),
            ("B\u00dcCHER.Example", b"xn--bcher-kva.example"),
            ("stra\u00dfe.example", b"xn--strae-oqa.example"),
            ("_x.b\u00fccher.example", b"_x.xn--bcher-kva.example"),
            ("\u4f8b\u3048.\u30c6\u30b9\u30c8", b"xn--r8jz45g.xn--zckzah"),
        ):
            self.assertEqual(asciiDomain(domain.encode()), expected, domain)

    def test_refused(self) -> None:
        """What has no such form is told."""
        for domain in (
            b"b\xfccher.example",
            "\u2603.example".encode(),
            "a\u200db.example".encode(),
            "\u05d0a.example".encode(),
            ("\u00fc" * 62 + ".example").encode(),
            ("\u00fc" * 130).encode(),
        ):
            with self.assertRaises(Malformed, msg=domain):
                asciiDomain(domain)

    @given(st.binary(max_size=40))
    @settings(max_examples=100)
    def test_anything(self, octets: bytes) -> None:
        """Whatever comes, it is ASCII in the end, or refused."""
        try:
            self.assertTrue(asciiDomain(octets).isascii())
        except Malformed:
            pass
