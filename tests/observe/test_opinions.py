"""
Tests for L{smtpx.observe.opinions}.
"""

from __future__ import annotations

from typing import cast

from prometheus_client import CollectorRegistry
from twisted.logger import ILogObserver, LogEvent
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.observe.counters import Counters
from smtpx.observe.journal import Journal
from smtpx.observe.opinions import opinionLine
from smtpx.observe.publisher import Publisher
from tests.policy.doubles import sessionFrom


class OpinionTests(SynchronousTestCase):
    """Logs and metrics tell what checkers have found."""

    def setUp(self) -> None:
        """Somebody who listens."""
        self.events: list[LogEvent] = []
        self.registry = CollectorRegistry()
        counters = Counters(self.registry)
        listening = cast(ILogObserver, self.events.append)
        self.journal = Journal(Publisher([listening, counters]))

    def line(self, state: str, why: str = "", **found: object) -> str:
        """What the main log says of an opinion."""
        session = sessionFrom(b"192.0.2.1")
        session.envelope = Envelope(b"ann@example.org", 0.0)
        id = "1abcde-000000-01"
        self.journal.opinion(session, "clamav", state, found, why, 0.5, id)
        event = self.events[-1]
        self.assertEqual(b"ann@example.org", event["sender"])
        return opinionLine(event, lambda event: "H=[192.0.2.1]")

    def counted(self, result: str) -> float | None:
        """How often that was counted."""
        labels = {"checker": "clamav", "result": result}
        name = "smtpx_checker_opinions_total"
        return self.registry.get_sample_value(name, labels)

    def test_malware(self) -> None:
        """What was found stands in the main log."""
        said = self.line("known", malware_name="Eicar\n-Test")
        start = "1abcde-000000-01 H=[192.0.2.1] clamav: malware Eicar"
        self.assertTrue(said.startswith(start), said)
        self.assertNotIn("\n", said)
        self.assertEqual(1.0, self.counted("malware"))
        seconds = self.registry.get_sample_value("smtpx_checker_seconds_sum")
        self.assertEqual(0.5, seconds)

    def test_spam(self) -> None:
        """So does spam, with its score."""
        said = self.line("known", spam=True, spam_score=7.5)
        self.assertTrue(said.endswith("clamav: spam, score 7.5"), said)
        self.assertEqual(1.0, self.counted("spam"))

    def test_nothingFound(self) -> None:
        """What is in order is in the event log alone."""
        self.assertEqual("", self.line("known", spam=False))
        self.assertEqual("", self.line("too_large"))
        self.assertEqual(1.0, self.counted("known"))
        self.assertEqual(1.0, self.counted("too_large"))

    def test_noOpinion(self) -> None:
        """An operator sees that a checker is away, and why."""
        said = self.line("away", "Connection refused")
        self.assertTrue(said.endswith("clamav: away: Connection refused"), said)
        self.assertEqual("checker.failed", self.events[-1]["event"])
        self.assertEqual(1.0, self.counted("away"))

    def test_nobodyListens(self) -> None:
        """Then nothing is told."""
        Journal(Publisher()).opinion(sessionFrom(), "clamav", "known", {}, "", 0.0, "")
        self.assertEqual([], self.events)
