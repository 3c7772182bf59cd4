"""
Tests for L{smtpx.spool.names}: what a spool remembers under names, and that it does so
with the messages or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any
from unittest import mock

from attrs import evolve
from zope.interface.verify import verifyObject

from smtpx.spool import names
from smtpx.spool.bodies import Bodies
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.names import INames, Room
from smtpx.spool.nametable import Census, Name, Remnant
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

ANN, BOB = b"ann", b"bob"

#: Room for more than a test has.
ROOM = Room(9, 9 << 20, 9, 9 << 20)


#: What changes the disk: whose it is, and its name.
Step = tuple[object, str]
STEPS: Sequence[Step] = (
    (os, "write"),
    (os, "fsync"),
    (Bodies, "create"),
    (Bodies, "reopen"),
    (Bodies, "shorten"),
    (Bodies, "sync"),
    (Bodies, "delete"),
    (Store, "commit"),
)


class Killed(BaseException):
    """The process ends here."""


def nobody(key: bytes) -> bool:
    """Nobody goes on with anything."""
    return False


class NamesTestCase(SpoolTestCase):
    """A test that puts down what has names."""

    def name(self, key: bytes, body: bytes | None = SHORT, client: bytes = ANN) -> Name:
        """
        A name.

        @param body: what its digest is of; L{None}: it has none.
        """
        digest = None if body is None else sha256(body).digest()
        return Name(key, client, NOW + 60, len(body or b""), digest, "note")

    def commit(self, rig: Rig, name: Name, body: bytes = SHORT) -> str:
        """Put down a message with its name; its id."""
        incoming = rig.spool.begin()
        incoming.write(body)
        known = rig.spool.names
        rig.wait(known.commit(incoming, envelope(), PREFIX, False, name))
        return incoming.id

    def remnant(self, key: bytes, octets: int = len(LONG)) -> Remnant:
        """What is to be kept of a message of Ann's that was cut short."""
        return Remnant(key, ANN, NOW + 60, 0, octets, "{}", "note")

    def leave(
        self, rig: Rig, remnant: Remnant, room: Room = ROOM, busy: bytes = b""
    ) -> str:
        """
        Have a long message cut short; the id of what there is of it.

        @param busy: the key of what somebody goes on with.
        """
        incoming = rig.spool.begin()
        incoming.write(LONG)
        rig.now += 1
        known = rig.spool.names
        kept = evolve(remnant, until=rig.now + 60)
        rig.wait(known.leave(incoming, kept, room, lambda key: key == busy))
        return incoming.id

    def files(self, rig: Rig) -> list[str]:
        """The files of long bodies, when all is done."""
        rig.run()
        return sorted(os.listdir(rig.path("bodies")))

    def recall(self, rig: Rig, key: bytes) -> Name | Remnant | None:
        """What there is under a name."""
        return rig.wait(rig.spool.names.recall(key))


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


class Death:
    """
    Ends the process at a step of those that change the disk.

    @ivar left: how many steps it may take before.
    """

    def __init__(self, left: int, steps: Sequence[Step]) -> None:
        self.left = left
        self._patches = [self._patched(where, name) for where, name in steps]

    def _patched(self, where: object, name: str) -> Any:
        real = getattr(where, name)

        def call(*rest: Any, **more: Any) -> Any:
            if not self.left:
                raise Killed
            self.left -= 1
            return real(*rest, **more)

        patched = mock.patch.object(where, name, call)
        patched.start()
        return patched

    def over(self) -> None:
        """From now on all goes as ever."""
        for each in self._patches:
            each.stop()


