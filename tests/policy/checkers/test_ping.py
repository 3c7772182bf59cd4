"""
Tests for L{smtpx.policy.checkers.ping}.
"""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.checkers import ping
from smtpx.policy.checkers.ping import CLAMD, tryChecker


class PingTests(SynchronousTestCase):
    """An operator hears before a start that a checker is not there."""

    def answered(self, answer: bytes) -> bytes:
        """
        Ask one that says this.

        @return: what it was told.
        """
        ours, theirs = socket.socketpair()
        self.patch(ping, "_connected", lambda where, seconds: ours)
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        try:
            tryChecker(CLAMD, "/run/clamd")
            return theirs.recv(100)
        finally:
            theirs.close()
            ours.close()

    def test_there(self) -> None:
        """It says that it is."""
        self.assertEqual(b"zPING\0", self.answered(b"PONG\0"))

    def test_somebodyElse(self) -> None:
        """What says something else is something else."""
        for answer in (b"220 mx.example ESMTP\r\n", b"", b"x" * 10_000):
            self.assertRaises(Malformed, self.answered, answer)

    def test_nobody(self) -> None:
        """A socket that is not there."""
        error = self.assertRaises(OSError, tryChecker, CLAMD, self.mktemp())
        self.assertTrue(error.strerror)

    def test_tcp(self) -> None:
        """It may listen at a port as well."""
        asked: list[object] = []

        def connect(*rest: object) -> socket.socket:
            asked.append(rest)
            raise ConnectionRefusedError(111, "Connection refused")

        self.patch(socket, "create_connection", connect)
        where = ("127.0.0.1", 3310)
        self.assertRaises(ConnectionRefusedError, tryChecker, CLAMD, where, 1.0)
        self.assertEqual([(where, 1.0)], asked)
