"""
Sizes and durations in words: C{"50 MiB"}, C{"1 h 30 min"}.

A bare number is always octets or seconds, as the option's name says; the words
are for people.  Only units with one meaning are taken: C{"50 M"} could be two
sizes, so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

OCTETS: Mapping[str, int] = {
    "octets": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}

SECONDS: Mapping[str, float] = {
    "ms": 0.001,
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
}

_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")


def parseOctets(text: str) -> int:
    """
    Read a size.

    @param text: a number and a unit of L{OCTETS}.
    @return: octets.
    @raise ValueError: anything else, or not a whole number of octets; the
        message says what is wanted.
    """
    match = _PART.fullmatch(text)
    if match is None or match[2] not in OCTETS:
        units = ", ".join(OCTETS)
        raise ValueError(f'expected a size such as "50 MiB" (units: {units})')
    size = float(match[1]) * OCTETS[match[2]]
    if "." not in match[1]:
        return int(match[1]) * OCTETS[match[2]]
    if not size.is_integer():
        raise ValueError("expected a whole number of octets")
    return int(size)


def renderOctets(octets: int) -> str:
    """
    The inverse of L{parseOctets}, in the largest unit that divides it.

    @param octets: at least 0.
    """
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if octets and octets % OCTETS[unit] == 0:
            return f"{octets // OCTETS[unit]} {unit}"
    return f"{octets} octets"


def parseSeconds(text: str) -> float:
    """
    Read a duration.

    @param text: one or more numbers, each with a unit of L{SECONDS}.
    @return: seconds.
    @raise ValueError: anything else; the message says what is wanted.
    """
    at, seconds = 0, 0.0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or match[2] not in SECONDS:
            break
        seconds += float(match[1]) * SECONDS[match[2]]
        at = match.end()
    if at == 0 or at < len(text):
        units = ", ".join(SECONDS)
        raise ValueError(f'expected a duration such as "5 min" (units: {units})')
    return seconds


def renderSeconds(seconds: float) -> str:
    """
    The inverse of L{parseSeconds}, in the largest unit that divides it.

    @param seconds: at least 0.
    """
    for unit in ("w", "d", "h", "min"):
        if seconds and seconds % SECONDS[unit] == 0:
            return f"{int(seconds // SECONDS[unit])} {unit}"
    if float(seconds).is_integer():
        return f"{int(seconds)} s"
    return f"{seconds:f} s"


def spellSeconds(seconds: float) -> str:
    """
    About how long it is, for people: C{1 h 30 min}; L{parseSeconds} reads it.

    @param seconds: at least 0.
    """
    rest = round(seconds)
    parts = []
    for unit in ("d", "h", "min", "s"):
        count, rest = divmod(rest, int(SECONDS[unit]))
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
