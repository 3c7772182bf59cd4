"""
One contract, two spools: what tests say with the spool in memory is true of the
one on the disk.
"""

from __future__ import annotations

from typing import TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.spool.format import DELIVERED_BEFORE, Outcome
from smtpx.spool.sqlite import SQLiteSpool
from smtpx.testing.spool import MemorySpool

from ..spool.rig import NOW, SpoolTestCase
from .contracts import DELIVERED, FAILED, WAITING, Sending, scheduleFor

T = TypeVar("T")


class Contract(Sending):
    """What every spool does."""

    def crash(self) -> None:
        """The process dies, and the next one opens the spool."""
        raise NotImplementedError

    # --- noted, and not settled --------------------------------------------------

    def test_notedWhenItDied(self) -> None:
        """Who was noted to have a message does not get it again after a crash."""
        id = self.put(b"a@x.example", b"b@x.example", b"c@x.example")
        [message] = self.ready()
        self.spool.delivered(message, [2])
        self.spool.delivered(message, [0])
        self.crash()
        had = tuple(Outcome(index, DELIVERED, DELIVERED_BEFORE) for index in (0, 2))
        [told] = self.spool.recovered
        self.case.assertEqual((told.message.id, told.outcomes), (id, had))
        self.case.assertEqual(told.message.waiting, (1,))
        [message] = self.ready()
        self.case.assertEqual((message.id, message.waiting), (id, (1,)))
        self.case.assertEqual((message.outcomes, message.attempts), (had, 0))
        self.crash()
        self.case.assertEqual(list(self.spool.recovered), [])
        self.case.assertEqual(self.ids(self.ready()), [id])

    def test_untoldWhenItDied(self) -> None:
        """
        Whose sender is still to be told waits after a crash, as one who has it, until
        it is settled.
        """
        id = self.put(b"a@x.example", b"b@x.example", body=b"x" * 100_000)
        [message] = self.ready()
        self.spool.delivered(message, [0])
        self.spool.delivered(message, [1], {1})
        self.crash()
        had = Outcome(0, DELIVERED, DELIVERED_BEFORE)
        untold = Outcome(1, DELIVERED, DELIVERED_BEFORE, untold=True)
        [told] = self.spool.recovered
        self.case.assertEqual(told.outcomes, (had, untold))
        for _ in range(2):
            [message] = self.ready()
            self.case.assertEqual((message.id, message.waiting), (id, (1,)))
            self.case.assertEqual(message.outcomes, (had, untold))
            self.spool.delivered(message, [1])
            self.crash()
            self.case.assertEqual(list(self.spool.recovered), [])
        [message] = self.ready()
        self.wait(self.spool.settle(message, [evolve(untold, untold=False)], None))
        self.case.assertEqual(self.wait(self.spool.count()), 0)

    def test_toldOfADelay(self) -> None:
        """When the sender was last told of a delay is remembered."""
        self.put(b"a@x.example")
        [message] = self.ready()
        self.case.assertEqual(message.told, None)
        waits = [Outcome(0, WAITING, "busy")]
        for told, known in ((NOW - 7.5, NOW - 7.5), (None, NOW - 7.5), (NOW, NOW)):
            self.wait(self.spool.settle(message, waits, NOW, (), told))
            self.crash()
            [message] = self.ready()
            self.case.assertEqual(message.told, known)
        self.wait(self.spool.park(message, b"lane"))
        [message] = self.wait(self.spool.parked(b"lane", 1))
        self.case.assertEqual(message.told, NOW)

    def test_everybodyNotedWhenItDied(self) -> None:
        """A message that everybody has is gone after a crash, body and all."""
        ids = [self.put(b"a@x.example", body=b"x" * n) for n in (10, 100_000)]
        left = self.put()
        for message in self.ready()[:2]:
            self.spool.delivered(message, [0])
        self.crash()
        self.case.assertEqual([r.message.id for r in self.spool.recovered], ids)
        self.case.assertEqual(self.told(), (1, 0, 4))
        self.case.assertEqual(self.ids(self.ready()), [left])

    def test_notedAgain(self) -> None:
        """What was settled as waiting, and noted in the next attempt, is had."""
        id = self.put(b"a@x.example", b"b@x.example", b"c@x.example")
        [message] = self.ready()
        outcomes = [Outcome(0, FAILED, "no"), Outcome(1, WAITING, "later")]
        self.wait(self.spool.settle(message, outcomes, NOW - 1))
        [message] = self.ready()
        self.spool.delivered(message, [1])
        self.crash()
        [message] = self.ready()
        self.case.assertEqual((message.id, message.waiting), (id, (2,)))
        self.case.assertEqual(message.due, NOW - 1)
        fates = [each.fate for each in message.outcomes]
        self.case.assertEqual(fates, [FAILED, DELIVERED])

    def test_notedThenSettled(self) -> None:
        """What was settled or parked stays as that said."""
        for number in range(2):
            self.put(b"a@x.example", b"b@x.example")
            [message] = self.ready()
            self.spool.delivered(message, [0])
            had = [Outcome(0, DELIVERED, "250 OK")]
            if number:
                self.wait(self.spool.park(message, b"lane", had))
            else:
                self.wait(self.spool.settle(message, had, NOW + 60))
        self.crash()
        self.case.assertEqual(list(self.spool.recovered), [])
        self.case.assertEqual(self.ready(), [])
        [message] = self.wait(self.spool.parked(b"lane", 9))
        self.case.assertEqual(message.outcomes, tuple(had))
        [message] = self.ready(NOW + 60)
        self.case.assertEqual(message.outcomes, tuple(had))

    def test_notedWhileHeld(self) -> None:
        """A hold that came during the attempt stays."""
        id = self.put(b"a@x.example", b"b@x.example")
        [message] = self.ready()
        self.wait(self.spool.hold([id], "look"))
        self.spool.delivered(message, [0])
        self.crash()
        self.case.assertEqual(self.ready(NOW + 9), [])
        self.wait(self.spool.release([id]))
        self.case.assertEqual([m.waiting for m in self.ready(NOW + 9)], [(1,)])

    def test_notLeasedNorNoted(self) -> None:
        """Of what is not leased, nothing is noted."""
        id = self.put()
        seen = self.wait(self.spool.fetch(id))
        assert seen is not None
        self.spool.delivered(seen, [0])
        self.crash()
        self.case.assertEqual(self.ids(self.ready()), [id])

    # --- the rest ----------------------------------------------------------------

    def test_inAndOut(self) -> None:
        """A message comes out as it went in."""
        id = self.put(b"a@x.example", b"b@x.example")
        [message] = self.ready()
        self.case.assertEqual(message.id, id)
        self.case.assertEqual(message.arrived, NOW)
        self.case.assertEqual(message.envelope.sender, b"s@x.example")
        self.case.assertEqual(
            [one.path for one in message.envelope.recipients],
            [b"a@x.example", b"b@x.example"],
        )
        self.case.assertEqual(message.prefix, b"Received: x\r\n")
        self.case.assertEqual((message.waiting, message.attempts), ((0, 1), 0))
        self.case.assertEqual((message.held, message.due), (False, None))
        self.case.assertEqual(list(self.spool.body(message).pieces()), [b"Hi\r\n"])
        self.case.assertEqual(self.wait(self.spool.count()), 1)

    def test_leased(self) -> None:
        """What was given out is not given out again."""
        ids = [self.put() for _ in range(3)]
        self.case.assertEqual(self.ids(self.ready(most=2)), ids[:2])
        self.case.assertEqual(self.ids(self.ready(most=2)), ids[2:])
        self.case.assertEqual(self.ready(), [])

    def test_done(self) -> None:
        """Where nobody waits any more, the message is gone."""
        self.put(b"a@x.example", b"b@x.example")
        [message] = self.ready()
        outcomes = [Outcome(0, DELIVERED), Outcome(1, FAILED)]
        self.wait(self.spool.settle(message, outcomes, None))
        self.case.assertEqual(self.wait(self.spool.count()), 0)
        self.case.assertEqual(self.ready(), [])

    def test_dueLater(self) -> None:
        """Who waits is due when it was said, and nobody else is."""
        self.put(b"a@x.example", b"b@x.example")
        [message] = self.ready()
        outcomes = [Outcome(0, DELIVERED), Outcome(1, WAITING, "full")]
        self.wait(self.spool.settle(message, outcomes, NOW + 60))
        self.case.assertEqual(self.ready(NOW + 59), [])
        [message] = self.ready(NOW + 60)
        self.case.assertEqual((message.waiting, message.attempts), ((1,), 1))
        self.case.assertEqual(message.outcomes, tuple(outcomes))

    def test_onHold(self) -> None:
        """What is on hold is due when it is released."""
        first = self.put(hold=True)
        second = self.put()
        [message] = self.ready()
        self.case.assertEqual(message.id, second)
        self.wait(self.spool.settle(message, [Outcome(0, WAITING)], None))
        self.wait(self.spool.hold([second], "look at it"))
        self.case.assertEqual(self.ready(NOW + 1e6), [])
        page = self.wait(self.spool.messages("", 10))
        self.case.assertEqual(
            {one.id: (one.held, one.content) for one in page},
            {first: (True, None), second: (True, None)},
        )
        fetched = self.wait(self.spool.fetch(second))
        assert fetched is not None
        self.case.assertEqual(fetched.note, "look at it")
        self.wait(self.spool.release([first, second]))
        self.case.assertEqual(set(self.ids(self.ready(NOW + 1))), {first, second})

    def test_letGo(self) -> None:
        """What was put by for a moment goes, and nobody has released it."""
        first, second = self.put(hold=True), self.put()
        self.wait(self.spool.letGo([first, second]))
        found = {each.id: each for each in self.ready(NOW + 1)}
        self.case.assertEqual(
            {id: (each.released, each.held, each.note) for id, each in found.items()},
            {first: (False, False, ""), second: (False, False, "")},
        )

    def test_released(self) -> None:
        """It is known that somebody released it, until it is on hold again."""
        first, second, third = self.put(hold=True), self.put(), self.put()
        self.wait(self.spool.hold([second], "look at it"))
        self.wait(self.spool.release([first, second, third]))
        found = {each.id: each for each in self.ready(NOW + 1)}
        self.case.assertEqual(
            {id: (each.released, each.held, each.note) for id, each in found.items()},
            {
                first: (True, False, ""),
                second: (True, False, ""),
                third: (False, False, ""),
            },
        )
        # An attempt that did not work does not change that.
        outcomes = [Outcome(0, WAITING)]
        self.wait(self.spool.settle(found[first], outcomes, NOW + 5))
        [again] = self.ready(NOW + 6)
        self.case.assertTrue(again.released)
        self.wait(self.spool.settle(again, outcomes, None))
        self.wait(self.spool.hold([second], "and again"))
        self.wait(self.spool.settle(found[second], outcomes, NOW))
        for id in (first, second):
            fetched = self.wait(self.spool.fetch(id))
            assert fetched is not None
            self.case.assertEqual((fetched.released, fetched.held), (False, True))

    def test_state(self) -> None:
        """It is known at any time how much there is, and how much is on hold."""
        self.case.assertEqual(self.told(), (0, 0, 0))
        self.case.assertIs(self.wait(self.spool.oldest()), None)
        self.put(hold=True, body=b"12\r\n")
        tried = self.put(body=b"1234\r\n")
        self.put(body=b"123456\r\n")
        self.case.assertEqual(self.told(), (3, 1, 18))
        oldest = self.wait(self.spool.oldest())
        assert oldest is not None
        self.case.assertEqual(int(oldest), int(NOW))
        first, second = self.ready()
        self.case.assertEqual(first.id, tried)
        self.wait(self.spool.settle(first, [Outcome(0, WAITING)], None))
        self.wait(self.spool.settle(second, [Outcome(0, DELIVERED)], NOW))
        self.case.assertEqual(self.told(), (2, 2, 10))

    def test_stateOfHeld(self) -> None:
        """To hold one twice, or one that is not there, counts no more than it is."""
        id, other = self.put(), self.put()
        self.wait(self.spool.hold([id], "once"))
        self.wait(self.spool.hold([id, "000000-000000-00"], "twice"))
        self.case.assertEqual(self.told()[:2], (2, 1))
        self.wait(self.spool.release([id, other]))
        self.case.assertEqual(self.told()[:2], (2, 0))

    def test_heldWhileItIsTried(self) -> None:
        """A hold that comes while a message is tried is counted, and stays."""
        id = self.put()
        [message] = self.ready()
        self.wait(self.spool.hold([id], "wait"))
        self.wait(self.spool.settle(message, [Outcome(0, WAITING)], NOW))
        self.case.assertEqual(self.told()[:2], (1, 1))
        self.case.assertEqual(self.ready(), [])

    def test_woken(self) -> None:
        """Who watches is woken for what is due at once, not for the rest."""
        woken: list[str] = []
        self.spool.watch(lambda: woken.append("woken"))
        id = self.put(hold=True)
        self.case.assertEqual(woken, [])
        self.put()
        self.case.assertEqual(woken, ["woken"])
        self.wait(self.spool.release([id]))
        self.case.assertEqual(woken, ["woken"] * 2)

    def test_notLeased(self) -> None:
        """To settle what one does not have is a mistake."""
        self.put()
        [message] = self.ready()
        self.wait(self.spool.settle(message, [Outcome(0, WAITING)], NOW))
        self.case.assertRaises(UsageError, self.spool.settle, message, [], None)

    def test_aborted(self) -> None:
        """Nothing is left of what was not committed."""
        incoming = self.spool.begin()
        incoming.write(b"x")
        incoming.abort()
        self.case.assertEqual(self.wait(self.spool.count()), 0)

    def test_longBody(self) -> None:
        """A long body comes in pieces of bounded length."""
        body = bytes(range(256)) * 1024
        self.put(body=body)
        [message] = self.ready()
        pieces = list(self.spool.body(message).pieces())
        self.case.assertEqual(b"".join(pieces), body)
        self.case.assertLessEqual(max(map(len, pieces)), 65_536)


class MemoryContractTests(Contract, SynchronousTestCase):
    """The spool in memory keeps it."""

    def setUp(self) -> None:
        """A spool."""
        self.case = self
        self.spool = MemorySpool(lambda: NOW, scheduleFor=scheduleFor)

    def wait(self, answer: Deferred[T]) -> T:
        """Memory answers at once."""
        return self.successResultOf(answer)

    def crash(self) -> None:
        """The leases are over."""
        self.wait(self.spool.close())


class SQLiteContractTests(Contract, SpoolTestCase):
    """The spool on the disk keeps it."""

    def setUp(self) -> None:
        """A spool without threads."""
        super().setUp()
        self.case = self
        self._rig = self.rig(scheduleFor=scheduleFor)
        self.spool: SQLiteSpool = self._rig.spool

    def wait(self, answer: Deferred[T]) -> T:
        """The disk answers when all was done."""
        return self._rig.wait(answer)

    def crash(self) -> None:
        """A killed process leaves no lock."""
        self.spool.ended()
        self._rig = self.rig(scheduleFor=scheduleFor)
        self.spool = self._rig.spool
