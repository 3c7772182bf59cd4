"""
Tests for L{smtpx.observe.sendingcounters}.
"""

from __future__ import annotations

from attrs import evolve
from prometheus_client import CollectorRegistry
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.observe.counters import Counters
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.publisher import Publisher
from smtpx.observe.sendingcounters import PROBLEMS_MOST, Problem
from smtpx.spool.format import Fate, Outcome, Report
from smtpx.spool.via import Cause, Via

from .stories import MESSAGE, NOW, TLS, spooled

CLEAR = Via(b"mx.example.com", b"192.0.2.1")


class SendingCountersTests(SynchronousTestCase):
    """What a journal tells is counted."""

    def setUp(self) -> None:
        """A journal whose events are counted."""
        self.registry = CollectorRegistry()
        counters = Counters(self.registry)
        self.sending = counters.sending
        self.journal = DeliveryJournal(Publisher([counters], lambda: NOW))

    def delivered(self, via: Via | None, first: bool = True) -> None:
        """A recipient has it, after a quarter of a second."""
        outcome = Outcome(0, Fate.DELIVERED, via=via)
        self.journal.delivered(spooled(), outcome, "*", "smtp", 0.25, first)

    def test_transactions(self) -> None:
        """
        By connection and TLS; each once, however many recipients it had.  A delivery
        that goes to no host is none.
        """
        self.delivered(CLEAR)
        self.delivered(CLEAR, first=False)
        self.delivered(evolve(CLEAR, again=True))
        self.delivered(evolve(CLEAR, tls=TLS))
        self.delivered(evolve(CLEAR, tls=evolve(TLS, resumed=False), again=True))
        self.delivered(None)
        self.assertEqual(
            self.sending.transactions.counts(),
            {
                ("new", "-", "no"): 1,
                ("reused", "-", "no"): 1,
                ("new", "TLSv1.3", "yes"): 1,
                ("reused", "TLSv1.3", "no"): 1,
            },
        )
        name = "smtpx_delivery_duration_seconds"
        self.assertEqual(self.registry.get_sample_value(f"{name}_count"), 4)
        self.assertEqual(self.registry.get_sample_value(f"{name}_sum"), 1)

    def test_problems(self) -> None:
        """By outcome and cause, and the last of them as they were."""
        told = spooled(), Outcome(0, Fate.WAITING, "Later", None, CLEAR, Cause.SENDER)
        self.journal.deferred(*told, "*", "smtp", NOW + 60, 0.25)
        nowhere = Outcome(0, Fate.FAILED, "no such domain", cause=Cause.DNS)
        self.journal.failed(spooled(), nowhere, "*", "smtp", 0.25)
        self.assertEqual(
            self.sending.problems.counts(),
            {("deferred", "sender"): 1, ("failed", "dns"): 1},
        )
        who = NOW, MESSAGE, b"bob@example.com"
        self.assertEqual(
            [*self.sending.last],
            [
                Problem(*who, "deferred", "sender", b"mx.example.com", "Later"),
                Problem(*who, "failed", "dns", None, "no such domain"),
            ],
        )

    def test_onlySoManyAreKept(self) -> None:
        """The newest."""
        for number in range(PROBLEMS_MOST + 5):
            failed = Outcome(0, Fate.FAILED, str(number))
            self.journal.failed(spooled(), failed, "*", "smtp", 0.25)
        texts = [each.text for each in self.sending.last]
        self.assertEqual(texts, [str(number) for number in range(5, 20)])

    def test_reports(self) -> None:
        """They are counted."""
        self.journal.reported(spooled(), "id", Report(Envelope(b"", NOW), b"", b""))
        name = "smtpx_delivery_reports_total"
        self.assertEqual(self.registry.get_sample_value(name), 1)