class KillTests(NamesTestCase):
    """A process that is killed at any step."""

    def opened(self) -> Rig:
        """A spool that may be killed, which closes nothing."""
        return Rig(self.folder).open()

    def killedAnywhere(
        self,
        begin: Callable[[Rig], object],
        work: Callable[[Rig], object],
        look: Callable[[Rig, bool], None],
        steps: Sequence[Step] = STEPS,
    ) -> int:
        """
        Do something again and again, and be killed one step later each time, until it
        comes to its end.

        @param begin: what goes before.
        @param work: what is done.
        @param look: looks at what came of it; told whether it was killed.
        @param steps: where it may be killed.
        @return: how many steps it has.
        """
        number = 0
        while True:
            self.folder = self.mktemp()
            rig = self.opened()
            begin(rig)
            killed = False
            death = Death(number, steps)
            try:
                work(rig)
            except Killed:
                killed = True
            finally:
                death.over()
            # A killed process leaves no lock.
            rig.spool.ended()
            look(self.opened(), killed)
            if not killed:
                return number
            number += 1

    def both(self, rig: Rig, killed: bool, body: bytes) -> None:
        """A message and its name are there, or neither is; a repeat is known if so."""
        found = self.recall(rig, b"k")
        messages = rig.wait(rig.spool.ready(NOW + 99, 9))
        if not killed:
            self.assertEqual(len(messages), 1)
        self.assertEqual(isinstance(found, Name), len(messages) == 1)
        self.assertEqual(rig.spool.names.count(None), len(messages))
        if isinstance(found, Name):
            self.assertEqual(found.digest, sha256(body).digest())
            self.assertEqual(octetsOf(rig, messages[0]), body)
        rig.close()

    def test_short(self) -> None:
        """A short message is there with its name, or neither is."""
        steps = self.killedAnywhere(
            lambda rig: None,
            lambda rig: self.commit(rig, self.name(b"k")),
            lambda rig, killed: self.both(rig, killed, SHORT),
        )
        self.assertGreater(steps, 0)

    def test_long(self) -> None:
        """So it is with a long one; and no file is left of one that is not there."""

        def look(rig: Rig, killed: bool) -> None:
            files = len(self.files(rig))
            self.assertEqual(files, rig.wait(rig.spool.count()))
            self.both(rig, killed, LONG)

        steps = self.killedAnywhere(
            lambda rig: None,
            lambda rig: self.commit(rig, self.name(b"k", LONG), LONG),
            look,
        )
        self.assertGreater(steps, 3)

    def test_cutShort(self) -> None:
        """What was cut short is there, whole as far as it counts, or not at all."""

        def look(rig: Rig, killed: bool) -> None:
            found = self.recall(rig, b"k")
            self.assertEqual(len(self.files(rig)), 0 if found is None else 1)
            if found is None:
                self.assertTrue(killed)
            else:
                assert isinstance(found, Remnant)
                with open(rig.path("bodies", self.files(rig)[0]), "rb") as file:
                    self.assertEqual(file.read(found.octets), LONG)
            rig.close()

        steps = self.killedAnywhere(
            lambda rig: None, lambda rig: self.leave(rig, self.remnant(b"k")), look
        )
        self.assertGreater(steps, 3)

    def test_goingOn(self) -> None:
        """
        Where one that was cut short is gone on with, it is there with its name, or is
        cut short still, at the same place.
        """
        whole = LONG + b"rest"

        def work(rig: Rig) -> None:
            found = self.recall(rig, b"k")
            assert isinstance(found, Remnant)
            incoming = rig.spool.names.resume(found)
            incoming.write(b"rest")
            name = evolve(self.name(b"k", None), octets=len(whole))
            known = rig.spool.names
            rig.wait(known.commit(incoming, envelope(), PREFIX, False, name))

        def look(rig: Rig, killed: bool) -> None:
            self.assertEqual(len(self.files(rig)), 1)
            found = self.recall(rig, b"k")
            if isinstance(found, Remnant):
                self.assertEqual(found.octets, len(LONG))
                self.assertEqual(rig.wait(rig.spool.count()), 0)
                work(rig)
            self.both(rig, killed, whole)

        steps = self.killedAnywhere(
            lambda rig: self.leave(rig, self.remnant(b"k")), work, look
        )
        self.assertGreater(steps, 3)

    def test_forgetting(self) -> None:
        """What is cut short is forgotten with its file; none is left without it."""

        def look(rig: Rig, killed: bool) -> None:
            found = self.recall(rig, b"k")
            self.assertEqual(len(self.files(rig)), 0 if found is None else 1)
            rig.close()

        def work(rig: Rig) -> None:
            rig.wait(rig.spool.names.forget(b"k", ANN))
            rig.run()

        self.killedAnywhere(lambda rig: self.leave(rig, self.remnant(b"k")), work, look)

    def test_adopting(self) -> None:
        """
        Killed at any step while it takes over what a dead process left, the next start
        has all of its names, and what was cut short, once.
        """

        def left(rig: Rig) -> None:
            rig.close()
            dead = Rig(self.folder, number=2).open()
            self.commit(dead, self.name(b"k"))
            self.leave(dead, self.remnant(b"cut"))
            dead.close()

        def work(rig: Rig) -> None:
            taking = Rig(self.folder)
            try:
                taking.open()
            finally:
                taking.spool.ended()

        def look(rig: Rig, killed: bool) -> None:
            cut = self.recall(rig, b"cut")
            assert isinstance(cut, Remnant)
            [file] = self.files(rig)
            with open(rig.path("bodies", file), "rb") as body:
                self.assertEqual(body.read(), LONG)
            self.both(rig, False, SHORT)

        moving = [(os, "link"), *STEPS[1:]]
        steps = self.killedAnywhere(left, work, look, moving)
        self.assertGreater(steps, 4)
