"""Tests for L{smtpx.knowledge.shared}."""

from __future__ import annotations

import os
from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.knowledge.clerk import Clerk, Given, Got
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.interfaces import IPeerKnowledge, Record
from smtpx.knowledge.memory import KnowledgeState
from smtpx.knowledge.rooms import ROOM, Room
from smtpx.knowledge.shared import SharedKnowledge

from .test_file import _NOW, FileCase

Work = Callable[[Callable[[], Got]], Deferred[Got]]


class SharedCase(FileCase):
    """Processes that share a file."""

    def setUp(self) -> None:
        """A clock, and somebody who listens to the log."""
        super().setUp()
        self.clock = Clock()
        self.clock.advance(_NOW)
        self.told: list[str] = []

        @implementer(ILogObserver)
        def tell(event: LogEvent) -> None:
            if str(event.get("log_namespace")).startswith("smtpx.knowledge."):
                self.told.append(f"{event['log_level'].name}: {formatEvent(event)}")

        globalLogPublisher.addObserver(tell)
        self.addCleanup(globalLogPublisher.removeObserver, tell)

    def process(
        self, work: Work = execute, room: Room = ROOM, tidies: bool = True
    ) -> SharedKnowledge:
        """A process that knows something."""
        made = SharedKnowledge(
            self.clock, self.clock.seconds, work, self.path, room, tidies
        )
        self.successResultOf(made.start())
        self.addCleanup(made.stop)
        return made

    def record(self, value: bytes = b"x", version: int = 1) -> Record:
        """A record that counts for a day."""
        now = self.clock.seconds()
        return Record(version, value, now, now + 86400)

    def known(self) -> list[bytes]:
        """The names in the file."""
        return [row.place.name for row in self.opened(make=False).all()]


