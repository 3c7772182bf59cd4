"""
The DNS answers the checks of L{smtpx.mailauth}, which ask by yielding.
"""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from ..mailauth.asking import Asking, Found, Known, Lookup, Unknown
from .interfaces import MX, Answer, IResolver, LookupFailed, NoSuchDomain
from .together import together

T = TypeVar("T")


def answered(asking: Asking[T], resolver: IResolver) -> Deferred[T]:
    """
    Run a check to its end.

    What it asks for at once is looked up at once.  With answers that are there already
    it is through before this returns.

    @return: fires with what the check returns, or fails with what it raises; cancelled,
        the check is closed and its look-ups are cancelled.
    """
    return Deferred.fromCoroutine(_run(asking, resolver))


async def _run(asking: Asking[T], resolver: IResolver) -> T:
    try:
        group = next(asking)
        while True:
            known = await together(_known(lookup, resolver) for lookup in group)
            group = asking.send(tuple(known))
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
    finally:
        asking.close()


async def _known(lookup: Lookup, resolver: IResolver) -> Known:
    try:
        answer = await resolver.lookUp(lookup.name, lookup.kind)
    except NoSuchDomain:
        return Found(exists=False)
    except LookupFailed as error:
        return Unknown(str(error))
    return Found(_records(answer, lookup.kind))


def _records(answer: Answer, kind: str) -> tuple[bytes, ...]:
    if kind == "MX":
        exchangers = sorted(answer.of(MX), key=lambda each: each.preference)
        return tuple(each.exchange for each in exchangers)
    return answer.of(bytes)


__all__ = ["answered"]
