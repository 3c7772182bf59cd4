"""
The DNS answers the checks of L{smtpx.mailauth}, which ask by yielding.
"""

from __future__ import annotations

from typing import TypeVar

from attrs import define, field
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError as DeferredTimeout,
)
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..mailauth.asking import Asking, Found, Known, Lookup, Unknown
from .interfaces import MX, Answer, IResolver, LookupFailed, NoSuchDomain
from .together import together

T = TypeVar("T")


#: What is known of a look-up that came to nothing in time.
LATE = Unknown("no answer in time")


def answered(
    asking: Asking[T],
    resolver: IResolver,
    clock: IReactorTime | None = None,
    seconds: float = 0.0,
) -> Deferred[T]:
    """
    Run a check to its end.

    What it asks for at once is looked up at once.  With answers that are there already
    it is through before this returns.

    @param seconds: how long it may take.  Of what is not answered by then nobody could
        tell; what was answered before counts, so that one slow name does not take the
        others with it.
    @param clock: L{None}: it may take as long as the resolver lets it.
    @return: fires with what the check returns, or fails with what it raises; cancelled,
        the check is closed and its look-ups are cancelled.
    """
    return Deferred.fromCoroutine(_run(asking, _Run(resolver, clock, seconds)))


@define(eq=False)
class _Run:
    """
    A check that runs.

    @ivar alarm: when it will have; L{None}: nothing was waited for yet.
    """

    resolver: IResolver
    clock: IReactorTime | None
    seconds: float
    _late: bool = False
    alarm: IDelayedCall | None = None
    waiting: set[Deferred[Answer]] = field(factory=set)

    async def known(self, lookup: Lookup) -> Known:
        """What can be found out of a look-up in the time that is left."""
        if self.isLate():
            return LATE
        asked = self.resolver.lookUp(lookup.name, lookup.kind)
        if self.clock is not None and not asked.called:
            if self.alarm is None:
                self.alarm = self.clock.callLater(self.seconds, self._end)
            if lookup.share < 1:
                asked.addTimeout(lookup.share * self.seconds, self.clock)
        self.waiting.add(asked)
        try:
            answer = await asked
        except NoSuchDomain:
            return Found(exists=False)
        except LookupFailed as error:
            return Unknown(str(error))
        except DeferredTimeout:
            return LATE
        except CancelledError:
            if not self.isLate():
                raise
            return LATE
        finally:
            self.waiting.discard(asked)
        return Found(_records(answer, lookup.kind))

    def isLate(self) -> bool:
        """Has it taken all the time it has?"""
        return self._late

    def _end(self) -> None:
        self._late = True
        for each in list(self.waiting):
            each.cancel()

    def over(self) -> None:
        """The check has come to its end."""
        if self.alarm is not None and self.alarm.active():
            self.alarm.cancel()


async def _run(asking: Asking[T], run: _Run) -> T:
    try:
        group = next(asking)
        while True:
            known = await together(run.known(lookup) for lookup in group)
            group = asking.send(tuple(known))
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
    finally:
        asking.close()
        run.over()


def _records(answer: Answer, kind: str) -> tuple[bytes, ...]:
    if kind == "MX":
        exchangers = sorted(answer.of(MX), key=lambda each: each.preference)
        return tuple(each.exchange for each in exchangers)
    return answer.of(bytes)


__all__ = ["LATE", "answered"]
