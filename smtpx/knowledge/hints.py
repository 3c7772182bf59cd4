"""
When hosts that failed may be tried again.

A host that cannot be reached is not tried again for each message that is for it: the
first failure sets a time before which nobody tries, and each further one sets a later
one, as L{exponential} has it or as who tried says.  The first success ends it.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from .interfaces import HostTrouble, IHostHints, IPeerKnowledge
from .kinds import RETRY, Shelf

#: C{retry_data_expire} where nobody says anything else, in seconds: as in Exim.
EXPIRE_SECONDS = 7 * 86400.0

_MINUTE, _HOUR = 60.0, 3600.0

#: After the first failure, when, in seconds: until then every so often; see
#: L{exponential}.
_STEADY_SECONDS, _STEADY_EVERY = 2 * _HOUR, 15 * _MINUTE
_GROWING_SECONDS, _GROWING_FIRST, _GROWING_FACTOR = 16 * _HOUR, 1 * _HOUR, 1.5
_LAST_EVERY = 6 * _HOUR


def exponential(first: float, now: float, failures: int) -> float:
    """
    The usual schedule: every quarter of an hour for two hours, then after times that
    begin with an hour and grow by half until the host has failed for 16 hours, then
    every six hours.

    @param first: when it failed for the first time, in seconds since the epoch.
    @param now: when it failed now, likewise.
    @param failures: how often it has failed, this one included.
    @return: when it may be tried again, likewise.
    """
    age = max(0.0, now - first)
    if age < _STEADY_SECONDS:
        return now + _STEADY_EVERY
    if age >= _GROWING_SECONDS:
        return now + _LAST_EVERY
    # By the age, not by the number of failures: that depends on who else tries.
    wait, at = _GROWING_FIRST, _STEADY_SECONDS
    while at + wait <= age:
        at += wait
        wait *= _GROWING_FACTOR
    return now + wait


@implementer(IHostHints)
class HostHints:
    """
    Remembers hosts that failed.

    @ivar known: see L{IHostHints}.
    """

    def __init__(
        self,
        knowledge: IPeerKnowledge,
        now: Callable[[], float],
        expireSeconds: float = EXPIRE_SECONDS,
        rule: Callable[[float, float, int], float] = exponential,
    ) -> None:
        """
        @param knowledge: where to.
        @param now: seconds since the epoch.
        @param expireSeconds: how long it counts that a host failed, since the last
            time.
        @param rule: when a host may be tried again; see L{exponential}.
        """
        self._shelf = Shelf(knowledge, RETRY)
        self.known = knowledge.held(RETRY.name)
        self._now = now
        self._expireSeconds = expireSeconds
        self._rule = rule

    def retryAt(self, key: bytes) -> float | None:
        """See L{IHostHints}."""
        trouble = self.trouble(key)
        if trouble is None or trouble.due <= self._now():
            return None
        return trouble.due

    def trouble(self, key: bytes) -> HostTrouble | None:
        """See L{IHostHints}."""
        return self._shelf.recall(key) if key in self.known else None

    def failed(
        self, key: bytes, text: str, now: float, due: float | None = None
    ) -> float:
        """See L{IHostHints}."""
        before = self._shelf.recall(key)
        first = now if before is None else before.first
        failures = 1 if before is None else before.failures + 1
        if due is None:
            due = self._rule(first, now, failures)
        trouble = HostTrouble(first, now, due, failures, text)
        self._shelf.remember(key, trouble, now, now + self._expireSeconds)
        return due

    def succeeded(self, key: bytes) -> None:
        """See L{IHostHints}."""
        if self.trouble(key) is not None:
            self._shelf.forget(key)
