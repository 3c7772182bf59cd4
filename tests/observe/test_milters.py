"""
Tests for L{smtpx.observe.milters}: what logs and metrics tell of milters.
"""

from __future__ import annotations

from typing import cast

from twisted.logger import ILogObserver, LogEvent
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.observe.journal import Journal
from smtpx.observe.milters import milterLine
from smtpx.observe.publisher import Publisher
from tests.policy.doubles import sessionFrom


class LineTests(SynchronousTestCase):
    """The main log."""

    def line(self, what: str, why: str, sender: bytes | None = b"a@x.org") -> object:
        """What it says."""
        events: list[LogEvent] = []
        session = sessionFrom(b"192.0.2.1")
        if sender is not None:
            session.envelope = Envelope(sender, 0.0)
        heard = cast(ILogObserver, events.append)
        journal = Journal(Publisher([heard]))
        journal.milterDid(session, "opendkim", "rcpt", what, why)
        [event] = events
        return milterLine(event, lambda event: "H=there")

    def test_refused(self) -> None:
        """That has a line of its own, which names the milter."""
        self.assertIsNone(self.line("refused", "550 no"))

    def test_discarded(self) -> None:
        """Nobody else would tell."""
        self.assertEqual(
            self.line("discarded", ""),
            "H=there F=<a@x.org> milter opendkim discarded at rcpt",
        )

    def test_changed(self) -> None:
        """With what."""
        self.assertEqual(
            self.line("changed", "add header"),
            "H=there F=<a@x.org> milter opendkim changed at rcpt: add header",
        )

    def test_away(self) -> None:
        """An operator wants to know why."""
        self.assertEqual(
            self.line("away", "gone", None),
            "H=there milter opendkim away at rcpt: gone",
        )

    def test_silence(self) -> None:
        """Where nobody listens, nothing is told."""
        Journal(Publisher([])).milterDid(sessionFrom(b"::1"), "a", "rcpt", "away", "")
