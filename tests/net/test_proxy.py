"""
Tests for L{smtpx.net.proxy}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.ends import Ends
from smtpx.net.proxy import (
    BLOCK_OCTETS,
    LINE_OCTETS,
    MARK,
    SIGNATURE,
    BadHeader,
    Header,
    beginsHeader,
    checksum,
    readHeader,
)

from .proxied import (
    FOUR,
    LINE_FOUR,
    LINE_SIX,
    SIX,
    UNKNOWN,
    block,
    checked,
    connections,
    vector,
    version1,
    version2,
)

#: What a client says behind the header, at once.
REST = b"EHLO client.example\r\n"


class ProxyTestCase(SynchronousTestCase):
    """A test of headers."""

    def good(self, octets: bytes, forwarded: Ends | None) -> None:
        """
        C{octets} are a whole header; wherever they are cut, more is waited for,
        and what follows is not looked at.
        """
        for cut in range(len(octets)):
            self.assertIsNone(readHeader(octets[:cut]), octets[:cut])
        header = Header(len(octets), forwarded)
        for rest in (b"", b"\r", REST, b"\0" * 4000, octets):
            self.assertEqual(readHeader(octets + rest), header)

    def bad(self, octets: bytes, why: str) -> None:
        """
        C{octets} are no header; wherever they are cut, they are not taken for
        one, and once it is clear that they are none, it stays so.
        """
        refused = False
        for cut in range(len(octets) + 1):
            try:
                self.assertIsNone(readHeader(octets[:cut]), octets[:cut])
                self.assertFalse(refused, octets[:cut])
            except BadHeader:
                refused = True
        error = self.assertRaises(BadHeader, readHeader, octets)
        self.assertIn(why, str(error))


class LineTests(ProxyTestCase):
    """
    Version 1.
    """

    def test_addresses(self) -> None:
        """
        Addresses and ports, of IPv4 and IPv6.
        """
        self.good(LINE_FOUR, FOUR)
        self.good(LINE_SIX, SIX)

    def test_examples(self) -> None:
        """
        The examples of the specification: a line of HTTP, and the longest of each
        kind.
        """
        self.good(
            b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
            Ends(b"192.168.0.1", 56324, b"192.168.0.11", 443),
        )
        most = b"255.255.255.255"
        longest = b"PROXY TCP4 %b %b 65535 65535\r\n" % (most, most)
        self.assertEqual(len(longest), 56)
        self.good(longest, Ends(most, 65535, most, 65535))
        most = b":".join([b"ffff"] * 8)
        longest = b"PROXY TCP6 %b %b 65535 65535\r\n" % (most, most)
        self.assertEqual(len(longest), 104)
        self.good(longest, Ends(most, 65535, most, 65535))

    def test_unknown(self) -> None:
        """
        UNKNOWN is whole with whatever it says behind that.
        """
        self.good(UNKNOWN, None)
        self.good(b"PROXY UNKNOWN  some, 255.255.255.256 thing\r\n", None)
        longest = b"PROXY UNKNOWN ".ljust(LINE_OCTETS - 2, b"f") + b"\r\n"
        self.assertEqual(len(longest), 107)
        self.good(longest, None)

    def test_tooLong(self) -> None:
        """
        A line without an end is given up at its bound, and not read on for ever.
        """
        longer = b"PROXY UNKNOWN ".ljust(LINE_OCTETS - 1, b"f") + b"\r\n"
        self.bad(longer, "more than 107 octets")
        self.bad(b"PROXY TCP4 ".ljust(LINE_OCTETS, b"1"), "more than 107 octets")
        self.assertIsNone(readHeader(b"PROXY TCP4 ".ljust(LINE_OCTETS - 1, b"1")))

    def test_lineEnds(self) -> None:
        """
        A line ends in CRLF, not in CR or LF.
        """
        self.bad(LINE_FOUR.replace(b"\r", b""), "one CRLF")
        self.bad(LINE_FOUR.replace(b"\r", b"\r\r"), "CR")
        self.bad(b"PROXY UNKNOWN\rx\r\n", "CR")
        self.bad(b"PROXY UNKNOWN\rx", "a line with a bare CR")
        self.bad(b"PROXY \n", "one CRLF")

    def test_mappedAddress(self) -> None:
        """
        A client of IPv4 behind a socket of IPv6 is one of IPv4.
        """
        self.good(b"PROXY TCP6 ::ffff:192.0.2.77 ::ffff:c633:6419 40001 25\r\n", FOUR)

    def test_grammar(self) -> None:
        """
        Any deviation is none of the grammar: there are no leading zeros, no other
        spaces, no other families.
        """
        for line, why in (
            (b"PROXY TCP4 192.0.2.077 198.51.100.25 1 25", "no address"),
            (b"PROXY TCP4 192.0.2.256 198.51.100.25 1 25", "no address"),
            (b"PROXY TCP4 192.0.2.1/24 198.51.100.25 1 25", "no address"),
            (b"PROXY TCP4 192.0.2 198.51.100.25 1 25", "no address"),
            (b"PROXY TCP4 \xb2.0.2.1 198.51.100.25 1 25", "no address"),
            (b"PROXY TCP4 2001:db8::1 2001:db8::2 1 25", "no address"),
            (b"PROXY TCP6 192.0.2.1 198.51.100.25 1 25", "no address"),
            (b"PROXY TCP6 fe80::1%eth0 fe80::2 1 25", "zone"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.25 01 25", "no port"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.25 1 65536", "no port"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.25 1 -1", "no port"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.25 1 \xb2", "no port"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.25 1 ", "no port"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.25 1", "exactly two"),
            (b"PROXY TCP4 192.0.2.1 198.51.100.25 1 25 ", "exactly two"),
            (b"PROXY TCP4  192.0.2.1 198.51.100.25 1 25", "exactly two"),
            (b"PROXY TCP4 ", "exactly two"),
            (b"PROXY TCP4", "exactly two"),
            (b"PROXY  TCP4 192.0.2.1 198.51.100.25 1 25", "a line for"),
            (b"PROXY UDP4 192.0.2.1 198.51.100.25 1 25", "a line for"),
            (b"PROXY tcp4 192.0.2.1 198.51.100.25 1 25", "a line for"),
            (b"PROXY unknown", "a line for"),
            (b"PROXY UNKNOWNS", "a line for"),
            (b"PROXY ", "a line for"),
        ):
            self.bad(line + b"\r\n", why)

    def test_noHeader(self) -> None:
        """
        What begins otherwise is seen at the first octet that is wrong.
        """
        for octets in (b"EHLO client.example\r\n", b"P\0", b"proxy TCP4 ", b"\x16\x03"):
            self.bad(octets, "no PROXY header")


class BlockTests(ProxyTestCase):
    """
    Version 2.
    """

    def test_addresses(self) -> None:
        """
        Addresses and ports, of IPv4 and IPv6.
        """
        self.good(version2(FOUR), FOUR)
        self.good(version2(SIX), SIX)
        mapped = Ends(b"::ffff:192.0.2.77", 40001, b"::ffff:198.51.100.25", 25)
        self.good(version2(mapped), FOUR)

    def test_octets(self) -> None:
        """
        The specification's own layout, octet by octet.
        """
        self.good(
            b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c"
            b"\xc0\x00\x02\x4d\xc6\x33\x64\x19\x9c\x41\x00\x19",
            FOUR,
        )

    def test_local(self) -> None:
        """
        A health check is the proxy's own connection, whatever else its header
        has.
        """
        self.good(block(b"", 0x00, 0x20), None)
        for family in (0x11, 0x12, 0xFF):
            self.good(block(b"\xff" * 77, family, 0x20), None)

    def test_unspecified(self) -> None:
        """
        Where the proxy does not know, the real connection is all that there is.
        """
        for family in (0x00, 0x10, 0x01):
            self.good(block(b"\xff" * 5, family), None)

    def test_unix(self) -> None:
        """
        A client on the proxy's own machine has no address.
        """
        self.good(block(b"/run/x".ljust(216, b"\0"), 0x31), Ends())

    def test_vectors(self) -> None:
        """
        Vectors are skipped, known or not.
        """
        many = vector(1, b"h2") + vector(2, b"mx.example") + vector(0xEA, b"")
        self.good(version2(SIX, many), SIX)

    def test_checksum(self) -> None:
        """
        Where there is a checksum, it has to be right: for each octet of the
        header.
        """
        octets = checked(FOUR, vector(4, b"pad"))
        self.good(octets, FOUR)
        for index in range(16, len(octets)):
            wrong = bytearray(octets)
            wrong[index] ^= 1
            try:
                header = readHeader(bytes(wrong))
            except BadHeader:
                continue
            # Only what makes it another kind of vector is not seen.
            self.assertEqual((header and header.octets, index), (len(octets), 34))
        self.bad(octets[:-1] + bytes([octets[-1] ^ 1]), "a wrong checksum")
        self.bad(version2(FOUR, vector(3, b"abc")), "a checksum of 3 octets")

    def test_checksumInTheMiddle(self) -> None:
        """
        The checksum may stand before other vectors.
        """
        zeroed = version2(SIX, vector(3, bytes(4)) + vector(0xE0, b"more"))
        at = len(zeroed) - len(vector(0xE0, b"more")) - 4
        sealed = zeroed[:at] + checksum(zeroed).to_bytes(4) + zeroed[at + 4 :]
        self.good(sealed, SIX)

    def test_checksumIsCRC32c(self) -> None:
        """
        The checksum is that of RFC 4960, by the example that everybody has.
        """
        self.assertEqual(checksum(b"123456789"), 0xE3069283)

    def test_grammar(self) -> None:
        """
        What is not assigned, cut short, or too long is no header.
        """
        addresses = version2(FOUR)[16:]
        for octets, why in (
            (block(addresses, 0x11, 0x11), "version 1"),
            (block(addresses, 0x11, 0x31), "version 3"),
            (block(addresses, 0x11, 0x22), "command 2"),
            (block(addresses, 0x41), "family 4"),
            (block(addresses, 0x13), "protocol 3"),
            (block(addresses, 0x12), "datagrams"),
            (block(addresses[:-1], 0x11), "too few"),
            (block(addresses, 0x21), "too few"),
            (block(addresses, 0x31), "too few"),
            (version2(FOUR, b"\x04"), "vector"),
            (version2(FOUR, b"\x04\x00"), "vector"),
            (version2(FOUR, b"\x04\x00\x01"), "vector"),
            (version2(FOUR, vector(4, b"x") + b"\x00\xff\xff"), "vector"),
            (SIGNATURE[:-1] + b"\r" + addresses, "no PROXY header"),
        ):
            self.bad(octets, why)

    def test_tooLong(self) -> None:
        """
        A header that announces more than its bound is given up at once; one at
        the bound is read.
        """
        body = version2(FOUR)[16:]
        room = BLOCK_OCTETS - len(body)
        self.assertEqual(
            readHeader(version2(FOUR, vector(4, bytes(room - 3)))),
            Header(16 + BLOCK_OCTETS, FOUR),
        )
        announced = block(body, length=BLOCK_OCTETS + 1)[:16]
        self.bad(announced, "2049 octets")
        self.bad(block(b"", 0x00, 0x20, length=65535)[:16], "65535 octets")


class AnythingTests(SynchronousTestCase):
    """
    Headers that nobody has thought of.
    """

    @given(connections, st.binary(max_size=40))
    @settings(max_examples=100, deadline=None)
    def test_roundTrip(self, forwarded: Ends, rest: bytes) -> None:
        """
        What is written is read, in each version, with anything behind it.
        """
        for octets in (version1(forwarded), version2(forwarded), checked(forwarded)):
            header = Header(len(octets), forwarded)
            self.assertEqual(readHeader(octets + rest), header)

    @given(
        st.sampled_from([b"", MARK, MARK + b"TCP4 ", SIGNATURE, SIGNATURE + b"\x21"]),
        st.binary(max_size=300),
    )
    @settings(max_examples=100, deadline=None)
    def test_anyOctets(self, begin: bytes, rest: bytes) -> None:
        """
        Any octets are a header, the beginning of one, or a L{BadHeader}; never
        anything else, and the answer does not depend on how they are cut.
        """
        octets = begin + rest
        found: Header | str | None = None
        for cut in range(len(octets) + 1):
            try:
                found = readHeader(octets[:cut])
            except BadHeader:
                found = "bad"
            if found is not None:
                break
        try:
            whole: Header | str | None = readHeader(octets)
        except BadHeader:
            whole = "bad"
        self.assertEqual(found, whole)

    @given(st.data())
    @settings(max_examples=100, deadline=None)
    def test_damaged(self, data: st.DataObject) -> None:
        """
        A good header with an octet changed is a header or L{BadHeader}.
        """
        octets = bytearray(data.draw(st.sampled_from(_GOOD)))
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] = data.draw(st.integers(0, 255))
        try:
            readHeader(bytes(octets))
        except BadHeader as error:
            self.assertTrue(str(error))


_GOOD = [LINE_FOUR, LINE_SIX, UNKNOWN, version2(FOUR), checked(SIX, vector(2, b"x"))]


class BeginningTests(SynchronousTestCase):
    """
    Tests for L{beginsHeader}.
    """

    def test_begins(self) -> None:
        """
        The first octets tell, once there are enough of them.
        """
        for octets in (LINE_FOUR, version2(FOUR)):
            self.assertIs(beginsHeader(octets), True)
        for start in (MARK, SIGNATURE):
            self.assertIs(beginsHeader(start), True)
            for cut in range(len(start)):
                self.assertIsNone(beginsHeader(start[:cut]))
        for octets in (REST, b"PROXYS", b"\r\n\r\nx", b"\x16"):
            self.assertIs(beginsHeader(octets), False)
