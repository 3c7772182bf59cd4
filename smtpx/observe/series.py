"""
Metrics (L{smtpx.observe.metrics}) as prometheus_client has them, and as the text that
Prometheus reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric as Family
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from .metrics import Metric

#: The value of a label where the true one is not worth a time series.
OTHER = "other"

#: The most time series of one metric with labels.
SERIES_MOST = 200

#: The type of what L{exposition} makes.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """Make a counter."""
    return Counter(metric.name, metric.help, list(metric.labels), registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """Make a histogram."""
    return Histogram(
        metric.name, metric.help, registry=registry, buckets=metric.buckets
    )


def family(metric: Metric) -> GaugeMetricFamily:
    """The values of a gauge, to be added by C{add_metric}."""
    return GaugeMetricFamily(metric.name, metric.help, labels=list(metric.labels))


class Series:
    """
    A counter with labels, whose time series are found once.

    C{labels()} takes a lock and makes a tuple of text each time, which is more
    than to count.
    """

    __slots__ = ("_counter", "_incs", "_labels")

    def __init__(self, made: Counter, labels: tuple[str, ...]) -> None:
        """
        @param labels: their names.
        """
        self._counter = made
        self._labels = labels
        self._incs: dict[tuple[str, ...], Callable[[], None]] = {}

    def count(self, *values: str) -> None:
        """
        Count one.

        @param values: of the labels, in their order.
        """
        inc = self._incs.get(values)
        if inc is None:
            known = values
            if len(self._incs) >= SERIES_MOST:
                known = (OTHER,) * len(self._labels)
            inc = self._counter.labels(*known).inc
            if known is values:
                self._incs[values] = inc
        inc()

    def begin(self, *values: str) -> None:
        """
        Tell of these from the start, with 0.

        Prometheus sees no increase from nothing to 1: a series that alarms are made
        of has to be there before.
        """
        self._counter.labels(*values)

    def counts(self) -> dict[tuple[str, ...], int]:
        """What was counted, by the values of the labels."""
        return {
            tuple(sample.labels[name] for name in self._labels): int(sample.value)
            for each in self._counter.collect()
            for sample in each.samples
            if sample.name.endswith("_total")
        }


def series(metric: Metric, registry: CollectorRegistry) -> Series:
    """Make a counter with labels."""
    return Series(counter(metric, registry), tuple(metric.labels))


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
