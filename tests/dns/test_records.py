"""Tests for L{smtpx.dns.records}."""

from __future__ import annotations

from dns.name import root
from dns.rdata import from_text
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.dns.interfaces import MX, SRV, TLSA, NoSuchDomain, Record
from smtpx.dns.records import (
    KINDS,
    checkKind,
    plainName,
    plainRecord,
    reverseName,
    wireName,
)


def read(kind: str, text: str) -> Record:
    """A record of a zone file, as a plain value."""
    rdata = from_text(RdataClass.IN, kind, text, origin=root, relativize=False)
    return plainRecord(rdata)


class RecordTests(SynchronousTestCase):
    """Records as plain values."""

    def test_everyKind(self) -> None:
        """Each kind that can be asked for has a value."""
        expected: dict[str, tuple[str, Record]] = {
            "A": ("192.0.2.1", b"192.0.2.1"),
            "AAAA": ("2001:DB8:0::1", b"2001:db8::1"),
            "CNAME": ("Real.Example.", b"real.example"),
            "MX": ("10 MX.Example.", MX(10, b"mx.example")),
            "NS": ("ns.example.", b"ns.example"),
            "PTR": ("host.example.", b"host.example"),
            "SRV": ("1 2 3 Host.example.", SRV(1, 2, 3, b"host.example")),
            "TLSA": ("3 1 0 0a0b", TLSA(3, 1, 0, b"\x0a\x0b")),
            "TXT": ('"v=spf1 " "-all"', b"v=spf1 -all"),
        }
        self.assertEqual(set(expected), set(KINDS))
        for kind, (text, value) in expected.items():
            self.assertEqual(read(kind, text), value)

    def test_root(self) -> None:
        """The root, of which null MX is made, is a dot."""
        self.assertEqual(read("MX", "0 ."), MX(0, b"."))
        self.assertEqual(read("SRV", "0 0 0 ."), SRV(0, 0, 0, b"."))

    def test_otherKinds(self) -> None:
        """Nobody asks for what has no plain value."""
        with self.assertRaises(UsageError):
            read("HINFO", "a b")
        with self.assertRaises(UsageError) as raised:
            checkKind("ANY")
        self.assertIn("'ANY' is none of A, AAAA", str(raised.exception))
        checkKind("MX")
        self.assertEqual(KINDS["MX"], RdataType.MX)


class NameTests(SynchronousTestCase):
    """Names there and back."""

    def test_thereAndBack(self) -> None:
        """Case and the dot at the end make no difference."""
        for name in (b"example.org", b"EXAMPLE.org.", b"example.ORG"):
            self.assertEqual(plainName(wireName(name)), b"example.org")
        self.assertEqual(plainName(wireName(b"_smtp._tcp.a.b")), b"_smtp._tcp.a.b")

    def test_noName(self) -> None:
        """What cannot be a name does not exist, and nobody is asked."""
        for name in (
            b"",
            b".",
            b"a..b",
            b".a",
            b"x" * 64,
            b".".join([b"x" * 63] * 4 + [b"y"]),
            b"b\xc3\xbccher.example",
            rb"a\.b",
            b'a"b',
        ):
            with self.assertRaises(NoSuchDomain, msg=name) as raised:
                wireName(name)
            self.assertEqual(raised.exception.name, name)

    @given(st.binary(max_size=80))
    @settings(max_examples=100)
    def test_anything(self, name: bytes) -> None:
        """Whatever is asked for is a name, or is none."""
        try:
            found = wireName(name)
        except NoSuchDomain:
            return
        self.assertTrue(plainName(found).isascii())

    def test_reverse(self) -> None:
        """An address has its names under a name of its own."""
        self.assertEqual(reverseName(b"192.0.2.1"), b"1.2.0.192.in-addr.arpa")
        name = reverseName(b"2001:db8::1")
        self.assertTrue(name.startswith(b"1.0.0.0."), name)
        self.assertTrue(name.endswith(b"8.b.d.0.1.0.0.2.ip6.arpa"), name)
        with self.assertRaises(ValueError):
            reverseName(b"mx.example.org")
