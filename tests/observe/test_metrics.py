"""
Metrics as Prometheus wants them, and as the manual has them.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.observe import metrics
from smtpx.observe.metrics import Kind

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
