"""
Recipients who were refused after their message was taken; tests for
L{smtpx.queue.dispatch}.
"""

from __future__ import annotations

from smtpx.core.queueprofile import REFUSED
from smtpx.core.reply import reply
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause

from .cases import DispatchCase

WAITING = Fate.WAITING


class RefusedTests(DispatchCase):
    """They fail, and the others get it."""

    def test_refusedBefore(self) -> None:
        """Who was refused as the message came fails, with what would have been said."""
        message = self.message(b"x@a.example", b"y@b.example", b"z@a.example")
        refused, broken = message.envelope.recipients[1:]
        refused.stamps[REFUSED] = b"550 5.1.1 Nobody\r\n"
        broken.stamps[REFUSED] = b"what?\r\n"
        settlement = self.make(message)
        why = "refused: 550 5.1.1 Nobody"
        said = reply(550, "5.1.1", b"Nobody")
        # There is nobody here who could write a report.
        self.assertEqual(
            settlement.outcomes[:2],
            (
                Outcome(1, WAITING, why, said, cause=Cause.RECIPIENT),
                Outcome(2, WAITING, "refused", cause=Cause.RECIPIENT),
            ),
        )
        self.assertEqual([each[0] for each in self.journal.take()][:2], ["failed"] * 2)
        self.assertEqual([each.indices for each in self.one.attempts], [(0,)])
