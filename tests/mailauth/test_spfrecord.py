"""
SPF records are compiled whole, or refused.
"""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.spfmacros import parseDomain
from smtpx.mailauth.spfrecord import (
    RECORD_OCTETS,
    Directive,
    Kind,
    Record,
    SPFResult,
    parse,
    select,
)

results = some.sampled_from(
    [SPFResult.PASS, SPFResult.FAIL, SPFResult.SOFTFAIL, SPFResult.NEUTRAL]
)
domains = some.sampled_from(
    ["example.org", "%{i}._spf.%{d2}", "a:b.example.org", "%{lr-}.%{d}", "x/24.%{d}"]
).map(parseDomain)
maybe = some.none() | domains
directives = (
    some.builds(Directive, some.just(Kind.ALL), results)
    | some.builds(
        Directive, some.sampled_from([Kind.INCLUDE, Kind.EXISTS]), results, domains
    )
    | some.builds(Directive, some.just(Kind.PTR), results, maybe)
    | some.builds(
        Directive,
        some.sampled_from([Kind.A, Kind.MX]),
        results,
        maybe,
        some.none(),
        some.integers(0, 32),
        some.integers(0, 128),
    )
    | some.builds(
        Directive,
        some.just(Kind.IP4),
        results,
        some.none(),
        some.sampled_from(["192.0.2.0/24", "192.0.2.1/32", "0.0.0.0/0"]).map(
            ip_network
        ),
    )
    | some.builds(
        Directive,
        some.just(Kind.IP6),
        results,
        some.none(),
        some.sampled_from(["2001:db8::/32", "::1/128", "::/0"]).map(ip_network),
    )
)
records = some.builds(
    Record, some.lists(directives, max_size=5).map(tuple), maybe, maybe
)


class GoodTests(SynchronousTestCase):
    """
    What is a record.
    """

    def test_ordinaryRecord(self) -> None:
        """
        Each term is there, in its order, with what it is good for.
        """
        record = parse(b"v=spf1 +a mx:example.org/24//64 ?ip4:192.0.2.9/24 ~ALL ")
        self.assertEqual(
            (
                Directive(Kind.A),
                Directive(
                    Kind.MX,
                    SPFResult.PASS,
                    parseDomain("example.org"),
                    length4=24,
                    length6=64,
                ),
                Directive(
                    Kind.IP4, SPFResult.NEUTRAL, network=ip_network("192.0.2.0/24")
                ),
                Directive(Kind.ALL, SPFResult.SOFTFAIL),
            ),
            record.directives,
        )
        self.assertEqual("+a", record.directives[0].text)

    def test_modifiers(self) -> None:
        """
        C{redirect} and C{exp} are taken in any case and at any place, and unknown
        modifiers are read over.
        """
        record = parse(b"v=SPF1 Exp=why.%{d} x.y-z_1= all REDIRECT=_spf.example.org")
        self.assertEqual(parseDomain("why.%{d}"), record.explanation)
        self.assertEqual(parseDomain("_spf.example.org"), record.redirect)
        self.assertEqual(1, len(record.directives))

    def test_emptyRecord(self) -> None:
        """
        A record may have no terms.
        """
        self.assertEqual(Record(), parse(b"v=spf1"))
        self.assertEqual("v=spf1", str(Record()))

    @settings(max_examples=100, deadline=None)
    @given(records)
    def test_writtenRecordIsReadAgain(self, record: Record) -> None:
        """
        What is written of a record is the same record.
        """
        self.assertEqual(record, parse(str(record).encode("ascii")))

    def test_longRecordIsRead(self) -> None:
        """
        A record is read up to its bound, and no longer one.
        """
        record = b"v=spf1 " + b" " * (RECORD_OCTETS - 11) + b"-all"
        self.assertEqual(1, len(parse(record).directives))
        self.assertRaises(Malformed, parse, record + b" ")


class BadTests(SynchronousTestCase):
    """
    What is none.
    """

    def test_badTermsAreRefused(self) -> None:
        """
        A mistake anywhere makes all of a record void, and is told in ASCII, in a
        bounded text.
        """
        for term in (
            b"moo", b"all:x.org", b"all/8", b"all//8", b"--all", b"*all", b"include",
            b"include:", b"include:org", b"include:x.org/8", b"exists", b"exists:",
            b"a:", b"a/33", b"a//129", b"a/024", b"a/24/64", b"a/", b"a//", b"a=b c",
            b"ptr/8", b"ptr:", b"ip4", b"ip4:", b"ip4:1.2.3", b"ip4:1.2.3.4/33",
            b"ip4:1.2.3.4/01", b"ip4:1.2.3.4/255.0.0.0", b"ip4:::1", b"ip4:1.2.3.04",
            b"ip4/8", b"ip6:1.2.3.4", b"ip6:::1/129", b"ip6:fe80::1%eth0", b"ip6:g::",
            b"redirect", b"redirect=", b"redirect=org", b"redirect:x.org", b"exp=",
            b"exp=%{c}.x.org", b"exp=x.org exp=x.org", b"x=%", b"=x", b"1x=y", b"a\tb",
            b"a\rmx", b"ip4:1.2.3.4\n", b"\xff", b"a:\xc3\xbc.org", b"a,",
            b"x" * 8000,
        ):  # fmt: skip
            with self.assertRaises(Malformed) as caught:
                parse(b"v=spf1 " + term + b" -all")
            text = str(caught.exception)
            self.assertTrue(text.isascii() and text.isprintable(), text)
            self.assertLess(len(text), 120)

    def test_otherVersionsAreNone(self) -> None:
        """
        A record begins with its version, and a space or nothing behind it.
        """
        for octets in (b"", b"v=spf", b"v=spf10 all", b" v=spf1 all", b"v=spf1\tall"):
            self.assertRaises(Malformed, parse, octets)

    def test_everyCutIsReadOrRefused(self) -> None:
        """
        Whatever is left of a record is one, or refused in order.
        """
        whole = b"v=spf1 a:x.%{d}/24//64 -exists:%{i2r-}.x.org exp=e.x.org ip6:::1/64"
        for at in range(len(whole)):
            try:
                record = parse(whole[:at])
            except Malformed:
                continue
            self.assertEqual(record, parse(str(record).encode("ascii")))


class SelectionTests(SynchronousTestCase):
    """
    Which of a domain's TXT records is its SPF record.
    """

    def test_onlyOneIs(self) -> None:
        """
        Others do not matter, none is none, and two are one too many (RFC 7208
        section 4.5).
        """
        record = b"V=spf1 -all"
        self.assertEqual(record, select([b"x", record, b"v=spf10", b"\xff", b""]))
        self.assertIsNone(select([b"x", b"v=spf2.0/pra a"]))
        self.assertIsNone(select([]))
        self.assertRaises(Malformed, select, [record, b"v=spf1"])
