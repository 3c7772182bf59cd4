"""
What packets tell of a session: who spoke when, and when the final answer came.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, frozen

from ..interop.apart import Packet

#: A flight with more than that has the message in it, in octets.
_BODY_OCTETS = 300


@frozen
class Exchange:
    """
    One connection.

    @ivar trips: until the final 250 has arrived, in round trips.
    @ivar flights: when the sender talked, in round trips, and how many octets.
    @ivar inSYN: how many octets left with the SYN.
    @ivar packets: how many there were, both ways.
    """

    trips: float
    flights: tuple[tuple[float, int], ...]
    inSYN: int
    packets: int


def exchanges(
    packets: Sequence[Packet], port: int, tripSeconds: float
) -> list[Exchange]:
    """
    What there was with a port of the far end, that a message went over.

    @param tripSeconds: of a round trip.
    """
    connections: dict[int, list[Packet]] = {}
    for packet in packets:
        if packet.far == port:
            connections.setdefault(packet.near, []).append(packet)
    found = [_exchange(each, tripSeconds) for each in connections.values()]
    return [each for each in found if each is not None]


def _exchange(packets: Sequence[Packet], tripSeconds: float) -> Exchange | None:
    opening = next((each for each in packets if each.outgoing and each.syn), None)
    if opening is None:
        return None
    began, bursts = opening.seconds, _bursts(packets, tripSeconds)
    carrying = [each for each in bursts if each.octets >= _BODY_OCTETS]
    if not carrying:
        return None
    last = carrying[-1].ended
    # An answer takes a round trip; one to the goodbye behind it takes two.
    answers = [
        packet.seconds + tripSeconds / 2
        for packet in packets
        if not packet.outgoing and packet.payload
    ]
    least, most = last + 0.9 * tripSeconds, last + 1.7 * tripSeconds
    within = [at for at in answers if least <= at <= most]
    later = [at for at in answers if at > most]
    if not within and not later:
        return None
    final = within[-1] if within else later[0]
    return Exchange(
        (final - began) / tripSeconds,
        tuple(((each.began - began) / tripSeconds, each.octets) for each in bursts),
        len(opening.payload),
        len(packets),
    )


@define
class _Burst:
    """What a sender said at a time."""

    began: float
    ended: float
    octets: int


def _bursts(packets: Sequence[Packet], tripSeconds: float) -> list[_Burst]:
    """What the sender said, without what was sent again."""
    bursts: list[_Burst] = []
    seen: set[int] = set()
    for packet in packets:
        if not packet.outgoing or not packet.payload or packet.number in seen:
            continue
        seen.add(packet.number)
        if bursts and packet.seconds - bursts[-1].ended < 0.35 * tripSeconds:
            bursts[-1].ended = packet.seconds
            bursts[-1].octets += len(packet.payload)
        else:
            octets = len(packet.payload)
            bursts.append(_Burst(packet.seconds, packet.seconds, octets))
    return bursts


__all__ = ["Exchange", "exchanges"]
