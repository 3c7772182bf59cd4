"""Tests for L{smtpx.spool.lending}: what cannot be written down of a message."""

from __future__ import annotations

from collections.abc import Callable

from smtpx.core.envelope import Envelope
from smtpx.core.errors import UsageError
from smtpx.spool.bodies import INSIDE
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage

from .rig import NOW, SHORT, SpoolTestCase, delivered, envelope


class RefusedTests(SpoolTestCase):
    """Mistakes of whoever delivers; the message is leased as before."""

    def setUp(self) -> None:
        """A message that is being delivered."""
        super().setUp()
        self.r = self.rig()
        self.r.put(SHORT)
        [self.message] = self.r.wait(self.r.spool.ready(NOW, 9))

    def refused(self, work: Callable[[], object], why: str) -> None:
        """Is it refused for this reason, and can the message be settled after it?"""
        error = self.assertRaises(UsageError, work)
        self.assertEqual(str(error), why)
        self.r.wait(self.r.spool.settle(self.message, delivered(0), None))
        self.assertEqual(self.r.spool.state().messages, 0)

    def test_laneWithoutName(self) -> None:
        """Nothing waits for a lane that has no name."""
        self.refused(
            lambda: self.r.spool.park(self.message, b""),
            f"{self.message.id} has nothing to be parked for",
        )

    def test_nobodyToPark(self) -> None:
        """A message that nobody waits for is not parked."""
        self.refused(
            lambda: self.r.spool.park(self.message, b"lane", delivered(0)),
            f"{self.message.id} has nothing to be parked for",
        )

    def report(self, octets: int) -> Report:
        """A report of so many octets."""
        to = envelope()
        return Report(Envelope(b"", NOW, to.recipients, octets), b"", b"x" * octets)

    def test_longReport(self) -> None:
        """A report has to be short enough to stand in its row."""
        failed = [Outcome(0, Fate.FAILED, "no")]
        self.refused(
            lambda: self.r.spool.settle(
                self.message, failed, None, [self.report(INSIDE + 1)]
            ),
            f"a report of {INSIDE + 1} octets: at most {INSIDE}",
        )

    def test_longestReport(self) -> None:
        """One that is just as long as that goes in."""
        failed = [Outcome(0, Fate.FAILED, "no")]
        [id] = self.r.wait(
            self.r.spool.settle(self.message, failed, None, [self.report(INSIDE)])
        )
        found: list[SpooledMessage] = [*self.r.wait(self.r.spool.ready(NOW, 9))]
        self.assertEqual([each.id for each in found], [id])
