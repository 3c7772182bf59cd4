"""
Conditions on what DCC answers of a message (L{smtpx.policy.dcc}).

It is asked once, whatever is asked of its answer.  Where there is none, the condition
cannot be told, and the client is to come again; or the answer counts as a yes, where
the operator wants that (C{when_away = "accept"}, Exim's C{defer_ok}).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from zope.interface import implementer

from ..checkers.interfaces import Opinion
from ..dcc.answer import DCCResult
from .interfaces import ICondition, Means, Test
from .lists import AddressList, WordList
from .opined import afterOpinions, opinionsOn
from .stages import RuleStage
from .subject import Subject

_MESSAGE = frozenset({RuleStage.MESSAGE})

#: The letters of the daemon, in lower case as lists have words.
RESULTS = tuple(each.value.lower() for each in DCCResult)

#: Those of which the condition C{dcc} is true.
_FINE = (DCCResult.ACCEPT.value, DCCResult.SOME.value)

#: Those of a recipient who is not to have the message.
_NOT = (DCCResult.REJECT, DCCResult.GREY)


def _opinion(subject: Subject) -> Opinion | None:
    """The daemon's; L{None}: it was not asked."""
    return next(opinionsOn(subject, "dcc"), None)


def _letter(subject: Subject) -> str:
    """What it says of the message; empty: it was not asked."""
    opinion = _opinion(subject)
    if opinion is None or not (opinion.known or opinion.state.failed):
        return ""
    return str(opinion.found.get("dcc_result", DCCResult.TEMPORARY.value))


def _shown(subject: Subject) -> str:
    """What was looked at, for an explanation."""
    opinion = _opinion(subject)
    if opinion is None:
        return "nobody was asked"
    if not opinion.known:
        why = f" ({opinion.why})" if opinion.why else ""
        return opinion.state.value.replace("_", " ") + why
    found = opinion.found
    result = DCCResult(str(found.get("dcc_result")))
    told = f"{result.value}, {result.word}"
    each = found.get("dcc_recipients")
    return told if each is None else f"{told}; of the recipients: {each}"


@implementer(ICondition)
@frozen
class Dcc:
    """Is the message fine, or with C{false} is it not?"""

    wanted: bool

    name = "dcc"
    stages = _MESSAGE

    @classmethod
    def make(cls, wanted: bool) -> Dcc:
        """
        @param wanted: what is asked.
        """
        return cls(wanted)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""

        def tell(subject: Subject) -> bool | None:
            opinion = _opinion(subject)
            if opinion is not None and opinion.untold:
                return None
            # It has nothing against what it was not asked about, or has no answer for.
            known = opinion is not None and opinion.known
            fine = not known or _letter(subject) in _FINE
            return fine is self.wanted

        return afterOpinions(tell)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject)


@implementer(ICondition)
@frozen
class DccResult:
    """
    Is what the daemon says of the message in a list?  Nothing has to be waited for
    here: that it could not find out, or is away, is C{T}.
    """

    letters: WordList

    name = "dcc_result"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Sequence[str]) -> DccResult:
        """
        @raise BadRule: an item is none of its letters.
        """
        return cls(WordList.parse(items, RESULTS))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.letters.has
        return afterOpinions(lambda subject: has(_letter(subject).lower()))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject)


@implementer(ICondition)
@frozen
class DccRefuses:
    """Does the daemon say no of a recipient that is in a list?"""

    addresses: AddressList

    name = "dcc_refuses"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Sequence[str]) -> DccRefuses:
        """
        @raise BadRule: an item is no address.
        """
        return cls(AddressList.parse(items))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.addresses.has

        def tell(subject: Subject) -> bool | None:
            opinion = _opinion(subject)
            if opinion is None:
                return False
            if opinion.untold:
                return None
            each = opinion.found.get("dcc_each")
            if not isinstance(each, dict):
                return False
            return any(has(one.path) for one, says in each.items() if says in _NOT)

        return afterOpinions(tell)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _shown(subject)


__all__ = ["RESULTS", "Dcc", "DccRefuses", "DccResult"]
