"""
Rules in a server: who asks them, and when.

L{HouseRules} has those of all stages.  C{connect}, C{mail} and C{rcpt} are asked by a
policy, L{RulePolicy}, behind the server's own: whom that refuses, no rule is asked of,
so that no rule can make an open relay.  C{helo}, C{auth}, C{data} and C{message} are
moments at which no policy is asked: there an extension does it, L{RuleReviews}.  A
stage without rules has nobody who would ask.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.address import heloName
from ...core.dialogue import Question, ServerDialogue, Verdict, ask
from ...core.envelope import Envelope, Recipient
from ...core.errors import Malformed
from ...core.hooks import Run, Stage
from ...core.interfaces import (
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ...core.reply import Reply
from ...extensions.checkpointserver import transactionOf
from ...net.answers import Answerers
from ...net.interfaces import IPolicy
from ...net.ruled import RULED_OUT, RuledOut
from .conditions import Headers
from .faults import BadRule, Fault
from .fields import watcher
from .findings import Verdicts
from .interfaces import Means
from .rule import ReadyRule, Rule, Vocabulary, checkedTogether, made
from .ruleset import Decided, StageRules, Tell, calledBy
from .stages import RuleStage
from .subject import Subject

Answer = Reply | None | Deferred[Reply | None]


#: Nobody finds out anything.
NOBODY = Verdicts()


#: Told of each time that the rules of a stage were asked: stage, rule and decision.
Count = Callable[[str, str, str], object]


def unheard(subject: Subject, ruling: object) -> None:
    """For whom nobody is to be told."""


@frozen
class HouseRules:
    """
    The rules of a server.

    @ivar stages: those of each stage that has any.
    @ivar verdicts: who finds out what takes longer.
    @ivar fields: the header fields that they ask for, in lower case.
    @ivar count: is told what they come to; L{None}: nobody counts.
    """

    stages: Mapping[RuleStage, StageRules]
    verdicts: Verdicts
    fields: tuple[bytes, ...] = ()
    count: Count | None = None

    @classmethod
    def of(
        cls,
        rules: Iterable[Rule],
        vocabulary: Vocabulary,
        means: Means,
        verdicts: Verdicts = NOBODY,
        tell: Tell = unheard,
        count: Count | None = None,
    ) -> HouseRules:
        """
        Make rules ready.

        @param rules: of all stages, in their order.
        @param means: what the server lends to conditions.
        @param tell: told of rules that have something for the log.
        @param count: told what they come to; L{None}: nobody counts.
        @raise BadRule: with all that is wrong with them.
        """
        ready: dict[RuleStage, list[ReadyRule]] = {}
        faults: list[Fault] = []
        for rule in rules:
            try:
                ready.setdefault(rule.stage, []).append(made(rule, vocabulary, means))
            except BadRule as error:
                faults += [each.inside(rule.name) for each in error.faults]
        given = [each.rule for of in ready.values() for each in of]
        for fault in checkedTogether(given):
            index, *place = fault.place
            assert isinstance(index, int)
            name = given[index].name
            faults.append(Fault((name, *place), fault.text, fault.word, fault.known))
        if faults:
            raise BadRule(faults)
        fields = dict.fromkeys(
            name
            for each in ready.values()
            for one in each
            for condition in one.conditions
            if isinstance(condition, Headers)
            for name in condition.lists
        )
        stages = {stage: StageRules(tuple(r), tell) for stage, r in ready.items()}
        return cls(stages, verdicts, tuple(fields), count)

    def subject(
        self,
        session: IServerSession,
        stage: RuleStage,
        recipient: Recipient | None = None,
        helo: bytes | None = None,
    ) -> Subject:
        """
        A question.

        @param helo: what the client calls itself, if the session does not know yet.
        """
        return Subject(session, stage, self.verdicts, helo or session.helo, recipient)

    def ask(self, subject: Subject) -> Answer:
        """What the rules of a stage come to, as a policy answers."""
        rules = self.stages.get(subject.stage)
        if rules is None:
            return None
        found = rules.decide(subject)
        if isinstance(found, Deferred):
            return found.addCallback(self._told, subject)
        return self._told(found, subject)

    def _told(self, found: Decided, subject: Subject) -> Reply | None:
        """Note who refuses, for the log; count what they come to."""
        if self.count is not None:
            self.count(subject.stage.value, *calledBy(found))
        if found is None or found.answer is None:
            return None
        ruled = RuledOut(found.answer, found.rule.name, found.why)
        subject.session.stamps[RULED_OUT] = ruled
        return found.answer

    def policy(self) -> RulePolicy | None:
        """Who asks at C{connect}, C{mail} and C{rcpt}; L{None}: no rule is for them."""
        asked = {RuleStage.CONNECT, RuleStage.MAIL, RuleStage.RCPT}
        return RulePolicy(self) if asked & self.stages.keys() else None

    def extension(self) -> RuleReviews | None:
        """Who asks at the other stages; L{None}: no rule is for them."""
        asked = {RuleStage.HELO, RuleStage.AUTH, RuleStage.DATA, RuleStage.MESSAGE}
        return RuleReviews(self) if asked & self.stages.keys() else None


@implementer(IPolicy)
class RulePolicy:
    """
    Asks rules what other policies are asked.

    @ivar bearsRepeats: is everything that its rules ask for known here, and counts
        nothing?
    """

    def __init__(self, rules: HouseRules) -> None:
        self._rules = rules
        self._stages = rules.stages
        asked = (self._stages.get(each) for each in (RuleStage.MAIL, RuleStage.RCPT))
        self.bearsRepeats = not any(
            ready.waits for each in asked if each is not None for ready in each.rules
        )

    def mayConnect(self, session: IServerSession) -> Answer:
        """A client connected."""
        if RuleStage.CONNECT not in self._stages:
            return None
        return self._rules.ask(self._rules.subject(session, RuleStage.CONNECT))

    def maySend(self, session: IServerSession, envelope: Envelope) -> Answer:
        """MAIL."""
        if RuleStage.MAIL not in self._stages:
            return None
        return self._rules.ask(self._rules.subject(session, RuleStage.MAIL))

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Answer:
        """RCPT."""
        if RuleStage.RCPT not in self._stages:
            return None
        return self._rules.ask(self._rules.subject(session, RuleStage.RCPT, recipient))


@define
class Awaits(Question["Reply | None"]):
    """
    What rules come to, which takes a while.

    @ivar answer: gives it.
    """

    answer: Deferred[Reply | None]


#: Who answers what L{RuleReviews} asks.
ANSWERS: Answerers = {Awaits: lambda asked: asked.answer}


@implementer(IServerExtension)
class RuleReviews:
    """
    Asks rules where no policy is asked.
    """

    name = "RULES"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(self, rules: HouseRules) -> None:
        self._rules = rules

    def configured(self, settings: Any) -> RuleReviews:
        """It has no options."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        stages = self._rules.stages
        if RuleStage.HELO in stages:
            server.wrap(b"EHLO", self._helo)
            server.wrap(b"HELO", self._helo)
        if RuleStage.AUTH in stages:
            server.wrap(b"AUTH", self._auth)
        if RuleStage.DATA in stages:
            server.review(Stage.DATA, self._reviewing(RuleStage.DATA))
        if RuleStage.MESSAGE in stages:
            server.review(Stage.MESSAGE, self._reviewing(RuleStage.MESSAGE))
            for name in self._rules.fields:
                server.header(name, watcher(name))
            if self._rules.fields:
                server.review(Stage.DATA, _inOnePiece)

    def _helo(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        try:
            name = heloName(rest)
        except Malformed:
            # The core has its own words for that.
            return run(session, rest)
        # RFC 5321 section 4.1.4: if it is refused, all stays as it was.
        subject = self._rules.subject(session, RuleStage.HELO, helo=name)
        return self._before(subject, rest, run)

    def _auth(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        return self._before(self._rules.subject(session, RuleStage.AUTH), rest, run)

    def _before(
        self, subject: Subject, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        """Ask before a command is done."""
        answer = self._rules.ask(subject)
        if isinstance(answer, Deferred):
            return goOn(answer, subject.session, rest, run)
        return answer or run(subject.session, rest)

    def _reviewing(
        self, stage: RuleStage
    ) -> Callable[[IServerSession, Recipient | None], Reply | None | Verdict]:
        def review(
            session: IServerSession, recipient: Recipient | None
        ) -> Reply | None | Verdict:
            answer = self._rules.ask(self._rules.subject(session, stage))
            return ask(Awaits(answer)) if isinstance(answer, Deferred) else answer

        return review


def _inOnePiece(session: IServerSession, recipient: Recipient | None) -> None:
    """
    Have a message that is cut short come again from its start (RFC 1845): of one that
    goes on behind its header, no field would be seen.
    """
    transaction = transactionOf(session)
    if transaction is not None:
        transaction.resumes = False


def goOn(
    answer: Deferred[Reply | None], session: IServerSession, rest: bytes, run: Run
) -> ServerDialogue:
    """Do a command once nobody has anything against it."""
    refusal = yield from ask(Awaits(answer))
    if refusal is not None:
        return refusal
    outcome = run(session, rest)
    if isinstance(outcome, Generator):
        return (yield from outcome)
    return outcome


__all__ = ["ANSWERS", "HouseRules", "RulePolicy", "RuleReviews", "goOn", "unheard"]
