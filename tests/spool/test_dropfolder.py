"""
Tests for L{smtpx.spool.dropfolder}.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool import dropfolder
from smtpx.spool.dropfile import BadDrop, messageOf, readDrop
from smtpx.spool.dropfolder import (
    Claim,
    DropFolder,
    Dropping,
    DropSettings,
    NoDropFolder,
    readDropSettings,
)

SETTINGS = DropSettings("mx.example.org", 1000)
SENDER, RECIPIENTS = b"FROM:<ann@a.example>", [b"TO:<bob@b.example>"]
ID = "1vM5vQ-000001-00"


class DropFolderTestCase(SynchronousTestCase):
    """A test with a folder."""

    def setUp(self) -> None:
        """It is made."""
        self.path = Path(self.mktemp())
        self.folder = DropFolder(self.path)
        self.folder.make(SETTINGS)

    def drop(self, message: bytes = b"\r\nhello\r\n") -> str:
        """Somebody drops a message; gives its name."""
        dropping = Dropping(self.path)
        dropping.write(message)
        return dropping.commit(SENDER, list(RECIPIENTS))

    def names(self, now: float = 0.0) -> list[str]:
        """What is there to be taken."""
        return sorted(self.folder.names(now))

    def mode(self, name: str) -> int:
        """The mode of something in the folder."""
        return stat.S_IMODE(os.lstat(self.path / name).st_mode)


class MakingTests(DropFolderTestCase):
    """The folder that the server makes."""

    def test_modes(self) -> None:
        """Anybody puts something in, and nobody but the server sees it."""
        self.assertEqual(self.mode("."), 0o711)
        self.assertEqual(self.mode("new"), 0o3733)
        self.assertEqual(self.mode("taking"), 0o700)
        self.assertEqual(self.mode("bad"), 0o700)
        self.assertEqual(self.mode("settings"), 0o644)

    def test_again(self) -> None:
        """What is there stays, what is not as it should be is mended."""
        name = self.drop()
        (self.path / "new").chmod(0o777)
        self.folder.make(DropSettings("other.example"))
        self.assertEqual(self.mode("new"), 0o3733)
        self.assertEqual(self.names(), [name])
        self.assertEqual(readDropSettings(self.path), DropSettings("other.example"))

    def test_withoutTheGroup(self) -> None:
        """Where the set-group-ID bit is forbidden, files are open to who knows them."""
        chmod = os.chmod

        def forbidding(path: Path, mode: int) -> None:
            if mode & stat.S_ISGID:
                raise PermissionError(1, "no")
            chmod(path, mode)

        (self.path / "new").chmod(0o700)
        self.patch(os, "chmod", forbidding)
        self.folder.make(SETTINGS)
        self.assertEqual(self.mode("new"), 0o1733)

        def all_(path: Path, mode: int) -> None:
            raise PermissionError(1, "no")

        self.patch(os, "chmod", all_)
        (self.path / "bad").rmdir()
        os.rmdir(self.path / "new")
        self.assertRaises(PermissionError, self.folder.make, SETTINGS)

    def test_forAGroup(self) -> None:
        """Only members of a group may put something in."""
        self.folder.make(SETTINGS, os.getegid())
        self.assertEqual(self.mode("new"), 0o1730)

    def test_whatSubmittersRead(self) -> None:
        """What the server says of itself; or why nothing can be read."""
        self.assertEqual(readDropSettings(self.path), SETTINGS)
        error = self.assertRaises(NoDropFolder, readDropSettings, self.path / "none")
        self.assertIn("the server makes it when it starts", str(error))
        for text in ("", "[]", "{}", "nothing"):
            (self.path / "settings").write_text(text)
            self.assertRaises(NoDropFolder, readDropSettings, self.path)

        def forbidden(path: Path, mode: str) -> None:
            raise PermissionError(13, "no")

        self.patch(Path, "open", forbidden)
        error = self.assertRaises(NoDropFolder, readDropSettings, self.path)
        self.assertIn("you may not enter", str(error))


class DroppingTests(DropFolderTestCase):
    """Whoever submits."""

    def test_whole(self) -> None:
        """A message appears at once, and has a name that nobody can guess."""
        dropping = Dropping(self.path)
        dropping.write(b"\r\nhel")
        dropping.write(b"lo\r\n")
        self.assertEqual(dropping.octets, 9)
        self.assertEqual(self.names(), [])
        name = dropping.commit(SENDER, list(RECIPIENTS))
        self.assertEqual(self.names(), [name])
        number = self.folder.open(name)
        self.addCleanup(os.close, number)
        drop = readDrop(number, 1000)
        self.assertEqual(b"".join(messageOf(number, drop)), b"\r\nhello\r\n")
        self.assertNotEqual(self.drop(), name)

    def test_forgotten(self) -> None:
        """Nothing is left of what is not finished."""
        dropping = Dropping(self.path)
        dropping.write(b"x")
        dropping.abort()
        self.assertEqual(os.listdir(self.path / "new"), [])

    def test_noRoom(self) -> None:
        """Nothing is left where the disk is full, and that is told."""

        def full(number: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        self.assertRaises(OSError, self.drop)
        self.assertEqual(os.listdir(self.path / "new"), [])
        self.patch(dropfolder, "DropWriter", full)
        self.assertRaises(OSError, Dropping, self.path)
        self.assertEqual(os.listdir(self.path / "new"), [])

    def test_nobodyElseReadsIt(self) -> None:
        """The server reads it by its group, or as anybody who knows the name."""
        status = os.stat
        above = list(status(self.path / "new"))

        def foreign(path: Path) -> os.stat_result:
            return os.stat_result(above)

        self.patch(os, "stat", foreign)
        self.assertEqual(self.mode(f"new/{self.drop()}"), 0o600)
        above[stat.ST_UID] += 1
        self.assertEqual(self.mode(f"new/{self.drop()}"), 0o640)
        above[stat.ST_GID] += 1
        self.assertEqual(self.mode(f"new/{self.drop()}"), 0o644)

    def test_whoMayNotSyncTheFolder(self) -> None:
        """The file is synced once more, after it has its name."""
        synced: list[bool] = []
        fsync, opened = os.fsync, os.open

        def sync(number: int) -> None:
            synced.append(bool(self.names()))
            fsync(number)

        def open_(path: Path, flags: int, *rest: int) -> int:
            if flags & os.O_DIRECTORY:
                raise PermissionError(13, "no")
            return opened(path, flags, *rest)

        self.patch(os, "fsync", sync)
        self.patch(os, "open", open_)
        self.drop()
        self.assertEqual(synced, [False, True])


class TakingTests(DropFolderTestCase):
    """What the server does with a file."""

    def test_claimed(self) -> None:
        """From one step to the next it is in one place."""
        name = self.drop()
        claim = self.folder.claim(name, ID)
        self.assertEqual(claim, Claim(name, ID, False))
        self.assertEqual((self.names(), self.folder.claims()), ([], [claim]))
        done = self.folder.done(claim)
        self.assertEqual(self.folder.claims(), [done])
        self.assertTrue(done.done)
        self.folder.remove(done)
        self.assertEqual(self.folder.claims(), [])

    def test_back(self) -> None:
        """What did not get into the spool is taken again."""
        name = self.drop()
        self.folder.back(self.folder.claim(name, ID))
        self.assertEqual((self.names(), self.folder.claims()), ([name], []))

    def test_otherFiles(self) -> None:
        """What nobody has put there so is left alone."""
        for name in ("x", f"{'a' * 40}.1", f"{'a' * 40}.{'-' * 16}", ".x"):
            (self.path / "taking" / name).touch()
            (self.path / "new" / name).touch()
        self.assertEqual((self.folder.claims(), self.names()), ([], []))

    def test_abandoned(self) -> None:
        """What nobody will finish is removed in time."""
        Dropping(self.path)
        (name,) = os.listdir(self.path / "new")
        made = os.stat(self.path / "new" / name).st_mtime
        self.names(made + 3600)
        self.assertEqual(os.listdir(self.path / "new"), [name])
        self.names(made + 40 * 3600)
        self.assertEqual(os.listdir(self.path / "new"), [])

    def test_noFile(self) -> None:
        """Nobody has the server read what is elsewhere, nor wait."""
        new, secret = self.path / "new", self.path / "secret"
        secret.write_text("root's")
        names = [letter * 40 for letter in "abcd"]
        (new / names[0]).symlink_to(secret)
        os.mkfifo(new / names[1])
        (new / names[2]).mkdir()
        os.link(secret, new / names[3])
        for name in names:
            self.assertRaises(BadDrop, self.folder.open, name)
        self.assertRaises(FileNotFoundError, self.folder.open, "e" * 40)

    def test_swapped(self) -> None:
        """A file may become something else while it is being looked at."""
        name = self.drop()
        lstat = os.lstat

        def swapping(path: Path) -> os.stat_result:
            found = lstat(path)
            os.unlink(path)
            os.mkfifo(path)
            return found

        self.patch(os, "lstat", swapping)
        self.assertRaises(BadDrop, self.folder.open, name)

    def test_madeElsewhere(self) -> None:
        """A file that somebody else may have made, and that was moved here, is none."""
        name = self.drop()
        fstat = os.fstat

        def elsewhere(number: int) -> os.stat_result:
            found = list(fstat(number))
            found[stat.ST_GID] += 1
            return os.stat_result(found)

        self.patch(os, "fstat", elsewhere)
        error = self.assertRaises(BadDrop, self.folder.open, name)
        self.assertEqual(str(error), "it was not made in this folder")
        (self.path / "new").chmod(0o1733)
        os.close(self.folder.open(name))

    def test_whoeverCouldWriteToIt(self) -> None:
        """
        One that others than its owner may write to may have been brought here by them,
        out of a folder that they share: it is not sent in the owner's name.
        """
        for mode in (0o664, 0o646):
            name = self.drop()
            os.chmod(self.path / "new" / name, mode)
            error = self.assertRaises(BadDrop, self.folder.open, name)
            self.assertEqual(str(error), "others than its owner may write to it")

    def test_condemned(self) -> None:
        """It is kept for the operator."""
        name = self.drop()
        self.assertEqual(self.folder.condemn(name), self.path / "bad" / name)
        self.assertEqual((self.names(), os.listdir(self.path / "bad")), ([], [name]))
