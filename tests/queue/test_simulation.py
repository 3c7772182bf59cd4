"""
The queue as a whole, under whatever may happen to it: destinations that are slow, away,
refuse or come back, a spool that is late or breaks, restarts in the middle.  In the end
everybody has the message once, or its sender was told once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from hypothesis import HealthCheck, given, settings, strategies as st
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import Action
from smtpx.queue.delivery import Bounds, Delivery
from smtpx.queue.hold import Hold
from smtpx.queue.interfaces import Attempt, IRelay, IReporter, Leg, Located
from smtpx.queue.retry import Lifetimes, RetryRules
from smtpx.queue.routes import RouteRule, Routes
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.via import Cause
from smtpx.testing.spool import MemorySpool

from .doubles import RecordedJournal, ScriptedReporter

T = TypeVar("T")

MOODS = ("alive", "slow", "away", "greylists", "refuses", "breaks", "nameless")


class ShakySpool(MemorySpool):
    """
    A spool that answers when it likes, and breaks now and then.

    @ivar trouble: how often it breaks, from 0 to 1.
    @ivar told: who was told of which of the recipients of his message.
    @ivar dead: was the process killed that has it?
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        MemorySpool.__init__(self, clock.seconds)
        self.clock = clock
        self.random = random
        self.trouble = 0.0
        self.told: list[tuple[bytes, int]] = []
        self.dead = False

    def _report(self, report: Report) -> str:
        """Note whom of the recipients a sender is told of."""
        sender = report.envelope.recipients[0].path
        for line in report.body.split(b"\r\n"):
            index, _, _ = line.partition(b" ")
            if index.isdigit():
                self.told.append((sender, int(index)))
        return MemorySpool._report(self, report)

    def _late(self, work: Callable[[], Deferred[T]]) -> Deferred[T]:
        """Do it, at the beginning or at the end of the time that it takes."""
        random = self.random
        if self.dead:
            return Deferred()
        if random.random() < self.trouble:
            return fail(SpoolBroken("as chance has it"))
        seconds = random.choice((0.0, 0.0, 0.01, 0.3))
        if not seconds:
            return work()
        done: Deferred[T] = Deferred()
        if random.random() < 0.5:
            self.clock.callLater(seconds, work().chainDeferred, done)
        else:
            self.clock.callLater(seconds, self._later, work, done)
        return done

    def _later(self, work: Callable[[], Deferred[T]], done: Deferred[T]) -> None:
        if not self.dead:
            work().chainDeferred(done)

    def ready(self, now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Late."""
        return self._late(lambda: MemorySpool.ready(self, now, most))

    def parked(self, lane: bytes, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Late."""
        return self._late(lambda: MemorySpool.parked(self, lane, most))

    def lanes(self, after: bytes, most: int) -> Deferred[Sequence[bytes]]:
        """Late."""
        return self._late(lambda: MemorySpool.lanes(self, after, most))

    def unpark(
        self, lane: bytes, due: float, spreadSeconds: float = 0.0
    ) -> Deferred[int]:
        """Late."""
        return self._late(lambda: MemorySpool.unpark(self, lane, due, spreadSeconds))

    def park(
        self,
        message: SpooledMessage,
        lane: bytes,
        outcomes: Sequence[Outcome] = (),
        wake: float | None = None,
    ) -> Deferred[None]:
        """Late."""
        return self._late(lambda: MemorySpool.park(self, message, lane, outcomes, wake))

    def settle(
        self,
        message: SpooledMessage,
        outcomes: Sequence[Outcome],
        due: float | None,
        reports: Sequence[Report] = (),
        told: float | None = None,
    ) -> Deferred[Sequence[str]]:
        """Late."""
        return self._late(
            lambda: MemorySpool.settle(self, message, outcomes, due, reports, told)
        )


@implementer(IRelay)
class World:
    """
    All other hosts: one a domain, each in its mood.

    @ivar moods: by domain; others are alive.
    @ivar had: how often each recipient of each message got it.
    @ivar merged: do some domains have the same hosts, for now?
    """

    name = "world"
    holds = False
    reports = Action.RELAYED
    width = 3
    gathers = True
    pauseSeconds = 0.0

    def __init__(self, clock: Clock, random: Random) -> None:
        self.clock = clock
        self.random = random
        self.moods: dict[bytes, str] = {}
        self.had: Counter[tuple[str, int]] = Counter()
        self.merged = False

    def _mood(self, path: bytes) -> str:
        return self.moods.get(path.rpartition(b"@")[2], "alive")

    def _after(self, seconds: float, value: Callable[[], T]) -> Deferred[T]:
        def cancel(done: Deferred[T]) -> None:
            if call.active():
                call.cancel()

        def come() -> None:
            try:
                found = value()
            except Exception as error:
                done.errback(error)
            else:
                done.callback(found)

        done: Deferred[T] = Deferred(cancel)
        call = self.clock.callLater(seconds, come)
        return done

    def locate(
        self, message: SpooledMessage, indices: Sequence[int]
    ) -> Deferred[Located]:
        """Where the moods are bad enough, nobody knows."""
        legs: dict[bytes, list[int]] = {}
        outcomes = []
        late = 0.0
        for index in indices:
            path = message.envelope.recipients[index].path
            if self._mood(path) == "nameless":
                late = 20.0
                outcomes.append(
                    Outcome(index, Fate.WAITING, "no answer", cause=Cause.DNS)
                )
                continue
            domain = path.rpartition(b"@")[2]
            key = b"together" if self.merged and domain < b"b" else domain
            legs.setdefault(key, []).append(index)
        located = Located(
            tuple(Leg(lane, tuple(some)) for lane, some in legs.items()),
            tuple(outcomes),
        )
        return self._after(late, lambda: located)

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """As the moods are."""
        paths = [attempt.message.envelope.recipients[i].path for i in attempt.indices]
        slow = any(self._mood(path) == "slow" for path in paths)
        seconds = 30.0 if slow else self.random.choice((0.0, 0.05, 0.5))
        return self._after(seconds, lambda: self._answered(attempt))

    def _answered(self, attempt: Attempt) -> Sequence[Outcome]:
        outcomes = []
        for index in attempt.indices:
            path = attempt.message.envelope.recipients[index].path
            mood = self._mood(path)
            if mood in ("alive", "slow"):
                continue
            if mood == "breaks":
                raise OSError("the transport is broken")
            if mood == "refuses":
                outcomes.append(
                    Outcome(index, Fate.FAILED, "no", cause=Cause.RECIPIENT)
                )
            elif mood == "away":
                due = self.clock.seconds() + 300
                outcomes.append(
                    Outcome(
                        index, Fate.WAITING, "away", cause=Cause.CONNECT, notBefore=due
                    )
                )
            else:
                outcomes.append(
                    Outcome(index, Fate.WAITING, "later", cause=Cause.RECIPIENT)
                )
        told = {each.index for each in outcomes}
        for index in attempt.indices:
            if index not in told:
                outcomes.append(Outcome(index, Fate.DELIVERED, "ok"))
                self.had[attempt.message.id, index] += 1
        return outcomes


class Simulation:
    """
    A server under all that may happen.

    @ivar sent: by id, sender and recipients of each message that came in.
    @ivar reporter: who writes reports.
    @ivar delays: at which ages of a message, in seconds, delays are told.
    """

    reporter: IReporter = ScriptedReporter()
    delays: tuple[float, ...] = ()

    def __init__(self, seed: int, messages: int = 12) -> None:
        self.random = random = Random(seed)
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.spool = ShakySpool(self.clock, random)
        self.world = World(self.clock, random)
        self.journal = RecordedJournal()
        self.bounds = Bounds(messages, attempts=6, pollSeconds=15, graceSeconds=5)
        self.sent: dict[str, tuple[bytes, list[bytes]]] = {}
        self.begin()

    def begin(self) -> None:
        """Start a delivery."""
        routes = Routes(
            [RouteRule("*", "world"), RouteRule("hold.example", "hold")],
            [self.world, Hold()],
        )
        now = self.clock.seconds
        self.delivery = Delivery(
            self.spool,
            routes,
            self.journal,
            self.clock,
            now,
            RetryRules(lifetimes=Lifetimes(4 * 3600.0, 2 * 3600.0)),
            self.reporter,
            bounds=self.bounds,
            delays=self.delays,
        )
        self.delivery.start()

    def run(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass."""
        for _ in range(int(seconds / step)):
            self.clock.advance(step)

    def restart(self) -> None:
        """Stop in order, and start again."""
        # A spool that is broken now has who got it in the end get it again.
        self.spool.trouble = 0.0
        done: list[object] = []
        Deferred.fromCoroutine(self.delivery.stop()).addBoth(done.append)
        for _ in range(400):
            if done:
                break
            self.clock.advance(0.25)
        assert done == [None], done
        self.spool.close()
        self.begin()

    def send(self, null: bool, paths: Sequence[bytes]) -> None:
        """A message comes in; its sender is nobody, or one who sends only this."""
        sender = b"" if null else b"%d@sender.example" % len(self.sent)
        self.sent[self.spool.add(sender, paths)] = sender, list(paths)


DOMAINS = (b"a.example", b"b.example", b"c.example", b"d.example", b"hold.example")


def shake(random: Random, made: Simulation) -> None:
    """Something happens."""
    what = random.randrange(10)
    domain = random.choice(DOMAINS)
    if what < 5:
        paths = [
            b"%d@%b" % (number, random.choice(DOMAINS[:4]))
            for number in range(random.choice((1, 1, 2, 7)))
        ]
        if random.random() < 0.05:
            paths.append(b"x@hold.example")
        for _ in range(random.choice((1, 5, 40))):
            made.send(random.random() < 0.3, paths)
    elif what < 7:
        made.world.moods[domain] = random.choice(MOODS)
    elif what == 7:
        made.spool.trouble = random.choice((0.0, 0.0, 0.2))
    elif what == 8:
        made.restart()
    else:
        made.world.merged = not made.world.merged
        ids = random.sample(sorted(made.spool.kept), min(3, len(made.spool.kept)))
        if random.random() < 0.5:
            made.spool.hold(ids, "an operator")
        else:
            made.spool.release(ids)
    made.run(random.choice((0.25, 1, 5, 40, 400)), 0.25)


class SimulationTests(SynchronousTestCase):
    """Nothing is lost, doubled or reported twice."""

    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 1 << 32))
    def test_everybodyOnce(self, seed: int) -> None:
        """Everybody has it once, or the sender was told once."""
        made = Simulation(seed)
        random = made.random
        for _ in range(25):
            shake(random, made)
            self.assertLessEqual(made.delivery.underWay, 40)
        self.end(made)

    def end(self, made: Simulation) -> None:
        """All is well again: what has become of everybody?"""
        made.spool.trouble = 0.0
        made.world.moods.clear()
        for _ in range(3):
            made.run(4 * 3600, 10)
            made.spool.release(list(made.spool.kept))
        made.run(4 * 3600, 10)
        held = {id for id, kept in made.spool.kept.items() if kept.held}
        self.assertEqual(set(made.spool.kept), held)
        self.assertEqual(made.delivery.destinations(), [])
        self.assertEqual(made.delivery.underWay, 0)
        failed = Counter(
            (told[1], told[2]) for told in made.journal.told if told[0] == "failed"
        )
        told = Counter(made.spool.told)
        for id, (sender, paths) in made.sent.items():
            # What was on hold by its route has been released, and went on.
            for index in range(len(paths)):
                key = id, index
                self.assertEqual(made.world.had[key] + failed[key], 1, key)
                # Who has failed has been reported, in one report.
                self.assertEqual(told[sender, index], failed[key] if sender else 0)
