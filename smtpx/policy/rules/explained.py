"""
Why rules decide as they do: each that was asked, with what each of its conditions
looked at and came to.  They are asked as a server asks them, and do what they do.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen
from twisted.internet.defer import Deferred

from .rule import ReadyRule
from .ruleset import NOT_TOLD, NOT_TOLD_YET, Ruling, StageRules
from .stages import RuleStage
from .subject import Subject


@frozen
class ConditionTold:
    """
    One condition that was asked.

    @ivar name: what it is called.
    @ivar held: was it true?  L{None}: it could not be told.
    @ivar saw: what it looked at.
    """

    name: str
    held: bool | None
    saw: str


@frozen
class RuleTold:
    """
    One rule that was asked.

    @ivar name: what it is called.
    @ivar conditions: those that were asked: none behind one that is not true.
    @ivar held: was the rule true?
    @ivar action: what it decides; empty: it was not true.
    @ivar answer: what the client is told; empty: nothing.
    @ivar log: what the log says; empty: nothing else.
    @ivar deeds: what becomes of the message, each as it could stand in a rule.
    """

    name: str
    conditions: tuple[ConditionTold, ...]
    held: bool
    action: str = ""
    answer: str = ""
    log: str = ""
    deeds: tuple[str, ...] = ()


@frozen
class StageTold:
    """
    What the rules of a stage came to.

    @ivar rules: those that were asked.
    @ivar refused: does it end here?
    """

    stage: RuleStage
    rules: tuple[RuleTold, ...]
    refused: bool


async def explained(rules: StageRules, subject: Subject) -> StageTold:
    """Ask rules, and tell why they decide as they do."""
    told: list[RuleTold] = []
    heard: list[Ruling] = []
    listening = StageRules(rules.rules, lambda _, ruling: heard.append(ruling))
    for ready in rules.rules:
        asked: list[ConditionTold] = []
        held: bool | None = True
        for condition, test in zip(ready.conditions, ready.tests, strict=True):
            said = test(subject)
            held = await said if isinstance(said, Deferred) else said
            asked.append(ConditionTold(condition.name, held, condition.shown(subject)))
            if held is not True:
                break
        name = ready.rule.name
        if held is None:
            answer = NOT_TOLD
            if subject.stage is RuleStage.CONNECT:
                answer = NOT_TOLD_YET
            unsure = RuleTold(name, tuple(asked), False, "defer", answer.onOneLine)
            return StageTold(subject.stage, (*told, unsure), True)
        if not held:
            told.append(RuleTold(name, tuple(asked), False))
            continue
        for need in ready.needs:
            finding = subject.find(need)
            if finding is not None:
                await finding
        found = listening.apply(ready, subject)
        ruling = found or (heard.pop() if heard else None)
        refusal = None if found is None else found.answer
        told.append(
            RuleTold(
                name,
                tuple(asked),
                True,
                ready.rule.action.word,
                "" if refusal is None else refusal.onOneLine,
                "" if ruling is None else ruling.why,
                tuple(_deeds(ready, subject)),
            )
        )
        if found is not None:
            return StageTold(subject.stage, tuple(told), refusal is not None)
    return StageTold(subject.stage, tuple(told), False)


def _deeds(ready: ReadyRule, subject: Subject) -> Iterator[str]:
    """What a rule that is true does to the message."""
    for control in ready.controls:
        yield f"control {control.name}"
    for removed in ready.rule.removeHeaders:
        value = "" if removed.value is None else f": {removed.value}"
        yield f"remove_header {removed.name}{value}"
    for place, text in ready.headers:
        yield f"add_header {place.value} {text.render(subject)}"
    if ready.rule.priority is not None:
        yield f"priority {ready.rule.priority}"


__all__ = ["ConditionTold", "RuleTold", "StageTold", "explained"]
