"""
One reply a recipient, behind a message: who was refused already, and what became of
the message for the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from .dialogue import Answered
from .envelope import Recipient
from .errors import UsageError
from .reply import Reply

#: A recipient, and why it does not get a message that is there; L{None}: it does.
Judged = tuple[Recipient, "Reply | None"]


def forAll(judged: Sequence[Judged]) -> Reply:
    """
    One reply that stands for those of everybody, where all are refused: if anybody may
    try again, so may all.
    """
    refusals = [no for _, no in judged if no is not None]
    return next((no for no in refusals if not no.permanent), refusals[0])


def forEach(
    final: Answered, recipients: Sequence[Recipient], judged: Sequence[Judged]
) -> list[tuple[Recipient, Reply]]:
    """
    What each of the recipients is told.

    @param final: what became of the message, for all who were not refused or for each
        of them.
    @param recipients: those who were not refused.
    @param judged: all of them, in order; empty: nobody was refused.
    @raise UsageError: C{final} is no reply, or not one for each.
    """
    answers = final if isinstance(final, tuple) else (final,) * len(recipients)
    if final is None or len(answers) != len(recipients):
        raise UsageError(f"{len(recipients)} recipients want replies, not {final!r}")
    left = iter(answers)
    everybody = judged or [(each, None) for each in recipients]
    told = [(each, no or next(left)) for each, no in everybody]
    return [(each, said) for each, said in told if said is not None]
