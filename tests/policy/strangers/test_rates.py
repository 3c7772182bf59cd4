"""
Tests for L{smtpx.policy.strangers.rates} and L{smtpx.policy.strangers.ratesfile}.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock

from smtpx.joint.sums import JointSums, Sums
from smtpx.policy.strangers.pace import Mode, Pace
from smtpx.policy.strangers.rates import EXCHANGE_SECONDS, Meter, Rates, Work
from smtpx.policy.strangers.ratesfile import Place, RatesFile
from smtpx.policy.strangers.sharedfile import Turn

from .made import NOW, FolderCase

_HOUR = Meter("messages per user in 1h, leaky", Pace(3600.0))
_STRICT = Meter("strict", Pace(3600.0, Mode.STRICT))
_FIXED = Meter("fixed", Pace(3600.0, Mode.FIXED))


class Later:
    """A thread that does its work when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, job: Callable[[], Any]) -> Deferred[Any]:
        """Take a job."""
        done: Deferred[Any] = Deferred()
        self.jobs.append((job, done))
        return done

    def go(self) -> None:
        """Do what is to be done now."""
        jobs, self.jobs = self.jobs, []
        for job, done in jobs:
            done.callback(job())


class RatesCase(FolderCase):
    """Processes that count."""

    def setUp(self) -> None:
        """A clock."""
        super().setUp()
        self.clock = Clock()
        self.clock.advance(NOW)

    def process(
        self, work: Work = execute, most: int = 100, sums: Sums | None = None
    ) -> Rates:
        """A process that counts."""
        made = Rates(self.clock, self.clock.seconds, work, self.path, most, sums)
        started = made.start()
        if work is execute:
            self.successResultOf(started)
            self.addCleanup(self.stop, made)
        return made

    def stop(self, rates: Rates) -> None:
        """It ends."""
        if not rates._stopped:
            self.successResultOf(Deferred.fromCoroutine(rates.stop()))

    def add(self, rates: Rates, number: int, meter: Meter = _HOUR) -> None:
        """Ann sends some."""
        for _ in range(number):
            rates.count(meter, "ann", 1)

    def level(self, rates: Rates, meter: Meter = _HOUR, key: str = "ann") -> float:
        """How much there was."""
        return round(rates.look(meter, key, 0), 2)


class WorkersTests(RatesCase):
    """Workers of one server, which know of each other at once."""

    def setUp(self) -> None:
        """Two of them."""
        super().setUp()
        self.joint = JointSums(2, 10)
        self.one, self.two = (self.worker(number) for number in (1, 2))

    def worker(self, number: int, work: Work = execute) -> Rates:
        """One of them."""
        return self.process(work, sums=self.joint.column(number, self.clock.seconds))

    def test_atOnce(self) -> None:
        """What one has counted is there for the other at once, and only once."""
        self.add(self.one, 5)
        self.add(self.two, 2)
        for _ in range(30):
            for each in (self.one, self.two):
                self.assertAlmostEqual(each.look(_HOUR, "ann", 0), 7, 1)
            self.assertEqual(self.level(self.two, key="bob"), 0)
            self.clock.advance(EXCHANGE_SECONDS / 3)

    def test_limitIsOneForAll(self) -> None:
        """In one second no more is let through than by one process."""
        for meter in (_HOUR, _STRICT, _FIXED):
            taken = 0
            for _ in range(20):
                for each in (self.one, self.two):
                    taken += each.count(meter, "ann", 1, limit=10) < 10
            self.assertEqual(taken, 9, meter.name)

    def test_notWritten(self) -> None:
        """As long as the file cannot be used it is so, too; and then it is written."""
        later = Later()
        slow = self.worker(1, later)
        later.go()
        self.add(slow, 5)
        self.clock.advance(EXCHANGE_SECONDS)
        ((_, done),) = later.jobs
        later.jobs.clear()
        done.callback(Turn(None, "there is no room"))
        self.add(slow, 1)
        self.assertAlmostEqual(self.level(self.two), 6, 1)
        for _ in range(10):
            self.clock.advance(EXCHANGE_SECONDS)
            later.go()
            self.assertAlmostEqual(self.level(self.two), 6, 1)
        self.assertAlmostEqual(self.level(self.process()), 6, 1)


