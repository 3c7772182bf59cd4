"""
Who answers which question.

A question is a value; its type says who answers it.  The core's own go to the
policy, and those of extensions to the answerers that the factory was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from ..core.dialogue import Question
from ..core.effects import (
    MayConnect,
    MayDeliver,
    MayReceive,
    MaySend,
    OpenBody,
    TakeMessage,
)
from ..core.errors import UsageError
from .interfaces import IPolicy

#: By type of question: gives the answer, or a Deferred of it.
Answerers = Mapping[type[Question[Any]], Callable[[Any], Any]]

#: The core's own questions, to all of which a reply is an answer.
CORE_QUESTIONS = frozenset({MayConnect, MaySend, MayReceive, OpenBody, TakeMessage})


#: The method of L{smtpx.net.interfaces.IDeliveryPolicy}.
Judge = Callable[[Any, Any, Any], Any]


def judgeOf(policy: IPolicy) -> Judge | None:
    """
    What a policy has to say of each recipient, once a message is there; L{None}:
    nothing.
    """
    found: Judge | None = getattr(policy, "mayDeliver", None)
    return found


def _verdicts(judge: Judge, asked: MayDeliver) -> Any:
    """A verdict for each recipient, at once if that can be."""
    session, envelope = asked.session, asked.envelope
    found: list[Any] = []
    for each in envelope.recipients:
        verdict = judge(session, envelope, each)
        if isinstance(verdict, Deferred):
            return Deferred.fromCoroutine(_verdictsLater(judge, asked, found, verdict))
        found.append(verdict)
    return tuple(found)


async def _verdictsLater(
    judge: Judge, asked: MayDeliver, found: list[Any], waiting: Deferred[Any]
) -> tuple[Any, ...]:
    """
    Go on where somebody did not answer at once.

    @param found: the verdicts that there are.
    @param waiting: gives the next one.
    """
    found.append(await waiting)
    session, envelope = asked.session, asked.envelope
    for each in envelope.recipients[len(found) :]:
        verdict = judge(session, envelope, each)
        found.append(await verdict if isinstance(verdict, Deferred) else verdict)
    return tuple(found)


def answererFor(policy: IPolicy, others: Answerers) -> Callable[[Any], Any]:
    """
    One function that answers every question but those about bodies.

    @param others: answerers of extensions' questions.
    @return: a function of a question; it raises L{UsageError} for one that
        nobody answers.
    """
    mayConnect, maySend, mayReceive = (
        policy.mayConnect,
        policy.maySend,
        policy.mayReceive,
    )
    table: dict[type, Callable[[Any], Any]] = {
        MayConnect: lambda asked: mayConnect(asked.session),
        MaySend: lambda asked: maySend(asked.session, asked.envelope),
        MayReceive: lambda asked: mayReceive(
            asked.session, asked.envelope, asked.recipient
        ),
        **others,
    }
    mayDeliver = judgeOf(policy)
    if mayDeliver is not None:
        judge = mayDeliver
        table[MayDeliver] = lambda asked: _verdicts(judge, asked)

    def answer(question: Question[Any]) -> Any | Deferred[Any]:
        answerer = table.get(type(question))
        if answerer is None:
            raise UsageError(f"nobody answers {type(question).__name__}")
        return answerer(question)

    return answer
