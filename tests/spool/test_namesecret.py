"""
Tests for L{smtpx.spool.namesecret}.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.spool.namesecret import SECRET_OCTETS, nameSecret


class NameSecretTests(SynchronousTestCase):
    """The secret of a spool."""

    def setUp(self) -> None:
        """A place for a spool that is not there yet."""
        self.folder = Path(self.mktemp())
        self.folder.parent.mkdir(parents=True, exist_ok=True)

    def file(self) -> Path:
        """The only file in it."""
        (found,) = self.folder.iterdir()
        return found

    def test_isMadeOnce(self) -> None:
        """The same each time, and nobody else may read it."""
        first = nameSecret(str(self.folder))
        self.assertEqual(len(first), SECRET_OCTETS)
        self.assertEqual(nameSecret(str(self.folder)), first)
        self.assertEqual(stat.S_IMODE(self.file().stat().st_mode), 0o600)

    def test_isAnotherInEachSpool(self) -> None:
        """It is random."""
        other = f"{self.folder}-2"
        self.assertNotEqual(nameSecret(str(self.folder)), nameSecret(other))

    def test_twoProcessesMakeOne(self) -> None:
        """Where another process has made it in between, its one counts."""
        first = nameSecret(str(self.folder))
        with patch("os.path.exists", lambda path: path == str(self.folder)):
            self.assertEqual(nameSecret(str(self.folder)), first)
        self.file()

    def test_damaged(self) -> None:
        """Whoever has damaged it is told what to do."""
        for wrong in (b"", b"x" * (SECRET_OCTETS - 1), b"x" * (SECRET_OCTETS + 1)):
            nameSecret(str(self.folder))
            self.file().write_bytes(wrong)
            error = self.assertRaises(UsageError, nameSecret, str(self.folder))
            self.assertIn("without it a new one is made", str(error))
            self.file().unlink()

    def test_notToBeHad(self) -> None:
        """Where it cannot be written, nothing is left behind."""

        def full(number: int) -> None:
            raise OSError(28, "No space left on device")

        self.folder.mkdir()
        with patch("os.fsync", full):
            self.assertRaises(OSError, nameSecret, str(self.folder))
        self.assertEqual(os.listdir(self.folder), [])
