"""
Tests for L{smtpx.spool.names}: what a spool remembers under names.
"""

from __future__ import annotations

import os
from hashlib import sha256

from attrs import evolve
from zope.interface.verify import verifyObject

from smtpx.spool import names
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.names import INames, Room
from smtpx.spool.nametable import Census, Name, Remnant

from .named import ANN, BOB, ROOM, NamesTestCase
from .rig import LONG, NOW, PREFIX, SHORT, Rig, delivered, envelope, octetsOf


def nobody(key: bytes) -> bool:
    """Nobody goes on with anything."""
    return False


class NamesTests(NamesTestCase):
    """What was put down under names."""

    def test_interface(self) -> None:
        """A spool has names."""
        self.assertTrue(verifyObject(INames, self.rig().spool.names))

    def test_withItsMessage(self) -> None:
        """A message is there with its name, also after the next start."""
        rig = self.rig()
        name = self.name(b"k")
        id = self.commit(rig, name)
        self.assertEqual(self.recall(rig, b"k"), name)
        rig.close()
        rig = self.rig()
        self.assertEqual(self.recall(rig, b"k"), name)
        [message] = rig.wait(rig.spool.messages("", 9))
        self.assertEqual(message.id, id)

    def test_unknown(self) -> None:
        """Under another name there is nothing."""
        rig = self.rig()
        self.commit(rig, self.name(b"k"))
        self.assertIsNone(self.recall(rig, b"K"))

    def test_counted(self) -> None:
        """It is known how many there are, of each client and in all."""
        rig = self.rig()
        self.commit(rig, self.name(b"1"))
        self.commit(rig, self.name(b"2", client=BOB))
        rig.wait(rig.spool.names.put(self.name(b"3")))
        for again in (False, True):
            if again:
                rig.close()
                rig = self.rig()
            count = rig.spool.names.count
            self.assertEqual([count(ANN), count(BOB), count(None)], [2, 1, 3])
            self.assertEqual(count(b"carol"), 0)

    def test_countedByWeight(self) -> None:
        """One of which much is remembered counts as several, and goes as it came."""
        rig = self.rig()
        heavy = evolve(self.name(b"1"), note="x" * 2500)
        self.commit(rig, heavy)
        self.commit(rig, evolve(heavy, key=b"2", until=NOW + 61))
        self.commit(rig, self.name(b"3"))
        for again in (False, True):
            if again:
                rig.close()
                rig = self.rig()
            known = rig.spool.names
            self.assertEqual((known.count(ANN), known.count(None)), (7, 7))
        rig.wait(known.expire(NOW + 60, nobody))
        self.assertEqual((known.count(ANN), known.count(None)), (3, 3))
        rig.wait(known.forget(b"2", ANN))
        self.assertEqual((known.count(ANN), known.count(None)), (0, 0))

    def test_withoutMessage(self) -> None:
        """A name can be put down under which no message is."""
        rig = self.rig()
        rig.wait(rig.spool.names.put(self.name(b"k", None)))
        self.assertEqual(self.recall(rig, b"k"), self.name(b"k", None))
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_anotherProcess(self) -> None:
        """What another process remembers is known here once that one is dead."""
        other = Rig(self.folder, number=2).open()
        self.commit(other, self.name(b"k"))
        self.leave(other, self.remnant(b"cut"))
        rig = self.rig()
        self.assertIsNone(self.recall(rig, b"k"))
        rig.close()
        other.close()
        rig = self.rig()
        self.assertEqual(self.recall(rig, b"k"), self.name(b"k"))
        self.assertIsInstance(self.recall(rig, b"cut"), Remnant)
        self.assertEqual(rig.spool.names.count(ANN), 1)

    def test_forgotten(self) -> None:
        """What is forgotten is not counted any more; its message stays."""
        rig = self.rig()
        self.commit(rig, self.name(b"k"))
        known = rig.spool.names
        for _ in range(2):
            rig.wait(known.forget(b"k", ANN))
            self.assertIsNone(self.recall(rig, b"k"))
            self.assertEqual((known.count(ANN), known.count(None)), (0, 0))
        self.assertEqual(rig.wait(rig.spool.count()), 1)

    def test_forgottenBefore(self) -> None:
        """
        What is forgotten is what there was: a long message that comes right behind it,
        under the same name, keeps its name.
        """
        rig = self.rig()
        self.commit(rig, self.name(b"k"))
        incoming = rig.spool.begin()
        incoming.write(LONG)
        known, name = rig.spool.names, self.name(b"k", LONG)
        gone = known.forget(b"k", ANN)
        done = known.commit(incoming, envelope(), PREFIX, False, name)
        # Its file is synced before the reactor comes to anything else.
        rig.threads.drain()
        rig.wait(done)
        rig.wait(gone)
        self.assertEqual(self.recall(rig, b"k"), name)
        self.assertEqual((known.count(ANN), known.count(None)), (1, 1))

    def test_outlivesItsMessage(self) -> None:
        """A name stays when its message has been delivered."""
        rig = self.rig()
        id = self.commit(rig, self.name(b"k"))
        [message] = rig.wait(rig.spool.ready(NOW, 9))
        self.assertEqual(message.id, id)
        rig.wait(rig.spool.settle(message, delivered(0), None))
        self.assertEqual(rig.wait(rig.spool.count()), 0)
        self.assertIsNotNone(self.recall(rig, b"k"))

    def test_expire(self) -> None:
        """What is too old goes, and is not counted any more."""
        rig = self.rig()
        self.commit(rig, self.name(b"1"))
        self.commit(rig, evolve(self.name(b"2"), until=NOW + 61))
        known = rig.spool.names
        self.assertFalse(rig.wait(known.expire(NOW + 60, nobody)))
        self.assertIsNone(self.recall(rig, b"1"))
        self.assertIsNotNone(self.recall(rig, b"2"))
        self.assertEqual((known.count(ANN), known.count(None)), (1, 1))

    def test_expireInSteps(self) -> None:
        """Where there is much it goes step by step, and is told that there is more."""
        self.patch(names, "_STEP", 2)
        rig = self.rig()
        for number in range(3):
            rig.wait(rig.spool.names.put(self.name(b"%d" % number)))
        self.assertTrue(rig.wait(rig.spool.names.expire(NOW + 99, nobody)))
        self.assertFalse(rig.wait(rig.spool.names.expire(NOW + 99, nobody)))
        self.assertEqual(rig.spool.names.count(None), 0)

    def test_countedAnew(self) -> None:
        """A spool that failed and was mended counts what is in the file."""
        rig = self.rig()
        self.commit(rig, self.name(b"k"))
        known = rig.spool.names
        known.began(Census())
        self.assertEqual(known.count(None), 0)
        known.mended()
        rig.run()
        self.assertEqual((known.count(ANN), known.count(None)), (1, 1))


