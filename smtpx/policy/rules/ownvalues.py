"""
Variables of one's own: rules set them (L{smtpx.policy.rules.own}), and texts and
conditions have them.

Exim's names: C{acl_c_} and more is a connection's, and C{acl_m_} a message's, from
C{MAIL} until that transaction ends; a digit may stand in place of the second
underscore.  One that was not set is empty.

Whoever looks at messages besides rules may ask for one as well (L{ownValue}).
"""

from __future__ import annotations

import re

from ...core.envelope import Stamp, Stamps
from ...core.interfaces import IServerSession
from .stages import RuleStage
from .variables import Variable

#: Exim's names; with more characters than anybody wants there are none.
_NAME = re.compile(r"acl_([cm])[0-9_]\w{0,62}\Z", re.ASCII)

#: Those that a connection or a transaction has.  Not for the spool.
_VALUES = Stamp[dict[str, str]]("policy.variables", None, lambda text: {})


def isOwn(name: str) -> bool:
    """Is it the name of a variable of one's own?"""
    return _NAME.match(name) is not None


def ownStages(name: str) -> frozenset[RuleStage]:
    """When a variable of one's own is there."""
    first = RuleStage.CONNECT if name[4] == "c" else RuleStage.MAIL
    return first.onwards


def _stamps(session: IServerSession, name: str) -> Stamps | None:
    """Where a variable stands; L{None}: there is no transaction."""
    if name[4] == "c":
        return session.stamps
    return None if session.envelope is None else session.envelope.stamps


def ownValue(session: IServerSession, name: str) -> str:
    """
    The value of a variable of one's own; empty: it was not set.

    @param name: a good one (L{isOwn}).
    """
    stamps = _stamps(session, name)
    found = None if stamps is None else stamps.get(_VALUES)
    return "" if found is None else found.get(name, "")


def setOwn(session: IServerSession, name: str, value: str) -> None:
    """
    Set a variable of one's own.

    @param name: a good one; of a message's, there is a transaction.
    """
    stamps = _stamps(session, name)
    assert stamps is not None, "a message's variable is set from MAIL on"
    found = stamps.get(_VALUES)
    if found is None:
        found = stamps[_VALUES] = {}
    found[name] = value


def ownVariable(name: str) -> Variable | None:
    """The variable of this name; L{None}: nobody can have one that is called so."""
    if not isOwn(name):
        return None
    whose = "connection" if name[4] == "c" else "message"
    return Variable(
        name,
        ownStages(name),
        f"What rules have set for the {whose}.",
        lambda subject: ownValue(subject.session, name),
    )


__all__ = ["isOwn", "ownStages", "ownValue", "ownVariable", "setOwn"]
