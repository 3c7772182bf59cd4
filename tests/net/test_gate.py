"""
Tests for L{smtpx.net.gate}.
"""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.gate import Gate


class Listening(socket.socket):
    """A socket at which always somebody waits; it is bound to nothing."""

    def accept(self) -> tuple[socket.socket, object]:
        """One more."""
        return self, "a client"


class GateTests(SynchronousTestCase):
    """
    Tests for L{Gate}.
    """

    def test_shut(self) -> None:
        """
        Nobody is accepted while it is shut, and it is looked each time.
        """
        with Listening() as listening:
            answers = [False, True, False]
            gate = Gate(listening, lambda: answers.pop(0))
            self.assertEqual(gate.accept(), (listening, "a client"))
            self.assertRaises(BlockingIOError, gate.accept)
            self.assertEqual(gate.accept(), (listening, "a client"))

    def test_else(self) -> None:
        """
        All else of the socket is there.
        """
        with Listening() as listening:
            gate = Gate(listening, lambda: True)
            self.assertEqual(gate.fileno(), listening.fileno())
