"""
When a message that has just come is to go: what extensions say of it (priorities
of RFC 6710, releases in the future of RFC 4865), as the spool writes it down.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

from attrs import frozen

from ..core.envelope import Envelope
from ..core.hooks import Schedule
from ..core.queueprofile import NOT_BEFORE

#: The lowest and the highest priority (RFC 6710 section 5).
LOWEST, HIGHEST = -9, 9


class Plan(NamedTuple):
    """
    When a message goes that does not simply go at once.

    @ivar due: when, in seconds since the epoch.
    @ivar priority: its priority.
    """

    due: float
    priority: int


@frozen
class Scheduler:
    """
    Asks extensions for the schedule of a message.

    @ivar clock: seconds since the epoch.
    @ivar scheduleFor: C{QueueProfile.scheduleFor}; L{None}: no extension has an
        opinion.
    """

    clock: Callable[[], float]
    scheduleFor: Callable[[Envelope], Schedule] | None = None

    def plan(self, envelope: Envelope) -> Plan | None:
        """
        The plan for a message; L{None}: it goes at once, as most do, and nothing
        has to be written down of it.
        """
        waits = envelope.stamp(NOT_BEFORE)
        if self.scheduleFor is None:
            return None if waits is None else Plan(max(self.clock(), waits), 0)
        schedule = self.scheduleFor(envelope)
        if waits is None and not schedule.notBefore and not schedule.priority:
            # Nobody has an opinion.
            return None
        now = self.clock()
        notBefore = max(schedule.notBefore, waits or 0.0)
        priority = max(LOWEST, min(HIGHEST, schedule.priority))
        if not priority and notBefore <= now:
            return None
        return Plan(max(now, notBefore), priority)
