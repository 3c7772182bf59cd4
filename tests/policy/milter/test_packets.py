"""
Tests for L{smtpx.policy.milter.packets}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.milter.packets import PACKET_OCTETS, Packets, packet, strings

ONES = st.tuples(st.binary(min_size=1, max_size=1), st.binary(max_size=40))


class PacketsTests(SynchronousTestCase):
    """Octets to packets."""

    def test_asItGoesOverTheWire(self) -> None:
        """The length counts the code, too."""
        self.assertEqual(packet(b"H", b"mx\0"), b"\0\0\0\x04Hmx\0")
        self.assertEqual(packet(b"Q"), b"\0\0\0\x01Q")

    @settings(max_examples=60)
    @given(st.lists(ONES, max_size=4))
    def test_roundTripCutAnywhere(self, said: list[tuple[bytes, bytes]]) -> None:
        """However it is cut, the same packets come out."""
        octets = b"".join(packet(*each) for each in said)
        for cut in range(len(octets) + 1):
            packets = Packets()
            found = [*packets.feed(octets[:cut]), *packets.feed(octets[cut:])]
            self.assertEqual(found, said)
            self.assertFalse(packets.midway)

    def test_octetByOctet(self) -> None:
        """A packet that has begun is known to have."""
        packets = Packets()
        found = [each for o in packet(b"c") for each in packets.feed(bytes([o]))]
        self.assertEqual(found, [(b"c", b"")])
        self.assertEqual(list(packets.feed(b"\0")), [])
        self.assertTrue(packets.midway)

    def test_lengthsThatNobodyHas(self) -> None:
        """Nothing of the kind is waited for, or kept."""
        for octets in (0, PACKET_OCTETS + 1, 0x32323020):
            with self.assertRaises(Malformed):
                list(Packets().feed(octets.to_bytes(4)))

    def test_whatStandsBeforeNonsenseIsHeard(self) -> None:
        """The packets before it were whole."""
        found = []
        with self.assertRaises(Malformed):
            for each in Packets().feed(packet(b"c") + bytes(4)):
                found.append(each)
        self.assertEqual(found, [(b"c", b"")])


class StringsTests(SynchronousTestCase):
    """Strings with an end."""

    def test_each(self) -> None:
        """An empty one is one."""
        self.assertEqual(strings(b""), [])
        self.assertEqual(strings(b"\0"), [b""])
        self.assertEqual(strings(b"a\0\0b\0"), [b"a", b"", b"b"])

    def test_withoutEnd(self) -> None:
        """It may have been cut off."""
        with self.assertRaises(Malformed):
            strings(b"a\0b")
