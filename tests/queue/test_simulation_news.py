"""
A server that is killed now and then: of whom senders are told, under all that may
happen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random

from hypothesis import HealthCheck, given, settings, strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Action
from smtpx.core.interfaces import IBody
from smtpx.queue.interfaces import IReporter
from smtpx.queue.told import Told
from smtpx.spool.format import Report, SpooledMessage

from .test_simulation import ShakySpool, Simulation, shake

#: At which ages delays are told, in seconds.
DELAYS = (300.0, 900.0, 3600.0)


@implementer(IReporter)
class NewsReporter:
    """Tells everything, to senders that are somebody; now and then it fails."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.trouble = 0.0

    def mayOwe(self, message: SpooledMessage, action: Action) -> bool:
        """To whoever is somebody."""
        return bool(message.envelope.sender)

    def owed(self, message: SpooledMessage, news: Sequence[Told]) -> Sequence[Told]:
        """All of it."""
        return news if message.envelope.sender else ()

    def reports(
        self, message: SpooledMessage, owed: Sequence[Told], body: IBody
    ) -> Sequence[Report]:
        """What happened, a line each."""
        if self.random.random() < self.trouble:
            raise OSError("no report, as chance has it")
        text = b"".join(
            b"%b %d %b\r\n"
            % (message.id.encode(), each.outcome.index, each.action.value.encode())
            for each in owed
        )
        to = Recipient(message.envelope.sender)
        return (Report(Envelope(b"", message.arrived, [to], len(text)), b"", text),)


class NotingSpool(ShakySpool):
    """
    Notes what senders are told, when that is down in the spool.

    @ivar news: message, index and action, in order.
    """

    news: list[tuple[str, int, str]]

    def _report(self, report: Report) -> str:
        """Note what it says."""
        for line in report.body.decode().splitlines():
            id, index, action = line.split()
            self.news.append((id, int(index), action))
        return super()._report(report)


class MortalSimulation(Simulation):
    """A server that can be killed."""

    delays = DELAYS

    def __init__(self, seed: int) -> None:
        self.writer = NewsReporter(Random(seed))
        self.reporter = self.writer
        super().__init__(seed)
        spool = NotingSpool(self.clock, self.random)
        spool.news = []
        self._replace(spool)

    def _replace(self, spool: NotingSpool) -> None:
        """The process is killed, and the next one finds what was written down."""
        old, self.noting = self.spool, spool
        old.dead = True
        Deferred.fromCoroutine(self.delivery.stop())
        self.delivery._attempting.cancel()
        old.close()
        spool._kept, old._kept = old._kept, {}
        spool._begun = old._begun
        self.spool = spool
        self.begin()

    def kill(self) -> None:
        """In the midst of whatever it is doing."""
        spool = NotingSpool(self.clock, self.random)
        spool.news, spool.trouble = self.noting.news, self.noting.trouble
        self._replace(spool)


class NewsTests(SynchronousTestCase):
    """Everything is told, and told once."""

    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 1 << 32))
    def test_toldOnce(self, seed: int) -> None:
        """Success and failure once; a delay once at each age."""
        made = MortalSimulation(seed)
        random = made.random
        for _ in range(25):
            if random.random() < 0.3:
                made.kill()
            made.writer.trouble = random.choice((0.0, 0.0, 0.3))
            shake(random, made)
        made.writer.trouble = made.spool.trouble = 0.0
        made.world.moods.clear()
        for _ in range(3):
            made.run(4 * 3600, 10)
            made.spool.release(list(made.spool.kept))
        made.run(4 * 3600, 10)
        self.check(made)

    def check(self, made: MortalSimulation) -> None:
        """What were senders told?"""
        delays: Counter[tuple[str, int]] = Counter()
        last: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for id, index, action in made.noting.news:
            if action == Action.DELAYED.value:
                self.assertEqual(last[id, index], [], "told of a delay afterwards")
                delays[id, index] += 1
            else:
                last[id, index].append(action)
        for id, (sender, paths) in made.sent.items():
            for index, path in enumerate(paths):
                key = id, index
                self.assertLessEqual(delays[key], len(DELAYS))
                if path.endswith(b"@hold.example"):
                    continue
                had = made.world.had[key]
                self.assertLessEqual(had, 1)
                wanted = ["relayed" if had else "failed"] if sender else []
                self.assertEqual(last[key], wanted, key)
        self.assertEqual({key[0] for key in last} - set(made.sent), set())
