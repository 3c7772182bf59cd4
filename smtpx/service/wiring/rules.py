"""
The rules of the configuration, ready to be asked.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from ...core.interfaces import IExtension
from ...observe.journal import Journal
from ...observe.policycounters import PolicyCounters
from ...policy.bmi.checker import BMIChecker
from ...policy.dcc.daemon import DCCDaemon
from ...policy.rules import HouseRules, Rule, RuleStage, Vocabulary
from ...policy.rules.findings import DNS_SCORE
from ...policy.rules.house import NOBODY
from ...policy.rules.interfaces import Means
from ...policy.rules.ruleset import Ruling
from ...policy.rules.sources import toldOf, verdictsOf
from ...policy.rules.subject import Subject
from ...policy.verdicts import IVerdicts
from ..config import Configuration
from .checkers import foundBy, namesOf, opinionsOf


def rulesOf(configuration: Configuration) -> list[Rule]:
    """The rules, each with a name."""
    return [
        evolve(entry.rule, name=entry.rule.name or _place(configuration, stage, index))
        for stage, index, entry in configuration.policy.entries()
    ]


def _place(configuration: Configuration, stage: RuleStage, index: int) -> str:
    """Where a rule stands, which is its name where nobody has given it another."""
    document = configuration.document
    line = document.line(("policy", stage.value, index))
    if line is None:
        return f"policy.{stage.value}[{index}]"
    return f"{document.name}:{line}"


def lookedAt(configuration: Configuration) -> frozenset[str]:
    """What is found out of who sends messages."""
    return toldOf(frozenset(configuration.authentication.checks))


def vocabulary(
    configuration: Configuration, extensions: Iterable[IExtension]
) -> Vocabulary | None:
    """
    The words that rules can have; L{None}: there are no rules.

    @raise smtpx.core.errors.Conflict: the extensions do not go together.
    """
    if not any(configuration.policy.entries()):
        return None
    checkers = configuration.checkers
    methods = lookedAt(configuration) | foundBy(checkers)
    if configuration.dcc.dccifdAddress is not None:
        methods |= DCCDaemon.finds
    if configuration.bmi.python is not None:
        methods |= BMIChecker.finds
    if configuration.dnsLists.weights.entries:
        methods |= {DNS_SCORE}
    words = Vocabulary.of(extensions, methods)
    return evolve(
        words,
        lookups=frozenset(each.name for each in configuration.lookups),
        checkers=namesOf(checkers),
    )


def houseRules(
    configuration: Configuration,
    words: Vocabulary | None,
    means: Means,
    journal: Journal,
    checks: IVerdicts | None,
    counters: PolicyCounters | None = None,
) -> HouseRules:
    """
    The rules of the house.

    @param words: those that rules can have; L{None}: there are no rules.
    @param means: what the server lends to conditions.
    @param checks: finds out who sends; L{None}: nobody does.
    @param counters: count what they come to; L{None}: nobody does.
    @raise smtpx.policy.rules.BadRule: what one wants is not there.
    """

    def tell(subject: Subject, ruling: Ruling) -> None:
        recipient = subject.recipient
        journal.ruled(
            subject.session,
            ruling.rule.name,
            subject.stage.value,
            ruling.rule.action.word,
            ruling.why,
            None if recipient is None else recipient.path,
        )

    template = configuration.spf.spfSmtpCommentTemplate
    verdicts = NOBODY if checks is None else verdictsOf(checks, template)
    verdicts = evolve(verdicts, opinions=opinionsOf)
    rules = rulesOf(configuration)
    count = None if counters is None else counters.decisions.count
    return HouseRules.of(rules, words or Vocabulary(), means, verdicts, tell, count)


__all__ = ["houseRules", "lookedAt", "rulesOf", "vocabulary"]
