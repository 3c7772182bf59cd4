"""
Tests for L{smtpx.observe.deliverylines}: senders that are rewritten.
"""

from __future__ import annotations

from attrs import evolve

from smtpx.core.reply import Reply
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause

from .test_deliverylines import CLEAR, FAR, HOST, LinesTestCase


class RewrittenTests(LinesTestCase):
    """The sender that a host was told."""

    def test_rewrittenSender(self) -> None:
        """The sender that the host was told, where it is not the message's own."""
        told = evolve(Outcome(0, Fate.DELIVERED, via=CLEAR), sender=b"SRS0=x@f.example")
        self.assertEqual(
            self.delivered(told),
            f"=> bob@example.com SRS=<SRS0=x@f.example> {FAR} {HOST}",
        )
        shown = self.delivered(told, "sender_on_delivery", "return_path_on_delivery")
        self.assertIn(
            " F=<ann@example.org> SRS=<SRS0=x@f.example> P=<SRS0=x@f.example> R=", shown
        )
        said = Reply(550, (5, 1, 8), (b"No",))
        failed = Outcome(0, Fate.FAILED, "said", said, CLEAR, Cause.SENDER)
        failed = evolve(failed, sender=b"SRS0=x@f.example")
        line = self.failed(failed)
        self.assertIn("after MAIL FROM:<SRS0=x@f.example>: 550 5.1.8 No", line)
        self.assertIn(f" SRS=<SRS0=x@f.example> {FAR}", line)
