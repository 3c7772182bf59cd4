"""
Tests for L{smtpx.policy.milter.tryout}.
"""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.milter import tryout
from smtpx.policy.milter.negotiation import Agreed, offer
from smtpx.policy.milter.packets import packet
from smtpx.policy.milter.tryout import tryMilter


class TryTests(SynchronousTestCase):
    """An operator hears before a start that a milter is not there."""

    def asked(self, answer: bytes) -> tuple[Agreed, bytes]:
        """
        Try one that says this.

        @return: what is agreed on, and what it was told.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.patch(tryout, "_connected", lambda place, seconds: ours)
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        return tryMilter("/run/milter", 1.0), theirs.recv(100)

    def test_there(self) -> None:
        """It agrees, and is left."""
        agreed, told = self.asked(
            packet(b"O", bytes.fromhex("000000060000000000000000"))
        )
        self.assertEqual(agreed, Agreed())
        self.assertEqual(told, offer() + packet(b"Q"))

    def test_somebodyElse(self) -> None:
        """What says something else is something else."""
        for answer in (b"220 mx.example ESMTP\r\n", b"", packet(b"c")):
            self.assertRaises(Malformed, self.asked, answer)

    def test_nobody(self) -> None:
        """A socket that is not there."""
        error = self.assertRaises(OSError, tryMilter, "/nowhere/milter", 1.0)
        self.assertTrue(error.strerror)

    def test_tcp(self) -> None:
        """It may listen at a port as well."""
        asked: list[object] = []

        def connect(*rest: object) -> socket.socket:
            asked.append(rest)
            raise ConnectionRefusedError(111, "Connection refused")

        self.patch(socket, "create_connection", connect)
        where = ("127.0.0.1", 8891)
        self.assertRaises(ConnectionRefusedError, tryMilter, where, 2.0)
        self.assertEqual(asked, [(where, 2.0)])
