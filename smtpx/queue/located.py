"""
What relays say of where mail goes: whether it is as L{IRelay} promises, and the lane
of those of whom it is not said yet.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.address import domainOf
from ..core.errors import UsageError
from ..spool.format import Fate, SpooledMessage
from .interfaces import LANE_OCTETS, Located, Route


def undecided(message: SpooledMessage, route: Route, indices: Sequence[int]) -> bytes:
    """
    The lane of those of whom it is not known where they go: whoever waits for the
    same answer shares one.
    """
    recipients = message.envelope.recipients
    domain = domainOf(recipients[indices[0]].path)
    for index in indices[1:]:
        if domainOf(recipients[index].path) != domain:
            domain = b""
            break
    name = b"%b ?%b" % (route.transport.name.encode("utf-8"), domain)
    return name[:LANE_OCTETS]


def checkPromise(located: Located, indices: Sequence[int]) -> None:
    """
    See that nobody gets it twice, or is asked for again and again.

    @raise UsageError: it is not as L{IRelay} promises.
    """
    found: list[int] = []
    for leg in located.legs:
        found += leg.indices
        if not leg.indices:
            raise UsageError("there is nobody in a leg")
        if not 0 < len(leg.lane) <= LANE_OCTETS:
            raise UsageError("the name of a lane is empty or too long")
    for each in located.outcomes:
        found.append(each.index)
        if each.fate is Fate.DELIVERED:
            raise UsageError("finding out where it goes delivers nothing")
    if sorted(found) != sorted(indices):
        raise UsageError("not each recipient is in one leg, or has one outcome")


__all__ = ["checkPromise", "undecided"]
