"""Tests for L{smtpx.queue.mailbox}."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue import mailbox
from smtpx.queue.mailbox import STALE_SECONDS, Mailbox, unixLines

PIECES = [b"Subject: x\r\n", b"\r\nHello.\r\n"]
WHOLE = b"".join(PIECES)

#: The calls that change the disk, in the order in which a delivery makes them.
STEPS = ["open", "write", "fsync", "close", "rename"]


class UnixLinesTests(SynchronousTestCase):
    """CRLF to LF in a stream."""

    @given(st.text("\r\na", max_size=30), st.lists(st.integers(0, 30), max_size=5))
    @settings(max_examples=100, deadline=None)
    def test_anyCut(self, text: str, cuts: list[int]) -> None:
        """Wherever the message is cut, each CRLF becomes an LF, nothing else."""
        whole = text.encode()
        ends = sorted(cuts)
        pieces = [whole[a:b] for a, b in zip([0, *ends], [*ends, None], strict=True)]
        found = list(unixLines(pieces))
        self.assertEqual(b"".join(found), whole.replace(b"\r\n", b"\n"))
        self.assertNotIn(b"", found)


class MailboxCase(SynchronousTestCase):
    """Has a place for a Maildir."""

    def setUp(self) -> None:
        """There is no Maildir yet, nor the folder above it."""
        self.path = Path(self.mktemp()) / "mail" / "ann"
        self.mailbox = Mailbox(self.path)

    def files(self) -> dict[str, bytes]:
        """Every file, by its path in the Maildir, and what is in it."""
        return {
            str(file.relative_to(self.path)): file.read_bytes()
            for file in self.path.rglob("*")
            if file.is_file()
        }


class MailboxTests(MailboxCase):
    """One Maildir on the disk."""

    def test_delivered(self) -> None:
        """The message is in new, whole, and nowhere else."""
        self.assertTrue(self.mailbox.deliver("m1", PIECES, False))
        self.assertTrue(self.mailbox.deliver("m2", iter([]), False))
        self.assertEqual(self.files(), {"new/m1": WHOLE, "new/m2": b""})

    def test_madeOnFirstUse(self) -> None:
        """All folders are made, for their owner only, and the file is too."""
        self.mailbox.deliver("m1", PIECES, False)
        for folder in (self.path.parent, self.path, *self.path.iterdir()):
            self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual(
            sorted(each.name for each in self.path.iterdir()), ["cur", "new", "tmp"]
        )
        self.assertEqual((self.path / "new" / "m1").stat().st_mode & 0o777, 0o600)

    def test_newWasRemoved(self) -> None:
        """A folder that somebody removed is made again."""
        self.mailbox.create()
        (self.path / "new").rmdir()
        self.mailbox.deliver("m1", PIECES, False)
        self.assertEqual(self.files(), {"new/m1": WHOLE})

    def test_aThreadWasFaster(self) -> None:
        """Two threads may make one Maildir at the same time."""
        self.mailbox.create()
        self.mailbox.create()
        self.patch(Path, "exists", lambda path: False if path == self.path else True)
        self.mailbox.create()

    def test_notDeliveredTwice(self) -> None:
        """A message that is in new is found, and not written again."""
        self.mailbox.deliver("m1", PIECES, False)
        self.assertFalse(self.mailbox.deliver("m1", [b"other"], True))
        self.assertEqual(self.files(), {"new/m1": WHOLE})

    def test_notDeliveredTwiceThoughItWasRead(self) -> None:
        """It is found in cur too, with flags or without."""
        for name in ("m1", "m1:2,", "m1:2,RS"):
            self.mailbox.deliver("m1", PIECES, False)
            os.rename(self.path / "new" / "m1", self.path / "cur" / name)
            self.assertFalse(self.mailbox.deliver("m1", [b"other"], True))
            self.assertEqual(self.files(), {f"cur/{name}": WHOLE})
            (self.path / "cur" / name).unlink()

    def test_namesAreComparedWhole(self) -> None:
        """A message whose name begins alike is another one."""
        self.mailbox.deliver("m10", PIECES, False)
        os.rename(self.path / "new" / "m10", self.path / "cur" / "m10")
        self.assertTrue(self.mailbox.deliver("m1", PIECES, True))

    def test_againWithoutAMaildir(self) -> None:
        """Where there is no Maildir yet, there is no message in it."""
        self.assertTrue(self.mailbox.deliver("m1", PIECES, True))

    def test_leftByACrash(self) -> None:
        """What an attempt left in tmp when it was killed is replaced."""
        self.mailbox.create()
        (self.path / "tmp" / "m1").write_bytes(b"Subj")
        self.mailbox.deliver("m1", PIECES, False)
        self.assertEqual(self.files(), {"new/m1": WHOLE})

    def test_noSymbolicLinkIsFollowed(self) -> None:
        """A link that somebody put into tmp does not lead us elsewhere."""
        self.mailbox.create()
        target = self.path / "target"
        target.write_bytes(b"precious")
        (self.path / "tmp" / "m1").symlink_to(target)
        self.mailbox.deliver("m1", PIECES, False)
        self.assertEqual(self.files(), {"new/m1": WHOLE, "target": b"precious"})

    def test_shortWrites(self) -> None:
        """A write that takes only a part is gone on with."""
        write = os.write
        self.patch(os, "write", lambda fd, octets: write(fd, octets[:3]))
        self.mailbox.deliver("m1", PIECES, False)
        self.assertEqual(self.files(), {"new/m1": WHOLE})


class FailingDiskTests(MailboxCase):
    """A disk that fails at any step."""

    def failAt(self, name: str, number: int) -> None:
        """Let the call C{number} of C{os.name} fail as a full disk does."""
        real = getattr(os, name)
        calls = iter(range(1000))

        def call(*args: object, **more: object) -> object:
            if next(calls) == number:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **more)

        self.patch(os, name, call)

    def test_anyStepFails(self) -> None:
        """
        Readers see nothing of a message that could not be delivered, nothing
        is left of it, and the next attempt delivers it once.
        """
        for step in STEPS:
            path = self.path / step
            box = Mailbox(path)
            box.create()
            self.failAt(step, 0)
            with self.assertRaises(OSError):
                box.deliver("m1", PIECES, False)
            self.assertEqual([f for f in path.rglob("*") if f.is_file()], [], step)
            self.assertTrue(box.deliver("m1", PIECES, True))
            self.assertEqual((path / "new" / "m1").read_bytes(), WHOLE)

    def test_syncOfTheFolderFails(self) -> None:
        """The message is there, but perhaps not durably: tried again, synced."""
        self.mailbox.create()
        self.failAt("fsync", 1)
        with self.assertRaises(OSError):
            self.mailbox.deliver("m1", PIECES, False)
        synced: list[str] = []
        fsync = os.fsync

        def seen(descriptor: int) -> None:
            synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            fsync(descriptor)

        self.patch(os, "fsync", seen)
        self.assertFalse(self.mailbox.deliver("m1", PIECES, True))
        self.assertEqual(synced, [str((self.path / "new").resolve())])
        self.assertEqual(self.files(), {"new/m1": WHOLE})

    def test_theBodyCannotBeRead(self) -> None:
        """An error of where the message comes from leaves nothing behind."""

        def pieces() -> Iterator[bytes]:
            yield PIECES[0]
            raise EOFError("short")

        with self.assertRaises(EOFError):
            self.mailbox.deliver("m1", pieces(), False)
        self.assertEqual(self.files(), {})


class OrderTests(SynchronousTestCase):
    """What is synced before what."""

    def test_syncedBeforeItIsSeen(self) -> None:
        """The file is synced before it is renamed, and the folder behind it."""
        path = Path(self.mktemp()).resolve()
        box = Mailbox(path)
        box.create()
        done: list[tuple[str, str]] = []
        for name in ("fsync", "rename"):
            real = getattr(os, name)

            def call(
                what: object, *rest: object, _real: object = real, _name: str = name
            ) -> None:
                if isinstance(what, int):
                    what = os.readlink(f"/proc/self/fd/{what}")
                done.append((_name, str(Path(str(what)).relative_to(path))))
                assert callable(_real)
                _real(*((what, *rest) if rest else (self.descriptor(what),)))

            self.patch(os, name, call)
        box.deliver("m1", PIECES, False)
        self.assertEqual(
            done, [("fsync", "tmp/m1"), ("rename", "tmp/m1"), ("fsync", "new")]
        )

    def descriptor(self, path: object) -> int:
        """An open descriptor of a file, closed after the test."""
        descriptor = os.open(str(path), os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        return descriptor

    def test_newFoldersAreSynced(self) -> None:
        """The names of folders that were made are durable as well."""
        path = Path(self.mktemp()).resolve()
        path.mkdir()
        synced: set[str] = set()
        self.patch(
            os,
            "fsync",
            lambda fd: synced.add(os.readlink(f"/proc/self/fd/{fd}")),
        )
        Mailbox(path / "a" / "b").create()
        self.assertEqual(synced, {str(path), str(path / "a"), str(path / "a" / "b")})


class SweepTests(SynchronousTestCase):
    """What others left in tmp."""

    def test_oldFilesAreRemoved(self) -> None:
        """After 36 hours nobody is writing a file any more."""
        path = Path(self.mktemp())
        box = Mailbox(path)
        box.create()
        now = 1_000_000.0
        for name, age in [("old", 0.0), ("older", 5.0), ("young", -5.0)]:
            file = path / "tmp" / name
            file.write_bytes(b"x")
            then = now - STALE_SECONDS - age
            os.utime(file, (then, then))
        folder = path / "tmp" / "folder"
        folder.mkdir()
        os.utime(folder, (0, 0))
        self.assertEqual(box.sweep(now), 2)
        self.assertEqual(sorted(os.listdir(path / "tmp")), ["folder", "young"])

    def test_nothingToSweep(self) -> None:
        """Where there is no Maildir, nothing was left in it."""
        self.assertEqual(Mailbox(Path(self.mktemp())).sweep(0.0), 0)

    def test_aFileGoesMeanwhile(self) -> None:
        """Somebody else may sweep at the same time."""
        path = Path(self.mktemp())
        box = Mailbox(path)
        box.create()
        (path / "tmp" / "one").write_bytes(b"x")
        now = (path / "tmp" / "one").stat().st_mtime + STALE_SECONDS + 1
        unlink = os.unlink

        def twice(file: Path) -> None:
            unlink(file)
            unlink(file)

        self.patch(os, "unlink", twice)
        self.assertEqual(box.sweep(now), 0)
        self.assertEqual(os.listdir(path / "tmp"), [])

    def test_aFileGoesBeforeItIsLookedAt(self) -> None:
        """What is gone is not stale."""
        path = Path(self.mktemp())
        path.mkdir()
        (path / "one").write_bytes(b"x")
        with os.scandir(path) as entries:
            entry = next(entries)
            (path / "one").unlink()
            self.assertFalse(mailbox._isStale(entry, float("inf")))
