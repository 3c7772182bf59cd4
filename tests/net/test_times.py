"""Tests for L{smtpx.net.times}."""

from __future__ import annotations

from hypothesis import given, strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Awaited
from smtpx.net.times import ClientTimer, ClientTimes, tooLate

TIMES = ClientTimes(
    greetingSeconds=100.0,
    mailSeconds=50.0,
    recipientSeconds=50.0,
    envelopeSeconds=80.0,
    quitSeconds=7.0,
)

#: Something that is waited for, and for how many seconds.
Passing = tuple[Awaited, float]

#: What is waited for before a message, and behind its beginning.
BEFORE = Awaited.MAIL, Awaited.RCPT, Awaited.DATA
BEHIND = Awaited.BODY, Awaited.ANSWER, Awaited.FINAL, Awaited.COMMAND


def seconds() -> st.SearchStrategy[float]:
    """Some, which a float tells exactly."""
    return st.integers(1, 2500).map(lambda number: number / 4)


def steps(some: tuple[Awaited, ...]) -> st.SearchStrategy[list[Passing]]:
    """What one waits for, one after the other."""
    return st.lists(st.tuples(st.sampled_from(some), seconds()), min_size=1, max_size=5)


class ClientTimerTests(SynchronousTestCase):
    """How long a client waits for what."""

    def setUp(self) -> None:
        """A connection that begins when the clock has long been going."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.late: list[tuple[Awaited, float]] = []
        self.began = self.clock.seconds()
        self.awaited = Awaited.NOTHING
        self.timer = ClientTimer(self.clock, TIMES, lambda: self.awaited, self.tooLate)

    def tooLate(self, awaited: Awaited) -> None:
        """Note what has not come, and when that was found."""
        self.late.append((awaited, self.clock.seconds() - self.began))

    def await_(self, awaited: Awaited) -> None:
        """Something has come, and now this is waited for."""
        self.awaited = awaited
        self.timer.moved()

    def test_limit(self) -> None:
        """What does not come in its time is late, and told of once."""
        self.await_(Awaited.GREETING)
        self.clock.pump([1.0] * 99)
        self.assertEqual(self.late, [])
        self.clock.pump([1.0] * 200)
        self.assertEqual(self.late, [(Awaited.GREETING, 100.0)])

    def test_progress(self) -> None:
        """Each step has its whole time."""
        self.await_(Awaited.GREETING)
        self.clock.advance(90)
        self.await_(Awaited.GREETING)
        self.clock.pump([1.0] * 99)
        self.assertEqual(self.late, [])
        self.clock.advance(1)
        self.assertEqual(self.late, [(Awaited.GREETING, 190.0)])

    def test_sooner(self) -> None:
        """A shorter limit holds from when it is the one that counts."""
        self.await_(Awaited.GREETING)
        self.clock.advance(5)
        self.timer.begun()
        self.await_(Awaited.MAIL)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([1.0] * 50)
        self.assertEqual(self.late, [(Awaited.MAIL, 55.0)])

    @given(st.lists(st.tuples(steps(BEFORE), steps(BEHIND), seconds()), max_size=4))
    def test_exactly(
        self, envelopes: list[tuple[list[Passing], list[Passing], float]]
    ) -> None:
        """
        Whatever is waited for in which order: when its limit has passed, and not
        before, it is late.
        """
        self.setUp()
        for before, behind, idle in envelopes:
            begun = self.clock.seconds()
            self.timer.begun()
            for awaited, lasts in [*before, *behind, (Awaited.NOTHING, idle)]:
                since = self.clock.seconds()
                due = since + TIMES.limits.get(awaited, float("inf"))
                if awaited in BEFORE:
                    due = min(due, begun + TIMES.envelopeSeconds)
                self.await_(awaited)
                self.passTime(min(due, since + lasts))
                if due <= since + lasts:
                    self.assertEqual(self.late, [(awaited, due - self.began)])
                    return
                self.assertEqual(self.late, [])

    def passTime(self, until: float) -> None:
        """Time goes on from one call to the next."""
        while True:
            calls = [call.getTime() for call in self.clock.getDelayedCalls()]
            now = min([until, *calls])
            self.clock.advance(now - self.clock.seconds())
            if now == until:
                return

    def test_envelope(self) -> None:
        """What comes before a message has a time for all of it."""
        self.timer.begun()
        for _ in range(20):
            self.await_(Awaited.RCPT)
            self.clock.pump([1.0] * 10)
        self.assertEqual(self.late[0], (Awaited.RCPT, 80.0))

    def test_nextEnvelope(self) -> None:
        """Which is counted anew for the next one."""
        self.timer.begun()
        self.await_(Awaited.RCPT)
        self.clock.advance(45)
        self.await_(Awaited.NOTHING)
        self.clock.advance(1000)
        self.timer.begun()
        self.await_(Awaited.MAIL)
        self.clock.pump([7.0] * 7)
        self.assertEqual(self.late, [])
        self.clock.advance(1)
        self.assertEqual(self.late, [(Awaited.MAIL, 1095.0)])

    def test_nothing(self) -> None:
        """What needs nobody is never late, and nobody looks after it for long."""
        self.await_(Awaited.NOTHING)
        self.clock.advance(100_000)
        self.assertEqual(self.late, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closing(self) -> None:
        """The end may take as long as the answer to QUIT, whatever else comes."""
        self.await_(Awaited.GREETING)
        self.clock.advance(1)
        self.timer.closing()
        self.clock.advance(6)
        self.await_(Awaited.GREETING)
        self.assertEqual(self.late, [(Awaited.NOTHING, 7.0)])
        self.await_(Awaited.GREETING)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        """Of a connection that is gone nothing is left."""
        self.timer.stop()
        self.await_(Awaited.GREETING)
        self.timer.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_words(self) -> None:
        """What becomes of the message says what was waited for."""
        self.assertEqual(
            tooLate(Awaited.GREETING).octets,
            b"451 4.4.2 Timed out waiting for "
            + Awaited.GREETING.value.encode()
            + b"\r\n",
        )
