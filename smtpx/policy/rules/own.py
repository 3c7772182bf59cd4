"""
Rules that set variables of one's own (L{smtpx.policy.rules.ownvalues}), and ask for
those and for all others.

To set them stands behind all conditions of a rule, as one that always holds: so it is
done only where the others hold, and may wait for what a value wants to know, or for
a look-up (L{smtpx.policy.rules.lookupvalue})::

    Rule(
        RuleStage.RCPT,
        [Recipients.make(["list@example.org"]), Set.make({"acl_m_list": "1"})],
    )
    Rule(
        RuleStage.MESSAGE,
        [Variables.make({"acl_m_list": ["1"], "dmarc_domain_policy": ["reject"]})],
        Reject("Messages from $dmarc_used_domain break mailing lists"),
    )
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..lookups.interfaces import LookupDeferred
from .faults import BadRule, Fault, Place
from .interfaces import ICondition, ILooksUp, IWorded, Means, Test
from .lists import TextList
from .lookedup import WHY
from .lookupvalue import LookupValue, Make
from .ownvalues import isOwn, ownStages, ownValue, setOwn
from .stages import RuleStage
from .subject import Subject
from .texts import Text, namesIn

_ANY = RuleStage.CONNECT.onwards


@implementer(IWorded, ILooksUp)
@frozen
class Set:
    """
    Sets variables; it always holds.

    @ivar values: their values by their names, as texts that have variables, or what
        look-ups give.
    """

    values: Mapping[str, str | LookupValue] = field(hash=False)
    _texts: Sequence[Text] = field(default=(), repr=False, eq=False)

    name = "set"

    @classmethod
    def make(cls, values: Mapping[str, str | LookupValue]) -> Set:
        """
        @raise BadRule: a name is none.
        """
        text = "expected a name such as acl_m_seen (a message's) or acl_c_seen"
        faults = [Fault((name,), text) for name in values if not isOwn(name)]
        if faults:
            raise BadRule(faults)
        return cls(dict(values))

    @property
    def stages(self) -> frozenset[RuleStage]:
        """When all of them can be set."""
        return _ANY.intersection(*map(ownStages, self.values))

    @property
    def sources(self) -> Sequence[tuple[Place, str]]:
        """See L{IWorded}."""
        return [
            ((name, *place), text)
            for name, value in self.values.items()
            for place, text in _sources(value)
        ]

    @property
    def lookups(self) -> Iterator[tuple[Place, str]]:
        """The names of look-ups, with their places behind the condition's name."""
        for name, value in self.values.items():
            if isinstance(value, LookupValue):
                yield (name, "in"), value.lookup

    def worded(self, texts: Sequence[Text]) -> ICondition:
        """See L{IWorded}."""
        return Set(self.values, texts)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        values = tuple(self._made(means))

        def ask(subject: Subject) -> bool | None | Deferred[bool | None]:
            for at, (name, make) in enumerate(values):
                try:
                    value = make(subject)
                except LookupDeferred as error:
                    subject.told[WHY] = str(error)
                    return None
                if isinstance(value, Deferred):
                    rest = _setOn(subject, name, value, values[at + 1 :])
                    return Deferred.fromCoroutine(rest)
                if value is not None:
                    setOwn(subject.session, name, value)
            return True

        return ask

    def _made(self, means: Means) -> Iterator[_Value]:
        """What makes each value."""
        texts = iter(self._texts)
        for name, value in self.values.items():
            its = list(islice(texts, sum(1 for _ in _sources(value))))
            if isinstance(value, LookupValue):
                yield name, value.made(its, means)
            else:
                yield name, its[0].render

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        told = [f"{name} = {ownValue(subject.session, name)}" for name in self.values]
        why = subject.told.get(WHY)
        return "; ".join(told if why is None else [*told, str(why)])


#: The name of a variable, and what makes its value.
_Value = tuple[str, Make]


def _sources(value: str | LookupValue) -> Iterable[tuple[Place, str]]:
    """The texts of a value, with their places in it."""
    return [((), value)] if isinstance(value, str) else value.sources


async def _setOn(
    subject: Subject,
    name: str,
    waiting: Deferred[str | None],
    rest: Sequence[_Value],
) -> bool | None:
    """
    Go on where a look-up could not tell at once.

    @param name: whose value it is.
    """
    try:
        value = await waiting
        if value is not None:
            setOwn(subject.session, name, value)
        for each, make in rest:
            said = make(subject)
            value = await said if isinstance(said, Deferred) else said
            if value is not None:
                setOwn(subject.session, each, value)
    except LookupDeferred as error:
        subject.told[WHY] = str(error)
        return None
    return True


@implementer(IWorded)
@frozen
class Variables:
    """
    Are the values of variables, ours or one's own, in lists?

    @ivar lists: the lists, by the names of the variables.
    """

    lists: Mapping[str, TextList] = field(hash=False)
    _texts: Sequence[Text] = field(default=(), repr=False, eq=False)

    name = "variables"
    stages = _ANY

    @classmethod
    def make(cls, lists: Mapping[str, Sequence[str]]) -> Variables:
        """
        @param lists: patterns of values, by the names of the variables; what there is
            no variable for is told when the rule is made ready.
        """
        return cls({name: TextList.parse(items) for name, items in lists.items()})

    @property
    def sources(self) -> Sequence[tuple[Place, str]]:
        """See L{IWorded}."""
        return [((name,), f"${{{name}}}") for name in self.lists]

    def worded(self, texts: Sequence[Text]) -> ICondition:
        """See L{IWorded}."""
        return Variables(self.lists, texts)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        asked = tuple(zip(self.lists.values(), self._texts, strict=False))
        return lambda subject: all(
            items.has(text.render(subject)) for items, text in asked
        )

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        values = [each.render(subject) for each in self._texts]
        pairs = zip(self.lists, values, strict=False)
        return "; ".join(f"{name}: {value or 'empty'}" for name, value in pairs)


@frozen
class Said:
    """
    The texts of one rule.

    @ivar stage: when it is asked.
    @ivar sources: the texts, with their places.
    @ivar sets: the variables that it sets.
    """

    stage: RuleStage
    sources: Sequence[tuple[Place, str]]
    sets: frozenset[str]


def unset(rules: Iterable[Said]) -> Iterator[tuple[int, Fault]]:
    """
    Variables that rules have, and none before them sets.

    @param rules: of all stages.
    @return: what is wrong, with the index of whose it is.
    """
    said = list(rules)
    first: dict[str, RuleStage] = {}
    for each in said:
        for name in each.sets:
            found = first.setdefault(name, each.stage)
            if each.stage.place < found.place:
                first[name] = each.stage
    for index, each in enumerate(said):
        for place, source in each.sources:
            for name in filter(isOwn, namesIn(source)):
                begins = first.get(name)
                if begins is None:
                    text = f"no rule sets ${name}"
                elif begins.place > each.stage.place:
                    text = f"${name} is set at {begins.value}, and not before"
                else:
                    continue
                yield index, Fault(place, text, name, tuple(first))


__all__ = ["Said", "Set", "Variables", "unset"]
