"""
Tests for L{smtpx.spool.sqlite}: receiving, opening, closing.
"""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.spool.bodies import INSIDE
from smtpx.spool.interfaces import (
    IIncoming,
    IOperatedSpool,
    ISpool,
    SpoolBroken,
    SpoolFull,
)
from smtpx.spool.recovery import SpoolInUse
from smtpx.spool.store import Store

from .rig import (
    LONG,
    NOW,
    PREFIX,
    SHORT,
    Rig,
    SpoolTestCase,
    delivered,
    envelope,
    octetsOf,
)


class ReceivingTests(SpoolTestCase):
    """From C{begin} to the 250."""

    def test_interfaces(self) -> None:
        """The spool keeps its contract."""
        rig = self.rig()
        verifyObject(ISpool, rig.spool)
        verifyObject(IOperatedSpool, rig.spool)
        verifyObject(IIncoming, rig.spool.begin())

    def test_commit(self) -> None:
        """A message that was committed is there after the next start."""
        rig = self.rig()
        id = rig.put(SHORT, b"b@server.example", b"c@server.example")
        rig.close()
        rig = self.rig()
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, id)
        self.assertEqual(found.envelope.sender, b"a@client.example")
        self.assertEqual(
            [one.path for one in found.envelope.recipients],
            [b"b@server.example", b"c@server.example"],
        )
        self.assertEqual(found.prefix, PREFIX)
        self.assertEqual(found.waiting, (0, 1))
        self.assertEqual(octetsOf(rig, found), SHORT)

    def test_answerAfterCommit(self) -> None:
        """The answer comes after the transaction, not with it."""
        rig = self.rig()
        incoming = rig.spool.begin()
        incoming.write(SHORT)
        done = incoming.commit(envelope(), PREFIX, False)
        self.assertNoResult(done)
        self.assertTrue(rig.turn())
        self.assertNoResult(done)
        rig.run()
        self.assertIsNone(self.successResultOf(done))

    def test_shared(self) -> None:
        """All messages that wait share one transaction, and one announcement."""
        rig = self.rig()
        done = []
        for _ in range(150):
            incoming = rig.spool.begin()
            incoming.write(SHORT)
            done.append(incoming.commit(envelope(), PREFIX, False))
        with mock.patch.object(
            Store, "commit", autospec=True, side_effect=Store.commit
        ) as commit:
            self.assertTrue(rig.turn())
        self.assertEqual(commit.call_count, 1)
        self.assertEqual(len(rig.reactor.called), 1)
        rig.run()
        for one in done:
            self.assertIsNone(self.successResultOf(one))
        self.assertEqual(rig.wait(rig.spool.count()), 150)

    def test_transactionsAreBounded(self) -> None:
        """Bodies beyond four megabytes wait for the next transaction."""
        rig = self.rig()
        for _ in range(80):
            incoming = rig.spool.begin()
            incoming.write(b"x" * INSIDE)
            incoming.commit(envelope(), PREFIX, False)
        self.assertTrue(rig.turn())
        self.assertGreater(rig.spool._desk._queue.qsize(), 0)
        rig.run()
        self.assertEqual(rig.wait(rig.spool.count()), 80)

    def test_empty(self) -> None:
        """A message without a body is one."""
        rig = self.rig()
        rig.put(b"")
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(octetsOf(rig, found), b"")
        self.assertEqual(list(rig.spool.body(found).pieces()), [])

    def test_border(self) -> None:
        """Up to 64 KiB stand in the row, one octet more goes to a file."""
        rig = self.rig()
        for body, files in ((LONG[:-1], 0), (LONG, 1)):
            id = rig.put(body)
            (found,) = rig.wait(rig.spool.ready(NOW, 10))
            self.assertEqual(found.id, id)
            self.assertEqual(octetsOf(rig, found), body)
            self.assertEqual(found.octets, len(body))
            self.assertEqual(rig.spool.body(found).octets, len(body))
            self.assertEqual(len(os.listdir(rig.path("bodies"))), files)

    def test_pieces(self) -> None:
        """However the body is cut, it is the same."""
        rig = self.rig()
        for size in (1000, INSIDE, len(LONG), 3):
            body = LONG if size > 3 else LONG[:500]
            incoming = rig.spool.begin()
            for start in range(0, len(body), size):
                incoming.write(body[start : start + size])
            self.assertEqual(incoming.octets, len(body))
            rig.wait(incoming.commit(envelope(), PREFIX, False))
            (found,) = rig.wait(rig.spool.ready(NOW, 10))
            self.assertEqual(octetsOf(rig, found), body)
            pieces = list(rig.spool.body(found).pieces())
            self.assertLessEqual(max(map(len, pieces)), 64 << 10)

    def test_modes(self) -> None:
        """Nobody else can read the mail."""
        rig = self.rig()
        rig.put(LONG)
        for path in (rig.folder, rig.path(), rig.path("bodies")):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o700, path)
        (body,) = os.listdir(rig.path("bodies"))
        names = ("lock", "spool.db", "spool.db-wal", "spool.db-shm", "bodies/" + body)
        for name in names:
            self.assertEqual(os.stat(rig.path(name)).st_mode & 0o777, 0o600, name)

    def test_abort(self) -> None:
        """Nothing is left of a message that was aborted."""
        rig = self.rig()
        for body in (SHORT, LONG):
            incoming = rig.spool.begin()
            incoming.write(body)
            incoming.abort()
            incoming.abort()
            rig.run()
            self.assertRaises(UsageError, incoming.write, b"x")
            self.assertRaises(UsageError, incoming.commit, envelope(), PREFIX, False)
        self.assertEqual(os.listdir(rig.path("bodies")), [])
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_abortAfterCommit(self) -> None:
        """A commit stands, also while it is under way."""
        rig = self.rig()
        incoming = rig.spool.begin()
        incoming.write(LONG)
        done = incoming.commit(envelope(), PREFIX, False)
        incoming.abort()
        rig.wait(done)
        self.assertEqual(os.listdir(rig.path("bodies")), [incoming.id])

    def test_held(self) -> None:
        """A message can be put by from the start."""
        rig = self.rig()
        id = rig.put(SHORT, hold=True)
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 10)), [])
        rig.wait(rig.spool.release([id]))
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, id)


