"""Tests for L{smtpx.net.times}."""

from __future__ import annotations

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


class ClientTimerTests(SynchronousTestCase):
    """How long a client waits for what."""

    def setUp(self) -> None:
        """A connection that begins when the clock has long been going."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.late: list[tuple[Awaited, float]] = []
        self.began = self.clock.seconds()
        self.timer = ClientTimer(self.clock, TIMES, self.tooLate)

    def tooLate(self, awaited: Awaited) -> None:
        """Note what has not come, and when that was found."""
        self.late.append((awaited, self.clock.seconds() - self.began))

    def test_limit(self) -> None:
        """What does not come in its time is late, and told of once."""
        self.timer.watch(Awaited.GREETING, 0)
        self.clock.pump([1.0] * 99)
        self.assertEqual(self.late, [])
        self.clock.pump([1.0] * 200)
        self.assertEqual(self.late, [(Awaited.GREETING, 100.0)])

    def test_progress(self) -> None:
        """Each step has its whole time; looking at it again is no step."""
        self.timer.watch(Awaited.GREETING, 0)
        for _ in range(9):
            self.clock.advance(10)
            self.timer.watch(Awaited.GREETING, 0)
        self.timer.watch(Awaited.GREETING, 1)
        self.clock.pump([1.0] * 99)
        self.assertEqual(self.late, [])
        self.clock.advance(1)
        self.assertEqual(self.late, [(Awaited.GREETING, 190.0)])

    def test_sooner(self) -> None:
        """A shorter limit holds from when it is the one that counts."""
        self.timer.watch(Awaited.GREETING, 0)
        self.clock.advance(5)
        self.timer.begun()
        self.timer.watch(Awaited.MAIL, 1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([1.0] * 50)
        self.assertEqual(self.late, [(Awaited.MAIL, 55.0)])

    def test_envelope(self) -> None:
        """What comes before a message has a time for all of it."""
        self.timer.begun()
        for step in range(20):
            self.timer.watch(Awaited.RCPT, step)
            self.clock.advance(10)
        self.assertEqual(self.late[0], (Awaited.RCPT, 80.0))

    def test_nextEnvelope(self) -> None:
        """Which is counted anew for the next one."""
        self.timer.begun()
        self.timer.watch(Awaited.RCPT, 1)
        self.clock.advance(45)
        self.timer.watch(Awaited.NOTHING, 2)
        self.clock.advance(1000)
        self.timer.begun()
        self.timer.watch(Awaited.MAIL, 3)
        self.clock.advance(49)
        self.assertEqual(self.late, [])
        self.clock.advance(1)
        self.assertEqual(self.late, [(Awaited.MAIL, 1095.0)])

    def test_nothing(self) -> None:
        """What needs nobody is never late."""
        self.timer.watch(Awaited.NOTHING, 0)
        self.clock.advance(100_000)
        self.assertEqual(self.late, [])

    def test_closing(self) -> None:
        """The end may take as long as the answer to QUIT, whatever else comes."""
        self.timer.watch(Awaited.GREETING, 0)
        self.timer.closing()
        self.clock.advance(6)
        self.timer.watch(Awaited.GREETING, 1)
        self.assertEqual(self.late, [])
        self.clock.advance(1)
        self.assertEqual(self.late, [(Awaited.NOTHING, 7.0)])
        self.timer.watch(Awaited.GREETING, 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        """Of a connection that is gone nothing is left."""
        self.timer.stop()
        self.timer.watch(Awaited.GREETING, 0)
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
