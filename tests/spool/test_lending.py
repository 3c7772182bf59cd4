"""
Tests for L{smtpx.spool.lending}: what is given to whom, however much there is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any
from unittest import mock

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Schedule
from smtpx.spool import agenda, lending
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.search import Search
from smtpx.spool.store import Store
from smtpx.testing.spool import MemorySpool

from .rig import LONG, NOW, SHORT, Rig, SpoolTestCase, delivered

WAITS = [Outcome(0, Fate.WAITING, "busy")]


class ManyTests(SpoolTestCase):
    """More messages than are remembered."""

    def setUp(self) -> None:
        """Little is remembered, and the file is looked at in short stretches."""
        super().setUp()
        self.patch(agenda, "FRESH", 8)
        self.patch(lending, "_STRETCH", 5)

    def all(self, rig: Rig, most: int = 7) -> list[str]:
        """The ids of all that is ready, as they are given."""
        ids: list[str] = []
        while found := rig.wait(rig.spool.ready(rig.now, most)):
            ids += [one.id for one in found]
            self.assertLess(len(rig.spool._lender.agenda._fresh), 8 + 5 + most)
        return ids

    def test_restarted(self) -> None:
        """After a restart each is given once, and what came since after them."""
        rig = self.rig()
        ids = [rig.put(SHORT) for _ in range(50)]
        ready: list[SpooledMessage] = []
        while len(ready) < 12:
            found = rig.wait(rig.spool.ready(NOW, 12 - len(ready)))
            ready += found
        for message in ready[:4]:
            rig.wait(rig.spool.park(message, b"lane"))
        for message in ready[4:8]:
            rig.wait(rig.spool.settle(message, WAITS, NOW + 60))
        for message in ready[8:]:
            rig.wait(rig.spool.settle(message, delivered(0), None))
        rig.wait(rig.spool.hold(ids[12:24], "look"))
        rig.close()
        rig = self.rig()
        [first] = rig.wait(rig.spool.ready(NOW, 1))
        self.assertEqual(first.id, ids[24])
        late = [rig.put(SHORT) for _ in range(20)]
        self.assertEqual(self.all(rig), ids[25:] + late)
        rig.now += 60
        self.assertEqual(self.all(rig), ids[4:8])
        [*parked] = rig.wait(rig.spool.parked(b"lane", 9))
        self.assertEqual([one.id for one in parked], ids[:4])
        rig.wait(rig.spool.release(ids[12:24]))
        self.assertEqual(self.all(rig), ids[12:24])

    def test_overflow(self) -> None:
        """What does not fit into memory is found in the file, and then forgotten."""
        rig = self.rig()
        rig.spool.watch(lambda: None)
        first = rig.spool.begin()
        ids = [rig.put(SHORT) for _ in range(30)]
        # Begun before all of them.
        first.write(SHORT)
        envelope = Envelope(b"", NOW, [Recipient(b"b@x.example")])
        rig.wait(first.commit(envelope, b"", False))
        given = self.all(rig)
        self.assertEqual(sorted(given), [first.id, *ids])
        self.assertEqual(rig.spool._lender.recent._jobs, {})
        more = [rig.put(SHORT) for _ in range(3)]
        self.assertEqual(self.all(rig), more)

    def test_nothingFresh(self) -> None:
        """One that is fresh is found behind many that are not."""
        rig = self.rig()
        ids = [rig.put(SHORT, hold=number < 40) for number in range(41)]
        rig.close()
        rig = self.rig()
        self.assertEqual(self.all(rig), ids[40:])

    def test_leasedAreNotSearched(self) -> None:
        """However many are leased, a look does not go through them again."""
        rig = self.rig()
        for _ in range(30):
            rig.put(SHORT)
        for message in rig.wait(rig.spool.ready(NOW, 99)):
            rig.wait(rig.spool.settle(message, WAITS, NOW - 1))
        rows: list[int] = []
        due = Search.due

        class Counting(set[int]):
            def __contains__(self, key: object) -> bool:
                rows[-1] += 1
                return super().__contains__(key)

        def counted(
            search: Search, now: float, most: int, without: set[int], passed: Any
        ) -> object:
            rows.append(0)
            return due(search, now, most, Counting(without), passed)

        with mock.patch.object(Search, "due", counted):
            self.assertEqual(len(self.all(rig, 5)), 30)
        self.assertLessEqual(max(rows), 6)
        self.assertEqual(len(rows), 7)


class TogetherTests(SpoolTestCase):
    """What is given back in one turn."""

    def test_oneTransaction(self) -> None:
        """However many are settled and parked at a time, they share one sync."""
        rig = self.rig()
        for _ in range(100):
            rig.put(SHORT)
        messages = rig.wait(rig.spool.ready(NOW, 100))
        commit = Store.commit
        with mock.patch.object(Store, "commit", autospec=True, side_effect=commit) as m:
            for message in messages[:70]:
                rig.spool.settle(message, delivered(0), None)
            for message in messages[70:90]:
                rig.spool.park(message, b"lane")
            for message in messages[90:]:
                rig.spool.settle(message, WAITS, NOW + 1)
            rig.run()
        self.assertEqual(m.call_count, 1)
        state = rig.spool.state()
        self.assertEqual((state.messages, state.parked), (30, 20))


class UnparkingTests(SpoolTestCase):
    """A lane with more than is made due in one step."""

    def setUp(self) -> None:
        """Steps are short."""
        super().setUp()
        self.patch(lending, "_STEP", 4)
        self.rig_ = self.rig()

    def park(self, many: int) -> list[str]:
        """Messages in one lane."""
        rig = self.rig_
        ids = [rig.put(SHORT) for _ in range(many)]
        for message in rig.wait(rig.spool.ready(NOW, many)):
            rig.wait(rig.spool.park(message, b"lane"))
        return ids

    def test_spread(self) -> None:
        """They become due little by little."""
        rig, ids = self.rig_, self.park(10)
        self.assertEqual(rig.wait(rig.spool.unpark(b"lane", NOW, 100.0)), 10)
        counts = [
            len(rig.wait(rig.spool.ready(NOW + when, 99)))
            for when in (0, 39, 40, 79, 80)
        ]
        self.assertEqual(counts, [4, 0, 4, 0, 2])
        self.assertEqual(len(ids), 10)

    def test_fewerThanCounted(self) -> None:
        """Those that are gone meanwhile are not waited for."""
        rig = self.rig_
        self.park(6)
        taken = rig.wait(rig.spool.parked(b"lane", 9))
        unparked_ = rig.spool.unpark(b"lane", NOW)
        rig.turn()
        for message in taken[:3]:
            rig.spool.settle(message, delivered(0), None)
        self.assertEqual(rig.wait(unparked_), 3)

    def test_fails(self) -> None:
        """What cannot be written down is told, and the rest stays parked."""
        rig = self.rig_
        self.park(6)
        broken: tuple[str, tuple[object, ...]] = ("NO STATEMENT", ())
        with mock.patch.object(lending, "unparked", lambda *_: broken):
            with self.assertRaises(SpoolBroken):
                rig.wait(rig.spool.unpark(b"lane", NOW))
        rig.reactor.advance(1)
        rig.run()
        self.assertEqual(rig.wait(rig.spool.unpark(b"lane", NOW)), 6)


class ScheduleTests(SpoolTestCase):
    """What extensions say of when a message is to go."""

    def test_reports(self) -> None:
        """A report has a priority of its own."""
        rig = self.rig(scheduleFor=lambda to: Schedule(0 if to.sender else 5))
        rig.put(SHORT)
        [message] = rig.wait(rig.spool.ready(NOW, 9))
        to = Envelope(b"", NOW, [Recipient(b"a@client.example")])
        report = Report(to, b"", b"It waits.\r\n")
        later = rig.spool.settle(message, WAITS, NOW + 1, [report])
        ids = rig.wait(later)
        [urgent] = rig.wait(rig.spool.ready(NOW, 9))
        self.assertEqual((urgent.id, urgent.priority), (ids[0], 5))

    def test_broken(self) -> None:
        """Where asking fails, the message is not taken, and nothing is left of it."""

        def broken(envelope: Envelope) -> Schedule:
            raise ZeroDivisionError

        rig = self.rig(scheduleFor=broken)
        for body in (SHORT, LONG):
            incoming = rig.spool.begin()
            incoming.write(body)
            to = Envelope(b"", NOW, [Recipient(b"b@x.example")])
            with self.assertRaises(ZeroDivisionError):
                incoming.commit(to, b"", False)
        rig.run()
        self.assertEqual(os.listdir(rig.path("bodies")), [])
        self.assertEqual(rig.spool.state().messages, 0)


class MendedTests(SpoolTestCase):
    """After a failure, what is in the file counts."""

    def test_doneAfterAll(self) -> None:
        """
        What was done though it was said to have failed is found and counted once
        the file is in order again.
        """
        rig = self.rig()
        for _ in range(3):
            rig.put(SHORT)
        messages = rig.wait(rig.spool.ready(NOW, 9))
        for message in messages:
            rig.wait(rig.spool.park(message, b"lane"))
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 9)), [])
        commit = Store.commit

        def lying(store: Store, *arguments: object) -> None:
            commit(store, *arguments)  # type: ignore[arg-type]  # handed on
            raise sqlite3.OperationalError("disk I/O error")

        with mock.patch.object(Store, "commit", lying):
            with self.assertRaises(SpoolBroken):
                rig.wait(rig.spool.unpark(b"lane", NOW))
        self.assertEqual(rig.spool.state().parked, 3)
        rig.reactor.advance(1)
        rig.run()
        self.assertEqual(rig.spool.state().parked, 0)
        self.assertEqual(len(rig.wait(rig.spool.ready(NOW, 9))), 3)

    def test_notCounted(self) -> None:
        """Where it fails again at once, it is counted the next time."""
        rig = self.rig()
        rig.put(SHORT)
        rig.spool._desk.distrust(OSError("odd"))
        rig.run()
        with mock.patch.object(Store, "stock", side_effect=sqlite3.OperationalError):
            rig.reactor.advance(1)
            rig.run()
        rig.reactor.advance(2)
        rig.run()
        self.assertEqual(rig.spool.state().messages, 1)
        self.assertIs(rig.spool._desk.trouble, None)

    def test_reportsOnce(self) -> None:
        """
        A report that was said to have failed is not there twice, nor is what it
        tells of.
        """
        rig = self.rig()
        rig.put(SHORT)
        [message] = rig.wait(rig.spool.ready(NOW, 9))
        to = Envelope(b"", NOW, [Recipient(b"a@client.example")])
        report = Report(to, b"", b"It failed.\r\n")
        failed = [Outcome(0, Fate.FAILED)]
        commit = Store.commit

        def lying(store: Store, *arguments: object) -> None:
            commit(store, *arguments)  # type: ignore[arg-type]  # handed on
            raise sqlite3.OperationalError("disk I/O error")

        with mock.patch.object(Store, "commit", lying):
            with self.assertRaises(SpoolBroken):
                rig.wait(rig.spool.settle(message, failed, None, [report]))
        rig.reactor.advance(1)
        rig.run()
        [id] = rig.wait(rig.spool.settle(message, failed, None, [report]))
        rig.run()
        self.assertEqual([one.id for one in rig.wait(rig.spool.ready(NOW, 9))], [id])
        self.assertEqual(rig.spool.state().messages, 1)


#: What is done to both spools, and with what number.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["put", "put", "urgent", "later", "held", "ready", "ready", "lane"]
            + ["deliver", "defer", "past", "keep", "park", "park", "hold", "release"]
            + ["unpark", "later", "wait", "restart"]
        ),
        st.integers(0, 40),
    ),
    max_size=40,
)


def plan(envelope: Envelope) -> Schedule:
    """Which schedule a sender has."""
    if envelope.sender == b"urgent@x":
        return Schedule(priority=3)
    return Schedule(notBefore=NOW + 20 if envelope.sender == b"later@x" else 0.0)


class Twins:
    """
    The spool on the disk beside the one in memory: what the one does, the other
    does.
    """

    def __init__(self, case: SynchronousTestCase, folder: str) -> None:
        self.case = case
        self.folder = folder
        self.rig = self.open(NOW)
        self.memory = MemorySpool(lambda: self.rig.now, scheduleFor=plan)
        #: The ids of one message in both.
        self.ids: dict[str, str] = {}
        self.leased: list[tuple[SpooledMessage, SpooledMessage]] = []

    def open(self, now: float) -> Rig:
        """The spool on the disk, which somebody delivers from."""
        rig = Rig(self.folder, scheduleFor=plan)
        rig.now = now
        rig.spool.watch(lambda: None)
        return rig.open()

    def put(self, sender: bytes, hold: bool = False) -> None:
        """Put a message into both."""
        made: list[str] = []
        for spool in (self.rig.spool, self.memory):
            incoming = spool.begin()
            incoming.write(b"x")
            envelope = Envelope(sender, NOW, [Recipient(b"b@x"), Recipient(b"c@x")])
            self.rig.wait(incoming.commit(envelope, b"", hold))
            made.append(incoming.id)
        self.ids[made[0]] = made[1]

    def took(
        self, disk: Sequence[SpooledMessage], memory: Sequence[SpooledMessage]
    ) -> None:
        """Both gave the same."""
        twins = {one.id: one for one in memory}
        pairs = [(one, twins.pop(self.ids[one.id])) for one in disk]
        self.case.assertEqual(twins, {})
        for one, twin in pairs:
            for name in ("waiting", "attempts", "due", "outcomes", "lane", "priority"):
                self.case.assertEqual(getattr(one, name), getattr(twin, name), name)
        self.leased += pairs

    def step(self, name: str, number: int) -> None:
        """Do something to both."""
        rig, memory = self.rig, self.memory
        lane = b"lane%d" % (number % 2)
        if name in ("put", "urgent", "later"):
            self.put(name.encode() + b"@x")
        elif name == "held":
            self.put(b"put@x", True)
        elif name == "ready":
            given: list[SpooledMessage] = []
            while found := rig.wait(rig.spool.ready(rig.now, 1 + number % 5)):
                given += found
            self.took(given, rig.wait(memory.ready(rig.now, 9999)))
        elif name == "lane":
            disk = rig.wait(rig.spool.parked(lane, 1 + number % 5))
            others = rig.wait(memory.parked(lane, 1 + number % 5))
            self.case.assertEqual(
                [self.ids[one.id] for one in disk], [one.id for one in others]
            )
            self.took(disk, others)
        elif name in ("hold", "release"):
            if self.ids:
                chosen = list(self.ids)[number % len(self.ids)]
                for spool, id in ((rig.spool, chosen), (memory, self.ids[chosen])):
                    if name == "hold":
                        rig.wait(spool.hold([id], "why"))
                    else:
                        rig.wait(spool.release([id]))
        elif name == "unpark":
            counts = [rig.wait(s.unpark(lane, rig.now)) for s in (rig.spool, memory)]
            self.case.assertEqual(*counts)
        elif name == "wait":
            rig.now += number
        elif name == "restart":
            rig.close()
            rig.wait(memory.close())
            self.leased.clear()
            self.rig = self.open(rig.now)
        elif self.leased:
            self.give(name, number, lane)
        self.compare()

    def give(self, name: str, number: int, lane: bytes) -> None:
        """Give one back to both."""
        one, twin = self.leased.pop(number % len(self.leased))
        left = one.waiting
        rig = self.rig
        part = [Outcome(left[0], Fate.DELIVERED)] if len(left) > 1 else []
        for spool, message in ((rig.spool, one), (self.memory, twin)):
            if name == "deliver":
                rig.wait(spool.settle(message, delivered(*left), None))
            elif name == "park":
                rig.wait(spool.park(message, lane, part if number % 2 else []))
            else:
                due = {"defer": rig.now + number, "past": rig.now - number}.get(name)
                rig.wait(spool.settle(message, part, due))

    def compare(self) -> None:
        """Both say the same of what there is."""
        disk, memory = self.rig.spool.state(), self.memory.state()
        for name in ("messages", "held", "octets", "parked"):
            self.case.assertEqual(getattr(disk, name), getattr(memory, name), name)
        lanes = [
            [*self.rig.wait(spool.lanes(b"", 9))]
            for spool in (self.rig.spool, self.memory)
        ]
        self.case.assertEqual(*lanes)


class TwinTests(SpoolTestCase):
    """Whatever is done, the spool on the disk gives what the simple one gives."""

    def setUp(self) -> None:
        """Little is remembered."""
        super().setUp()
        self.patch(agenda, "FRESH", 3)
        self.patch(lending, "_STRETCH", 2)
        self.patch(lending, "_STEP", 2)

    @settings(max_examples=60, deadline=None)
    @given(STEPS)
    def test_twins(self, steps: list[tuple[str, int]]) -> None:
        """Any steps in any order."""
        twins = Twins(self, self.mktemp())
        try:
            for name, number in steps:
                twins.step(name, number)
        finally:
            twins.rig.close()
