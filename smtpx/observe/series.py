"""
Metrics (L{smtpx.observe.metrics}) for prometheus_client, and as the text that
Prometheus reads.

What is counted with each message is counted here, in plain numbers: prometheus_client
takes locks, and needs some calls for each.  It is told when it asks.  All of this is
the reactor's thread's.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric as Family,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from .metrics import Metric

#: The value of a label where the true one is not worth a time series.
OTHER = "other"

#: The most time series of one metric with labels.
SERIES_MOST = 200

#: The type of what L{exposition} makes.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def family(metric: Metric) -> GaugeMetricFamily:
    """The values of a gauge, to be added by C{add_metric}."""
    return GaugeMetricFamily(metric.name, metric.help, labels=list(metric.labels))


class Observed(Protocol):
    """What keeps how long things took: a histogram of ours, or prometheus_client's."""

    def observe(self, amount: float) -> None:
        """It took so many seconds."""


class Counted(Collector):
    """What counts for itself."""

    def describe(self) -> Iterable[Family]:
        """See L{Collector}: a registry asks for the names."""
        return self.collect()


class Count(Counted):
    """
    A counter.

    @ivar value: so many there were.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._began = time.time()
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """So many more."""
        self.value += amount

    def collect(self) -> Iterator[Family]:
        """See L{Collector}."""
        found = CounterMetricFamily(self._metric.name, self._metric.help)
        found.add_metric((), self.value, created=self._began)
        yield found


class Spread(Counted):
    """
    A histogram.

    @ivar counts: how many values are in each bucket, and above the last.
    @ivar sum: all values together.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._began = time.time()
        self.bounds = [float(each) for each in metric.buckets]
        self.counts = [0.0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, amount: float) -> None:
        """There is one more value."""
        self.counts[bisect_left(self.bounds, amount)] += 1
        self.sum += amount

    def collect(self) -> Iterator[Family]:
        """See L{Collector}."""
        name = self._metric.name
        found = HistogramMetricFamily(name, self._metric.help)
        bounds = [_spelled(each) for each in (*self.bounds, float("inf"))]
        buckets = list(zip(bounds, accumulate(self.counts), strict=True))
        found.add_metric((), buckets, self.sum)
        found.add_sample(f"{name}_created", {}, self._began)
        yield found


class Series(Counted):
    """
    A counter with labels.

    @ivar values: what was counted, by the values of the labels.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._began: dict[tuple[str, ...], float] = {}
        self.values: dict[tuple[str, ...], float] = {}

    def count(self, *values: str) -> None:
        """
        Count one.

        @param values: of the labels, in their order.
        """
        if values not in self.values:
            values = self.begin(*values)
        self.values[values] += 1

    def begin(self, *values: str) -> tuple[str, ...]:
        """
        Tell of these from the start, with 0.

        Prometheus sees no increase from nothing to 1: a series that alarms are made
        of has to be there before.

        @return: as what they are counted in C{values}: where there are too many, as
            L{OTHER}.
        """
        if values in self.values:
            return values
        if len(self.values) >= SERIES_MOST:
            values = (OTHER,) * len(values)
        self.values.setdefault(values, 0.0)
        self._began.setdefault(values, time.time())
        return values

    def counts(self) -> dict[tuple[str, ...], int]:
        """What was counted, by the values of the labels."""
        return {values: int(count) for values, count in self.values.items()}

    def collect(self) -> Iterator[Family]:
        """See L{Collector}."""
        labels = list(self._metric.labels)
        found = CounterMetricFamily(self._metric.name, self._metric.help, labels=labels)
        for values, count in self.values.items():
            found.add_metric(values, count, created=self._began[values])
        yield found


def _spelled(bound: float) -> str:
    """A bound of a bucket, as prometheus_client has it."""
    found: str = floatToGoString(bound)  # type: ignore[no-untyped-call]  # its own
    return found


def counter(metric: Metric, registry: CollectorRegistry) -> Count:
    """Make a counter."""
    made = Count(metric)
    registry.register(made)
    return made


def histogram(metric: Metric, registry: CollectorRegistry) -> Spread:
    """Make a histogram."""
    made = Spread(metric)
    registry.register(made)
    return made


def series(metric: Metric, registry: CollectorRegistry) -> Series:
    """Make a counter with labels."""
    made = Series(metric)
    registry.register(made)
    return made


def told(registry: CollectorRegistry) -> Iterator[Family]:
    """
    All metrics of a registry, without the times at which they were made, of which
    prometheus_client tells as C{_created}: as many series again, that no one asks
    for.  It has a switch of its own against them, but that is the whole process's.
    """
    for each in registry.collect():
        each.samples = [
            sample for sample in each.samples if not sample.name.endswith("_created")
        ]
        yield each


class _Told(Collector):
    """What L{told} tells of a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Family]:
        """See L{Collector}."""
        return told(self._registry)


def exposition(registry: CollectorRegistry) -> bytes:
    """All metrics, in Prometheus's text format (L{CONTENT_TYPE})."""
    return generate_latest(_Told(registry))
