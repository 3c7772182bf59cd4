"""
Tests for L{smtpx.observe.families}: metrics of several workers as one.
"""

from __future__ import annotations

import json
import math
import os

from hypothesis import given, settings, strategies as some
from prometheus_client import CollectorRegistry, Counter as TheirCounter, Gauge
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.observe import metrics
from smtpx.observe.counters import Counters
from smtpx.observe.families import (
    Families,
    Family,
    addedUp,
    countsOf,
    expositionOf,
    familiesOf,
    gauge,
    labelled,
    packFamilies,
    together,
    unpackFamilies,
)
from smtpx.observe.gauges import ofAnotherProcess, ofTheProcess
from smtpx.observe.metrics import Kind, Merge, Metric
from smtpx.observe.series import counter, exposition, histogram, series

_NAMES = some.text("abc_", min_size=1, max_size=5)
_FAMILIES = some.lists(
    some.builds(
        Family,
        _NAMES,
        some.sampled_from(["counter", "gauge"]),
        some.text(max_size=9),
        some.dictionaries(
            some.tuples(
                _NAMES,
                some.dictionaries(_NAMES, some.text(max_size=3), max_size=2).map(
                    lambda labels: tuple(labels.items())
                ),
            ),
            some.floats(allow_nan=False),
            max_size=4,
        ),
    ),
    max_size=4,
)


def values(families: Families) -> dict[str, float]:
    """What Prometheus reads of them, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(expositionOf(families).decode()):
        for name, labels, value, *_ in family.samples:
            said = ",".join(f"{each}={of}" for each, of in sorted(labels.items()))
            found[f"{name}{{{said}}}" if said else name] = value
    return found


class Registry:
    """
    A process that counts.

    @ivar registry: where.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = series(metrics.MESSAGES, self.registry)
        self.recipients = counter(metrics.RECIPIENTS, self.registry)
        self.commits = histogram(metrics.COMMIT_SECONDS, self.registry)

    @property
    def told(self) -> Families:
        """All that it has counted."""
        return familiesOf(self.registry)


def now(metric: Metric, value: float) -> Families:
    """A process that tells one thing of now."""
    return [gauge(metric, {(): value})]


class WireTests(SynchronousTestCase):
    """Metrics that go to another process."""

    @settings(max_examples=100, deadline=None)
    @given(_FAMILIES)
    def test_unpackedAsTheyWere(self, families: list[Family]) -> None:
        """What was packed is unpacked as it was."""
        packed = json.loads(json.dumps(packFamilies(families)))
        self.assertEqual(unpackFamilies(packed), families)

    def test_allThatAServerHas(self) -> None:
        """Every metric of a whole registry goes over, and is told as it was here."""
        registry = CollectorRegistry()
        Counters(registry).logins.count('a "b"\\\n', "good")
        ofTheProcess(registry)
        told = unpackFamilies(
            json.loads(json.dumps(packFamilies(familiesOf(registry))))
        )

        def stable(text: bytes) -> list[bytes]:
            """What does not change from one moment to the next."""
            lines = text.splitlines()
            moving = (b"process_", b"python_gc_")
            return [each for each in lines if not each.startswith(moving)]

        self.assertEqual(stable(expositionOf(told)), stable(exposition(registry)))

    def test_nonsense(self) -> None:
        """Nothing is made of what are no metrics."""
        good = ["x", "gauge", "help", [["x", {"a": "b"}, 1.0]]]
        self.assertEqual(len(unpackFamilies([good])), 1)
        for bad in (
            None,
            3,
            ["x"],
            [good[:3]],
            [[*good[:3], [["x", {"a": "b"}]]]],
            [[*good[:3], [["x", ["a"], 1.0]]]],
            [[*good[:3], [["x", {}, "one"]]]],
            [[*good[:3], None]],
        ):
            with self.subTest(bad=bad):
                self.assertRaises(Malformed, unpackFamilies, bad)


