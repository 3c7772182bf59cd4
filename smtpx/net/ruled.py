"""
Whose rule it was that refused a command: noted on the session by whoever asks the
rules, read by whoever tells logs of the refusal.
"""

from __future__ import annotations

from attrs import frozen

from ..core.envelope import Stamp
from ..core.interfaces import IServerSession
from ..core.reply import Reply


@frozen
class RuledOut:
    """
    A refusal by a rule.

    @ivar answer: what the client is told.
    @ivar rule: what the rule is called.
    @ivar why: what the log is to say; empty: what the client is told.
    """

    answer: Reply
    rule: str
    why: str = ""


def _never(text: str) -> RuledOut:
    """It is not for the spool."""
    raise ValueError(text)


#: Of a session: the last refusal by a rule.
RULED_OUT = Stamp[RuledOut]("policy.ruled-out", None, _never)


def ruledOut(session: IServerSession, answer: Reply) -> RuledOut | None:
    """Was this very refusal a rule's?"""
    found = session.stamps.get(RULED_OUT)
    return found if found is not None and found.answer is answer else None


__all__ = ["RULED_OUT", "RuledOut", "ruledOut"]
