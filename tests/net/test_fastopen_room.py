"""
Tests for what L{smtpx.net.fastopen} knows of the room in a SYN.
"""

from __future__ import annotations

import errno
import socket

from .test_fastopen import FakeSocket, FastTestCase


class RoomTests(FastTestCase):
    """How much there is room for."""

    def test_room(self) -> None:
        """How much there is room for follows from how long a packet may be."""
        made = FakeSocket()
        transport = self.begin(made)
        self.assertEqual(transport.room, 1420)
        made.packet = 1280
        self.assertEqual(transport.room, 1200)
        transport.addressFamily = socket.AF_INET6
        self.assertEqual(transport.room, 1180)
        made.refuses = OSError(errno.ENOTCONN, "no")
        self.assertEqual(transport.room, 1400)
        transport.addressFamily = socket.AF_INET
        self.assertEqual(transport.room, 1420)

    def test_cut(self) -> None:
        """What did not leave with the SYN is known; where all did, there is nothing."""
        for octets, cut in ((1420, None), (1421, 1420)):
            transport = self.begin(FakeSocket(), b"x" * octets)
            self.writable(transport)
            self.assertEqual(transport.cut, cut)
