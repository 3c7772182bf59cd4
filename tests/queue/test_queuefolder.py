"""Tests for L{smtpx.queue.queuefolder}."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.queuefolder import FILE_MODE, QueueFolder, QueueFolderError
from smtpx.spool.eximspool import EximMessage
from smtpx.spool.eximwriter import renderHeaderFile

ID = "1tHsXz-0003Bv-1a"
MESSAGE = EximMessage(ID, b"x", 1, 2, b"a@b.example", 1000)
HEADER = renderHeaderFile(MESSAGE)
DATA = b"1tHsXz-0003Bv-1a-D\nbody\n"


class Killed(BaseException):
    """The process ends here."""


class QueueFolderTests(SynchronousTestCase):
    """A folder in Exim's spool format."""

    def setUp(self) -> None:
        """A folder that is there."""
        self.path = Path(self.mktemp()).absolute()
        self.path.mkdir(parents=True)
        self.folder = QueueFolder(self.path)

    def put(self) -> None:
        """Put the sample there."""
        self.folder.put(ID, [DATA[:5], DATA[5:]], lambda: HEADER)

    def there(self) -> list[str]:
        """The names of all files."""
        return sorted(os.listdir(self.path))

    def refused(self, said: str) -> None:
        """It does not work, and nothing is left of it."""
        before = self.there()
        error = self.assertRaises(QueueFolderError, self.put)
        self.assertEqual(str(error), f"{self.path}: {said}")
        self.assertEqual(self.there(), before)

    def test_bothFiles(self) -> None:
        """Both files are there, for their owner and group, and nothing else is."""
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        self.put()
        self.assertEqual(self.there(), [f"{ID}-D", f"{ID}-H"])
        self.assertEqual((self.path / f"{ID}-D").read_bytes(), DATA)
        self.assertEqual((self.path / f"{ID}-H").read_bytes(), HEADER)
        for name in self.there():
            self.assertEqual((self.path / name).stat().st_mode & 0o7777, FILE_MODE)

    def test_order(self) -> None:
        """
        The data is synced, and in place, before the header can be seen; each name is
        made durable.
        """
        steps: list[str] = []
        rename, fsync = os.rename, os.fsync

        def renaming(source: str, target: str, **folders: int) -> None:
            steps.append(target)
            rename(source, target, **folders)

        def syncing(number: int) -> None:
            folder = os.path.isdir(f"/proc/self/fd/{number}")
            steps.append("folder" if folder else "file")
            fsync(number)

        self.patch(os, "rename", renaming)
        self.patch(os, "fsync", syncing)
        self.put()
        data, header = ["file", f"{ID}-D", "folder"], ["file", f"{ID}-H", "folder"]
        self.assertEqual(steps, data + header)

    def test_noFolder(self) -> None:
        """A folder that is not there is not made: something was not mounted."""
        self.path.rmdir()
        error = self.assertRaises(QueueFolderError, self.put)
        self.assertEqual(str(error), f"{self.path}: there is no such folder")
        self.assertFalse(self.path.exists())

    def test_symbolicLink(self) -> None:
        """Nobody is followed elsewhere."""
        link = self.path.with_name("link")
        link.symlink_to(self.path)
        error = self.assertRaises(
            QueueFolderError, QueueFolder(link).put, ID, [DATA], lambda: HEADER
        )
        self.assertIn("symbolic link", str(error))

    def test_file(self) -> None:
        """A file is no folder."""
        self.path.rmdir()
        self.path.write_bytes(b"")
        error = self.assertRaises(QueueFolderError, self.put)
        self.assertIn("this is no folder", str(error))

    def test_fullDisk(self) -> None:
        """On a full disk nothing is left, wherever it became full."""
        for call in ("write", "fsync", "rename"):
            for after in range(3):
                with self.subTest(call=call, after=after):
                    self._failing(call, after, OSError(errno.ENOSPC, "No space"))

    def _failing(self, call: str, after: int, error: BaseException) -> None:
        whole = getattr(os, call)
        left = after

        def failing(*arguments: object, **more: object) -> object:
            nonlocal left
            if not left:
                raise error
            left -= 1
            return whole(*arguments, **more)

        patch = self.patch(os, call, failing)
        try:
            if call == "rename" and after > 1:
                # There are two only.
                self.put()
                for name in self.there():
                    (self.path / name).unlink()
            else:
                self.refused("No space")
        finally:
            patch.restore()

    def test_otherFileSystem(self) -> None:
        """Nothing is moved or linked from elsewhere, so it may be any file system."""
        whole = os.rename

        def renaming(source: str, target: str, **folders: int) -> None:
            self.assertEqual(folders["src_dir_fd"], folders["dst_dir_fd"])
            whole(source, target, **folders)

        self.patch(os, "rename", renaming)
        self.put()

    def test_bodyThatCannotBeRead(self) -> None:
        """Trouble that is not the folder's is told as it is, and nothing is left."""

        def broken() -> Iterator[bytes]:
            yield b"something"
            raise EOFError("88 octets short")

        self.assertRaises(EOFError, self.folder.put, ID, broken(), lambda: HEADER)
        self.assertEqual(self.there(), [])

    def test_leftByACrash(self) -> None:
        """What a crash left is replaced: files half written, and data alone."""
        for name in (f"smtpx.{ID}-D", f"smtpx.{ID}-H", f"{ID}-D"):
            (self.path / name).write_bytes(b"half")
        self.assertIsNone(self.folder.find(ID))
        self.put()
        self.assertEqual(self.there(), [f"{ID}-D", f"{ID}-H"])
        self.assertEqual((self.path / f"{ID}-D").read_bytes(), DATA)

    def test_find(self) -> None:
        """What is there is found, and made durable."""
        self.assertIsNone(self.folder.find(ID))
        self.put()
        self.assertEqual(self.folder.find(ID), MESSAGE)

    def test_findHeaderAlone(self) -> None:
        """A header without data is no message."""
        self.put()
        (self.path / f"{ID}-D").unlink()
        self.assertIsNone(self.folder.find(ID))

    def test_findSomethingElse(self) -> None:
        """What is there under its name, and is none of Exim's, is not overwritten."""
        (self.path / f"{ID}-D").write_bytes(DATA)
        (self.path / f"{ID}-H").write_bytes(b"notes of somebody\n")
        error = self.assertRaises(QueueFolderError, self.folder.find, ID)
        self.assertIn(f"{self.path}/{ID}-H is there: line 1", str(error))

    def test_findTrouble(self) -> None:
        """A file that cannot be read is trouble of the folder."""
        (self.path / f"{ID}-D").write_bytes(DATA)
        (self.path / f"{ID}-H").symlink_to("elsewhere")
        error = self.assertRaises(QueueFolderError, self.folder.find, ID)
        self.assertIn(str(self.path), str(error))

    def test_check(self) -> None:
        """It can be asked before, and then nothing stays there."""
        self.folder.check()
        self.assertEqual(self.there(), [])

        def refusing(*arguments: object, **more: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        self.patch(os, "unlink", refusing)
        error = self.assertRaises(QueueFolderError, self.folder.check)
        self.assertEqual(str(error), f"{self.path}: Permission denied")

    def test_killed(self) -> None:
        """Killed at any step, the next attempt finds it whole or writes it whole."""
        for call, steps in (("write", 3), ("fsync", 4), ("rename", 2)):
            for after in range(steps):
                with self.subTest(call=call, after=after):
                    self._killed(call, after)

    def _killed(self, call: str, after: int) -> None:
        whole, unlink = getattr(os, call), os.unlink
        left = after

        def killing(*arguments: object, **more: object) -> object:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return whole(*arguments, **more)

        def dead(*arguments: object, **more: object) -> None:
            raise OSError("nobody is there to do it")

        patches = [self.patch(os, call, killing), self.patch(os, "unlink", dead)]
        self.assertRaises(Killed, self.put)
        for each in patches:
            each.restore()
        self.assertIs(os.unlink, unlink)
        if self.folder.find(ID) is None:
            self.put()
        self.assertEqual(self.folder.find(ID), MESSAGE)
        self.assertEqual((self.path / f"{ID}-D").read_bytes(), DATA)
        self.assertEqual(self.there(), [f"{ID}-D", f"{ID}-H"])
        for name in self.there():
            (self.path / name).unlink()
