"""
Tests for L{smtpx.service.imports}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.service.imports import Acceptance, Standing, standing, tookFields
from smtpx.spool.eximfiles import BadPair, pairAt
from smtpx.spool.parcels import Busy, Gone
from smtpx.spool.taking import Took

PAIR = pairAt("exim /queue/1tHsXz-0003Bv-1a")


class AcceptanceTests(SynchronousTestCase):
    """What the house makes of a message."""

    def test_fromTheFuture(self) -> None:
        """It grows old from now on: it is not tried for ever."""
        acceptance = Acceptance("x", lambda: 50.0, lambda envelope: False)
        for told, wanted in ((253_402_000_000.0, 50.0), (40.5, 40.5)):
            envelope = Envelope(b"", told, [Recipient(b"a@b.example")])
            accepted = acceptance(envelope, "1vM5vQ-000001-00")
            self.assertEqual(accepted.envelope.arrived, wanted)

    def test_field(self) -> None:
        """It gets a field that says when it came here, and under which id."""
        acceptance = Acceptance(
            "mx.example.org", lambda: 1000.5, lambda envelope: False
        )
        envelope = Envelope(b"", 5.0, [Recipient(b"a@b.example")])
        accepted = acceptance(envelope, "1wXo2k-0000GH-00")
        self.assertIs(accepted.envelope, envelope)
        self.assertEqual(accepted.hold, "")
        first, second, third, end = accepted.prefix.split(b"\r\n")
        self.assertEqual(
            first, b"Received: by mx.example.org with local (from Exim's queue)"
        )
        self.assertEqual(second, b"\tid 1wXo2k-0000GH-00;")
        self.assertIn(b" 1970 ", third)
        self.assertEqual(end, b"")

    def test_holds(self) -> None:
        """What a route holds says so."""
        acceptance = Acceptance("x", lambda: 0.0, lambda envelope: True)
        accepted = acceptance(Envelope(b"", 0.0), "1wXo2k-0000GH-00")
        self.assertEqual(accepted.hold, "held since it arrived")


class StandingTests(SynchronousTestCase):
    """What came of a message, in a word."""

    def test_words(self) -> None:
        """Each outcome has its own."""
        some = (("1w", ""),)
        for took, word in (
            (Took(PAIR, some), Standing.TAKEN),
            (Took(PAIR, some, before=True), Standing.BEFORE),
            (Took(PAIR), Standing.DONE),
            (Took(PAIR, error=Busy("x")), Standing.BUSY),
            (Took(PAIR, error=Gone("x")), Standing.BUSY),
            (Took(PAIR, error=BadPair("x")), Standing.FAILED),
        ):
            self.assertIs(standing(took), word)

    def test_fields(self) -> None:
        """All that a program may want to know."""
        envelope = Envelope(b"a@b", 0.0, [Recipient(b"c@d"), Recipient(b"e@f")])
        took = Took(
            PAIR,
            (("1w", ""), ("2w", "frozen")),
            (("1w", envelope),),
            stuck=OSError("it sticks"),
        )
        self.assertEqual(
            tookFields(took),
            {
                "source": "/queue/1tHsXz-0003Bv-1a",
                "status": "taken",
                "messages": [
                    {"message": "1w", "sender": "a@b", "recipients": 2},
                    {"message": "2w", "hold": "frozen"},
                ],
                "why": "it sticks",
            },
        )
