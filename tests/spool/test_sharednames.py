"""
Tests for L{smtpx.spool.sharednames}: a name is known to all processes of a spool.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from hashlib import sha256
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from smtpx.spool.bodies import Bodies
from smtpx.spool.claims import Claims
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.names import INames, Room
from smtpx.spool.nametable import Name, Remnant
from smtpx.spool.siblings import Siblings, Unsure
from smtpx.spool.store import Store

from .killing import STEPS, Death, Killed
from .named import ANN, BOB, ROOM, NamesTestCase
from .rig import LONG, NOW, PREFIX, SHORT, Rig, envelope, octetsOf


def nobody(key: bytes) -> bool:
    """Nobody goes on with anything."""
    return False


class SharedTestCase(NamesTestCase):
    """A test with two workers."""

    def worker(self, number: int, workers: int = 2) -> Rig:
        """One of them, which may be killed."""
        rig = Rig(self.folder, number=number, workers=workers).open()
        self.addCleanup(self.kill, rig)
        return rig

    def two(self) -> tuple[Rig, Rig]:
        """Both."""
        return self.worker(1), self.worker(2)

    def kill(self, rig: Rig) -> None:
        """It is dead, and leaves no locks."""
        rig.spool.names.close()
        rig.spool.ended()

    def release(self, rig: Rig, key: bytes = b"k") -> None:
        """Somebody has no more use for a name."""
        rig.spool.names.release(key)

    def put(self, rig: Rig, key: bytes = b"k", body: bytes = SHORT) -> Name:
        """Put down a message under a name, and let go of that."""
        self.claimed(rig, key)
        name = self.name(key, body)
        self.commit(rig, name, body)
        self.release(rig, key)
        return name

    def cut(self, rig: Rig, key: bytes = b"k") -> None:
        """Have a message cut short."""
        self.claimed(rig, key)
        self.leave(rig, self.remnant(key))
        self.release(rig, key)

    def known(self, rig: Rig, key: bytes = b"k") -> Name | Remnant | None:
        """What a worker finds under a name."""
        self.claimed(rig, key)
        try:
            return self.recall(rig, key)
        finally:
            self.release(rig, key)


class KnownTests(SharedTestCase):
    """What one has put down, and the others find."""

    def test_interface(self) -> None:
        """They are names."""
        self.assertTrue(verifyObject(INames, self.worker(1).spool.names))

    def test_name(self) -> None:
        """A name is known to all, and counted where it is."""
        one, two = self.two()
        name = self.put(one)
        self.assertEqual((self.known(one), self.known(two)), (name, name))
        self.assertEqual(one.spool.names.count(ANN), 1)
        self.assertEqual(two.spool.names.count(None), 0)

    def test_withoutMessage(self) -> None:
        """So is one under which there is no message."""
        one, two = self.two()
        self.claimed(one)
        one.wait(one.spool.names.put(self.name(b"k", None)))
        self.release(one)
        self.assertEqual(self.known(two), self.name(b"k", None))

    def test_whoeverIsAway(self) -> None:
        """So it is while whoever has it is dead, and when it is back."""
        one, two = self.two()
        name = self.put(one)
        self.kill(one)
        self.assertEqual(self.known(two), name)
        one = self.worker(1)
        self.assertEqual((self.known(one), self.known(two)), (name, name))

    def test_tooOld(self) -> None:
        """A name that is too old elsewhere is none; our own is told, to be dropped."""
        one, two = self.two()
        name = self.put(one)
        for rig in (one, two):
            rig.now = NOW + 61
        self.assertEqual((self.known(one), self.known(two)), (name, None))

    def test_newest(self) -> None:
        """Where there are two, of which one is too old, the other counts."""
        one, two = self.two()
        self.put(one)
        one.now = two.now = NOW + 61
        self.claimed(two)
        name = evolve(self.name(b"k"), until=NOW + 99)
        self.commit(two, name)
        self.release(two)
        self.assertEqual((self.known(one), self.known(two)), (name, name))

    def test_forget(self) -> None:
        """Each forgets what is its own."""
        one, two = self.two()
        name = self.put(one)
        two.wait(two.spool.names.forget(b"k", ANN))
        self.assertEqual(self.known(two), name)
        one.wait(one.spool.names.forget(b"k", ANN))
        self.assertIsNone(self.known(two))

    def test_unsure(self) -> None:
        """Where another's file cannot be read, nobody can say."""
        one, two = self.two()
        self.put(one)

        def broken(*args: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        self.claimed(two)
        patched = self.patch(Siblings, "look", broken)
        self.assertRaises(Unsure, self.recall, two, b"k")
        patched.restore()
        self.assertIsInstance(self.recall(two, b"k"), Name)

    def test_estate(self) -> None:
        """
        What nobody has taken over yet is known, and once only: before the first worker
        is there, while it takes it over, and then.
        """
        third = self.worker(3, 3)
        name = self.put(third)
        third.close()
        two = self.worker(2)
        self.assertEqual(self.known(two), name)
        self.worker(1)
        self.assertEqual(self.known(two), name)
        self.assertEqual(two.spool.names.count(None), 0)

    def test_estateBeforeItsHeir(self) -> None:
        """Whoever takes it over while one looks is looked at behind it."""
        third = self.worker(3, 3)
        name = self.put(third)
        third.close()
        two = self.worker(2)
        real = Siblings._asked
        looked: list[int] = []

        def asked(siblings: Siblings, number: int, read: Any) -> Any:
            looked.append(number)
            found = real(siblings, number, read)
            if number == 3:
                self.worker(1)
            return found

        self.patch(Siblings, "_asked", asked)
        self.assertEqual(self.known(two), name)
        self.assertEqual(looked, [3, 1])


class ClaimTests(SharedTestCase):
    """Who may do something under a name."""

    def test_oneAtATime(self) -> None:
        """A name is one's until it lets go of it, or is dead."""
        one, two = self.two()
        self.assertTrue(one.spool.names.claim(b"k"))
        self.assertTrue(one.spool.names.claim(b"k"))
        self.assertFalse(two.spool.names.claim(b"k"))
        self.release(one)
        self.assertTrue(two.spool.names.claim(b"k"))
        self.assertFalse(one.spool.names.claim(b"k"))
        self.kill(two)
        self.assertTrue(one.spool.names.claim(b"k"))

    def test_noMoreLocks(self) -> None:
        """Where there are no more locks it is as if somebody had it."""
        one = self.worker(1)

        def full(*args: object) -> bool:
            raise OSError(errno.ENOLCK, "No locks available")

        self.patch(Claims, "take", full)
        self.assertFalse(one.spool.names.claim(b"k"))

    def test_withoutIt(self) -> None:
        """Whoever has no claim puts nothing down, and finds nothing out."""
        one, two = self.two()
        self.claimed(two)
        names = one.spool.names
        self.assertRaises(SpoolBroken, self.commit, one, self.name(b"k"))
        self.assertRaises(SpoolBroken, self.recall, one, b"k")
        self.assertRaises(SpoolBroken, one.wait, names.put(self.name(b"k")))
        self.assertRaises(SpoolBroken, self.leave, one, self.remnant(b"k"))
        self.release(one)
        self.assertEqual(one.wait(one.spool.count()), 0)
        self.assertEqual(self.files(one), [])
        self.assertIsNone(self.recall(two, b"k"))

    def test_notBeforeItIsOver(self) -> None:
        """
        Who lets go of a name while something is put down under it keeps it until that
        is over, also if nobody waits for it any more.
        """
        one, two = self.two()
        self.claimed(one)
        incoming = one.spool.begin()
        incoming.write(SHORT)
        name = self.name(b"k")
        done = one.spool.names.commit(incoming, envelope(), PREFIX, False, name)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.release(one)
        self.assertFalse(two.spool.names.claim(b"k"))
        one.run()
        self.assertEqual(self.known(two), name)

    def test_wantedAgain(self) -> None:
        """Who wants it again in the meantime has it."""
        one, two = self.two()
        self.claimed(one)
        looked = one.spool.names.recall(b"k")
        self.release(one)
        self.claimed(one)
        one.wait(looked)
        self.assertFalse(two.spool.names.claim(b"k"))

    def test_doubt(self) -> None:
        """
        Where a commit failed nobody knows whether it is in the file; others cannot look
        before that is known, and then find nothing.
        """
        one, two = self.two()
        self.claimed(one)
        real = Store.commit

        def commit(store: Store, *rest: Any) -> list[int]:
            real(store, *rest)
            raise sqlite3.OperationalError("disk I/O error")

        patched = self.patch(Store, "commit", commit)
        self.assertRaises(SpoolBroken, self.commit, one, self.name(b"k"))
        self.release(one)
        self.assertFalse(two.spool.names.claim(b"k"))
        one.reactor.advance(1)
        one.run()
        self.assertFalse(two.spool.names.claim(b"k"))
        patched.restore()
        for _ in range(4):
            one.reactor.advance(1)
            one.run()
        self.assertIsNone(self.known(two))
        self.assertEqual(one.wait(one.spool.count()), 0)

    def test_doubtAtItsDeath(self) -> None:
        """A process that dies in doubt leaves what is in its file: all of it."""
        one, two = self.two()
        self.claimed(one)
        real = Store.commit

        def commit(store: Store, *rest: Any) -> list[int]:
            real(store, *rest)
            raise sqlite3.OperationalError("disk I/O error")

        patched = self.patch(Store, "commit", commit)
        self.assertRaises(SpoolBroken, self.commit, one, self.name(b"k"))
        self.kill(one)
        patched.restore()
        self.assertIsInstance(self.known(two), Name)
        one = self.worker(1)
        self.assertEqual(one.wait(one.spool.count()), 1)


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
            self.once(one if number % 2 else self.worker(2), killed)
            self.kill(one)
        self.assertGreater(number, 6)

    def once(self, rig: Rig, killed: bool) -> None:
        """It is taken, or can be gone on with."""
        self.claimed(rig)
        found = self.recall(rig, b"k")
        if isinstance(found, Remnant):
            self.assertTrue(killed)
            self.goOn(rig)
        else:
            self.assertIsInstance(found, Name)
        self.release(rig)
        two = self.worker(2) if rig.spool._number == 1 else rig
        one = rig if two is not rig else None
        count = two.wait(two.spool.count())
        if one is not None:
            count += one.wait(one.spool.count())
            self.assertIsInstance(self.known(two), Name)
        else:
            count += self.countOf(1)
        self.assertEqual(count, 1)
        two.run()
        self.assertEqual(len(self.bodies()), 1)
        if two is not rig:
            self.kill(two)

    def countOf(self, number: int) -> int:
        """How many messages the file of a worker has."""
        path = os.path.join(self.folder, str(number), "spool.db")
        connection = sqlite3.connect(path)
        try:
            ((count,),) = connection.execute("SELECT count(*) FROM message").fetchall()
        finally:
            connection.close()
        return int(count)


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
