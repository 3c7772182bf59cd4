"""
Hearing what a command comes to, for who has wrapped it
(C{smtpx.core.interfaces.IServerSession.overhear}).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dialogue import Answered, ServerDialogue
from .reply import LOCAL_ERROR, Reply


def overheard(
    outcome: Reply | ServerDialogue, told: Callable[[Answered], None]
) -> Reply | ServerDialogue:
    """
    The same outcome; C{told} is called with the reply that it comes to.
    """
    if isinstance(outcome, Reply):
        told(outcome)
        return outcome
    return _overheard(outcome, told)


def _overheard(
    dialogue: ServerDialogue, told: Callable[[Answered], None]
) -> ServerDialogue:
    try:
        answer = yield from dialogue
    except Exception:
        # That is what the client hears.
        told(LOCAL_ERROR)
        raise
    told(answer)
    return answer


def toldOf(
    then: Callable[[Any], Answered], told: Callable[[Answered], None]
) -> Callable[[Any], Answered]:
    """
    C{then}, whose reply is told as well.

    @param then: goes on with what the port has answered.
    """

    def both(value: object) -> Answered:
        try:
            answer = then(value)
        except Exception:
            told(LOCAL_ERROR)
            raise
        told(answer)
        return answer

    return both
