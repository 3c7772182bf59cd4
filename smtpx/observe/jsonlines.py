"""
Events as JSON, one object a line: the log for programs.

Each line has C{time} (RFC 3339, UTC, milliseconds), C{level}, C{event}, and the
event's fields as L{smtpx.observe.events} declares them.  An event that is not of
our catalogue, from Twisted or another library, has C{text} instead of fields.

A line is plain ASCII: JSON's own escapes stand for everything else.  Octets that
are not UTF-8 appear as C{\\xNN}.
"""

from __future__ import annotations

import json
import time
from enum import Enum
from functools import lru_cache

from twisted.logger import ILogObserver, LogEvent, formatEvent
from zope.interface import implementer

from .files import LineFile
from .harmless import decoded


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds))


def timestamp(seconds: float) -> str:
    """
    A time as RFC 3339 has it, in UTC, cut to milliseconds.

    @param seconds: since the epoch.
    """
    whole, thousandths = divmod(int(seconds * 1000), 1000)
    return f"{_second(whole)}{thousandths:03d}Z"


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return decoded(value)
    if isinstance(value, Enum):
        return value.name.lower()
    return repr(value)


_encode = json.JSONEncoder(default=_plain, separators=(",", ":")).encode


def render(event: LogEvent) -> str:
    """One event as one line of JSON, without its line end."""
    out: dict[str, object] = {
        "time": timestamp(event["log_time"]),
        "level": event["log_level"].name,
    }
    if "event" in event:
        out["event"] = event["event"]
        for name, value in event.items():
            if name[:4] != "log_":
                # Most values are octets: this is faster than C{_plain}.
                out[name] = decoded(value) if type(value) is bytes else value
    else:
        out["event"] = event.get("log_namespace", "")
        out["text"] = formatEvent(event)
    return _encode(out)


@implementer(ILogObserver)
class JSONLines:
    """An observer that writes each event to a file, as a line of JSON."""

    def __init__(self, file: LineFile) -> None:
        self._file = file

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        self._file.write(render(event).encode("ascii") + b"\n")
