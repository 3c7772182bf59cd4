"""
Rules of one stage, asked in order: the first that decides does so for all.

What can be told at once is told at once; where a condition has to wait, or a text
wants what is not known yet, the rest goes on later, and only then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred

from ...core.reply import Reply, reply
from ...extensions.mtpriority import PRIORITY
from . import effects
from .actions import Discard, GoOn, Hold, Quarantine, refusal
from .lists import AddressList
from .removing import remove
from .rule import ReadyRule, Rule
from .stages import RuleStage
from .subject import Subject

#: A condition that cannot be told now: RFC 3463 section 3.5, X.4.3.
NOT_TOLD = reply(
    451, "4.4.3", b"It cannot be told now whether this is accepted; try again later"
)
#: The same in the place of a greeting.
NOT_TOLD_YET = Reply(
    421, None, (b"It cannot be told now who you are; try again later",), True
)


@frozen
class Ruling:
    """
    What a rule has decided.

    @ivar rule: the rule.
    @ivar answer: the refusal; L{None}: there is none.
    @ivar why: what the log is to say; empty: nothing else than the client is told.
    @ivar unsure: could a condition of it not be told?  Then it is no more than that.
    """

    rule: Rule
    answer: Reply | None
    why: str = ""
    unsure: bool = False


#: What a stage comes to; L{None}: no rule has decided.
Decided = Ruling | None

#: What becomes of what a rule lets go on.
_ENDS = {Discard: "discarded", Hold: "held", Quarantine: "quarantined"}


def calledBy(found: Decided) -> tuple[str, str]:
    """
    Which rule has decided, and what its decision is called where they are counted.

    @return: for a stage at which no rule has decided, C{-} and C{none}.
    """
    if found is None:
        return "-", "none"
    answer, rule = found.answer, found.rule
    if found.unsure:
        return rule.name, "unsure"
    if answer is not None:
        return rule.name, "rejected" if answer.code >= 500 else "deferred"
    return rule.name, _ENDS.get(type(rule.action), "accepted")


#: Told of rules that have something for the log, or that did something.
Tell = Callable[[Subject, Ruling], None]


@frozen
class StageRules:
    """
    The rules of one stage.

    @ivar rules: in their order.
    @ivar tell: told of each rule that was true.
    """

    rules: Sequence[ReadyRule]
    tell: Tell

    def decide(self, subject: Subject) -> Decided | Deferred[Decided]:
        """Ask them, at once as far as they can tell at once."""
        for position, ready in enumerate(self.rules):
            for place, test in enumerate(ready.tests):
                held = test(subject)
                if held is True:
                    continue
                if held is False:
                    break
                if held is None:
                    return _untold(ready, subject)
                return Deferred.fromCoroutine(
                    self._decideOn(subject, position, place, held)
                )
            else:
                if ready.needs:
                    place = len(ready.tests)
                    return Deferred.fromCoroutine(
                        self._decideOn(subject, position, place, None)
                    )
                found = self.apply(ready, subject)
                if found is not None:
                    return found
        return None

    async def _decideOn(
        self,
        subject: Subject,
        position: int,
        place: int,
        waiting: Deferred[bool | None] | None,
    ) -> Decided:
        """
        Go on where somebody could not tell at once.

        @param position: of the rule.
        @param place: of the condition in it; behind its last, all of them hold.
        @param waiting: tells of that condition.
        """
        for ready in self.rules[position:]:
            for test in ready.tests[place:]:
                told = test(subject) if waiting is None else waiting
                waiting = None
                held = await told if isinstance(told, Deferred) else told
                if held is None:
                    return _untold(ready, subject)
                if not held:
                    break
            else:
                for need in ready.needs:
                    finding = subject.find(need)
                    if finding is not None:
                        await finding
                found = self.apply(ready, subject)
                if found is not None:
                    return found
            place = 0
        return None

    def apply(self, ready: ReadyRule, subject: Subject) -> Decided:
        """Do what a rule says that is true."""
        subject.guesses = ready.guesses
        rule = ready.rule
        for control in ready.controls:
            control.apply(subject)
        if rule.stage.hasTransaction:
            self._mark(ready, subject)
        ruling = Ruling(rule, None, ready.log.render(subject))
        action = rule.action
        if isinstance(action, Discard) and action.only is not None:
            return self._discardSome(ruling, action.only, subject)
        if ready.code is not None:
            said = refusal(ready.code, ready.message.render(subject))
            return Ruling(rule, said, ruling.why)
        if isinstance(action, Hold | Quarantine) and not ruling.why:
            ruling = Ruling(rule, None, ready.message.render(subject))
        if ruling.why or isinstance(action, Discard | Hold | Quarantine):
            self.tell(subject, ruling)
        return None if isinstance(action, GoOn) else ruling

    def _discardSome(
        self, ruling: Ruling, only: AddressList, subject: Subject
    ) -> Decided:
        """
        Some recipients are not to get a message.

        @return: L{None}: others get it still, and the next rule is asked.
        """
        envelope = subject.envelope
        some = [each for each in envelope.recipients if only.has(each.path)]
        for each in some:
            effects.discard(each)
        if some:
            who = ", ".join(
                f"<{each.path.decode('utf-8', 'replace')}>" for each in some
            )
            why = f"{ruling.why}, for {who}" if ruling.why else f"for {who}"
            self.tell(subject, Ruling(ruling.rule, None, why))
        return ruling if effects.isDiscarded(envelope) else None

    def _mark(self, ready: ReadyRule, subject: Subject) -> None:
        """Note on the transaction what is to become of its message."""
        rule = ready.rule
        bearer = subject.recipient or subject.envelope
        for place, text in ready.headers:
            effects.add(bearer, place, text.render(subject))
        for each in rule.removeHeaders:
            remove(bearer, each)
        if rule.priority is not None:
            subject.envelope.stamps[PRIORITY] = rule.priority
        if isinstance(rule.action, Discard):
            if rule.action.only is None:
                effects.discard(bearer)
        elif isinstance(rule.action, Hold | Quarantine):
            why = ready.message.render(subject) or f"by {rule.name}"
            if isinstance(rule.action, Hold):
                effects.hold(bearer, why)
            else:
                effects.quarantine(bearer, why)


def _untold(ready: ReadyRule, subject: Subject) -> Ruling:
    greeting = subject.stage is RuleStage.CONNECT
    answer = NOT_TOLD_YET if greeting else NOT_TOLD
    return Ruling(ready.rule, answer, unsure=True)


__all__ = [
    "NOT_TOLD",
    "NOT_TOLD_YET",
    "Decided",
    "Ruling",
    "StageRules",
    "Tell",
    "calledBy",
]