class CountedTests(SynchronousTestCase):
    """What has happened."""

    def test_addedUp(self) -> None:
        """Counters and histograms are the sum of all, series by series."""
        one, other = Registry(), Registry()
        one.messages.count("esmtp")
        other.messages.count("esmtp")
        other.messages.count("esmtps")
        one.recipients.inc(3)
        for registry in (one, other):
            registry.commits.observe(0.002)
        found = values(together({1: one.told, 2: other.told}, [], []))
        self.assertEqual(found["smtpx_messages_accepted_total{protocol=esmtp}"], 2)
        self.assertEqual(found["smtpx_messages_accepted_total{protocol=esmtps}"], 1)
        self.assertEqual(found["smtpx_recipients_accepted_total"], 3)
        self.assertEqual(found["smtpx_commit_duration_seconds_count"], 2)
        self.assertEqual(found["smtpx_commit_duration_seconds_bucket{le=0.0025}"], 2)
        self.assertEqual(found["smtpx_commit_duration_seconds_bucket{le=0.001}"], 0)
        self.assertAlmostEqual(found["smtpx_commit_duration_seconds_sum"], 0.004)

    def test_ofThoseWhoAreAwayOrGone(self) -> None:
        """What they have counted stays."""
        workers = [Registry() for _ in range(3)]
        for each in workers:
            each.recipients.inc()
        one, away, gone = (each.told for each in workers)
        found = values(together({1: one}, [away], addedUp([gone])))
        self.assertEqual(found["smtpx_recipients_accepted_total"], 3)

    def test_onlyCountersAreKeptOfThePast(self) -> None:
        """Of a process that is gone nothing else is told."""
        registry = Registry()
        ofTheProcess(registry.registry)
        kept = addedUp([registry.told, now(metrics.SESSIONS, 3)])
        self.assertEqual(
            sorted(each.kind for each in kept), ["counter", "counter", "histogram"]
        )

    def test_counts(self) -> None:
        """A page reads the counts by the labels; what was never counted has none."""
        registry = Registry()
        registry.messages.count("esmtp")
        told = registry.told
        self.assertEqual(countsOf(told, metrics.MESSAGES), {("esmtp",): 1})
        self.assertEqual(countsOf(told, metrics.LOGINS), {})


class NowTests(SynchronousTestCase):
    """How it is now."""

    def test_eachAsItIsDeclared(self) -> None:
        """Sums, least and greatest, by the definition of the metric."""
        for metric, expected in (
            (metrics.SPOOL_MESSAGES, 7),
            (metrics.READY, 5),
            (metrics.SPOOL_OLDEST, 2),
            (metrics.SPOOL_FREE, 2),
            (metrics.KNOWLEDGE_NAMES, 5),
            (metrics.ATTEMPTS, 7),
        ):
            found = together({1: now(metric, 5), 2: now(metric, 2)}, [], [])
            self.assertEqual(values(found), {metric.name: expected}, metric.name)

    def test_notOfThoseWhoAreAway(self) -> None:
        """What is in a spool stays there; sessions of who is away are not told of."""
        for metric, expected in (
            (metrics.SPOOL_MESSAGES, 7),
            (metrics.SPOOL_OLDEST, 2),
            (metrics.ATTEMPTS, 5),
            (metrics.READY, 5),
        ):
            found = together({1: now(metric, 5)}, [now(metric, 2)], [])
            self.assertEqual(values(found), {metric.name: expected}, metric.name)

    def test_whatLastsIsInASpool(self) -> None:
        """Only what lies on a disk is declared to outlast its worker."""
        lasting = {each.name for each in metrics.CATALOGUE if each.lasts}
        self.assertEqual({each[:12] for each in lasting}, {"smtpx_spool_"})
        for each in metrics.CATALOGUE:
            if each.kind is not Kind.GAUGE:
                self.assertIs(each.merge, Merge.SUM, each.name)

    def test_onlySomeKnow(self) -> None:
        """What one alone tells is the whole."""
        found = together({1: [], 2: now(metrics.SPOOL_OLDEST, 3)}, [], [])
        self.assertEqual(values(found), {metrics.SPOOL_OLDEST.name: 3})


class ApartTests(SynchronousTestCase):
    """What is not ours."""

    def test_ofTheProcess(self) -> None:
        """What tells of a process is of each worker."""
        registries = {1: CollectorRegistry(), 2: CollectorRegistry()}
        for registry in registries.values():
            ofTheProcess(registry)
        told = {number: familiesOf(each) for number, each in registries.items()}
        found = values(together(told, [told[2]], []))
        for number in registries:
            self.assertIn(f"process_cpu_seconds_total{{worker={number}}}", found)
        self.assertNotIn("process_cpu_seconds_total", found)
        self.assertFalse(any(map(math.isnan, found.values())))

    def test_beside(self) -> None:
        """Processes that are no workers have their names in its place."""
        told = familiesOf(ofAnotherProcess(os.getpid()))
        found = values(together({1: told}, [], [], {"zygote": told}))
        for each in ("1", "zygote"):
            size = found[f"process_resident_memory_bytes{{worker={each}}}"]
            self.assertGreater(size, 1 << 20)

    def test_ofAProgram(self) -> None:
        """Metrics of somebody's own stay apart, whatever their labels are called."""
        told = {}
        for number in (1, 2):
            registry = CollectorRegistry()
            Gauge("mine", "x", ["worker"], registry=registry).labels("bee").set(number)
            TheirCounter("counted", "x", registry=registry).inc(number)
            told[number] = familiesOf(registry)
        self.assertEqual(
            values(together(told, [], [])),
            {
                "mine{exported_worker=bee,worker=1}": 1,
                "mine{exported_worker=bee,worker=2}": 2,
                "counted_total{worker=1}": 1,
                "counted_total{worker=2}": 2,
            },
        )

    def test_labels(self) -> None:
        """The number stands first."""
        self.assertEqual(labelled((("a", "b"),), "3"), (("worker", "3"), ("a", "b")))
