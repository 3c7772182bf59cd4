"""
Tests for L{smtpx.net.sockets}, with the system's own.
"""

from __future__ import annotations

import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.sockets import internetSockets, localhost, unixSocket


class SocketTests(SynchronousTestCase):
    """What is bound, and what is not."""

    def test_localhost(self) -> None:
        """Without IPv6 the loopback is the old one."""
        self.assertIn(localhost(), ("::1", "127.0.0.1"))
        self.patch(socket, "has_ipv6", False)
        self.assertEqual(localhost(), "127.0.0.1")

    def test_noRoomForIPv6(self) -> None:
        """A system that knows IPv6 and has none is found out."""

        def broken(*asked: object) -> None:
            raise OSError("address family not supported")

        self.patch(socket, "socket", broken)
        self.assertEqual(localhost(), "127.0.0.1")

    def test_allOrNone(self) -> None:
        """Where one address of a name is taken, none is bound."""
        [taken] = internetSockets("127.0.0.1", 0)
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in ("127.0.0.2", "127.0.0.1")
        ]
        self.patch(socket, "getaddrinfo", lambda *asked, **more: found)
        self.assertRaises(OSError, internetSockets, "both.example", port)
        [free] = [found[0]]
        self.patch(socket, "getaddrinfo", lambda *asked, **more: [free])
        [again] = internetSockets("both.example", port)
        again.close()

    def test_unix(self) -> None:
        """A file that is no socket is left alone, and its path not bound."""
        path = Path(self.mktemp())
        path.write_text("precious")
        self.assertRaises(OSError, unixSocket, str(path))
        self.assertEqual(path.read_text(), "precious")
        self.assertRaises(OSError, unixSocket, str(path / "deeper"))
