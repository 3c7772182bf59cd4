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
    """

    meter: Meter
    key: str
    count: float
    limit: float


#: Not for the spool.
_NOTES = Stamp[tuple[_Note, ...]]("policy.counted", None, lambda text: ())


def note(bearer: Bearer, meter: Meter, key: str, count: float, limit: float) -> None:
    """
    Note that something is to be counted, if its message is taken.

    @param bearer: the transaction, or a recipient, who has to be one in the end.
    @param limit: from which on it is too much.
    """
    added = _Note(meter, key, count, limit)
    bearer.stamps[_NOTES] = (*(bearer.stamp(_NOTES) or ()), added)


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
    for bearer in bearers:
        yield from bearer.stamp(_NOTES) or ()


__all__ = ["count", "note", "noted"]