class CountingTests(RatesCase):
    """One process."""

    def test_counts(self) -> None:
        """It counts at once; who only looks does not."""
        rates = self.process()
        self.assertEqual(rates.look(_HOUR, "ann", 1), 1)
        self.assertEqual(rates.count(_HOUR, "ann", 1), 1)
        self.assertAlmostEqual(rates.count(_HOUR, "ann", 3), 4, 3)
        self.assertEqual(rates.count(_HOUR, "bob", 1), 1)
        self.assertEqual(rates.count(_STRICT, "ann", 1), 1)

    def test_leaky(self) -> None:
        """What is too much does not count; as time goes by there is room again."""
        rates = self.process()
        found = [rates.count(_HOUR, "ann", 1, 3) for _ in range(5)]
        self.assertEqual([round(each) for each in found], [1, 2, 3, 3, 3])
        self.clock.advance(3600)
        self.assertLess(rates.count(_HOUR, "ann", 1, 3), 3)

    def test_strict(self) -> None:
        """There everything counts."""
        for meter in (_STRICT, _FIXED):
            rates = self.process()
            found = [rates.count(meter, "ann", 1, 3) for _ in range(5)]
            self.assertEqual([round(each) for each in found], [1, 2, 3, 4, 5])

    def test_bounded(self) -> None:
        """Of each rate there is room for so many; who was seen last stays."""
        rates = self.process(most=3)
        for key in ("ann", "bob", "carol", "ann", "dave"):
            rates.count(_HOUR, key, 1)
        rates.count(_STRICT, "bob", 7)
        for key, level in (("ann", 2), ("bob", 0), ("carol", 1), ("dave", 1)):
            self.assertEqual(self.level(rates, key=key), level)
        self.clock.advance(1)
        self.assertEqual(self.level(rates, _STRICT, "bob"), 7)

    def test_fileIsBounded(self) -> None:
        """The file is, too, however fast new ones come."""
        rates = self.process(most=10)
        for turn in range(5):
            for number in range(10):
                rates.count(_HOUR, f"{turn} {number}", 1)
            self.clock.advance(1)
        with closing(sqlite3.connect(self.path)) as connection:
            ((number,),) = connection.execute("SELECT count(*) FROM rate").fetchall()
        self.assertLessEqual(number, 30)

    def test_longKeys(self) -> None:
        """No key is longer than an address can be."""
        rates = self.process()
        rates.count(_HOUR, "a" * 1000, 1)
        self.assertEqual(self.level(rates, key="a" * 320 + "b"), 1)


