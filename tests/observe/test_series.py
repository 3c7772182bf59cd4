"""
Metrics as prometheus_client has them, and as the text that Prometheus reads.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import metrics
from smtpx.observe.counters import Counters
from smtpx.observe.series import OTHER, SERIES_MOST, exposition, series


class SeriesTests(SynchronousTestCase):
    """A counter with labels."""

    def setUp(self) -> None:
        """A registry."""
        self.registry = CollectorRegistry()

    def test_countedByLabels(self) -> None:
        """Each set of values has a count of its own."""
        made = series(metrics.LOGINS, self.registry)
        made.count("PLAIN", "good")
        made.count("PLAIN", "bad")
        made.count("PLAIN", "good")
        self.assertEqual(made.counts(), {("PLAIN", "good"): 2, ("PLAIN", "bad"): 1})

    def test_fromTheStart(self) -> None:
        """What alarms are made of is there before it happens."""
        made = series(metrics.MESSAGES_HELD, self.registry)
        made.begin("stuck")
        self.assertEqual(made.counts(), {("stuck",): 0})
        made.count("stuck")
        self.assertEqual(made.counts(), {("stuck",): 1})

    def test_tooManyAreOthers(self) -> None:
        """There are only so many series; what comes later is counted together."""
        made = series(metrics.TROUBLES, self.registry)
        for number in range(SERIES_MOST + 5):
            made.count(f"owner{number}")
        made.count("owner0")
        made.count("late")
        counts = made.counts()
        self.assertEqual(len(counts), SERIES_MOST + 1)
        self.assertEqual(counts[OTHER,], 6)
        self.assertEqual(counts["owner0",], 2)


class ExpositionTests(SynchronousTestCase):
    """The text that Prometheus reads."""

    def test_itIsRead(self) -> None:
        """prometheus_client's own parser reads it, help and all."""
        registry = CollectorRegistry()
        Counters(registry).logins.count('a "b"\\\n', "good")
        text = exposition(registry).decode("utf-8")
        families = {each.name: each for each in text_string_to_metric_families(text)}
        logins = families["smtpx_logins"]
        self.assertEqual(logins.documentation, metrics.LOGINS.help)
        self.assertEqual(logins.samples[0].labels["mechanism"], 'a "b"\\\n')

    def test_nobodyIsToldWhenTheyWereMade(self) -> None:
        """There is no second series for each that says when it began."""
        registry = CollectorRegistry()
        Counters(registry).logins.count("PLAIN", "good")
        self.assertNotIn(b"_created", exposition(registry))
