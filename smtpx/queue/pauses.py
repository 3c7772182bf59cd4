"""
How long to wait between attempts, as the age of a message goes on.

A plan has stretches, one after the other, as Exim's retry rules have them::

    15 min until 2 h; 1 h * 1.5 until 16 h; 6 h

which is: every quarter of an hour until the message is two hours old; then after
an hour, after one and a half, and so on, until it is sixteen hours old; from then
on every six hours.  Nothing need be remembered between attempts: the age of the
message and how often it was tried say where in the plan it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from attrs import field, frozen

from ..core.errors import UsageError

#: No pause grows beyond this, in seconds: a year.
LONGEST_SECONDS = 366 * 86400.0

#: A try that comes a little early, as the clocks of computers have it, counts.
_SLACK = 1e-6


@frozen
class Stretch:
    """
    A part of a plan.

    @ivar pauseSeconds: its first pause.
    @ivar factor: by how much each pause is longer than the one before; 1: all are
        alike.
    @ivar untilSeconds: the age of a message at which the stretch ends; L{None}: it
        does not end.
    @raise UsageError: it would not get on.
    """

    pauseSeconds: float
    factor: float = 1.0
    untilSeconds: float | None = None

    def __attrs_post_init__(self) -> None:
        """Check it."""
        if not 0 < self.pauseSeconds <= LONGEST_SECONDS:
            raise UsageError("a pause has to be longer than nothing")
        if not 1 <= self.factor <= 100:
            raise UsageError("pauses grow by a factor from 1 to 100")

    def pause(self, number: int) -> float:
        """
        One of its pauses, in seconds.

        @param number: which, counted from 0.
        """
        # In logarithms first: the power itself may be more than a float can hold.
        size = math.log(self.pauseSeconds) + number * math.log(self.factor)
        if size >= math.log(LONGEST_SECONDS):
            return LONGEST_SECONDS
        return self.pauseSeconds * self.factor**number

    def number(self, seconds: float) -> float:
        """
        How many of its pauses have passed after some time; the part of one that has
        not passed whole is a fraction.

        @param seconds: since the stretch began.
        """
        if self.factor == 1:
            return seconds / self.pauseSeconds
        # p + p*f + ... + p*f^(n-1) = p * (f^n - 1) / (f - 1), solved for n.
        grown = 1 + seconds * (self.factor - 1) / self.pauseSeconds
        return math.log(grown, self.factor)


def _ordered(instance: object, attribute: object, value: tuple[Stretch, ...]) -> None:
    """
    @raise UsageError: there are none, or they do not follow on each other.
    """
    if not value:
        raise UsageError("there has to be a pause")
    before = 0.0
    for stretch in value[:-1]:
        if stretch.untilSeconds is None:
            raise UsageError("only the last of several pauses goes on without an end")
    for stretch in value:
        if stretch.untilSeconds is not None:
            if stretch.untilSeconds <= before:
                raise UsageError("each stretch has to end later than the one before")
            before = stretch.untilSeconds


@frozen
class Pauses:
    """
    A plan.

    @ivar stretches: in order, each of which begins where the one before ends.
    @raise UsageError: there is none, or they are not in order.
    """

    stretches: tuple[Stretch, ...] = field(validator=_ordered)

    @property
    def endSeconds(self) -> float | None:
        """
        The age at which a message is given up; L{None}: the plan does not say.
        """
        return self.stretches[-1].untilSeconds

    def after(self, ageSeconds: float, attempts: int) -> float:
        """
        The pause that follows an attempt, in seconds.

        Where the age and the number of attempts do not go together, the earlier
        place counts: a message that was on hold for days has its first pauses still
        before it, and one that somebody wanted tried often does not wait the longer
        for that.

        @param ageSeconds: how old the message is.
        @param attempts: how often it was tried before this attempt.
        """
        began = 0.0
        for stretch in self.stretches[:-1]:
            end = stretch.untilSeconds
            assert end is not None, "only the last one has no end"
            # The attempts that begin before the stretch ends.
            room = max(1, math.ceil(stretch.number(end - began) - _SLACK))
            if ageSeconds < end or attempts < room:
                place = min(_place(stretch, ageSeconds - began), attempts, room - 1)
                return stretch.pause(place)
            attempts -= room
            began = end
        last = self.stretches[-1]
        return last.pause(min(_place(last, ageSeconds - began), attempts))

    def times(self, endSeconds: float) -> Iterator[float]:
        """
        The ages at which a message is tried that nobody takes, in seconds.

        @param endSeconds: the age at which it is given up; the last of them.
        """
        age, attempts = 0.0, 0
        while age < endSeconds:
            yield age
            age += self.after(age, attempts)
            attempts += 1
        yield endSeconds


def _place(stretch: Stretch, seconds: float) -> int:
    """
    How many pauses of a stretch are over.

    @param seconds: since it began; negative: it has not.
    """
    return math.floor(stretch.number(max(0.0, seconds)) + _SLACK)


__all__ = ["LONGEST_SECONDS", "Pauses", "Stretch"]
