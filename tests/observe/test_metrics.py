"""
Metrics as Prometheus wants them, and as the manual has them.
"""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.observe import metrics
from smtpx.observe.counters import Counters
from smtpx.observe.metrics import OTHER, SERIES_MOST, Kind, exposition, series

_MANUAL = Path(smtpx.__file__).parent.parent / "doc" / "reference" / "metrics.rst"


class CatalogueTests(SynchronousTestCase):
    """Each metric is declared as it should be."""

    def test_namesFollowPrometheus(self) -> None:
        """
        Each name has our prefix, and only what counts ends in C{_total}.
        """
        for metric in metrics.CATALOGUE:
            self.assertRegex(metric.name, r"\Asmtpx_[a-z_]+\Z")
            counts = metric.kind is Kind.COUNTER
            self.assertEqual(metric.name.endswith("_total"), counts, metric.name)
            self.assertFalse(metric.help.endswith("."), metric.name)

    def test_namesAreUnique(self) -> None:
        """No name is declared twice."""
        names = [metric.name for metric in metrics.CATALOGUE]
        self.assertEqual(len(names), len(set(names)))

    def test_bucketsGrow(self) -> None:
        """A histogram has bounds, and nothing else has; they grow."""
        for metric in metrics.CATALOGUE:
            histogram = metric.kind is Kind.HISTOGRAM
            self.assertEqual(bool(metric.buckets), histogram, metric.name)
            self.assertEqual(list(metric.buckets), sorted(set(metric.buckets)))

    def test_theManualHasThemAll(self) -> None:
        """The page tells of each metric, with its kind, labels and meaning."""
        page = re.sub(r"\s+", " ", _MANUAL.read_text("utf-8"))
        for metric in metrics.CATALOGUE:
            self.assertIn(f"``{metric.name}`` ({metric.kind.value})", page)
            self.assertIn(re.sub(r"\s+", " ", metric.help), page)
            for label, meaning in metric.labels.items():
                self.assertIn(f"``{label}``: {meaning}", page, metric.name)
        told = re.findall(r"``(smtpx_\w+)`` \(", page)
        self.assertEqual(sorted(told), sorted(m.name for m in metrics.CATALOGUE))


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
