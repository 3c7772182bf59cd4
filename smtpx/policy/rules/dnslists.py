"""
Conditions on what DNS lists say (L{smtpx.policy.dnslists}): one list after the other,
or all together, with weights.

They can be asked at every stage.  What a list has said of a client holds for its
session, so that the rules of later stages, and further messages, cost no question more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..dnslists.asker import ListAsker
from ..dnslists.decision import Decision, Inquest, Probe
from ..dnslists.items import BadItem, DNSList, ListItem
from ..dnslists.score import SCORE, Score
from .dnsweights import Keys, Weighed, Weights
from .faults import Place, bad
from .interfaces import ICondition, IWorded, Means, Test
from .stages import RuleStage
from .subject import Subject
from .texts import Text

#: Where a condition notes for an explanation what it has seen.
_SEEN = "dnslists_seen"


def _probes(item: ListItem, keys: Keys, subject: Subject) -> Iterator[Probe]:
    """What a list is to be asked now."""
    if not item.keys:
        # A client of this machine, over a UNIX socket, has no address.
        if subject.session.peer:
            yield Probe(item, subject.session.peer)
        return
    for key in keys:
        octets = key.render(subject).strip().encode()
        if octets:
            yield Probe(item, octets)


def _asker(means: Means) -> ListAsker | None:
    """Who asks; L{None}: nobody does, where rules are only looked at."""
    if means.lists is not None:
        return means.lists
    if means.resolver is None or means.clock is None:
        return None
    return ListAsker(means.resolver, means.clock)


@implementer(IWorded)
@frozen
class DnsLists:
    """
    Is the client, or what it says, in one of some DNS lists?

    @ivar lists: the lists.
    @ivar keys: what is looked up in each, once that was read.
    """

    lists: DNSList
    keys: tuple[Keys, ...] = ()

    name = "dnslists"
    stages = RuleStage.CONNECT.onwards

    @classmethod
    def make(cls, items: Sequence[str]) -> DnsLists:
        """
        @param items: see L{smtpx.policy.dnslists.items}.
        @raise BadRule: an item is none.
        """
        try:
            return cls(DNSList.parse(items))
        except BadItem as error:
            raise bad(
                str(error), error.index, word=error.word, known=error.known
            ) from None

    @property
    def sources(self) -> Sequence[tuple[Place, str]]:
        """See L{IWorded}."""
        return [
            ((place,), key)
            for place, item in zip(self.lists.places, self.lists.items, strict=True)
            for key in item.keys
        ]

    def worded(self, texts: Sequence[Text]) -> DnsLists:
        """See L{IWorded}."""
        left = iter(texts)
        keys = (tuple(next(left) for _ in item.keys) for item in self.lists.items)
        return evolve(self, keys=tuple(keys))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        asker = _asker(means)
        if asker is None:
            return lambda subject: None
        items = tuple(zip(self.lists.items, self.keys, strict=True))
        otherwise = self.lists.otherwise

        async def ask(subject: Subject) -> bool | None:
            probes = [
                probe for item, keys in items for probe in _probes(item, keys, subject)
            ]
            inquest = Inquest.begin(asker, subject.session)
            decision = await inquest.decide(probes, otherwise)
            _note(decision, subject)
            return decision.held

        return lambda subject: Deferred.fromCoroutine(ask(subject))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return str(subject.told.get(_SEEN, "nobody has asked"))


def _note(decision: Decision, subject: Subject) -> None:
    """Keep what was found out for variables, and for an explanation."""
    told, probe = subject.told, decision.probe
    away = ", ".join(each.decode("ascii") for each in decision.untold)
    seen = "it is in none"
    if probe is not None:
        zone = probe.item.zone.decode("ascii")
        key = probe.key.decode("utf-8", "replace")
        values = b", ".join(decision.values).decode("ascii")
        told["dnslist_domain"], told["dnslist_matched"] = zone, key
        told["dnslist_value"], told["dnslist_text"] = values, decision.text
        seen = f"{key} is in {zone}: {values or 'it cannot be asked'}"
        seen += f" ({decision.text})" if decision.text else ""
    if away:
        seen += f"; no answer from {away}"
    told[_SEEN] = seen


@implementer(ICondition)
@frozen
class DnsScoreOver:
    """Do the weights of the lists that have the client come to more than this?"""

    limit: float

    name = "dns_score_over"
    stages = RuleStage.CONNECT.onwards

    @classmethod
    def make(cls, limit: float) -> DnsScoreOver:
        """
        @param limit: the highest sum that it is not true of.
        """
        return cls(limit)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        asker, limit, weights = _asker(means), self.limit, means.weights
        if asker is None:
            return lambda subject: None

        async def ask(subject: Subject) -> bool | None:
            score = await _score(weights, asker, subject)
            subject.session.stamps[SCORE] = score
            return score.total > limit

        return lambda subject: Deferred.fromCoroutine(ask(subject))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        score = subject.session.stamps.get(SCORE) or Score(0)
        seen = f"{score.number} ({score.names or 'it is in none'})"
        away = subject.told.get(_SEEN)
        return f"{seen}; no answer from {away}" if away else seen


async def _score(weights: Weights, asker: ListAsker, subject: Subject) -> Score:
    """Ask all lists that can be asked now."""
    entries = [each for each in weights.entries if subject.stage in each.stages]
    probes: list[Probe] = []
    owners: list[Weighed] = []
    for entry in entries:
        for probe in _probes(entry.item, entry.keys, subject):
            probes.append(probe)
            owners.append(entry)
    inquest = Inquest.begin(asker, subject.session)
    matched = await inquest.every(probes)
    # Each counts once, however much of what was looked up it has.
    having = dict.fromkeys(o for o, held in zip(owners, matched, strict=True) if held)
    untold = dict.fromkeys(each.decode("ascii") for each in inquest.untold)
    subject.told[_SEEN] = ", ".join(untold)
    # Weights such as 0.1 add up to what they look like.
    total = round(sum(each.weight for each in having), 6)
    return Score(total, tuple((each.name, each.weight) for each in having))


__all__ = ["DnsLists", "DnsScoreOver"]
