"""Tests for L{smtpx.core.addresstable}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.address import domainOf, forwardPath
from smtpx.core.addresstable import AddressTable, domainKey
from smtpx.core.errors import Conflict, Malformed, UsageError

#: One of each kind, from the widest to the narrowest.
ENTRIES = [
    ("*", "default"),
    ("*.example.org", "below"),
    ("*.deep.example.org", "deeper"),
    ("example.org", "domain"),
    ("info@example.org", "address"),
]

DOMAINS = st.text("abcß漢.-é0", min_size=1, max_size=12)
LITERALS = st.one_of(
    st.text("0129.", min_size=7, max_size=15),
    st.text("0f:.1", max_size=20).map("IPv6:{}".format),
    st.text("ab:-", max_size=10),
).map("[{}]".format)


class AddressTableTests(SynchronousTestCase):
    """Which entry an address finds."""

    def assertFinds(
        self, expected: str | None, path: bytes, entries: list[tuple[str, str]]
    ) -> None:
        """C{path}, as RCPT may have it, finds C{expected} among C{entries}."""
        received, _ = forwardPath(b"TO:<" + path + b">")
        self.assertEqual(AddressTable(entries).find(received), expected)

    def test_tags(self) -> None:
        """An address is found with its tag first, then without."""
        entries = [*ENTRIES, ("info+x@example.org", "tagged")]
        table = AddressTable(entries, separators=b"+-")
        for path, expected in (
            (b"info+x@example.org", "tagged"),
            (b"INFO+y@example.org", "address"),
            (b"info-x+y@example.org", "address"),
            (b"eve+x@example.org", "domain"),
        ):
            self.assertEqual(table.find(path), expected)
        self.assertEqual(AddressTable(entries).find(b"info+y@example.org"), "domain")

    def test_byDomain(self) -> None:
        """Where no address stands in it, nothing but the domain counts."""
        self.assertTrue(AddressTable(ENTRIES[:-1]).byDomain)
        self.assertFalse(AddressTable(ENTRIES).byDomain)

    def test_matching(self) -> None:
        """All patterns that match are to be had, the narrowest first."""
        entries = [*ENTRIES, ("info+x@example.org", "tagged"), ("[192.0.2.1]", "host")]
        table = AddressTable(entries, b"example.org", b"+")
        for path, expected in (
            (b"info+x@example.org", ["tagged", "address", "domain", "default"]),
            (b"info@Example.org", ["address", "domain", "default"]),
            (b"a@b.deep.example.org", ["deeper", "below", "default"]),
            (b"postmaster", ["domain", "default"]),
            (b"a@[192.0.2.1]", ["host", "default"]),
            (b"a@example.net", ["default"]),
        ):
            self.assertEqual(list(table.matching(path)), expected)
            self.assertEqual(table.find(path), expected[0])
        self.assertEqual(list(AddressTable(entries[1:]).matching(b"a@b.example")), [])

    def test_narrowestPatternWins(self) -> None:
        """An address beats its domain, a domain what is above it, that the rest."""
        for path, expected in [
            (b"info@example.org", "address"),
            (b"other@example.org", "domain"),
            (b"info@mail.example.org", "below"),
            (b"info@a.b.example.org", "below"),
            (b"info@deep.example.org", "below"),
            (b"info@x.deep.example.org", "deeper"),
            (b"info@example.net", "default"),
            (b"info@badexample.org", "default"),
            (b"info@[192.0.2.1]", "default"),
        ]:
            self.assertFinds(expected, path, ENTRIES)
            self.assertFinds(expected, path, ENTRIES[::-1])

    def test_nothingMatches(self) -> None:
        """Without a default, an address may find nothing."""
        self.assertFinds(None, b"info@example.net", ENTRIES[1:])
        self.assertFinds(None, b"info@example.net", [])
        self.assertFinds(None, b"info@[192.0.2.1]", ENTRIES[1:])

    def test_caseDoesNotMatter(self) -> None:
        """Neither in the domain nor in a listed local part."""
        self.assertFinds("address", b"INFO@Example.ORG", ENTRIES)
        self.assertFinds("x", b"info@example.org", [("Info@EXAMPLE.org", "x")])

    def test_quotesDoNotMatter(self) -> None:
        """An address is the same with quotes around its local part."""
        self.assertFinds("address", b'"info"@example.org', ENTRIES)
        self.assertFinds("address", b'"i\\nfo"@example.org', ENTRIES)
        self.assertFinds("x", b"a.b@example.org", [('"a.b"@example.org', "x")])
        self.assertFinds("x", b'"a b"@example.org', [('"a b"@example.org', "x")])

    def test_domainInUnicodeAndASCII(self) -> None:
        """A domain beyond ASCII is the same in both its forms."""
        unicode = "Bücher.example".encode()
        ascii = b"xn--bcher-kva.example"
        for pattern in ("bücher.example", ascii.decode()):
            self.assertFinds("x", b"a@" + unicode, [(pattern, "x")])
            self.assertFinds("x", b"a@" + ascii, [(pattern, "x")])
            self.assertFinds("x", b"a@" + unicode, [(f"A@{pattern}", "x")])
            self.assertFinds("x", b"a@b." + unicode, [(f"*.{pattern}", "x")])

    def test_sharpSIsALetterOfItsOwn(self) -> None:
        """RFC 5891 has C{ß} as a letter; older software made C{ss} of it."""
        self.assertFinds(None, "a@straße.example".encode(), [("strasse.example", "x")])

    def test_literals(self) -> None:
        """An address literal is the address it spells."""
        entries = [("[192.0.2.1]", "four"), ("[IPv6:2001:db8::1]", "six")]
        self.assertFinds("four", b"a@[192.0.2.1]", entries)
        self.assertFinds("four", b"a@[192.000.02.1]", entries)
        self.assertFinds("six", b"a@[ipv6:2001:DB8:0:0:0:0:0:1]", entries)
        self.assertFinds(None, b"a@[192.0.2.2]", entries)
        self.assertFinds(None, b"a@[IPv6:::ffff:192.0.2.01]", entries)
        self.assertFinds("x", b"a@[X-New:what.ever]", [("[x-new:what.ever]", "x")])

    def test_postmasterComesWithoutADomain(self) -> None:
        """C{<postmaster>} is taken for the postmaster of the home domain."""
        table = AddressTable([("postmaster@example.org", "x")], b"Example.ORG")
        self.assertEqual(table.find(b"Postmaster"), "x")
        self.assertEqual(AddressTable([("localhost", "x")]).find(b"postmaster"), "x")

    def test_onePatternTwice(self) -> None:
        """Two spellings of one pattern are refused, and the second is named."""
        for first, second in [
            ("*", "*"),
            ("example.org", "EXAMPLE.org"),
            ("*.example.org", "*.Example.org"),
            ("a@example.org", '"A"@example.org'),
            ("[IPv6:::1]", "[IPv6:0:0:0:0:0:0:0:1]"),
        ]:
            with self.assertRaises(Conflict) as caught:
                AddressTable([(first, 1), (second, 2)])
            self.assertEqual(
                str(caught.exception), f'"{second}" stands in the table twice'
            )

    def test_badPatterns(self) -> None:
        """What is no pattern is refused by name."""
        for pattern in ["", "-", "a b", "*.", "*.*", "@", "a@", "@a", "a@@b", "\udc80"]:
            with self.assertRaises(UsageError) as caught:
                AddressTable([(pattern, 1)])
            self.assertIn(f'"{pattern}"', str(caught.exception))
        with self.assertRaises(UsageError):
            AddressTable([("a@\udc80", 1)])
        with self.assertRaises(UsageError):
            AddressTable([("*", 1)], b"")


class DomainKeyTests(SynchronousTestCase):
    """When two domains are one."""

    @given(st.ip_addresses())
    @settings(max_examples=50, deadline=None)
    def test_literalOfAnyAddress(self, address: object) -> None:
        """However an address is written out, it is the same literal."""
        tag = b"ipv6:" if ":" in str(address) else b""
        text = str(address).encode()
        exploded = getattr(address, "exploded").encode()  # noqa: B009  # see above
        self.assertEqual(
            domainKey(b"[" + tag + text + b"]"), domainKey(b"[" + tag + exploded + b"]")
        )

    @given(st.one_of(DOMAINS, LITERALS))
    @settings(max_examples=100, deadline=None)
    def test_whateverTheGrammarTakes(self, domain: str) -> None:
        """A domain or literal that RCPT takes has a key, and the key is its own."""
        try:
            path, _ = forwardPath(b"TO:<a@" + domain.encode() + b">")
        except Malformed:
            return
        key = domainKey(domainOf(path))
        self.assertTrue(key)
        if key[:1] != b"[":
            self.assertEqual(domainKey(key), key)