class CutShortTests(NamesTestCase):
    """What is kept of messages that were cut short."""

    def test_kept(self) -> None:
        """It is there, and its file, also after the next start."""
        rig = self.rig()
        id = self.leave(rig, self.remnant(b"k"))
        for again in (False, True):
            if again:
                rig.close()
                rig = self.rig()
            found = self.recall(rig, b"k")
            assert isinstance(found, Remnant)
            self.assertEqual((found.octets, found.note), (len(LONG), "note"))
            self.assertEqual(self.files(rig), [id])
        self.assertEqual(rig.spool.names.count(None), 0)

    def test_goesOn(self) -> None:
        """It is gone on with behind what counts, and has the digest of all of it."""
        rig = self.rig()
        counts = len(LONG) - 100
        id = self.leave(rig, self.remnant(b"k", counts))
        rig.close()
        rig = self.rig()
        found = self.recall(rig, b"k")
        assert isinstance(found, Remnant)
        incoming = rig.spool.names.resume(found)
        self.assertEqual((incoming.id, incoming.octets), (id, counts))
        incoming.write(b"rest")
        whole = LONG[:counts] + b"rest"
        name = evolve(self.name(b"k", None), octets=len(whole))
        known = rig.spool.names
        rig.wait(known.commit(incoming, envelope(), PREFIX, False, name))
        found = self.recall(rig, b"k")
        assert isinstance(found, Name)
        self.assertEqual(found.digest, sha256(whole).digest())
        [message] = rig.wait(rig.spool.ready(NOW, 9))
        self.assertEqual(octetsOf(rig, message), whole)
        # Nothing is cut short under it any more.
        rig.close()
        self.assertEqual(self.files(self.rig()), [id])

    def test_short(self) -> None:
        """One that has no file is short enough to be sent again."""
        rig = self.rig()
        incoming = rig.spool.begin()
        incoming.write(SHORT)
        left = rig.spool.names.leave(incoming, self.remnant(b"k", 5), ROOM, nobody)
        rig.wait(left)
        self.assertIsNone(self.recall(rig, b"k"))

    def test_tooLong(self) -> None:
        """One that is longer than there may be is dropped, and what was there."""
        for room in (Room(9, 9, 9, 9 << 20), Room(9, 9 << 20, 9, 9)):
            rig = self.rig()
            self.leave(rig, self.remnant(b"k"))
            self.leave(rig, self.remnant(b"k"), room)
            self.assertIsNone(self.recall(rig, b"k"))
            self.assertEqual(self.files(rig), [])
            rig.close()

    def test_oldestGoes(self) -> None:
        """Where there are too many the oldest goes, but not one that goes on."""
        for room in (Room(2, 9 << 20, 9, 9 << 20), Room(9, 2 * len(LONG), 9, 9 << 20)):
            rig = self.rig()
            for key in (b"1", b"2", b"3"):
                self.leave(rig, self.remnant(key), room, busy=b"1")
            left = [self.recall(rig, key) is not None for key in (b"1", b"2", b"3")]
            self.assertEqual(left, [True, False, True])
            self.assertEqual(len(self.files(rig)), 2)
            for key in (b"1", b"3"):
                rig.wait(rig.spool.names.forget(key, ANN))
            self.assertEqual(self.files(rig), [])
            rig.close()

    def test_expire(self) -> None:
        """What is too old goes with its file, but not one that goes on."""
        rig = self.rig()
        self.leave(rig, self.remnant(b"1"))
        kept = self.leave(rig, self.remnant(b"2"))
        rig.wait(rig.spool.names.expire(NOW + 999, lambda key: key == b"2"))
        self.assertIsNone(self.recall(rig, b"1"))
        self.assertIsNotNone(self.recall(rig, b"2"))
        self.assertEqual(self.files(rig), [kept])

    def test_fileGone(self) -> None:
        """One whose file is gone, or shorter than it should be, is not there."""
        rig = self.rig()
        id = self.leave(rig, self.remnant(b"k"))
        os.truncate(rig.path("bodies", id), len(LONG) - 1)
        self.assertIsNone(self.recall(rig, b"k"))
        os.unlink(rig.path("bodies", id))
        self.assertIsNone(self.recall(rig, b"k"))

    def test_closed(self) -> None:
        """A spool that is closed goes on with nothing, and keeps nothing."""
        rig = self.rig()
        self.leave(rig, self.remnant(b"k"))
        found = self.recall(rig, b"k")
        assert isinstance(found, Remnant)
        incoming = rig.spool.begin()
        incoming.write(LONG)
        rig.close()
        known = rig.spool.names
        self.assertRaises(SpoolBroken, known.resume, found)
        left = known.leave(incoming, self.remnant(b"other"), ROOM, nobody)
        self.assertRaises(SpoolBroken, rig.wait, left)
        self.assertEqual(len(self.files(rig)), 1)