class RoomTests(SpoolTestCase):
    """The low-water mark."""

    def setUp(self) -> None:
        """A disk whose room the test says."""
        super().setUp()
        self.room = 1 << 30
        self.looks = 0

        def statvfs(path: str) -> Any:
            self.looks += 1
            return mock.Mock(f_bavail=self.room // 4096, f_frsize=4096)

        self.patch(os, "statvfs", statvfs)

    def test_lowWater(self) -> None:
        """Below the mark no message is begun; above it again, one is."""
        rig = self.rig(lowWaterOctets=1 << 20)
        rig.spool.begin()
        self.room = (1 << 20) - 4096
        rig.now += 1
        error = self.assertRaises(SpoolFull, rig.spool.begin)
        self.assertIn("1044480 octets of room", str(error))
        self.room = 1 << 20
        rig.now += 1
        rig.spool.begin()

    def test_stateOfTheDisk(self) -> None:
        """The state tells of the room, and why nothing is taken where it is short."""
        rig = self.rig(lowWaterOctets=1 << 20)
        self.room = 1 << 20
        state = rig.spool.state()
        self.assertEqual(
            (state.freeOctets, state.lowWaterOctets, state.trouble),
            (1 << 20, 1 << 20, None),
        )
        self.room -= 4096
        trouble = rig.spool.state().trouble
        self.assertIn("only 1044480 octets of room are left", trouble or "")
        rig.close()
        self.assertIn("is closed", rig.spool.state().trouble or "")

    def test_onceASecond(self) -> None:
        """The file system is asked once a second, whatever the clock does."""
        rig = self.rig(lowWaterOctets=1 << 20)
        for step in (0, 0.5, 0.4, 0.2, 0, -100, 0.5):
            rig.now += step
            rig.spool.begin()
        self.assertEqual(self.looks, 3)


class LifeTests(SpoolTestCase):
    """Opening and closing."""

    def test_notOpen(self) -> None:
        """Before it is open and after it was closed, a spool takes nothing."""
        rig = Rig(self.folder)
        self.assertRaises(SpoolBroken, rig.spool.begin)
        rig.open()
        incoming = rig.spool.begin()
        filed = rig.spool.begin()
        filed.write(LONG)
        rig.close()
        self.assertRaises(SpoolBroken, rig.spool.begin)
        done = incoming.commit(envelope(), PREFIX, False)
        self.failureResultOf(done, SpoolBroken)
        self.failureResultOf(rig.spool.ready(NOW, 1), SpoolBroken)
        self.assertRaises(UsageError, filed.commit, envelope(), PREFIX, False)
        self.assertEqual(os.listdir(rig.path("bodies")), [])

    def test_openedOnce(self) -> None:
        """A spool object has one life."""
        rig = self.rig()
        self.assertRaises(UsageError, rig.spool.open)

    def test_closeNeverOpened(self) -> None:
        """A spool that was never opened is closed."""
        Rig(self.folder).close()

    def test_closeFinishes(self) -> None:
        """What is under way when it closes is finished, and then it closes."""
        rig = self.rig()
        done = []
        for body in (SHORT, LONG):
            incoming = rig.spool.begin()
            incoming.write(body)
            done.append(incoming.commit(envelope(), PREFIX, False))
        page = rig.spool.messages("", 1)
        closed, again = rig.spool.close(), rig.spool.close()
        self.assertNoResult(closed)
        rig.run()
        for one in done:
            self.assertIsNone(self.successResultOf(one))
        self.assertEqual(len(self.successResultOf(page)), 1)
        self.assertIsNone(self.successResultOf(closed))
        self.assertIsNone(self.successResultOf(again))
        self.assertEqual(self.rig().spool._records.stock.messages, 2)

    def test_closeWhileOpening(self) -> None:
        """A spool that is closed while it opens opens, and is closed."""
        rig = Rig(self.folder)
        opened, closed = rig.spool.open(), rig.spool.close()
        rig.run()
        self.successResultOf(opened)
        self.successResultOf(closed)
        self.assertRaises(SpoolBroken, rig.spool.begin)

    def test_inUse(self) -> None:
        """A spool that a process has is refused to others, until it is closed."""
        rig = self.rig()
        other = Rig(self.folder)
        error = self.assertRaises(SpoolInUse, other.open)
        self.assertEqual(
            str(error),
            f"{os.path.abspath(rig.path('lock'))}: in use by process {os.getpid()}",
        )
        other.close()
        rig.close()
        self.rig()

    def test_idsGoOn(self) -> None:
        """No id comes twice, although nothing is left and the clock stands."""
        found = set()
        for _ in range(3):
            rig = self.rig()
            found.add(rig.put(SHORT))
            (message,) = rig.wait(rig.spool.ready(NOW, 1))
            rig.wait(rig.spool.settle(message, delivered(0), None))
            rig.close()
        self.assertEqual(len(found), 3)
