"""
Tests for L{smtpx.queue.control}: what is in quarantine.
"""

from __future__ import annotations

from smtpx.core.queueprofile import QUARANTINED
from smtpx.queue.interfaces import Done, Selection, State

from .test_control import ALL, ControlCase


class QuarantineTests(ControlCase):
    """Messages that may do harm."""

    def test_releaseOfWhatIsInQuarantine(self) -> None:
        """Only who names such a message, or means just such, lets it go."""
        ids = [self.put(), self.put(), self.put()]
        for id in ids[:2]:
            self.spool.kept[id].envelope.stamps[QUARANTINED] = True
        self.wait(self.control.hold(ALL, "root"))
        released = self.control.release
        self.assertEqual(self.wait(released(ALL, "joe")), Done(1, kept=2))
        held = Selection(states=[State.HELD])
        self.assertEqual(self.wait(released(held, "joe")), Done(0))
        named = Selection(ids=(ids[0],))
        self.assertEqual(self.wait(released(named, "joe")), Done(1))
        bad = Selection(states=[State.QUARANTINED])
        self.assertEqual(self.wait(released(bad, "joe")), Done(1))