class ExchangeTests(RatesCase):
    """Several processes, and a file."""

    def test_restart(self) -> None:
        """What was counted is known after a restart."""
        one = self.process()
        self.add(one, 5)
        self.stop(one)
        self.assertEqual(self.level(self.process()), 5)

    def test_killed(self) -> None:
        """Who is killed takes the last second's with him."""
        one = self.process()
        self.add(one, 5)
        self.clock.advance(EXCHANGE_SECONDS)
        self.add(one, 3)
        self.assertAlmostEqual(self.level(self.process()), 5, 1)

    def test_together(self) -> None:
        """Two processes count together: each knows of all within two seconds."""
        one, other = self.process(), self.process()
        for meter in (_HOUR, _STRICT, _FIXED):
            self.add(one, 5, meter)
            self.add(other, 3, meter)
        for _ in range(2):
            self.clock.advance(EXCHANGE_SECONDS)
        for meter in (_HOUR, _STRICT, _FIXED):
            for each in (one, other):
                self.assertAlmostEqual(self.level(each, meter), 8, 1)

    def test_noneIsLostOrDoubled(self) -> None:
        """However they take turns, all is counted once."""
        one, other = self.process(), self.process()
        for number in range(20):
            self.add(one, number % 3, _FIXED)
            self.add(other, number % 2, _FIXED)
            self.clock.advance(0.4)
        for _ in range(2):
            self.clock.advance(EXCHANGE_SECONDS)
        for each in (one, other, self.process()):
            self.assertEqual(self.level(each, _FIXED), 19 + 10)

    def test_exactAlone(self) -> None:
        """Where nobody else counts the same, the file changes nothing."""
        one = self.process()
        values = []
        for _ in range(5):
            self.add(one, 7)
            self.clock.advance(0.3)
            values.append(one.look(_HOUR, "ann", 0))
        alone = Rates(self.clock, self.clock.seconds, execute, self.path)
        self.clock.advance(-1.5)
        for value in values:
            self.add(alone, 7)
            self.clock.advance(0.3)
            self.assertAlmostEqual(alone.look(_HOUR, "ann", 0), value, 6)

    def test_whileTheThreadIsAtWork(self) -> None:
        """What is counted meanwhile is kept, and written the next time."""
        later = Later()
        one = self.process(later)
        later.go()
        self.add(one, 2, _FIXED)
        self.clock.advance(EXCHANGE_SECONDS)
        self.add(one, 3, _FIXED)
        other = self.process()
        self.add(other, 1, _FIXED)
        self.clock.advance(EXCHANGE_SECONDS)
        self.assertEqual(self.level(one, _FIXED), 5)
        later.go()
        self.assertEqual(self.level(one, _FIXED), 6)
        self.clock.advance(EXCHANGE_SECONDS)
        later.go()
        self.clock.advance(EXCHANGE_SECONDS)
        self.assertEqual(self.level(other, _FIXED), 6)

    def test_goneAndBackAgain(self) -> None:
        """
        What went to make room, and came again while the thread was at work, does not
        begin anew.
        """
        later = Later()
        rates = self.process(later, 2)
        later.go()
        for _ in range(5):
            rates.count(_STRICT, "ann", 1)
        self.clock.advance(EXCHANGE_SECONDS)
        for key in ("bob", "joe", "ann"):
            rates.count(_STRICT, key, 1)
        later.go()
        self.assertEqual(self.level(rates, _STRICT), 6)
        self.clock.advance(EXCHANGE_SECONDS)
        later.go()
        self.assertEqual(round(self.level(rates, _STRICT)), 6)

    def test_forget(self) -> None:
        """What an operator has forgotten is forgotten by all."""
        one = self.process()
        self.add(one, 5)
        self.clock.advance(EXCHANGE_SECONDS)
        file = RatesFile(self.path)
        self.addCleanup(file.close)
        place = Place(_HOUR.name, "ann")
        self.assertEqual([row.place for row in file.all(NOW)], [place])
        self.assertEqual(file.forget([place], self.clock.seconds()), 1)
        self.assertEqual(file.forget([place], self.clock.seconds()), 0)
        self.clock.advance(EXCHANGE_SECONDS)
        self.assertEqual(self.level(one), 0)
        self.add(one, 1)
        self.clock.advance(EXCHANGE_SECONDS)
        self.assertEqual(len(file.all(self.clock.seconds())), 1)

    def test_estranged(self) -> None:
        """Who heard nothing for long reads everything anew."""
        later = Later()
        one = self.process(later)
        later.go()
        self.add(self.process(), 4)
        self.clock.advance(EXCHANGE_SECONDS)
        self.clock.pump([600] * 4)
        later.go()
        self.assertGreater(self.level(one), 1)

    def test_expired(self) -> None:
        """What no longer counts goes, and what there is no room for."""
        one = self.process(most=2)
        for key in ("ann", "bob"):
            one.count(_HOUR, key, 1)
        self.clock.advance(EXCHANGE_SECONDS)
        one.count(_HOUR, "carol", 1)
        self.clock.advance(EXCHANGE_SECONDS)
        file = RatesFile(self.path)
        self.addCleanup(file.close)
        self.assertEqual(len(file.all(NOW)), 3)
        self.assertEqual(file.tidy(NOW, 2), 1)
        self.assertEqual([row.place.key for row in file.all(NOW)][0], "carol")
        self.assertEqual(file.tidy(NOW + 90_000, 2), 2)

    def test_glance(self) -> None:
        """Who only looks knows what there is, and makes no file."""
        looking = Rates(self.clock, self.clock.seconds, execute, self.path)
        self.successResultOf(Deferred.fromCoroutine(looking.glance()))
        self.assertEqual(os.listdir(self.folder), [])
        one = self.process()
        self.add(one, 5)
        self.stop(one)
        self.successResultOf(Deferred.fromCoroutine(looking.glance()))
        self.assertEqual(self.level(looking), 5)

    def test_claim(self) -> None:
        """Of an account one process tells, once in a while."""
        one, other = self.process(), self.process()

        def claims() -> list[bool]:
            return [
                self.successResultOf(Deferred.fromCoroutine(each.claim("user ann", 60)))
                for each in (one, other)
            ]

        self.assertEqual(claims(), [True, False])
        self.clock.advance(59)
        self.assertEqual(claims(), [False, False])
        self.clock.advance(1)
        self.assertEqual(claims(), [True, False])
        file = RatesFile(self.path)
        self.addCleanup(file.close)
        self.assertEqual(file.alarms(), {"user ann": NOW + 60})


class TroubleTests(RatesCase):
    """A file that is of no use."""

    def test_cannotBeUsed(self) -> None:
        """The operator is told once; it is counted in memory, and written later."""
        os.mkdir(self.path)
        one = self.process()
        self.add(one, 5)
        self.clock.pump([1] * 10)
        (told,) = self.told
        self.assertIn("error: Rates are counted in memory only", told)
        self.assertAlmostEqual(self.level(one), 5, 1)
        self.assertTrue(
            self.successResultOf(Deferred.fromCoroutine(one.claim("user ann", 60)))
        )
        os.rmdir(self.path)
        self.clock.pump([1] * 60)
        self.assertEqual(self.told[1:], [f"info: Rates are in {self.path} again"])
        self.assertAlmostEqual(self.level(self.process()), 5, 0)

    def test_damaged(self) -> None:
        """A damaged file is put aside, and what is known goes into the new one."""
        one = self.process()
        self.add(one, 5, _FIXED)
        self.add(one, 5)
        self.clock.advance(EXCHANGE_SECONDS)
        one._keeper.close()
        self.damage()
        for _ in range(2):
            self.clock.advance(EXCHANGE_SECONDS)
        self.assertIn("was damaged; it is now", self.told[0])
        self.assertEqual(self.level(self.process(), _FIXED), 5)

    def test_ourFault(self) -> None:
        """What goes wrong with the thread keeps nobody from counting."""
        one = self.process(lambda job: fail(ZeroDivisionError("a fault")))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.add(one, 2)
        self.assertEqual(self.level(one), 2)
