"""
Points in time as they stand in SMTP parameters (RFC 3339 section 5.6)::

    date-time = full-date "T" partial-time time-offset
    partial-time = 2DIGIT ":" 2DIGIT ":" 2DIGIT ["." 1*DIGIT]
    time-offset = "Z" / ("+" / "-") 2DIGIT ":" 2DIGIT

Several extensions have them; each says for itself what it takes of this.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from .errors import Malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DATE_TIME = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?"
    rb"(?:[Zz]|([+-])(\d\d):(\d\d))"
).fullmatch


def parseTimestamp(text: bytes) -> int:
    """
    Read a C{date-time}.

    @return: in seconds since the epoch.  A fraction of a second counts as a whole
        one, so that it is never before the time that was meant; a leap second is
        the one that follows.
    @raise Malformed: it is none.
    """
    found = _DATE_TIME(text)
    if found is None:
        raise Malformed("wants a date and time")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    leap = second == 60
    try:
        when = datetime(year, month, day, hour, minute, second - leap, tzinfo=UTC)
    except ValueError:
        raise Malformed("there is no such date or time") from None
    fraction, sign, hours, minutes = found.groups()[6:]
    seconds = (when - _EPOCH) // timedelta(seconds=1) + leap
    if fraction is not None and fraction.strip(b".0"):
        seconds += 1
    if sign is None:
        return seconds
    if int(hours) > 23 or int(minutes) > 59:
        raise Malformed("there is no such time zone")
    offset = int(hours) * 3600 + int(minutes) * 60
    return seconds + (offset if sign == b"-" else -offset)


def renderTimestamp(seconds: float) -> bytes:
    """
    Write a C{date-time}, in UTC.

    @param seconds: since the epoch; a fraction is dropped.
    @raise OverflowError: it is not in the years 1 to 9999.
    """
    when = _EPOCH + timedelta(seconds=int(seconds // 1))
    # strftime pads years as the platform likes.
    return when.replace(tzinfo=None).isoformat("T").encode("ascii") + b"Z"


__all__ = ["parseTimestamp", "renderTimestamp"]
