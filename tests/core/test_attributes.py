"""
Tests for L{smtpx.core.attributes}.
"""

from __future__ import annotations

from ipaddress import IPv6Address

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.attributes import (
    ADDRESS,
    HOST,
    NAMES,
    PORT,
    TEXT,
    VALUE_OCTETS,
    Attribute,
    Attributes,
    Told,
    among,
)
from smtpx.core.errors import Malformed

_ADDR = Attribute(b"ADDR", ADDRESS)
_NAME = Attribute(b"NAME", HOST)
_PORT = Attribute(b"PORT", PORT)
_HELO = Attribute(b"HELO", TEXT)
_KIND = Attribute(b"KIND", among(b"ONE", b"TWO"))
_ALL = Attributes(_ADDR, _NAME, _PORT, _HELO, _KIND)


def _isNotMapped(address: bytes) -> bool:
    return IPv6Address(address.decode()).ipv4_mapped is None


_addresses = st.one_of(
    st.just(b""),
    st.ip_addresses(v=4).map(lambda a: str(a).encode()),
    st.ip_addresses(v=6).map(lambda a: str(a).encode()).filter(_isNotMapped),
)
_names = st.from_regex(rb"\A([a-z][a-z0-9_]{0,9}\.){1,4}[a-z]{2,6}\Z") | st.just(b"")
_texts = st.from_regex(rb"\A[!#-'*-:=?A-Z\[\]^-~+]{1,60}\Z") | st.just(b"")
_told = st.fixed_dictionaries(
    {},
    optional={
        _ADDR: _addresses,
        _NAME: _names,
        _PORT: st.integers(0, 65535),
        _HELO: _texts,
        _KIND: st.sampled_from([b"", b"ONE", b"TWO"]),
    },
).filter(bool)


class AttributesTests(SynchronousTestCase):
    """All that stands behind a command."""

    @settings(max_examples=100, deadline=None)
    @given(_told)
    def test_isItsOwnInverse(self, values: dict[Attribute[object], object]) -> None:
        """What is written is read as it was."""
        told = Told(values)
        self.assertEqual(_ALL.parse(told.render()), told)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60))
    def test_anythingIsReadOrMalformed(self, octets: bytes) -> None:
        """No octets do any harm, and the complaint is fit for a reply."""
        for text in (octets, b"ADDR=" + octets, b"HELO=" + octets):
            try:
                _ALL.parse(text)
            except Malformed as bad:
                self.assertTrue(str(bad).isascii())

    def test_aLine(self) -> None:
        """Names and the fixed words are read in any case, as Postfix does."""
        told = _ALL.parse(b"NAME=a.example addr=ipv6:2001:DB8::1 Port=[Unavailable]")
        self.assertEqual(
            told, Told({_NAME: b"a.example", _ADDR: b"2001:db8::1", _PORT: 0})
        )
        self.assertIn(_NAME, told)
        self.assertNotIn(_HELO, told)
        self.assertEqual(told[_ADDR], b"2001:db8::1")
        self.assertEqual(told.get(_HELO), None)
        self.assertEqual(
            told.render(),
            b"NAME=a.example ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE]",
        )
        self.assertIn("'ADDR': b'2001:db8::1'", repr(told))
        self.assertNotEqual(told, 1)

    def test_laterWordsCount(self) -> None:
        """What is told in two commands holds together; the later word counts."""
        first = _ALL.parse(b"NAME=a.example PORT=1")
        told = first.updated(_ALL.parse(b"PORT=2 HELO=x"))
        self.assertEqual(told, Told({_NAME: b"a.example", _PORT: 2, _HELO: b"x"}))
        self.assertEqual(first[_PORT], 1)

    def test_theLongestValue(self) -> None:
        """It is read."""
        told = _ALL.parse(b"HELO=" + b"x" * VALUE_OCTETS)
        self.assertEqual(told[_HELO], b"x" * 255)

    def test_badLines(self) -> None:
        """Each has a complaint that says what is wrong, and nothing of the peer's."""
        for text, complaint in (
            (b"", "wants attribute=value"),
            (b"ADDR", "wants attribute=value"),
            (b"COLOUR=red", "no such attribute"),
            (b"PORT=1 port=2", "PORT stands there twice"),
            (b"PORT=", "PORT: wants a value"),
            (b"HELO=" + b"x" * (VALUE_OCTETS + 1), "HELO: has more than 255 octets"),
            (b"HELO=a+2", "HELO: bad hexchar in xtext"),
            (b"KIND=three", "KIND: wants one of ONE, TWO"),
        ):
            error = self.assertRaises(Malformed, _ALL.parse, text)
            self.assertEqual(str(error), complaint)

    def test_names(self) -> None:
        """The keyword has the names; none is no error."""
        self.assertEqual(_ALL.names, (b"ADDR", b"NAME", b"PORT", b"HELO", b"KIND"))
        self.assertEqual(NAMES.parse(NAMES.render(_ALL.names)), _ALL.names)
        self.assertEqual(NAMES.parse(None), ())


