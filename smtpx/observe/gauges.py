"""
How things are when Prometheus asks: gauges that are read, not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import twisted
from OpenSSL import SSL
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from . import metrics
from .metrics import Metric
from .series import family
from .status import House
from .version import ownVersion


def _one(metric: Metric, value: float) -> GaugeMetricFamily:
    made = family(metric)
    made.add_metric([], value)
    return made


class Gauges(Collector):
    """Asks a L{House}."""

    def __init__(self, house: Callable[[], House], registry: CollectorRegistry) -> None:
        """
        @param house: asked for each time, as there need not be one from the start.
        @param registry: where these are from now on.
        """
        self._ask = house
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See L{Collector}."""
        house = self._ask()
        build = family(metrics.BUILD)
        openssl = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode("ascii", "replace")
        build.add_metric([ownVersion(), twisted.__version__, openssl], 1)
        yield build
        yield _one(metrics.READY, 0 if house.unready() else 1)
        yield self._sessions(house)
        yield from self._spool(house)
        yield from self._sending(house)
        yield from self._certificates(house)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """
        What C{collect} can give; it is asked for when this is registered, and
        there need not be a house yet.
        """
        for metric in metrics.CATALOGUE:
            if metric.kind is metrics.Kind.GAUGE:
                yield family(metric)

    def _sessions(self, house: House) -> GaugeMetricFamily:
        made = family(metrics.SESSIONS)
        count = Counter({each.port: 0 for each in house.listeners()})
        count.update(each.core.localPort for each in house.sessions())
        for port, sessions in sorted(count.items()):
            made.add_metric([str(port)], sessions)
        return made

    def _spool(self, house: House) -> Iterator[GaugeMetricFamily]:
        state = house.spool()
        if state is None:
            return
        yield _one(metrics.SPOOL_MESSAGES, state.messages)
        yield _one(metrics.SPOOL_HELD, state.held)
        yield _one(metrics.SPOOL_PARKED, state.parked)
        yield _one(metrics.SPOOL_BYTES, state.octets)
        if state.freeOctets is not None:
            yield _one(metrics.SPOOL_FREE, state.freeOctets)
            yield _one(metrics.SPOOL_LOW, state.lowWaterOctets)
        oldest = house.oldest()
        if oldest is not None:
            yield _one(metrics.SPOOL_OLDEST, oldest)

    def _sending(self, house: House) -> Iterator[GaugeMetricFamily]:
        found = house.destinations()
        yield _one(metrics.DESTINATIONS, len(found))
        yield _one(metrics.ATTEMPTS, sum(each.active for each in found))
        yield _one(metrics.ATTEMPTS_WAITING, sum(each.waiting for each in found))
        connections = house.connections()
        if connections is not None:
            yield _one(metrics.CLIENT_CONNECTIONS, connections)
        knowledge = house.knowledge()
        if knowledge is not None:
            yield _one(metrics.KNOWLEDGE_NAMES, knowledge.names)
            yield _one(metrics.KNOWLEDGE_BYTES, knowledge.octets)

    def _certificates(self, house: House) -> Iterator[GaugeMetricFamily]:
        expiry = family(metrics.CERTIFICATE_EXPIRY)
        staples = family(metrics.STAPLE_EXPIRY)
        ends: dict[str, float] = {}
        stapleEnds: dict[str, float] = {}
        for each in house.certificates():
            # Of several for one name, such as RSA and ECDSA, the first that ends
            # matters.
            name = each.names[0] if each.names else ""
            end = each.ends.timestamp()
            ends[name] = min(end, ends.get(name, end))
            if each.staple is not None and each.staple.ends is not None:
                end = each.staple.ends.timestamp()
                stapleEnds[name] = min(end, stapleEnds.get(name, end))
        for made, found in ((expiry, ends), (staples, stapleEnds)):
            for name, end in found.items():
                made.add_metric([name], end)
        yield expiry
        yield staples


def ofTheProcess(registry: CollectorRegistry) -> None:
    """
    Have prometheus_client tell of the process, too: C{process_...} (CPU, memory,
    descriptors, start), C{python_info} and C{python_gc_...}.
    """
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)


def ofAnotherProcess(pid: int) -> CollectorRegistry:
    """
    What can be told of another process of the server: C{process_...}, as far as the
    system lets us see it.

    @param pid: the number of the process.
    """
    registry = CollectorRegistry()
    ProcessCollector(pid=lambda: pid, registry=registry)
    return registry