class SharedKnowledgeTests(SharedCase):
    """Knowledge in a file, of one or two processes."""

    def test_provides(self) -> None:
        """It is peer knowledge."""
        verifyObject(IPeerKnowledge, self.process())

    def test_writtenBehind(self) -> None:
        """What is found out is known at once, and in the file a second later."""
        process = self.process()
        process.remember("retry", b"a", self.record())
        self.assertEqual(process.recall("retry", b"a", 1), self.record())
        self.assertEqual(self.known(), [])
        self.clock.advance(1)
        self.assertEqual(self.known(), [b"a"])

    def test_survives(self) -> None:
        """What was known is known after a restart, even if it stopped at once."""
        record = self.record()
        first = self.process()
        first.remember("retry", b"a", record)
        self.successResultOf(first.stop())
        self.assertEqual(self.process().recall("retry", b"a", 1), record)
        self.assertEqual(self.clock.getDelayedCalls()[1:], [])

    def test_shared(self) -> None:
        """What one process finds out or forgets the other hears of."""
        one, two = self.process(), self.process()
        record = self.record()
        one.remember("retry", b"a", record)
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertEqual(two.recall("retry", b"a", 1), record)
        self.assertEqual(two.names("retry"), [b"a"])
        two.forget("retry", b"a")
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertIsNone(one.recall("retry", b"a", 1))

    def test_oursIsNewer(self) -> None:
        """What was found out since the last exchange stands against what comes."""
        one, two = self.process(), self.process()
        one.remember("retry", b"a", self.record(b"old"))
        self.clock.advance(0.5)
        two.remember("retry", b"a", self.record(b"new"))
        self.clock.advance(0.5)
        self.clock.advance(1)
        for process in (one, two):
            found = process.recall("retry", b"a", 1)
            assert found is not None
            self.assertEqual(found.value, b"new")

    def test_olderIsWrittenLater(self) -> None:
        """
        What was found out last stands, even where the file hears of it first: nobody
        goes back to an older policy because another process was slow to tell of it.
        """
        one, two = self.process(), self.process()
        self.clock.advance(0.4)
        one.remember("retry", b"a", self.record(b"older"))
        late = self.late(two)
        self.clock.advance(0.1)
        two.remember("retry", b"a", self.record(b"newer"))
        two._begin()
        late.cancel()
        for _ in range(3):
            self.clock.advance(1)
        for process in (one, two, self.process()):
            found = process.recall("retry", b"a", 1)
            assert found is not None
            self.assertEqual(found.value, b"newer")

    def late(self, process: SharedKnowledge) -> IDelayedCall:
        """What a process would do next, which it does earlier."""
        assert process._call is not None
        return process._call

    def test_fromTheFuture(self) -> None:
        """What was written when a clock was ahead does not stand for ever."""
        one = self.process()
        ahead = evolve(self.record(b"ahead"), written=self.clock.seconds() + 500)
        one.remember("retry", b"a", ahead)
        self.clock.advance(1)
        two = self.process()
        two.remember("retry", b"a", self.record(b"now"))
        for _ in range(3):
            self.clock.advance(1)
        for process in (one, two):
            found = process.recall("retry", b"a", 1)
            assert found is not None
            self.assertEqual(found.value, b"now")

    def test_forgottenAndFoundOutAgain(self) -> None:
        """What was forgotten and found out again in one second stands."""
        one, two = self.process(), self.process()
        one.remember("retry", b"a", self.record(b"one"))
        self.clock.advance(1)
        self.clock.advance(0.5)
        one.forget("retry", b"a")
        one.remember("retry", b"a", self.record(b"again"))
        for _ in range(3):
            self.clock.advance(1)
        for process in (one, two):
            found = process.recall("retry", b"a", 1)
            assert found is not None
            self.assertEqual(found.value, b"again")

    def test_coalesced(self) -> None:
        """However often a host fails in a second, it is written down once."""
        process = self.process()
        hints = HostHints(process, self.clock.seconds)
        for _ in range(50):
            hints.failed(b"a", "no route", self.clock.seconds())
        hints.succeeded(b"a")
        hints.failed(b"a", "refused", self.clock.seconds())
        self.assertEqual(len(process._pending), 1)
        self.clock.advance(1)
        again = HostHints(self.process(), self.clock.seconds).trouble(b"a")
        assert again is not None
        self.assertEqual((again.failures, again.text), (1, "refused"))

    def test_tooLong(self) -> None:
        """What is too long is not kept, nor what it was to replace."""
        process = self.process()
        process.remember("retry", b"a", self.record())
        self.clock.advance(1)
        process.remember("retry", b"a", self.record(b"x" * 100_000))
        self.clock.advance(1)
        self.assertIsNone(process.recall("retry", b"a", 1))
        self.assertEqual(self.known(), [])

    def test_operatorForgets(self) -> None:
        """What is deleted by hand is forgotten by a process that runs."""
        process = self.process()
        process.remember("retry", b"a", self.record())
        self.clock.advance(1)
        hand = self.opened(make=False)
        hand.forget([row.place for row in hand.all()], self.clock.seconds())
        self.clock.advance(1)
        self.assertIsNone(process.recall("retry", b"a", 1))

    def test_deleted(self) -> None:
        """Who deletes the file makes everybody forget everything."""
        process = self.process()
        process.remember("retry", b"a", self.record())
        self.clock.advance(1)
        os.unlink(self.path)
        record = self.record(b"y")
        process.remember("retry", b"b", record)
        self.clock.advance(1)
        self.assertIsNone(process.recall("retry", b"a", 1))
        self.assertEqual(process.recall("retry", b"b", 1), record)
        self.assertEqual(self.known(), [b"b"])
        self.assertEqual(self.told, [])

    def test_tidied(self) -> None:
        """Once an hour, what expired goes from memory and file."""
        process = self.process()
        process.remember("retry", b"a", self.record())
        self.clock.advance(1)
        self.clock.advance(86400)
        self.assertEqual((process.state().names, self.known()), (0, []))

    def test_tidiedByAnother(self) -> None:
        """Of several processes one tidies the file; each forgets what expired."""
        process = self.process(tidies=False)
        process.remember("retry", b"a", self.record())
        self.clock.advance(1)
        self.clock.advance(86400)
        self.assertEqual((process.state().names, self.known()), (0, [b"a"]))

    def test_notTidiedAtOnce(self) -> None:
        """The first time is an hour after the start, and then once an hour."""
        turns: list[bool] = []
        turn = Clerk.turn

        def noted(clerk: Clerk, given: Given) -> Got:
            turns.append(given.tidies)
            return turn(clerk, given)

        self.patch(Clerk, "turn", noted)
        process = self.process()
        process.remember("retry", b"a", evolve(self.record(), expires=_NOW + 10))
        self.clock.pump([60] * 59)
        self.assertEqual((turns.count(True), process.state().names), (0, 1))
        self.clock.pump([60] * 60)
        self.assertEqual((turns.count(True), process.state().names), (1, 0))

    def test_patience(self) -> None:
        """A file that cannot be used is tried ever less often, then as before."""
        turns: list[float] = []
        turn = Clerk.turn

        def noted(clerk: Clerk, given: Given) -> Got:
            turns.append(self.clock.seconds() - _NOW)
            return turn(clerk, given)

        self.patch(Clerk, "turn", noted)
        os.mkdir(self.path)
        self.process()
        self.clock.pump([1] * 200)
        self.assertEqual(turns, [0, 2, 6, 14, 30, 62, 122, 182])
        os.rmdir(self.path)
        self.clock.pump([1] * 45)
        self.assertEqual(turns[8:], [242, 243, 244, 245])

    def test_uses(self) -> None:
        """Once an hour, and at the end, it is written down what was asked for."""
        process = self.process()
        for name in (b"a", b"b"):
            process.remember("retry", name, self.record())
        self.clock.advance(1)
        self.clock.advance(4)
        process.recall("retry", b"a", 1)
        process.recall("retry", b"c", 1)
        self.clock.advance(5)
        used = {row.place.name: row.used for row in self.opened().all()}
        self.assertEqual(used, {b"a": _NOW + 1, b"b": _NOW + 1})
        self.clock.advance(3600)
        used = {row.place.name: row.used for row in self.opened().all()}
        self.assertEqual(used, {b"a": _NOW + 5, b"b": _NOW + 1})
        process.recall("retry", b"b", 1)
        self.successResultOf(process.stop())
        used = {row.place.name: row.used for row in self.opened().all()}
        self.assertEqual(used[b"b"], _NOW + 3610)

    def test_bounded(self) -> None:
        """Nothing grows while the file cannot be used."""
        os.mkdir(self.path)
        process = self.process(room=Room(records=5))
        for number in range(20):
            process.remember("retry", b"%d" % number, self.record())
            process.recall("retry", b"%d" % number, 1)
        self.assertEqual(len(process._pending), 5)
        self.assertEqual(len(process._asked), 5)
        self.assertEqual(process.state().names, 5)

    def test_policiesWaitForTheFile(self) -> None:
        """While the file cannot be used, traffic does not push out policies."""
        os.mkdir(self.path)
        room = Room(records=5, apart={"mta-sts": Room(records=2)})
        process = self.process(room=room)
        for name in (b"a.one", b"b.two"):
            process.remember("mta-sts", name, self.record())
            process.recall("mta-sts", name, 1)
        for number in range(20):
            process.remember("retry", b"%d" % number, self.record())
            process.recall("retry", b"%d" % number, 1)
        for noted in (process._pending, process._asked):
            self.assertEqual(len(noted), 7)
            kinds = [place.kind for place in noted]
            self.assertEqual(kinds.count("mta-sts"), 2)

    def test_trouble(self) -> None:
        """Without a file it goes on in memory; the operator is told once."""
        os.mkdir(self.path)
        process = self.process()
        process.remember("retry", b"a", self.record())
        self.clock.pump([1] * 200)
        self.assertIsNotNone(process.recall("retry", b"a", 1))
        text = f"{self.path}: unable to open database file"
        self.assertEqual(process.state(), KnowledgeState(1, 2, text))
        self.assertEqual(
            self.told,
            [
                "error: Peer knowledge is in memory only, as its file cannot be used: "
                + text
            ],
        )
        os.rmdir(self.path)
        self.clock.pump([1] * 60)
        self.assertEqual(self.known(), [b"a"])
        self.assertIsNotNone(process.recall("retry", b"a", 1))
        self.assertEqual(
            self.told[1:], [f"info: Peer knowledge is in {self.path} again"]
        )
        self.assertIsNone(process.trouble)

    def test_damaged(self) -> None:
        """A damaged file is put aside; the operator is told."""
        with open(self.path, "wb") as file:
            file.write(b"not at all" * 1000)
        process = self.process()
        self.assertIsNone(process.trouble)
        self.assertEqual(
            self.told,
            [
                f"error: The file of peer knowledge {self.path} was damaged; it is now"
                f" {self.path}.damaged, and a new one begins"
            ],
        )

    def test_damagedMeanwhile(self) -> None:
        """
        Where a file is damaged that was in order before, what is known goes into the
        new one: nobody is to lose policies by that, and other processes hear of it.
        """
        process = self.process()
        for number in range(1000):
            process.remember("mta-sts", b"%d.example" % number, self.record(b"x" * 100))
        self.clock.advance(1)
        file = self.opened()
        file._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(self.path, "r+b") as damaged:
            damaged.seek(4096)
            damaged.write(b"\xaa" * 100_000)
        process.remember("retry", b"a", self.record())
        self.clock.advance(1)
        self.assertEqual(len(self.told), 1)
        self.assertIsNotNone(process.recall("mta-sts", b"7.example", 1))
        self.clock.advance(1)
        self.assertEqual(len(self.known()), 1001)
        other = self.process()
        self.assertIsNotNone(other.recall("mta-sts", b"7.example", 1))

    def test_faultOfOurOwn(self) -> None:
        """What nobody thought of is logged, and does not stop anything."""
        self.patch(Clerk, "turn", lambda *what: 1 / 0)
        process = self.process()
        self.assertEqual(process.trouble, f"{self.path}: division by zero")
        self.clock.advance(2)
        self.successResultOf(process.stop())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)


