"""
Tests for L{smtpx.service.control.endpoint}.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.control import endpoint as module
from smtpx.service.control.endpoint import (
    PATH_OCTETS,
    BadSocketPath,
    ControlEndpoint,
    checkPath,
    stopListening,
)


class EndpointTests(SynchronousTestCase):
    """Where the socket is."""

    def setUp(self) -> None:
        """A folder whose path is short."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "c"
        self.reactor = MemoryReactor()

    def listen(self, group: int | None = None) -> None:
        """Listen there."""
        ControlEndpoint(self.reactor, self.path, group).listen(Factory())

    def leaveSocket(self) -> None:
        """What a server leaves behind that was killed."""
        os.mknod(self.path, 0o600 | stat.S_IFSOCK)

    def test_listen(self) -> None:
        """Only our own user may connect."""
        self.listen()
        [(path, _, _, mode, _)] = self.reactor.unixServers
        self.assertEqual((path, mode), (str(self.path), 0o600))

    def test_group(self) -> None:
        """A group may, where it is given."""
        changed: list[object] = []
        self.patch(os, "chown", lambda *what: changed.append(what))
        self.listen(4711)
        [(_, _, _, mode, _)] = self.reactor.unixServers
        self.assertEqual((mode, changed), (0o660, [(self.path, -1, 4711)]))

    def test_groupIsNotOurs(self) -> None:
        """Where the file cannot be the group's, there is no socket."""

        def chown(*what: object) -> None:
            raise PermissionError(errno.EPERM, "no")

        self.patch(os, "chown", chown)
        self.assertRaises(PermissionError, self.listen, 4711)

    def test_leftBehind(self) -> None:
        """What a dead server left is replaced."""
        self.leaveSocket()
        self.listen()
        self.assertFalse(self.path.exists())
        self.assertEqual(len(self.reactor.unixServers), 1)

    def test_alive(self) -> None:
        """What a living one listens at is not."""
        self.leaveSocket()
        self.patch(module, "isAlive", lambda path: True)
        error = self.assertRaises(BadSocketPath, self.listen)
        self.assertIn("another server listens there", str(error))
        self.assertTrue(self.path.exists())

    def test_noSocket(self) -> None:
        """A file that is something else is not touched."""
        self.path.write_text("mail")
        error = self.assertRaises(BadSocketPath, self.listen)
        self.assertIn("which is no socket", str(error))
        self.assertEqual(self.path.read_text(), "mail")

    def test_length(self) -> None:
        """A path that is too long is said to be, with what to do."""
        longest = Path("/" + "x" * (PATH_OCTETS - 1))
        checkPath(longest)
        error = self.assertRaises(BadSocketPath, checkPath, Path(f"{longest}x"))
        self.assertIn("a path of 108 octets is too long for a socket", str(error))
        error = self.assertRaises(BadSocketPath, checkPath, Path("/" + "ä" * 60))
        self.assertIn("a path of 121 octets", str(error))

    def test_cannotTell(self) -> None:
        """Where it cannot be found out who listens, that is said."""

        class Refused:
            """A socket that may not connect."""

            def __enter__(self) -> Refused:
                return self

            def __exit__(self, *what: object) -> None:
                """It is closed."""

            def setblocking(self, blocking: bool) -> None:
                """Whatever."""

            def connect(self, path: str) -> None:
                """Fail."""
                raise error

        self.patch(socket, "socket", lambda *what: Refused())
        error: OSError = PermissionError(errno.EACCES, "Permission denied")
        raised = self.assertRaises(BadSocketPath, module.isAlive, self.path)
        self.assertEqual(str(raised), f"{self.path}: Permission denied")
        error = BlockingIOError(errno.EAGAIN, "later")
        self.assertTrue(module.isAlive(self.path))

    def test_stopped(self) -> None:
        """At the end the file goes; where it is gone already, nobody minds."""
        for number in (errno.ENOENT, errno.EACCES):
            port = _Port(OSError(number, "no"))
            done = stopListening(port)  # type: ignore[arg-type]  # all that it uses
            self.successResultOf(Deferred.fromCoroutine(done))


class _Port:
    """Fails to stop."""

    def __init__(self, error: OSError) -> None:
        self._error = error

    def stopListening(self) -> Deferred[None]:
        """Fail."""
        return fail(self._error)
