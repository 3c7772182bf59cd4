"""
Reviews: what extensions have to say once the core has found nothing wrong.
"""

from __future__ import annotations

from typing import Callable

from .claims import attributed, ownerOf
from .dialogue import Verdict
from .envelope import Recipient
from .interfaces import IServerSession
from .reply import Reply

#: What an extension registers for a stage.
Check = Callable[[IServerSession, "Recipient | None"], "Reply | None | Verdict"]


def review(
    session: IServerSession, checks: tuple[Check, ...], recipient: Recipient | None
) -> Reply | None | Verdict:
    """
    Run checks at once as far as they go; a generator for the rest where one of
    them has to wait.

    @return: the first refusal, else the L{better} of what stands in for the usual
        reply, else L{None}.
    @raise HookTrouble: a check raised; out of the generator as well.
    """
    instead: Reply | None = None
    for index, check in enumerate(checks):
        verdict = check(session, recipient)
        if verdict is None:
            continue
        if not isinstance(verdict, Reply):
            return _goOn(session, verdict, checks[index:], instead, recipient)
        if verdict.refuses:
            return verdict
        instead = better(instead, verdict)
    return instead


def better(first: Reply | None, second: Reply | None) -> Reply | None:
    """
    Which of two replies is said where one is: a 3yz asks the client for something else
    than a 2yz does, and of two alike the second one knows better.
    """
    if first is None or second is None:
        return second or first
    return first if first.code // 100 > second.code // 100 else second


def _goOn(
    session: IServerSession,
    waiting: Verdict,
    checks: tuple[Check, ...],
    instead: Reply | None,
    recipient: Recipient | None,
) -> Verdict:
    verdict = yield from attributed(ownerOf(checks[0]), waiting)
    if verdict is not None and verdict.refuses:
        return verdict
    rest = review(session, checks[1:], recipient)
    if rest is not None and not isinstance(rest, Reply):
        rest = yield from rest
    if rest is not None and rest.refuses:
        return rest
    return better(better(instead, verdict), rest)
