"""
What a rule decides.
"""

from __future__ import annotations

import re
import textwrap
from typing import ClassVar

from attrs import field, frozen

from ...core.reply import Reply
from .lists import AddressList
from .stages import RuleStage

_ANY = RuleStage.CONNECT.onwards
_TRANSACTION = RuleStage.MAIL.onwards

_CODE = re.compile(r"([45][0-5][0-9])(?: ([45])\.([0-9]{1,3})\.([0-9]{1,3}))?\Z")

#: The most characters of a line of a reply; RFC 5321 section 4.5.3.1.5 has 512 octets
#: with the codes and the line's end.
_LINE_MOST = 480
#: The most lines of a reply.
_LINES_MOST = 20

#: Replies behind which there is nothing more (RFC 5321 section 3.8, RFC 7504).
_LAST_WORDS = (421, 521)


@frozen
class Code:
    """
    What a refusal is marked with.

    @ivar code: the reply code.
    @ivar status: the enhanced one; L{None}: the usual one.
    """

    code: int
    status: tuple[int, int, int] | None = None

    @classmethod
    def parse(cls, text: str, permanent: bool) -> Code:
        """
        Read C{550} or C{550 5.7.1}.

        @param permanent: is it to be a 5yz?
        @raise ValueError: it is neither, or of the other kind.
        """
        kind = 5 if permanent else 4
        found = _CODE.match(text)
        if found is None or found[1][0] != str(kind):
            raise ValueError(f'expected a code such as "{kind}50 {kind}.7.1"')
        if found[2] is None:
            return cls(int(found[1]))
        if found[2] != str(kind):
            raise ValueError(f"a {kind}yz has an enhanced code that begins with {kind}")
        return cls(int(found[1]), (kind, int(found[3]), int(found[4])))


@frozen
class GoOn:
    """Nothing is decided: the next rule is asked."""

    word: ClassVar[str] = "continue"
    stages: ClassVar[frozenset[RuleStage]] = _ANY


@frozen
class Accept:
    """Nothing is said against it here: the stage's other rules are not asked."""

    word: ClassVar[str] = "accept"
    stages: ClassVar[frozenset[RuleStage]] = _ANY


@frozen
class Reject:
    """
    It is refused for good.

    @ivar message: what the client is told, with variables; empty: the usual.
    @ivar code: L{None}: the usual.
    """

    message: str = ""
    code: Code | None = None

    word: ClassVar[str] = "reject"
    stages: ClassVar[frozenset[RuleStage]] = _ANY


@frozen
class Defer:
    """
    It is refused for now; the client is to come again.

    @ivar message: see L{Reject}.
    @ivar code: see L{Reject}.
    """

    message: str = ""
    code: Code | None = None

    word: ClassVar[str] = "defer"
    stages: ClassVar[frozenset[RuleStage]] = _ANY


@frozen
class Discard:
    """
    It is taken, and nobody gets it: at C{rcpt} this recipient, elsewhere the whole
    message.

    @ivar only: of recipients that are in this list alone, once they are known; of the
        others the rules below are asked.  L{None}: whoever they are.
    """

    only: AddressList | None = None

    word: ClassVar[str] = "discard"
    stages: ClassVar[frozenset[RuleStage]] = _TRANSACTION


@frozen
class Hold:
    """
    The message is taken, and kept until an operator releases it.

    @ivar message: why, for the operator, with variables; empty: the rule's name.
    """

    message: str = field(default="")

    word: ClassVar[str] = "hold"
    stages: ClassVar[frozenset[RuleStage]] = _TRANSACTION


@frozen
class Quarantine:
    """
    The message is taken, and kept apart: it is released only by an operator who means
    what is in quarantine.

    @ivar message: see L{Hold}.
    """

    message: str = field(default="")

    word: ClassVar[str] = "quarantine"
    stages: ClassVar[frozenset[RuleStage]] = _TRANSACTION


Action = GoOn | Accept | Reject | Defer | Discard | Hold | Quarantine

#: All of them, by what they are called in the configuration.
ACTIONS: dict[str, type[Action]] = {
    each.word: each for each in (Accept, Reject, Defer, Discard, Hold, Quarantine, GoOn)
}

#: What a client is told where the rule does not say.
_REFUSED = "Not accepted by the policy here"
_LATER = "Not accepted now; please try again later"

#: The usual enhanced codes (RFC 3463 section 3.8); those of the greeting have none
#: (RFC 2034 section 3).
_USUALLY: dict[tuple[bool, RuleStage | None], Code] = {
    (True, RuleStage.CONNECT): Code(554),
    (False, RuleStage.CONNECT): Code(421),
    (False, RuleStage.AUTH): Code(454, (4, 7, 0)),
    (True, None): Code(550, (5, 7, 1)),
    (False, None): Code(451, (4, 7, 1)),
}


def usualCode(permanent: bool, stage: RuleStage, status: str | None) -> Code:
    """
    What a refusal is marked with where the rule does not say.

    @param status: the enhanced code that goes with its conditions, of a permanent
        one; L{None}: none does.
    """
    usual = _USUALLY.get((permanent, stage)) or _USUALLY[permanent, None]
    if status is None or usual.status is None:
        return usual
    kind, subject, detail = map(int, status.split("."))
    if not permanent:
        # RFC 7372 section 3.2: X.7.24 is for an SPF that could not be told.
        kind, detail = 4, {23: 24}.get(detail, detail)
    return Code(usual.code, (kind, subject, detail))


def refusal(code: Code, text: str) -> Reply:
    """
    The reply to a client.

    @param text: what it is told, a line or a few; empty: the usual.
    """
    usual = _REFUSED if code.code >= 500 else _LATER
    lines: list[str] = []
    for line in (text or usual).splitlines():
        lines += textwrap.wrap(line, _LINE_MOST, break_on_hyphens=False) or [""]
    octets = tuple(each.encode("ascii", "replace") for each in lines[:_LINES_MOST])
    return Reply(code.code, code.status, octets, code.code in _LAST_WORDS)


__all__ = [
    "ACTIONS",
    "Accept",
    "Action",
    "Code",
    "Defer",
    "Discard",
    "GoOn",
    "Hold",
    "Quarantine",
    "Reject",
    "refusal",
    "usualCode",
]
