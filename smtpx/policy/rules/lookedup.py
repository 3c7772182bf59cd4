"""
The condition on what stands under a key somewhere (L{smtpx.policy.lookups}).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.errors import UsageError
from ..lookups.interfaces import ILookup, LookupDeferred
from .faults import Place
from .interfaces import ICondition, ILooksUp, IWorded, Means, Test
from .lists import TextList
from .stages import RuleStage
from .subject import Subject
from .texts import Text

#: Where the value of the last look-up stands, for the variables that tell it.
VALUE = "lookup_value"
#: Where it stands why a look-up cannot tell, for explanations.
WHY = "lookup_why"


@frozen
class Query:
    """
    What is looked up, and where.

    @ivar lookup: the name of the look-up.
    @ivar key: the key, with variables.
    @ivar values: those that its value has to be among; L{None}: any.
    @ivar found: is there to be one, or to be none?
    @ivar place: where it stands in the rule, behind the condition's name.
    """

    lookup: str
    key: str
    values: TextList | None = None
    found: bool = True
    place: Place = ()

    @classmethod
    def make(
        cls,
        lookup: str,
        key: str,
        values: Sequence[str] | None = None,
        found: bool = True,
    ) -> Query:
        """
        @param values: a list of patterns of text (L{TextList}); L{None}: any value.
        """
        return cls(
            lookup, key, None if values is None else TextList.parse(values), found
        )

    def holds(self, value: bytes | None) -> bool:
        """Is it so with what was found?"""
        if value is None or not self.found:
            return (value is not None) is self.found
        return self.values is None or self.values.has(shownValue(value))


@implementer(IWorded, ILooksUp)
@frozen
class LookedUp:
    """
    Do look-ups find something, or nothing, or one of some values?  All of them have to.

    @ivar queries: what is looked up.
    """

    queries: tuple[Query, ...]
    _keys: tuple[Text, ...] = field(default=(), repr=False, eq=False)

    name = "lookup"
    stages = RuleStage.CONNECT.onwards

    @classmethod
    def make(cls, queries: Sequence[Query]) -> LookedUp:
        """
        @param queries: several stand in a list, one by itself.
        """
        several = len(queries) > 1
        return cls(
            tuple(
                evolve(each, place=(at,) if several else ())
                for at, each in enumerate(queries)
            )
        )

    @property
    def sources(self) -> Sequence[tuple[Place, str]]:
        """See L{IWorded}."""
        return [((*each.place, "key"), each.key) for each in self.queries]

    @property
    def lookups(self) -> Iterator[tuple[Place, str]]:
        """The names of the look-ups, with their places behind the condition's name."""
        for each in self.queries:
            yield (*each.place, "in" if each.found else "not_in"), each.lookup

    def worded(self, texts: Sequence[Text]) -> ICondition:
        """See L{IWorded}."""
        return evolve(self, keys=tuple(texts))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        asked = [
            (query, key.asOctets(), lent(means, query.lookup))
            for query, key in zip(self.queries, self._keys, strict=False)
        ]
        if len(asked) != 1:
            return lambda subject: _all(subject, asked)
        ((query, key, lookup),) = asked

        def ask(subject: Subject) -> bool | None | Deferred[bool | None]:
            return _one(subject, query, key, lookup)

        return ask

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return "; ".join(_told(subject, self.queries, self._keys))


#: Gives a key.
_Key = Callable[[Subject], bytes]
#: What is looked up, by what, and where; L{None}: no look-up is lent.
_Asked = tuple[Query, _Key, ILookup | None]


def lent(means: Means, name: str) -> ILookup | None:
    """
    A look-up.

    @return: L{None}: nothing is lent, for rules are only looked at.
    @raise UsageError: there is none of this name.
    """
    found = means.lookups.get(name)
    if found is None and means.lookups:
        raise UsageError(f"there is no look-up {name}")
    return found


def look(
    subject: Subject, lookup: ILookup | None, name: str, key: bytes
) -> bytes | None | Deferred[bytes | None]:
    """
    Look something up, once for all rules of a stage.

    @raise LookupDeferred: it cannot be told now; a Deferred fails with it.
    """
    known = subject.lookedUp
    place = name, key
    if place in known:
        return known[place]
    if lookup is None:
        raise LookupDeferred(f"there is no look-up {name}")
    found = lookup.find(key)
    # To ask whether it is a Deferred costs more than the rest.
    if found is None or type(found) is bytes:
        known[place] = found
        return found
    assert isinstance(found, Deferred), "a value of a look-up is octets"
    return found.addCallback(_kept, subject, place)


def _kept(
    value: bytes | None, subject: Subject, place: tuple[str, bytes]
) -> bytes | None:
    subject.lookedUp[place] = value
    return value


def _one(
    subject: Subject, query: Query, key: _Key, lookup: ILookup | None
) -> bool | None | Deferred[bool | None]:
    try:
        found = look(subject, lookup, query.lookup, key(subject))
    except LookupDeferred as error:
        subject.told[WHY] = str(error)
        return None
    if found is None or type(found) is bytes:
        subject.told[VALUE] = found
        return query.holds(found)
    assert isinstance(found, Deferred), "a value of a look-up is octets"
    return Deferred.fromCoroutine(_later(subject, query, found))


async def _later(
    subject: Subject, query: Query, waiting: Deferred[bytes | None]
) -> bool | None:
    try:
        found = await waiting
    except LookupDeferred as error:
        subject.told[WHY] = str(error)
        return None
    subject.told[VALUE] = found
    return query.holds(found)


def _all(
    subject: Subject, asked: Sequence[_Asked]
) -> bool | None | Deferred[bool | None]:
    """One after the other, up to one that does not hold."""
    for at, each in enumerate(asked):
        said = _one(subject, *each)
        if isinstance(said, Deferred):
            return Deferred.fromCoroutine(_rest(subject, said, asked[at + 1 :]))
        if said is not True:
            return said
    return True


async def _rest(
    subject: Subject, waiting: Deferred[bool | None], asked: Sequence[_Asked]
) -> bool | None:
    held = await waiting
    for each in asked:
        if held is not True:
            break
        said = _one(subject, *each)
        held = await said if isinstance(said, Deferred) else said
    return held


def shownValue(value: bytes) -> str:
    """A key or a value, for people and patterns."""
    return value.decode("utf-8", "backslashreplace")


def _told(
    subject: Subject, queries: Sequence[Query], keys: Sequence[Text]
) -> Iterator[str]:
    """What was found, for those that were asked."""
    for query, text in zip(queries, keys, strict=True):
        key = text.octets(subject)
        what = f'{query.lookup} "{shownValue(key)}"'
        if (query.lookup, key) not in subject.lookedUp:
            why = subject.told.get(WHY)
            if why is not None:
                yield f"{what}: {why}"
            return
        value = subject.lookedUp[query.lookup, key]
        if value is None:
            yield f"{what}: there is none"
        else:
            yield f'{what}: "{shownValue(value)}"'
        if not query.holds(value):
            return


__all__ = ["VALUE", "WHY", "LookedUp", "Query", "lent", "look", "shownValue"]
