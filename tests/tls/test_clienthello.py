"""
Tests for L{smtpx.tls.clienthello}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from smtpx.tls.clienthello import HELLO_OCTETS_MOST, NAME_OCTETS, Scan, Wishes, wishesOf

NAME, OTHER = b"k" * NAME_OCTETS, b"o" * NAME_OCTETS


def sized(octets: bytes, width: int = 2) -> bytes:
    """Octets behind their length."""
    return len(octets).to_bytes(width, "big") + octets


def hello(*extensions: tuple[int, bytes], bare: bool = False) -> bytes:
    """
    A ClientHello without the header of the message.

    @param bare: is there not even room for extensions?
    """
    start = b"\x03\x03" + bytes(32) + sized(b"id", 1) + sized(b"\x13\x01") + b"\x01\x00"
    if bare:
        return start
    parts = [kind.to_bytes(2, "big") + sized(value) for kind, value in extensions]
    return start + sized(b"".join(parts))


def message(octets: bytes, kind: int = 1) -> bytes:
    """It, with the header of the message."""
    return bytes([kind]) + sized(octets, 3)


def records(octets: bytes, size: int = 16384) -> bytes:
    """Octets of handshake messages, in records of some size."""
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    return b"".join(b"\x16\x03\x01" + sized(piece) for piece in pieces)


def offered(*tickets: bytes) -> tuple[int, bytes]:
    """The extension of TLS 1.3 that offers sessions."""
    identities = b"".join(sized(ticket) + bytes(4) for ticket in tickets)
    return 41, sized(identities) + sized(sized(bytes(32), 1))


#: A ClientHello with all that is looked at.
FULL = hello(
    (0, b"whatever"), (35, NAME + b"rest"), (45, b"\x01\x01"), offered(OTHER + b"more")
)
FULL_WISHES = Wishes((NAME, OTHER), asks=True, offers=True)


class WishesTests(SynchronousTestCase):
    """What a ClientHello says of sessions."""

    def test_ticketOfTLS12(self) -> None:
        """An empty extension asks for a ticket; one with something in it offers it."""
        self.assertEqual(wishesOf(hello((35, b""))), Wishes(asks=True))
        wishes = wishesOf(hello((35, NAME + b"rest")))
        self.assertEqual(wishes, Wishes((NAME,), asks=True, offers=True))

    def test_ticketOfTLS13(self) -> None:
        """One that takes psk_dhe_ke asks; a pre-shared key is a session offered."""
        self.assertEqual(wishesOf(hello((45, b"\x01\x01"))), Wishes(asks=True))
        self.assertEqual(wishesOf(hello((45, b"\x01\x00"))), Wishes())
        wishes = wishesOf(hello((45, b"\x02\x00\x01"), offered(NAME, b"short", OTHER)))
        self.assertEqual(wishes, Wishes((NAME, OTHER), asks=True, offers=True))

    def test_nothing(self) -> None:
        """Clients that know nothing of tickets."""
        for octets in (hello(), hello(bare=True), hello((10, b"\x00\x02\x00\x1d"))):
            self.assertEqual(wishesOf(octets), Wishes())

    def test_fewNamesAreLookedAt(self) -> None:
        """However many tickets a client has, eight names are enough."""
        wishes = wishesOf(hello(offered(*[NAME] * 100)))
        self.assertEqual(wishes.names, (NAME,) * 8)

    def test_cutAnywhere(self) -> None:
        """A ClientHello that is cut off is refused, wherever that is."""
        for end in range(len(FULL)):
            if end != len(hello(bare=True)):
                self.assertRaises(IndexError, wishesOf, FULL[:end])

    def test_lengthsThatLie(self) -> None:
        """Extensions that reach beyond the end, or beyond themselves."""
        for octets in (
            hello((35, NAME))[:-1],
            hello(bare=True) + b"\x00\x05\x00\x23\x00\x10" + NAME,
            hello((41, b"\xff\xff" + NAME)),
            hello((41, sized(b"\x00"))),
        ):
            self.assertRaises(IndexError, wishesOf, octets)


class ScanTests(SynchronousTestCase):
    """A ClientHello in octets as they come."""

    def scanned(self, octets: bytes) -> Wishes | None:
        """What is found in octets that come at once."""
        scan = Scan()
        self.assertEqual(scan.feed(octets), scan.wishes is not None)
        self.assertEqual(scan.raw, octets)
        return scan.wishes

    def test_inAnyPieces(self) -> None:
        """It does not matter how it is cut, into records or on its way."""
        for size in (1, 2, 7, 16384):
            octets = records(message(FULL), size)
            self.assertEqual(self.scanned(octets), FULL_WISHES)
            scan = Scan()
            for at in range(len(octets)):
                self.assertEqual(scan.feed(octets[at : at + 1]), at == len(octets) - 1)
            self.assertEqual((scan.wishes, scan.raw), (FULL_WISHES, octets))

    def test_cutAnywhere(self) -> None:
        """What is not whole is waited for."""
        octets = records(message(FULL))
        for end in range(len(octets)):
            self.assertIsNone(self.scanned(octets[:end]))

    def test_whatIsBehindIsKept(self) -> None:
        """Octets behind the ClientHello are OpenSSL's, and change nothing."""
        self.assertEqual(self.scanned(records(message(FULL)) + b"early"), FULL_WISHES)
        scan = Scan()
        scan.feed(records(message(FULL)))
        self.assertTrue(scan.feed(b"more"))
        self.assertTrue(scan.raw.endswith(b"more"))

    def test_whatIsNone(self) -> None:
        """What is no ClientHello is not waited for, nor one that is damaged."""
        for octets in (
            b"EHLO client.example\r\n",
            b"\x15\x03\x01\x00\x02\x02\x28",
            records(message(FULL, kind=2)),
            records(message(FULL[:50])),
        ):
            self.assertEqual(self.scanned(octets), Wishes())

    def test_tooLong(self) -> None:
        """Nobody can make us wait for more than a ClientHello can be."""
        octets = records(message(bytes(100_000)))
        self.assertIsNone(self.scanned(octets[:HELLO_OCTETS_MOST]))
        self.assertEqual(self.scanned(octets[: HELLO_OCTETS_MOST + 1]), Wishes())
        # Records that are empty do not go on for ever, either.
        self.assertEqual(self.scanned(b"\x16\x03\x01\x00\x00" * 4000), Wishes())

    def test_openSSLs(self) -> None:
        """What OpenSSL itself says: it asks for tickets, and takes psk_dhe_ke only."""
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            context = SSL.Context(SSL.TLS_CLIENT_METHOD)
            context.set_max_proto_version(version)
            client = SSL.Connection(context, None)
            client.set_connect_state()
            self.assertRaises(SSL.WantReadError, client.do_handshake)
            octets = client.bio_read(65536)
            self.assertEqual(self.scanned(octets), Wishes(asks=True))
            if version == SSL.TLS1_3_VERSION:
                self.assertIn(b"\x00\x2d\x00\x02\x01\x01", octets)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200), st.integers(0, len(FULL)))
    def test_anythingAtAll(self, noise: bytes, at: int) -> None:
        """Whatever comes, nothing goes wrong."""
        damaged = FULL[:at] + noise + FULL[at + len(noise) :]
        for octets in (noise, records(message(damaged)), b"\x16" + noise):
            self.scanned(octets)

    def test_everyOctetTurned(self) -> None:
        """Nor where any octet is another one."""
        octets = records(message(FULL))
        for at in range(len(octets)):
            turned = bytearray(octets)
            turned[at] ^= 0xFF
            self.scanned(bytes(turned))
