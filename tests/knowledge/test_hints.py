"""Tests for L{smtpx.knowledge.hints}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.knowledge.hints import HostHints, exponential
from smtpx.knowledge.interfaces import HostTrouble, IHostHints
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.names import hostName

_HOST = hostName(b"mx.example.org", b"192.0.2.1", 25)
_HOUR = 3600.0


class HostHintsTests(SynchronousTestCase):
    """Hosts that failed."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.knowledge = MemoryKnowledge(self.clock.seconds)
        self.hints = HostHints(self.knowledge, self.clock.seconds, 1000.0)

    def failed(self, text: str = "no route", due: float | None = None) -> float:
        """The host fails now."""
        return self.hints.failed(_HOST, text, self.clock.seconds(), due)

    def test_provides(self) -> None:
        """It has all that who delivers wants."""
        verifyObject(IHostHints, self.hints)

    def test_unknown(self) -> None:
        """A host of which nothing is known is tried at once."""
        self.assertIsNone(self.hints.retryAt(_HOST))
        self.assertIsNone(self.hints.trouble(_HOST))

    def test_failed(self) -> None:
        """A host that failed is not tried again before its time."""
        due = self.failed()
        self.assertEqual(due, 1_000_900.0)
        self.assertEqual(self.hints.retryAt(_HOST), due)
        self.clock.advance(899)
        self.assertEqual(self.hints.retryAt(_HOST), due)
        self.clock.advance(1)
        self.assertIsNone(self.hints.retryAt(_HOST))

    def test_others(self) -> None:
        """What failed says nothing of another port of the same host."""
        self.failed()
        other = hostName(b"mx.example.org", b"192.0.2.1", 587)
        self.assertIsNone(self.hints.retryAt(other))

    def test_failedAgain(self) -> None:
        """It is known since when, how often, and why the last time."""
        self.failed("no route")
        self.clock.advance(950)
        due = self.failed("refused")
        self.assertEqual(
            self.hints.trouble(_HOST),
            HostTrouble(1_000_000.0, 1_000_950.0, due, 2, "refused"),
        )

    def test_told(self) -> None:
        """Who tried may say when to try again."""
        self.assertEqual(self.failed(due=1_000_010.0), 1_000_010.0)
        self.assertEqual(self.hints.retryAt(_HOST), 1_000_010.0)

    def test_succeeded(self) -> None:
        """After a success there is nothing against a host."""
        self.failed()
        self.hints.succeeded(_HOST)
        self.assertIsNone(self.hints.trouble(_HOST))

    def test_successOfTheUnknownIsNotWritten(self) -> None:
        """A host that always succeeds costs nothing."""
        self.patch(self.knowledge, "forget", self.fail)
        self.hints.succeeded(_HOST)

    def test_expires(self) -> None:
        """After C{retry_data_expire} the host begins anew."""
        self.failed()
        self.clock.advance(1000)
        self.assertIsNone(self.hints.trouble(_HOST))
        self.failed()
        trouble = self.hints.trouble(_HOST)
        assert trouble is not None
        self.assertEqual((trouble.first, trouble.failures), (1_001_000.0, 1))


class ExponentialTests(SynchronousTestCase):
    """The schedule."""

    def test_tries(self) -> None:
        """When a dead host is tried that there is always mail for, in hours."""
        now, tries = 0.0, []
        while now < 40 * _HOUR:
            tries.append(now / _HOUR)
            now = exponential(0.0, now, len(tries))
        self.assertEqual(
            tries,
            [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]
            + [2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 28.78125, 34.78125],
        )

    def test_clockSetBack(self) -> None:
        """If the clock was set back, a host is not put off for long."""
        self.assertEqual(exponential(5000.0, 1000.0, 3), 1900.0)