class SlowDiskTests(SharedCase):
    """The disk takes its time."""

    def setUp(self) -> None:
        """Work waits until it is let go, and nothing was let go."""
        super().setUp()
        self.jobs: list[tuple[Callable[[], Got], Deferred[Got]]] = []
        self.slow = SharedKnowledge(
            self.clock, self.clock.seconds, self.work, self.path
        )
        self.started = self.slow.start()

    def work(self, job: Callable[[], Got]) -> Deferred[Got]:
        """Keep a job waiting."""
        done: Deferred[Got] = Deferred()
        self.jobs.append((job, done))
        return done

    def letGo(self) -> None:
        """The disk is done with one job."""
        job, done = self.jobs.pop(0)
        done.callback(job())

    def test_oneAtATime(self) -> None:
        """The next exchange begins a second after the last is over."""
        self.assertNoResult(self.started)
        self.clock.advance(100)
        self.assertEqual(len(self.jobs), 1)
        self.letGo()
        self.successResultOf(self.started)
        self.clock.advance(1)
        self.assertEqual(len(self.jobs), 1)
        self.letGo()
        self.successResultOf(self._stopped())

    def _stopped(self) -> Deferred[None]:
        done = self.slow.stop()
        self.letGo()
        return done

    def test_foundOutMeanwhile(self) -> None:
        """What is found out while the file is read stands against what is read."""
        other = self.process()
        other.remember("retry", b"a", self.record(b"old"))
        other.remember("retry", b"b", self.record(b"old"))
        self.clock.advance(1)
        self.slow.remember("retry", b"a", self.record(b"new"))
        self.slow.forget("retry", b"b")
        self.letGo()
        found = self.slow.recall("retry", b"a", 1)
        assert found is not None
        self.assertEqual(found.value, b"new")
        self.assertIsNone(self.slow.recall("retry", b"b", 1))
        self.successResultOf(self._stopped())
        self.assertEqual(self.known(), [b"a"])

    def test_notTaken(self) -> None:
        """What could not be written down is, together with what came then."""
        self.letGo()
        self.slow.remember("retry", b"a", self.record(b"1", 1))
        self.slow.remember("retry", b"b", self.record(b"1", 1))
        self.clock.advance(1)
        self.slow.remember("retry", b"a", self.record(b"2", 2))
        _, done = self.jobs.pop(0)
        done.callback(Got(False))
        self.assertIsNone(self.slow.trouble)
        self.successResultOf(self._stopped())
        rows = self.opened().all()
        self.assertEqual(
            [(row.place.name, row.version) for row in rows],
            [(b"a", 1), (b"a", 2), (b"b", 1)],
        )

    def test_stoppedMeanwhile(self) -> None:
        """Who stops while the file is used waits for that, and for the end."""
        stopped = self.slow.stop()
        self.slow.remember("retry", b"a", self.record())
        self.letGo()
        self.assertNoResult(stopped)
        self.letGo()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.known(), [b"a"])

    def test_neverStarted(self) -> None:
        """What was never started can be stopped."""
        other = SharedKnowledge(self.clock, self.clock.seconds, execute, self.path)
        self.successResultOf(other.stop())
