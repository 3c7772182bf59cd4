"""
Conditions on what is found out of who sends a message: SPF, DKIM, ARC and DMARC.  They
may have to wait for the DNS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from zope.interface import implementer

from ..lookups.lists import Said
from .faults import Place
from .findings import (
    ARC_STATES,
    DMARC_STATUSES,
    SPF_ALIASES,
    SPF_RESULTS,
    SPFVerdict,
)
from .interfaces import ICondition, ILooksUp, Means, Test
from .listed import named, told
from .lists import DomainList, WordList
from .stages import RuleStage
from .subject import Need, Subject

_MAIL_ON = RuleStage.MAIL.onwards
_MESSAGE = frozenset({RuleStage.MESSAGE})

#: What is told of what is not looked at of this client.
_UNSEEN = "nobody has looked; authentication.hosts says for whom"


def _afterwards(need: Need, tell: Callable[[Subject], Said]) -> Test:
    """A test of something that has to be found out first."""

    def ask(subject: Subject) -> Said:
        waiting = subject.find(need)
        if waiting is None:
            return tell(subject)
        return waiting.addCallback(lambda _: tell(subject))

    return ask


def _spfShown(found: SPFVerdict) -> str:
    result = f"{found.result}, guessed" if found.guessed else found.result
    why = f" ({found.comment})" if found.comment else ""
    return f"{result}{why}" if result else _UNSEEN


@implementer(ICondition)
@frozen
class Spf:
    """Is what SPF has come to in a list?"""

    results: WordList

    name = "spf"
    stages = _MAIL_ON

    @classmethod
    def make(cls, items: Sequence[str]) -> Spf:
        """
        @raise BadRule: an item is no result.
        """
        return cls(WordList.parse(items, SPF_RESULTS, SPF_ALIASES))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.results.has
        return _afterwards(Need.SPF, lambda subject: has(subject.ofSPF.result))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _spfShown(subject.ofSPF)


@implementer(ICondition)
@frozen
class SpfGuess:
    """Is what SPF has come to in a list, or its best guess where there is no record?"""

    results: WordList

    name = "spf_guess"
    stages = _MAIL_ON

    @classmethod
    def make(cls, items: Sequence[str]) -> SpfGuess:
        """
        @raise BadRule: an item is no result.
        """
        return cls(WordList.parse(items, SPF_RESULTS, SPF_ALIASES))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.results.has
        return _afterwards(Need.GUESS, lambda subject: has(subject.guessed.result))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _spfShown(subject.guessed)


@implementer(ICondition)
@frozen
class DmarcStatus:
    """Is what DMARC has come to in a list?"""

    statuses: WordList

    name = "dmarc_status"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Sequence[str]) -> DmarcStatus:
        """
        @raise BadRule: an item is no status.
        """
        return cls(WordList.parse(items, DMARC_STATUSES))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.statuses.has
        return _afterwards(
            Need.MESSAGE, lambda subject: has(subject.message.dmarcStatus)
        )

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        found = subject.message
        of = f" of {found.dmarcDomain}" if found.dmarcDomain else ""
        if found.dmarcStatus == "off":
            return f"off: {_UNSEEN}"
        return found.dmarcStatus + of


@implementer(ICondition)
@frozen
class Arc:
    """Is the state of the chain of ARC in a list?"""

    states: WordList

    name = "arc"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Sequence[str]) -> Arc:
        """
        @raise BadRule: an item is no state.
        """
        return cls(WordList.parse(items, ARC_STATES))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        has = self.states.has
        return _afterwards(Need.MESSAGE, lambda subject: has(subject.message.arcState))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        found = subject.message
        if not found.arcState:
            return _UNSEEN
        why = f" ({found.arcReason})" if found.arcReason else ""
        return found.arcState + why


@implementer(ILooksUp)
@frozen
class Dkim:
    """Is a domain whose signature is good in a list?"""

    domains: DomainList

    name = "dkim"
    stages = _MESSAGE

    @classmethod
    def make(cls, items: Sequence[str]) -> Dkim:
        """
        @raise BadRule: an item is no domain.
        """
        return cls(DomainList.parse(items))

    @property
    def lookups(self) -> Sequence[tuple[Place, str]]:
        """See L{ILooksUp}."""
        return named(self.domains)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        domains = self.domains
        hasAny = told(domains, domains.hasAny, domains.weighAny, means)

        def tell(subject: Subject) -> Said:
            found = subject.message.dkimDomains
            if found is None:
                return False
            return hasAny([each.encode("ascii", "replace") for each in found])

        return _afterwards(Need.MESSAGE, tell)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        found = subject.message.dkimDomains
        if found is None:
            return _UNSEEN
        return " ".join(found) or "there is no good signature"
