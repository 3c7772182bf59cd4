"""
Tests for L{smtpx.core.domain}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.domain import checkDomain, checkText, lowerDomain
from smtpx.core.errors import Malformed


class DomainTests(SynchronousTestCase):
    """Domains and address literals, good and bad."""

    def good(self, *domains: str) -> None:
        """Each is one."""
        for domain in domains:
            checkDomain(domain.encode())

    def bad(self, *domains: str | bytes) -> None:
        """None is one."""
        for domain in domains:
            octets = domain.encode() if isinstance(domain, str) else domain
            self.assertRaises(Malformed, checkDomain, octets)

    def test_names(self) -> None:
        """
        A domain is labels of letters, digits and hyphens inside.
        """
        self.good("b.c", "B", "1.2", "b--c.d", "xn--bcher-kva.example", "x" * 63)
        self.bad("", ".b", "b.", "b..c", "-b", "b-", "b-.c", "b_c.d", "b c", "b\\c")

    def test_lengths(self) -> None:
        """
        A label has 63 octets at most, a domain 255; the error tells which.
        """
        label = "x" * 63
        self.good(".".join([label] * 4))
        for domain, message in (
            (label + "x", "label of a domain longer than 63 octets"),
            (".".join([label] * 4) + ".y", "domain longer than 255 octets"),
            ("ü" * 60, "label of a domain longer than 63 octets"),
        ):
            error = self.assertRaises(Malformed, checkDomain, domain.encode())
            self.assertEqual(str(error), message)

    def test_IPv4Literals(self) -> None:
        """
        Four numbers up to 255, with leading zeros if they must.
        """
        self.good("[123.255.37.2]", "[001.02.3.0]")
        self.bad("[]", "[", "[1.2.3]", "[1.2.3.256]", "[1.2.3.4.5]", "[1.2.3.0004]")
        self.bad("[1.2.3.4", "[1.2.3.4].b", "[1.2..4]", "[1.2.3.-4]", "[١.2.3.4]")

    def test_IPv6Literals(self) -> None:
        """
        The four forms of RFC 5321 section 4.1.3.
        """
        self.good("[IPv6:2001:db8::1]", "[ipv6:1:2:3:4:5:6:7:8]", "[IPv6:::]")
        self.good("[IPv6:::1]", "[IPv6:1:2:3:4:5:6::]", "[IPv6:::3:4:5:6:7:8]")
        self.good("[IPv6:1:2:3:4:5:6:192.0.2.1]", "[IPv6:::192.0.2.1]")
        self.good("[IPv6:1:2::3:4:192.0.2.1]")
        self.bad("[IPv6:]", "[IPv6:1.2.3.4]", "[IPv6:1]", "[IPv6::1]", "[IPv6:1:]")
        self.bad("[IPv6:1:2:3:4:5:6:7]", "[IPv6:1:2:3:4:5:6:7:8:9]", "[IPv6:g::]")
        self.bad("[IPv6:1::2::3]", "[IPv6:::::]", "[IPv6:12345::]", "[IPv6:::1%eth0]")
        self.bad("[IPv6:1.2.3.4::]", "[IPv6:::1.2.3.256]", "[IPv6:1:2.3.4.5:6::]")

    def test_doubleColonStandsForTwoGroups(self) -> None:
        """
        RFC 5321 section 4.1.3: C{::} in a literal is never a single group.
        """
        self.bad("[IPv6:1:2:3:4:5:6:7::]", "[IPv6:1:2:3:4::5:192.0.2.1]")

    def test_otherLiterals(self) -> None:
        """
        A tag, a colon and visible characters: what may be standardised yet.
        """
        self.good('[x-y:z"@<>,;:(]', "[x:y]")
        self.bad("[x-:y]", "[:y]", "[x:]", "[x:y z]", "[x:y[]", "[x:y\\]", "[x:é]")

    def test_internationalNames(self) -> None:
        """
        RFC 6531 section 3.3: U-labels, of letters, in form NFC.
        """
        self.good("例え.jp", "bü-cher.x", "l·l.cat", "É.x", "ü" * 30 + ".x")
        self.bad("-ü.x", "ü-.x", "ü_.x", "ü☃.x", "u\u0308.x", "ü\u00a0.x", "ü\x85")
        self.bad(b"\xc3.x", b"\xff", b"\xed\xa0\x80")

    @given(st.one_of(st.binary(max_size=40), st.text("[]:.0a-éIPv6", max_size=20)))
    @settings(max_examples=100, deadline=None)
    def test_anyOctetsAreADomainOrMalformed(self, octets: bytes | str) -> None:
        """
        Nothing else than L{Malformed} is raised, and a good domain is one in
        lower case too.
        """
        domain = octets.encode() if isinstance(octets, str) else octets
        try:
            checkDomain(domain)
        except Malformed:
            return
        checkDomain(lowerDomain(domain))


class TextTests(SynchronousTestCase):
    """What no part of an address may have."""

    def test_text(self) -> None:
        """
        Control characters never, UTF-8 only where it may be, and then good.
        """
        checkText(b" ~", False)
        checkText("é".encode(), True)
        for text, utf8 in (
            (b"\0", True),
            (b"a\r", True),
            (b"\x7f", True),
            ("é".encode(), False),
            (b"\xe9", True),
        ):
            self.assertRaises(Malformed, checkText, text, utf8)

    def test_lowerCase(self) -> None:
        """
        Domains are lower-cased beyond ASCII too, and octets that are no UTF-8
        are left alone.
        """
        self.assertEqual(lowerDomain(b"A.Example"), b"a.example")
        self.assertEqual(lowerDomain("ÜBER.X".encode()), "über.x".encode())
        self.assertEqual(lowerDomain(b"A\xff"), b"a\xff")
