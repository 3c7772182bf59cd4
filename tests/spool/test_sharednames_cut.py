"""
Tests for L{smtpx.spool.sharednames}: what is cut short at one process, and goes on at
another.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from hashlib import sha256
from typing import Any

from attrs import evolve

from smtpx.spool.bodies import Bodies
from smtpx.spool.names import Room
from smtpx.spool.nametable import Name, Remnant
from smtpx.spool.siblings import Siblings, Unsure

from .killing import STEPS, Death, Killed
from .named import ANN, BOB, ROOM
from .rig import LONG, NOW, PREFIX, Rig, envelope, octetsOf
from .shared import SharedTestCase


def nobody(key: bytes) -> bool:
    """Nobody goes on with anything."""
    return False


class CutShortTests(SharedTestCase):
    """What was cut short at one, and goes on at another."""

    def goOn(self, rig: Rig) -> None:
        """Have the rest of it come."""
        found = self.recall(rig, b"k")
        assert isinstance(found, Remnant)
        self.assertEqual((found.octets, found.note), (len(LONG), "note"))
        incoming = rig.spool.names.resume(found)
        incoming.write(b"rest")
        name = evolve(self.name(b"k", None), octets=len(LONG) + 4)
        rig.wait(rig.spool.names.commit(incoming, envelope(), PREFIX, False, name))

    def bodies(self) -> list[str]:
        """All files of long bodies."""
        found = []
        for number in ("1", "2"):
            found += os.listdir(os.path.join(self.folder, number, "bodies"))
        return found

    def test_goesOn(self) -> None:
        """It goes on where it was, and is there once."""
        one, two = self.two()
        self.cut(one)
        self.claimed(two)
        self.goOn(two)
        self.release(two)
        [message] = two.wait(two.spool.ready(NOW + 99, 9))
        self.assertEqual(octetsOf(two, message), LONG + b"rest")
        self.assertEqual(self.bodies(), [message.id])
        found = self.known(one)
        assert isinstance(found, Name)
        self.assertEqual(found.digest, sha256(LONG + b"rest").digest())

    def test_toAndFro(self) -> None:
        """It goes from one to the other as often as its client does."""
        one, two = self.two()
        self.cut(one)
        for rig in (two, one, two, two, one):
            found = self.known(rig)
            assert isinstance(found, Remnant)
            self.assertEqual(found.octets, len(LONG))
            self.assertEqual(len(self.bodies()), 1)
        self.claimed(one)
        self.goOn(one)
        self.assertEqual(one.wait(one.spool.count()), 1)

    def test_rowIsSweptAway(self) -> None:
        """The row that is left where it was says nothing, and goes after a while."""
        one, two = self.two()
        self.cut(one)
        self.assertIsInstance(self.known(two), Remnant)
        self.claimed(two)
        two.wait(two.spool.names.forget(b"k", ANN))
        self.release(two)
        two.run()
        self.assertIsNone(self.known(one))
        self.assertFalse(one.wait(one.spool.names.expire(NOW, nobody)))
        one.run()
        connection = sqlite3.connect(one.path("spool.db"))
        self.assertEqual(
            connection.execute("SELECT count(*) FROM remnant").fetchall(), [(0,)]
        )
        connection.close()

    def test_expiredMeanwhile(self) -> None:
        """Where its owner drops it while it is taken, there is nothing."""
        one, two = self.two()
        self.cut(one)
        real = Siblings.move

        def move(siblings: Siblings, *rest: Any) -> bool:
            one.wait(one.spool.names.expire(NOW + 999, nobody))
            one.run()
            return real(siblings, *rest)

        self.patch(Siblings, "move", move)
        self.assertIsNone(self.known(two))
        two.run()
        self.assertEqual(self.bodies(), [])
        self.assertIsNone(self.known(one))

    def test_killedAnywhere(self) -> None:
        """
        Killed at any step of taking it and going on, it is where it was or where it is
        to be, once, and its client goes on at any worker.
        """
        steps = (*STEPS, (os, "rename"))
        number = 0
        killed = True
        while killed:
            self.folder = self.mktemp()
            one, two = self.two()
            self.cut(one)
            self.claimed(two)
            death = Death(number, steps)
            try:
                self.goOn(two)
                killed = False
            except Killed:
                number += 1
            finally:
                death.over()
            self.kill(two)
            two = self.worker(2)
            first, other = (one, two) if number % 2 else (two, one)
            self.once(first, other, killed)
            self.kill(one)
            self.kill(two)
        self.assertGreater(number, 6)

    def once(self, rig: Rig, other: Rig, killed: bool) -> None:
        """It is taken, or can be gone on with."""
        self.claimed(rig)
        found = self.recall(rig, b"k")
        if isinstance(found, Remnant):
            self.assertTrue(killed)
            self.goOn(rig)
        else:
            self.assertIsInstance(found, Name)
        self.release(rig)
        self.assertIsInstance(self.known(other), Name)
        counts = [each.wait(each.spool.count()) for each in (rig, other)]
        self.assertEqual(sum(counts), 1)
        self.assertEqual(len(self.bodies()), 1)


class RoomTests(SharedTestCase):
    """How much may be cut short, at all of them."""

    def cutIn(self, rig: Rig, room: Room, *keys: bytes, client: bytes = ANN) -> None:
        """Have messages cut short."""
        for key in keys:
            self.claimed(rig, key)
            self.leave(rig, evolve(self.remnant(key), client=client), room)
            self.release(rig, key)
            rig.run()

    def there(self, rig: Rig, *keys: bytes) -> bytes:
        """Which of them are known."""
        return b"".join(key for key in keys if self.known(rig, key) is not None)

    def test_oldestOfAll(self) -> None:
        """Where there is too much at all of them together, the oldest goes."""
        one, two = self.two()
        room = evolve(ROOM, count=3)
        self.cutIn(one, room, b"1", b"2")
        two.now = one.now
        self.cutIn(two, room, b"3", b"4")
        self.assertEqual(self.there(two, b"1", b"2", b"3", b"4"), b"234")
        self.cutIn(two, room, b"5", b"6")
        self.assertEqual(self.there(one, b"2", b"3", b"4", b"5", b"6"), b"456")

    def test_oldestOfAClient(self) -> None:
        """A client has its part at all of them together; others lose nothing by it."""
        one, two = self.two()
        room = evolve(ROOM, clientCount=2)
        self.cutIn(one, room, b"1", client=BOB)
        self.cutIn(one, room, b"2")
        two.now = one.now
        self.cutIn(two, room, b"3", b"4")
        self.assertEqual(self.there(two, b"1", b"2", b"3", b"4"), b"134")

    def test_goneOnWith(self) -> None:
        """What somebody goes on with at another worker does not go."""
        one, two = self.two()
        room = evolve(ROOM, count=1)
        self.cutIn(one, room, b"1")
        self.claimed(one, b"1")
        two.now = one.now
        self.cutIn(two, room, b"2")
        self.release(one, b"1")
        self.assertEqual(self.there(one, b"1", b"2"), b"1")

    def test_wanted(self) -> None:
        """One that is ours by now does not go either."""
        one, two = self.two()
        room = evolve(ROOM, count=1)
        self.cutIn(one, room, b"1")
        self.claimed(two, b"1")
        two.now = one.now
        self.cutIn(two, room, b"2")
        self.assertFalse(one.spool.names.claim(b"1"))
        self.assertIsInstance(self.recall(two, b"1"), Remnant)

    def test_unsure(self) -> None:
        """Where it cannot be told how much others have, nothing is kept."""
        one, two = self.two()
        self.cutIn(one, ROOM, b"1")

        def broken(*args: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        self.patch(Bodies, "octetsOf", broken)
        self.claimed(two, b"2")
        self.assertRaises(Unsure, self.leave, two, self.remnant(b"2"))
        two.run()
        self.assertEqual(os.listdir(os.path.join(self.folder, "2", "bodies")), [])
