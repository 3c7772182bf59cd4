"""
What is known of hosts while messages go to them: which are in trouble, and until when
they are left alone; and which took something a moment ago, and are not in trouble
because they turn down a further connection.

What outlives the process is in L{smtpx.knowledge.interfaces.IHostHints}.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from attrs import define, field

from ..knowledge.interfaces import IHostHints
from ..knowledge.names import hostName
from ..net.sending import Unreached
from ..spool.format import Outcome
from ..spool.via import Cause, Via
from .whither import Stop

#: Of so many hosts it is remembered when they last took something.
_REMEMBERED_MOST = 5000


class Pause(Protocol):
    """Says how long a host is left alone."""

    def __call__(
        self, path: bytes, outcome: Outcome, seconds: float, failures: int
    ) -> float:
        """
        @param path: a recipient for whose message it was tried.
        @param outcome: what came of that.
        @param seconds: for how long it has failed.
        @param failures: how often it has, before this time.
        @return: in seconds, from now.
        """


@define(eq=False)
class Repute:
    """
    What is known of hosts.

    @ivar hints: which of them are in trouble.
    @ivar now: seconds since the epoch.
    @ivar lively: a host that took something so many seconds ago is not in trouble
        because it turns down a further connection.
    @ivar pause: how long hosts are left alone; L{None}: as C{hints} has it.
    @ivar known: see L{IHostHints}: of a host that has nothing there, nothing else need
        be asked.
    """

    hints: IHostHints
    now: Callable[[], float]
    lively: float
    pause: Pause | None
    known: Collection[bytes] = field(init=False)
    #: When hosts last took something, by their names and ports.
    _took: dict[bytes, float] = field(init=False, factory=dict)

    @known.default
    def _known(self) -> Collection[bytes]:
        return self.hints.known

    def dueAt(self, stop: Stop, asked: float | None) -> float:
        """
        When it may be tried; in the past, where nothing is known against it.

        @param asked: what failed until then does not count; L{None}: all does.
        """
        due = 0.0
        for place, name in enumerate(stop.keys.values()):
            at = self.hints.retryAt(name) or 0.0
            if at and asked is not None:
                found = self.hints.trouble(name)
                at = 0.0 if found is None or found.last <= asked else at
            due = at if place == 0 else min(due, at)
        return due

    def troubleOf(self, stop: Stop) -> str:
        """What went wrong the last time; empty: nobody knows."""
        for name in stop.keys.values():
            found = self.hints.trouble(name)
            if found is not None:
                return found.text
        return ""

    def fault(
        self, stop: Stop, error: Unreached, outcome: Outcome, path: bytes
    ) -> float:
        """
        It could not be reached, or would not talk.

        @param outcome: what that is for one who was to have the message.
        @param path: the same one.
        @return: when it may be tried again; 0: at any time.
        """
        now = self.now()
        if error.cause in (Cause.LOCAL, Cause.LOGIN):
            return 0.0
        if now - self._took.get(stop.spelled, float("-inf")) < self.lively:
            return 0.0
        names: Collection[bytes] = stop.keys.values()
        if error.cause is not Cause.CONNECT and error.via.address in stop.keys:
            names = (stop.keys[error.via.address],)
        dues = []
        for name in names:
            due = self._dueBy(name, path, outcome, now)
            dues.append(self.hints.failed(name, error.text, now, due))
        return min(dues)

    def _dueBy(
        self, name: bytes, path: bytes, outcome: Outcome, now: float
    ) -> float | None:
        """
        When a host may be tried again, by the rules of the operator.

        @param name: of the host, as the hints have it.
        @param path: somebody who was to have the message.
        @return: L{None}: there are none.
        """
        if self.pause is None:
            return None
        before = self.hints.trouble(name)
        if before is None:
            return now + self.pause(path, outcome, 0.0, 0)
        return now + self.pause(path, outcome, now - before.first, before.failures)

    def praise(self, stop: Stop, via: Via) -> None:
        """It talked to us."""
        if len(self._took) >= _REMEMBERED_MOST:
            self._took.clear()
        self._took[stop.spelled] = self.now()
        # It may have been reached at an address that is not among those.
        name = stop.keys.get(via.address)
        if name is None:
            name = hostName(stop.host.name, via.address, stop.host.port)
        if name in self.known:
            self.hints.succeeded(name)


__all__ = ["Pause", "Repute"]
