"""
Tests for L{smtpx.observe.policycounters}.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.policycounters import PolicyCounters
from smtpx.observe.series import exposition


class PolicyCountersTests(SynchronousTestCase):
    """What Prometheus is told of rules, the greylist and DNS lists."""

    def setUp(self) -> None:
        """Nothing was counted yet."""
        self.registry = CollectorRegistry()
        self.counters = PolicyCounters(self.registry)

    def told(self) -> list[str]:
        """The values that there are."""
        lines = exposition(self.registry).decode("utf-8").splitlines()
        return [line for line in lines if not line.startswith("#")]

    def test_nothingWithoutThem(self) -> None:
        """A server without rules has no series of them."""
        self.assertEqual(self.told(), [])

    def test_counted(self) -> None:
        """Each by its labels."""
        counters = self.counters
        counters.decisions.count("rcpt", "mine", "rejected")
        counters.listSaid(b"zen.example", "listed")
        counters.greylist.count("waits")
        decided = '{decision="rejected",rule="mine",stage="rcpt"}'
        self.assertEqual(
            sorted(self.told()),
            [
                'smtpx_dns_list_answers_total{answer="listed",list="zen.example"} 1.0',
                'smtpx_greylist_answers_total{answer="waits"} 1.0',
                f"smtpx_rule_decisions_total{decided} 1.0",
            ],
        )

    def test_firstFailure(self) -> None:
        """Where there is a greylist, an alarm sees its first failure."""
        self.counters.greylistBegins()
        self.assertEqual(
            self.told(), ['smtpx_greylist_answers_total{answer="away"} 0.0']
        )
