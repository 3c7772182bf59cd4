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
from ..core.effects import MayConnect, MayReceive, MaySend, OpenBody, TakeMessage
from ..core.errors import UsageError
from .interfaces import IPolicy

#: By type of question: gives the answer, or a Deferred of it.
Answerers = Mapping[type[Question[Any]], Callable[[Any], Any]]

#: The core's own questions, to all of which a reply is an answer.
CORE_QUESTIONS = frozenset({MayConnect, MaySend, MayReceive, OpenBody, TakeMessage})


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

    def answer(question: Question[Any]) -> Any | Deferred[Any]:
        answerer = table.get(type(question))
        if answerer is None:
            raise UsageError(f"nobody answers {type(question).__name__}")
        return answerer(question)

    return answer