class ValueTests(SynchronousTestCase):
    """The grammars of values."""

    def test_addresses(self) -> None:
        """IPv4 plain, IPv6 with its mark or without; IPv4 in IPv6 is one of IPv4."""
        for raw, address in (
            (b"192.0.2.1", b"192.0.2.1"),
            (b"IPv6:2001:0db8::0001", b"2001:db8::1"),
            (b"2001:db8::1", b"2001:db8::1"),
            (b"IPV6:::ffff:192.0.2.1", b"192.0.2.1"),
            (b"[UNAVAILABLE]", b""),
            (b"[tempunavail]", b""),
        ):
            self.assertEqual(ADDRESS.parse(raw), address)

    def test_badAddresses(self) -> None:
        """Brackets, a name, a zone, what is not of its mark, other digits."""
        for raw in (
            None,
            b"[192.0.2.1]",
            b"192.0.2",
            b"192.0.2.01",
            b"IPV6:192.0.2.1",
            b"IPV6:fe80::1%eth0",
            b"mail.example",
            b"+C3+A4",
        ):
            self.assertRaises(Malformed, ADDRESS.parse, raw)

    @settings(max_examples=50, deadline=None)
    @given(st.ip_addresses(v=6))
    def test_everyAddressIsRead(self, address: IPv6Address) -> None:
        """However it is spelled."""
        spelled = b"IPV6:" + address.exploded.encode()
        plain = address.ipv4_mapped or address
        self.assertEqual(ADDRESS.parse(spelled), str(plain).encode())

    def test_ports(self) -> None:
        """Up to 65535, in digits."""
        self.assertEqual(PORT.parse(b"65535"), 65535)
        for raw in (b"65536", b"123456", b"000025", b"-1", b"+2B1", b"x"):
            self.assertRaises(Malformed, PORT.parse, raw)

    def test_hostNames(self) -> None:
        """Names that PTR records have; no literal, no UTF-8."""
        self.assertEqual(HOST.parse(b"my_host.example"), b"my_host.example")
        for raw in (b"[192.0.2.1]", b"+C3+A4.example", b"a..b", b"a b", b"-x"):
            self.assertRaises(Malformed, HOST.parse, raw)

    def test_textIsMadeHarmless(self) -> None:
        """
        What a client called itself goes into a Received field; it cannot end that,
        comment it out or begin another.
        """
        for raw, text in (
            (b"mail.example", b"mail.example"),
            (b"[192.0.2.1]", b"[192.0.2.1]"),
            (b"a+0D+0AX:+20b", b"a??X:?b"),
            (b"a(b)<c>;@+22+C3+A4+00", b"a?b??c???????"),
        ):
            self.assertEqual(TEXT.parse(raw), text)

    def test_words(self) -> None:
        """One of the words, in any case."""
        grammar = among(b"ONE", b"TWO")
        self.assertEqual(grammar.parse(b"two"), b"TWO")
        self.assertEqual(grammar.parse(b"[UNAVAILABLE]"), b"")
        self.assertRaises(Malformed, grammar.parse, b"THREE")
