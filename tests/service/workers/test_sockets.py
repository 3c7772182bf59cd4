"""
Tests for L{smtpx.service.workers.sockets}.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.control.endpoint import PATH_OCTETS, BadSocketPath
from smtpx.service.workers import sockets as module
from smtpx.service.workers.sockets import (
    checkSockets,
    isAnyAlive,
    makeFolder,
    socketOf,
)


class SocketsTests(SynchronousTestCase):
    """Where workers reach each other."""

    def test_paths(self) -> None:
        """Each has a socket by its number."""
        self.assertEqual(socketOf(Path("/s/workers"), 3), Path("/s/workers/3"))

    def test_tooLong(self) -> None:
        """The last number may be the one that is too long."""
        folder = Path("/" + "x" * (PATH_OCTETS - 3))
        checkSockets(folder, 9)
        with self.assertRaises(BadSocketPath) as caught:
            checkSockets(folder, 10)
        self.assertIn("give a shorter path as state", str(caught.exception))

    def test_folder(self) -> None:
        """It is for nobody else, also if it was there before."""
        folder = Path(self.mktemp())
        for _ in range(2):
            makeFolder(folder)
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
            os.chmod(folder, 0o755)
        makeFolder(folder)
        self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)

    def test_somebodyElses(self) -> None:
        """A folder of somebody else is of no use."""
        folder = Path(self.mktemp())
        folder.mkdir()
        real = os.geteuid()
        self.patch(os, "geteuid", lambda: real + 1)
        with self.assertRaises(BadSocketPath):
            makeFolder(folder)

    def test_alive(self) -> None:
        """Whether anybody listens is seen; what was left behind is nobody."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            self.assertFalse(isAnyAlive(folder / "nowhere"))
            self.assertFalse(isAnyAlive(folder))
            (folder / "lock").touch()
            (folder / "1").touch()
            self.assertFalse(isAnyAlive(folder))
            self.patch(module, "isAlive", lambda path: path.name == "1")
            self.assertTrue(isAnyAlive(folder))
