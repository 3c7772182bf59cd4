"""
All metrics of a process as values, and those of several processes as one.

A L{Family} is a metric with its samples, whoever declared it: ours are in
L{smtpx.observe.metrics}, others are prometheus_client's own, of the process, or those
that a program has put into the registry.  Ours are put together as their declarations
say.  The others stay apart: each sample has a label C{worker} then, for nobody here
knows what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Exposed
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ..core.errors import Malformed
from .metrics import CATALOGUE, Kind, Merge, Metric
from .series import told

#: The label of what is a worker's own, and what becomes of another of that name, as
#: Prometheus has it.
WORKER, _FOREIGN = "worker", "exported_worker"

#: Labels and their values, in their order.
Labels = tuple[tuple[str, str], ...]

#: What prometheus_client takes from the name of a counter.
_TOTAL = "_total"

#: Ours, by the names of their families.
_OURS = {metric.name.removesuffix(_TOTAL): metric for metric in CATALOGUE}

_FOLDS: Mapping[Merge, Callable[[float, float], float]] = {
    Merge.SUM: lambda one, other: one + other,
    Merge.LEAST: min,
    Merge.GREATEST: max,
}


@frozen
class Family:
    """
    A metric and its samples.

    @ivar name: of the family, as prometheus_client has it: of a counter, without
        C{_total}.
    @ivar kind: C{counter}, C{gauge}, or another of Prometheus's words.
    @ivar samples: by name and labels, in the order in which they are told.
    """

    name: str
    kind: str
    help: str
    samples: Mapping[tuple[str, Labels], float]

    @property
    def metric(self) -> Metric | None:
        """What it is of ours; L{None}: nothing."""
        return _OURS.get(self.name)


Families = Sequence[Family]

_NOBODY: Mapping[str, Families] = {}


def familiesOf(registry: CollectorRegistry) -> list[Family]:
    """All metrics that a registry has now."""
    return [
        Family(
            each.name,
            each.type,
            each.documentation,
            {
                (sample.name, tuple(sample.labels.items())): sample.value
                for sample in each.samples
            },
        )
        for each in told(registry)
    ]


# --- as they go to another process --------------------------------------------------


def packFamilies(families: Families) -> list[object]:
    """As values of JSON."""
    return [
        [
            each.name,
            each.kind,
            each.help,
            [
                [name, dict(labels), value]
                for (name, labels), value in each.samples.items()
            ],
        ]
        for each in families
    ]


def unpackFamilies(packed: object) -> list[Family]:
    """
    The inverse of L{packFamilies}.

    @raise Malformed: it is nothing of the kind.
    """
    try:
        return [
            Family(
                str(name),
                str(kind),
                str(help),
                {
                    (str(sample), tuple(labels.items())): float(value)
                    for sample, labels, value in samples
                },
            )
            for name, kind, help, samples in packed  # type: ignore[attr-defined]  # or
        ]
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise Malformed(f"no metrics: {error}") from None


# --- put together -------------------------------------------------------------------


def addedUp(several: Iterable[Families]) -> list[Family]:
    """
    What never goes back, of ours: counters and histograms, added up.

    @param several: what each has told.
    """
    return list(_folded(several, lambda metric: metric.kind is not Kind.GAUGE))


def together(
    here: Mapping[int, Families],
    away: Iterable[Families],
    past: Families,
    beside: Mapping[str, Families] = _NOBODY,
) -> list[Family]:
    """
    What several workers tell, as one server.

    @param here: what those tell that have answered, by their numbers.
    @param away: what those told last that have not.
    @param past: what was counted by processes that are no more.
    @param beside: what processes tell that are no workers, by what these are called.
    """
    gone = list(away)
    counted = addedUp([*here.values(), *gone, past])
    lasting = list(_folded([*here.values(), *gone], lambda metric: metric.lasts))
    now = list(_folded(here.values(), _isOfNow))
    found = {each.name: each for each in [*counted, *lasting, *now]}
    known = [found.pop(name) for name in _OURS if name in found]
    workers = {str(number): families for number, families in here.items()}
    return [*known, *_apart({**workers, **beside})]


def _isOfNow(metric: Metric) -> bool:
    """Is it as it is only while its worker is there?"""
    return metric.kind is Kind.GAUGE and not metric.lasts


def _folded(
    several: Iterable[Families], wanted: Callable[[Metric], bool]
) -> Iterator[Family]:
    """Some of ours, each folded as it is declared."""
    found: dict[str, Family] = {}
    values: dict[str, dict[tuple[str, Labels], float]] = {}
    for families in several:
        for family in families:
            metric = family.metric
            if metric is None or not wanted(metric):
                continue
            fold = _FOLDS[metric.merge]
            found.setdefault(family.name, family)
            into = values.setdefault(family.name, {})
            for key, value in family.samples.items():
                before = into.get(key)
                into[key] = value if before is None else fold(before, value)
    for name, family in found.items():
        yield evolve(family, samples=values[name])


def _apart(here: Mapping[str, Families]) -> Iterator[Family]:
    """What is not ours: the same, each of its process."""
    found: dict[str, Family] = {}
    values: dict[str, dict[tuple[str, Labels], float]] = {}
    for process, families in here.items():
        for family in families:
            if family.metric is None:
                found.setdefault(family.name, family)
                into = values.setdefault(family.name, {})
                for (name, labels), value in family.samples.items():
                    into[name, labelled(labels, process)] = value
    for name, family in found.items():
        yield evolve(family, samples=values[name])


def labelled(labels: Labels, process: str) -> Labels:
    """
    Labels, and that of a worker.

    @param process: its number.
    """
    others = [(_FOREIGN if name == WORKER else name, of) for name, of in labels]
    return ((WORKER, process), *others)


# --- for who reads them -------------------------------------------------------------


def gauge(metric: Metric, values: Mapping[Labels, float]) -> Family:
    """
    One of ours, with these values.

    @param metric: a gauge or a counter.
    """
    samples = {(metric.name, labels): value for labels, value in values.items()}
    name = metric.name.removesuffix(_TOTAL)
    return Family(name, metric.kind.value, metric.help, samples)


def countsOf(families: Families, metric: Metric) -> dict[tuple[str, ...], int]:
    """What was counted of a counter of ours, by the values of its labels."""
    name = metric.name.removesuffix(_TOTAL)
    for each in families:
        if each.name == name:
            return {
                tuple(dict(labels)[label] for label in metric.labels): int(value)
                for (_, labels), value in each.samples.items()
            }
    return {}


class _Given(Collector):
    """Families, as prometheus_client wants them."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Exposed]:
        """See L{Collector}."""
        for each in self._families:
            made = Exposed(each.name, each.help, each.kind)
            for (name, labels), value in each.samples.items():
                made.add_sample(name, dict(labels), value)
            yield made


def expositionOf(families: Families) -> bytes:
    """All of them, as L{smtpx.observe.series.exposition} has those of a registry."""
    return generate_latest(_Given(families))


__all__ = [
    "Families",
    "Family",
    "Labels",
    "addedUp",
    "countsOf",
    "expositionOf",
    "familiesOf",
    "gauge",
    "labelled",
    "packFamilies",
    "together",
    "unpackFamilies",
]
