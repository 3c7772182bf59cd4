"""
What is to be counted once a message was taken: noted on its transaction until then.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from ...core.envelope import Bearer, Envelope, Stamp
from .rates import Meter, Rates


@frozen
class _Note:
    """
    Something to be counted.

    @ivar limit: from which on it is too much.
    @ivar once: does it count once, however many have the same note?
    """

    meter: Meter
    key: str
    count: float
    limit: float
    once: bool = False


#: Not for the spool.
_NOTES = Stamp[tuple[_Note, ...]]("policy.counted", None, lambda text: ())


def note(
    bearer: Bearer,
    meter: Meter,
    key: str,
    count: float,
    limit: float,
    once: bool = False,
) -> None:
    """
    Note that something is to be counted, if its message is taken.

    @param bearer: the transaction, or a recipient, who has to be one in the end.
    @param limit: from which on it is too much.
    @param once: does it count once, however many of the recipients have it noted?  So
        is a message: any of them may be refused in the end, but for one.
    """
    added, before = _Note(meter, key, count, limit, once), bearer.stamp(_NOTES) or ()
    if not (once and any(_isSame(each, added) for each in before)):
        bearer.stamps[_NOTES] = (*before, added)


def _isSame(one: _Note, other: _Note) -> bool:
    return one.once and one.meter.name == other.meter.name and one.key == other.key


def noted(envelope: Envelope, meter: Meter, key: str) -> float:
    """How much of the same is noted already."""
    return sum(
        each.count
        for each in _all(envelope)
        if each.meter.name == meter.name and each.key == key
    )


def count(envelope: Envelope, rates: Rates) -> None:
    """Its message was taken: count what was noted."""
    for each in _all(envelope):
        rates.count(each.meter, each.key, each.count, each.limit)


def _all(envelope: Envelope) -> Iterator[_Note]:
    bearers: list[Bearer] = [envelope, *envelope.recipients]
    seen: set[tuple[str, str]] = set()
    for bearer in bearers:
        for each in bearer.stamp(_NOTES) or ():
            place = each.meter.name, each.key
            if each.once and place in seen:
                continue
            if each.once:
                seen.add(place)
            yield each


__all__ = ["count", "note", "noted"]
