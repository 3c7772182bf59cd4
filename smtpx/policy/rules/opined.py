"""
Conditions on what checkers think of a message: virus scanners and spam filters
(L{smtpx.policy.checkers}).

A checker that has no opinion, though it should, is a condition that cannot be told, and
the client is to come again; or a condition that does not hold, where the operator
wants that (C{when_away}).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..checkers.interfaces import Opinion, State
from .faults import bad
from .interfaces import ICondition, Means, Test
from .lists import TextList, WordList
from .stages import RuleStage
from .subject import Need, Subject

_MESSAGE = frozenset({RuleStage.MESSAGE})

#: The words of L{CheckerState}.
STATES = tuple(each.value for each in State)


def afterOpinions(tell: Callable[[Subject], bool | None]) -> Test:
    """
    A test of what checkers think.

    @param tell: asked when that is known.
    """

    def ask(subject: Subject) -> bool | None | Deferred[bool | None]:
        waiting = subject.find(Need.OPINIONS)
        if waiting is None:
            return tell(subject)
        return waiting.addCallback(lambda _: tell(subject))

    return ask


def opinionsOn(subject: Subject, what: str) -> Iterator[Opinion]:
    """
    The opinions of those who find something out, in their order.

    @param what: such as C{malware} (L{smtpx.policy.checkers.IChecker.finds}).
    """
    return (each for each in subject.opinions.values() if what in each.finds)


def anyOf(subject: Subject, what: str, tell: Callable[[Opinion], bool]) -> bool | None:
    """
    Does something hold of any opinion?

    @param what: what the opinion is of.
    @param tell: does it hold of this one?
    @return: L{None}: of none, and there is one missing that has to be waited for.
    """
    untold = False
    for each in opinionsOn(subject, what):
        if each.known and tell(each):
            return True
        untold = untold or each.untold
    return None if untold else False


def _shown(subject: Subject, what: str, name: str) -> str:
    """What was looked at, for an explanation."""
    told = [
        f"{checker}: {_spelled(each, name)}"
        for checker, each in subject.opinions.items()
        if what in each.finds
    ]
    return "; ".join(told) or "nobody was asked"


def _spelled(opinion: Opinion, name: str) -> str:
    if opinion.known:
        found = opinion.found.get(name)
        return "nothing found" if found is None else str(found)
    why = f" ({opinion.why})" if opinion.why else ""
    return opinion.state.value.replace("_", " ") + why


@implementer(ICondition)
@frozen
class Malware:
    """Has a virus scanner found something whose name is in a list?"""

    names: TextList

    name = "malware"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Sequence[str]) -> Malware:
        """
        @raise BadRule: an item is no text.
        """
        return cls(TextList.parse(items))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.names.has

        def infected(opinion: Opinion) -> bool:
            found = opinion.found.get("malware_name")
            return found is not None and has(str(found))

        return afterOpinions(lambda subject: anyOf(subject, "malware", infected))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject, "malware", "malware_name")


@implementer(ICondition)
@frozen
class Spam:
    """Does a spam filter call it spam?"""

    wanted: bool

    name = "spam"
    stages = _MESSAGE

    @classmethod
    def make(cls, wanted: bool) -> Spam:
        """
        @param wanted: false: is it asked whether none does?
        """
        return cls(wanted)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""

        def tell(subject: Subject) -> bool | None:
            found = anyOf(subject, "spam", lambda each: each.found.get("spam") is True)
            return None if found is None else found is self.wanted

        return afterOpinions(tell)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject, "spam", "spam_score")


@implementer(ICondition)
@frozen
class SpamScoreOver:
    """Is the score of a spam filter higher?"""

    score: float

    name = "spam_score_over"
    stages = _MESSAGE

    @classmethod
    def make(cls, score: float) -> SpamScoreOver:
        """
        @param score: in points.
        """
        return cls(score)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""

        def over(opinion: Opinion) -> bool:
            found = opinion.found.get("spam_score")
            return isinstance(found, int | float) and found > self.score

        return afterOpinions(lambda subject: anyOf(subject, "spam", over))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject, "spam", "spam_score")


@implementer(ICondition)
@frozen
class SpamAction:
    """Is what rspamd would have done in a list?"""

    actions: WordList

    name = "spam_action"
    stages = _MESSAGE

    #: What rspamd calls them.
    WORDS = (
        "no action",
        "greylist",
        "add header",
        "rewrite subject",
        "soft reject",
        "reject",
        "quarantine",
        "discard",
    )

    @classmethod
    def make(cls, items: Sequence[str]) -> SpamAction:
        """
        @raise BadRule: an item is no action.
        """
        return cls(WordList.parse(items, cls.WORDS))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.actions.has

        def told(opinion: Opinion) -> bool:
            return has(str(opinion.found.get("spam_action", "")))

        return afterOpinions(lambda subject: anyOf(subject, "rspamd", told))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject, "rspamd", "spam_action")


@implementer(ICondition)
@frozen
class SpamSymbols:
    """Has rspamd found a symbol that is in a list?"""

    names: TextList

    name = "spam_symbols"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Sequence[str]) -> SpamSymbols:
        """
        @raise BadRule: an item is no text.
        """
        return cls(TextList.parse(items))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        hasAny = self.names.hasAny

        def told(opinion: Opinion) -> bool:
            return hasAny(str(opinion.found.get("rspamd_symbols", "")).split())

        return afterOpinions(lambda subject: anyOf(subject, "rspamd", told))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject, "rspamd", "rspamd_symbols")


@implementer(ICondition)
@frozen
class CheckerState:
    """
    How far did each of some checkers come with the message?  Nothing has to be waited
    for here: to be away is a state like the others.
    """

    states: Mapping[str, WordList]

    name = "checker_state"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Mapping[str, Sequence[str]]) -> CheckerState:
        """
        @param items: states, by the names of checkers.
        @raise BadRule: an item is no state.
        """
        if not items:
            raise bad('expected a table such as {clamav = ["away", "slow"]}')
        parsed = {name: WordList.parse(each, STATES) for name, each in items.items()}
        return cls(parsed)

    def test(self, means: Means) -> Test:
        """
        See L{ICondition}.

        @raise BadRule: there is no such checker.
        """

        def tell(subject: Subject) -> bool:
            return all(
                states.has(_stateOf(subject, name).value)
                for name, states in self.states.items()
            )

        return afterOpinions(tell)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        told = (f"{name}: {_stateOf(subject, name).value}" for name in self.states)
        return "; ".join(told)


def _stateOf(subject: Subject, name: str) -> State:
    found = subject.opinions.get(name)
    return State.NOT_ASKED if found is None else found.state


@implementer(ICondition)
@frozen
class Heard:
    """
    Is there nothing that has to be waited for, of what the texts of a rule tell?  A
    rule whose texts have what checkers find out has it by itself.
    """

    what: frozenset[str]

    name = "checkers"
    stages = _MESSAGE

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""

        def tell(subject: Subject) -> bool | None:
            missing = (
                each.untold for what in self.what for each in opinionsOn(subject, what)
            )
            return None if any(missing) else True

        return afterOpinions(tell)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        told = (
            f"{name}: {each.state.value}" for name, each in subject.opinions.items()
        )
        return "; ".join(told) or "nobody was asked"


def heardFor(methods: Iterable[str], opined: frozenset[str]) -> tuple[Heard, ...]:
    """
    What a rule wants by itself.

    @param methods: what its texts tell of.
    @param opined: what checkers find out.
    """
    what = opined.intersection(methods)
    return (Heard(what),) if what else ()


__all__ = [
    "STATES",
    "CheckerState",
    "Heard",
    "Malware",
    "Spam",
    "SpamAction",
    "SpamScoreOver",
    "SpamSymbols",
    "afterOpinions",
    "anyOf",
    "heardFor",
    "opinionsOn",
]
