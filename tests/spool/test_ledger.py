"""
Tests for L{smtpx.spool.ledger}: who has a message already, though the spool file does
not know.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock
from zlib import crc32

from hypothesis import given, settings, strategies as st
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.spool import ledger as ledgerModule
from smtpx.spool.identity import KEYS
from smtpx.spool.ledger import Ledger, Noted, note, read
from smtpx.spool.store import Store

from .rig import LONG, NOW, SHORT, Rig, SpoolTestCase, delivered

NOTES = st.lists(
    st.tuples(
        st.integers(0, KEYS - 1),
        st.lists(st.integers(0, 100_000), min_size=1, max_size=5),
        st.sets(st.integers(0, 5)),
    ),
    max_size=5,
)

FULL = OSError(errno.ENOSPC, "No space left on device")


@implementer(ILogObserver)
class Told(list[LogEvent]):
    """What was logged."""

    def __call__(self, event: LogEvent) -> None:
        """Keep it."""
        self.append(event)


class LineTests(SynchronousTestCase):
    """What stands in the file."""

    def test_form(self) -> None:
        """A line can be read by people."""
        line = note(0, [0, 12])
        self.assertEqual(line, b"8b637f53 000000-000000-00 0,12\n")
        line = note(0, [0, 12], {12})
        self.assertEqual(line, b"6c829ce2 000000-000000-00 0,12!\n")

    @settings(max_examples=100, deadline=None)
    @given(NOTES)
    def test_roundTrip(self, notes: list[tuple[int, list[int], set[int]]]) -> None:
        """What is written is read, all notes of a message together."""
        wanted: dict[int, Noted] = {}
        for key, indices, untold in notes:
            wanted.setdefault(key, Noted()).had.update(indices)
            wanted[key].untold.update(untold.intersection(indices))
        text = b"".join(note(*each) for each in notes)
        self.assertEqual(read(text), (wanted, 0))
        self.assertEqual(read(text + text), (wanted, 0))

    def test_tornAnywhere(self) -> None:
        """Cut anywhere, whole lines count and the rest does not."""
        lines = [note(key, [key, 10 * key]) for key in (1, 2, 3)]
        text = b"".join(lines)
        for cut in range(len(text) + 1):
            whole = text[:cut].count(b"\n")
            torn = not text[:cut].endswith(b"\n") and cut > 0
            wanted = {key: Noted({key, 10 * key}) for key in range(1, whole + 1)}
            self.assertEqual(read(text[:cut]), (wanted, int(torn)))
            # Something behind half a line does not make it whole.
            after = read(text[:cut] + note(9, [9]))[0]
            self.assertEqual(set(after) - {9}, set(wanted))

    def test_damagedAnywhere(self) -> None:
        """Whichever bit of a line is wrong, it does not count, and others do."""
        before, line, behind = note(1, [1]), note(2, [2, 33]), note(3, [3])
        for place in range(len(line) - 1):
            for bit in range(8):
                bad = bytearray(line)
                bad[place] ^= 1 << bit
                found, passed = read(before + bytes(bad) + behind)
                self.assertEqual(
                    (found, passed > 0), ({1: Noted({1}), 3: Noted({3})}, True)
                )

    def test_strangers(self) -> None:
        """A checksum that is right does not make an id or a list of anything."""
        for text in (b"000000-~~~~~~-00 1", b"000000-zzzzzz-00 1", b"x 1", b"", b"\0"):
            line = b"%08x %b\n" % (crc32(text), text)
            self.assertEqual(read(line), ({}, 1))


class LedgerTests(SynchronousTestCase):
    """The file."""

    def setUp(self) -> None:
        """A ledger that keeps its file very short."""
        self.patch(ledgerModule, "_SHORT", 100)
        self.patch(ledgerModule, "_LONG", 1000)
        self.path = self.mktemp()
        self.ledger = self.made()
        self.told = Told()

    def made(self) -> Ledger:
        """A ledger."""
        ledger = Ledger(self.path)
        ledger._most = ledgerModule._LONG
        self.addCleanup(ledger.close)
        return ledger

    def there(self) -> dict[int, set[int]]:
        """What the file says."""
        with open(self.path, "rb") as file:
            found, bad = read(file.read())
        self.assertEqual(bad, 0)
        return {key: each.had for key, each in found.items()}

    @contextmanager
    def full(self, octets: int = 0) -> Iterator[None]:
        """The disk is full, after so many octets; what is logged is kept."""
        write = os.write

        def some(number: int, text: bytes) -> int:
            if octets:
                return write(number, text[:octets])
            raise FULL

        globalLogPublisher.addObserver(self.told)
        try:
            with mock.patch.object(os, "write", some):
                yield
        finally:
            globalLogPublisher.removeObserver(self.told)

    def test_noted(self) -> None:
        """A note is in the file when it was made, for us alone to read."""
        self.assertFalse(os.path.exists(self.path))
        self.ledger.add(7, [0, 2])
        self.ledger.add(7, [1])
        self.ledger.add(8, [0])
        self.assertEqual(self.there(), {7: {0, 1, 2}, 8: {0}})
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)

    def test_emptied(self) -> None:
        """It is emptied when it is not short and nothing is outstanding."""
        for key in range(5):
            self.ledger.add(key, [0])
        for key in range(4):
            self.ledger.settled([key])
            self.assertEqual(len(self.there()), 5)
        self.ledger.settled([99])
        self.ledger.settled([4])
        self.assertEqual(os.stat(self.path).st_size, 0)
        self.ledger.add(5, [1])
        self.assertEqual(self.there(), {5: {1}})
        self.ledger.settled([5])
        self.assertEqual(self.there(), {5: {1}})

    def test_notEmptied(self) -> None:
        """Where that fails, it only grows."""
        for key in range(5):
            self.ledger.add(key, [0])
        with mock.patch.object(os, "ftruncate", side_effect=FULL):
            for key in range(5):
                self.ledger.settled([key])
        self.ledger.add(5, [1])
        self.assertEqual(len(self.there()), 6)

    def test_bounded(self) -> None:
        """Where something is always outstanding, it is bounded all the same."""
        self.ledger.add(1, [5])
        for key in range(100, 600):
            self.ledger.add(key, [0])
            self.ledger.settled([key - 3])
            self.assertLess(os.stat(self.path).st_size, 1100)
            outstanding = {1, *range(max(100, key - 2), key + 1)}
            self.assertLessEqual(outstanding, set(self.there()))
        self.assertEqual(len(self.ledger._lines), 4)
        self.assertFalse(os.path.exists(self.path + ".new"))

    def test_muchOutstanding(self) -> None:
        """With much outstanding, it is not written anew for every note."""
        renames = mock.Mock(wraps=os.rename)
        with mock.patch.object(os, "rename", renames):
            for key in range(500):
                self.ledger.add(key, [0])
        self.assertEqual(set(self.there()), set(range(500)))
        self.assertLess(renames.call_count, 8)

    def test_notShortened(self) -> None:
        """Where it cannot be written anew, it goes on as it is."""
        with mock.patch.object(os, "rename", side_effect=FULL):
            for key in range(100):
                self.ledger.add(key, [0])
        self.assertEqual(set(self.there()), set(range(100)))
        self.assertEqual(self.told, [])

    def test_fullDisk(self) -> None:
        """It is told once; when there is room, what is outstanding is there."""
        self.ledger.add(1, [0])
        for octets in (0, 9):
            self.told.clear()
            with self.full(octets):
                for key in (2, 3, 4):
                    self.ledger.add(key, [0])
            [event] = self.told
            self.assertIn("cannot be noted", event["log_format"])
            self.assertEqual(event["path"], self.path)
            self.ledger.settled([3])
            self.ledger.add(5, [0])
            self.assertEqual(self.there(), {1: {0}, 2: {0}, 4: {0}, 5: {0}})

    def test_noFolder(self) -> None:
        """A file that cannot be made is told of, and nothing is raised."""
        self.path = os.path.join(self.mktemp(), "delivered")
        ledger = self.made()
        with self.full():
            ledger.add(1, [0])
            ledger.add(2, [0])
        ledger.settled([1])
        self.assertEqual(len(self.told), 1)

    def test_closing(self) -> None:
        """While the spool is closed, nothing is taken out, nor after it."""
        for key in range(5):
            self.ledger.add(key, [0])
        self.ledger.retire()
        for key in range(5):
            self.ledger.settled([key])
        for key in range(5, 60):
            self.ledger.add(key, [0])
        with self.full():
            self.ledger.add(60, [0])
        self.ledger.add(61, [0])
        self.ledger.close()
        self.ledger.close()
        self.assertEqual(set(self.there()), set(range(60)))


class RecoveryTests(SpoolTestCase):
    """What the next opening makes of it."""

    def die(self, number: int = 1) -> tuple[Rig, list[str]]:
        """A process that notes three messages, one of them whole, and dies."""
        rig = Rig(self.folder, number=number).open()
        self.addCleanup(rig.close)
        ids = [rig.put(SHORT, b"b@x", b"c@x"), rig.put(LONG), rig.put(SHORT)]
        for message in rig.wait(rig.spool.ready(NOW, 2)):
            rig.spool.delivered(message, [0])
        rig.spool.ended()
        return rig, ids

    def check(self, rig: Rig, ids: list[str]) -> None:
        """Is what was noted known, and everything else as it was?"""
        found = {one.id: one.waiting for one in rig.wait(rig.spool.ready(NOW, 9))}
        self.assertEqual(found, {ids[0]: (1,), ids[2]: (0,)})
        self.assertEqual(os.listdir(rig.path("bodies")), [])
        self.assertEqual(rig.spool.state().messages, 2)

    def test_emptied(self) -> None:
        """What was written down is not kept."""
        rig, ids = self.die()
        self.assertGreater(os.stat(rig.path("delivered")).st_size, 0)
        rig = self.rig()
        self.assertEqual(os.stat(rig.path("delivered")).st_size, 0)
        self.check(rig, ids)

    def test_twice(self) -> None:
        """Applied twice, or of messages that are gone, it changes nothing."""
        rig, ids = self.die()
        with open(rig.path("delivered"), "ab+") as file:
            file.seek(0)
            before = file.read() + note(77, [0]) + b"torn"
        for _ in range(3):
            with open(rig.path("delivered"), "wb") as file:
                file.write(before)
            rig = self.rig()
            self.check(rig, ids)
            rig.close()
        self.assertEqual(rig.spool.recovered, [])

    def test_killedInIt(self) -> None:
        """Killed before or behind the commit, the next opening does it."""

        class Killed(BaseException):
            pass

        for where, name in ((Store, "commit"), (os, "truncate")):
            self.folder = self.mktemp()
            rig, ids = self.die()
            with mock.patch.object(where, name, side_effect=Killed):
                dying = Rig(self.folder)
                dying.spool.open()
                self.assertRaises(Killed, dying.run)
            dying.spool.ended()
            self.check(self.rig(), ids)

    def test_estate(self) -> None:
        """The notes of another process that is dead count, too."""
        _, ids = self.die(2)
        rig = self.rig()
        self.check(rig, ids)
        self.assertEqual([one.message.id for one in rig.spool.recovered], ids[:2])
        there = os.path.join(self.folder, "2", "delivered")
        self.assertEqual(os.stat(there).st_size, 0)

    def test_unreadableEstate(self) -> None:
        """Where they are of no use, the messages are taken over all the same."""
        _, ids = self.die(2)
        broken = sqlite3.DatabaseError("database disk image is malformed")
        with mock.patch.object(Store, "one", side_effect=broken):
            rig = self.rig()
        found = {one.id: one.waiting for one in rig.wait(rig.spool.ready(NOW, 9))}
        self.assertEqual(found, {ids[0]: (0, 1), ids[1]: (0,), ids[2]: (0,)})

    def test_notTheFile(self) -> None:
        """A ledger that cannot be read or emptied does not keep a spool closed."""
        rig, ids = self.die()
        with mock.patch.object(os, "truncate", side_effect=FULL):
            self.check(rig := self.rig(), ids)
        rig.close()
        os.unlink(rig.path("delivered"))
        os.mkdir(rig.path("delivered"))
        self.check(self.rig(), ids)

    def test_damagedMessage(self) -> None:
        """A message that cannot be read stays as it is."""
        rig, ids = self.die()
        with sqlite3.connect(rig.path("spool.db")) as connection:
            connection.execute("UPDATE message SET envelope = '{'")
        connection.close()
        rig = self.rig()
        self.assertEqual(rig.spool.recovered, [])
        self.assertEqual(rig.spool.state().messages, 3)

    def test_reopened(self) -> None:
        """After a failed commit the note stands until the next one."""
        rig = self.rig()
        rig.put(SHORT, b"b@x", b"c@x")
        [message] = rig.wait(rig.spool.ready(NOW, 9))
        rig.spool.delivered(message, [0])
        broken = sqlite3.OperationalError("disk I/O error")
        with mock.patch.object(Store, "commit", side_effect=broken):
            failed = rig.spool.settle(message, delivered(0), NOW + 60)
            rig.run()
            self.failureResultOf(failed)
        rig.reactor.advance(1)
        rig.run()
        self.assertEqual(len(rig.spool._ledger._lines), 1)
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 9)), [])
        rig.wait(rig.spool.settle(message, delivered(0), NOW + 60))
        self.assertEqual(rig.spool._ledger._lines, {})

    def test_noteless(self) -> None:
        """Who notes nothing has no ledger."""
        rig = self.rig()
        rig.put(SHORT)
        [message] = rig.wait(rig.spool.ready(NOW, 9))
        rig.wait(rig.spool.settle(message, delivered(0), None))
        self.assertFalse(os.path.exists(rig.path("delivered")))
