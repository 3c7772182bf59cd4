"""
Tests for L{smtpx.observe.alerting}.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.alerting import ALERTED, alertLine
from smtpx.observe.counters import Counters

_FIELDS = {
    "per": "user",
    "account": "ann\n",
    "what": "recipients",
    "rate": 203.4,
    "limit": 200,
    "period": "1h",
    "meter": "recipients per user in 1h, leaky",
    "clients": [["192.0.2.7", 203], ["2001:db8::1", 1]],
}


class AlertingTests(SynchronousTestCase):
    """What is told of accounts that do too much."""

    def test_line(self) -> None:
        """The main log has a line, on which nobody can begin another one."""
        self.assertEqual(
            alertLine(_FIELDS),
            "Alert: user ann\\x0a: 203.4 of 200 recipients in 1h,"
            " from 192.0.2.7 2001:db8::1",
        )

    def test_fields(self) -> None:
        """The event has the fields that are declared."""
        self.assertEqual(_FIELDS.keys(), ALERTED.fields.keys())

    def test_counted(self) -> None:
        """Each is counted."""
        registry = CollectorRegistry()
        count = Counters(registry)
        for _ in range(2):
            count({"event": ALERTED.name, **_FIELDS})
        self.assertEqual(registry.get_sample_value("smtpx_alerts_total"), 2)
