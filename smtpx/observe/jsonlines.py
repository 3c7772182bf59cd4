"""
Events as JSON, one object a line: the log for programs.

Each line has C{time} (RFC 3339, UTC, milliseconds), C{level}, C{event}, and the
event's fields as L{smtpx.observe.events} declares them.  An event that is not of
our catalogue, from Twisted or another library, has C{text} instead of fields.

A line is plain ASCII: JSON's own escapes stand for everything else.  Octets that
are not UTF-8 appear as C{\\xNN}.

Of events that are like the one before, the line is kept, and only what is new is put
into it (L{smtpx.observe.brief}).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from json.encoder import encode_basestring_ascii

from twisted.logger import ILogObserver, LogEvent, formatEvent
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.reply import Reply
from ..spool.format import Outcome, SpooledMessage
from . import events
from .brief import OF_A_DELIVERY, OF_AN_ARRIVAL, OF_AN_END, Brief, IBriefed
from .event import Event
from .facts import codeFields
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


#: The fields that change, by event.
_CHANGING = {
    events.ACCEPTED: OF_AN_ARRIVAL,
    events.DELIVERED: OF_A_DELIVERY,
    events.COMPLETED: OF_AN_END,
}


def _pieces(
    event: Event, fields: dict[str, object]
) -> tuple[list[tuple[str, str]], str]:
    """
    An event like others, as JSON.

    @param fields: of one of them.
    @return: the fields that change, each behind the text before its value, first of all
        the time; and the text behind the last.
    """
    changing = _CHANGING[event]
    text = '{"time":'
    found: list[tuple[str, str]] = []
    like: dict[str, object] = {"time": "", "level": event.level.name}
    like["event"] = event.name
    for name, value in (like | fields).items():
        if name[:4] == "log_" or name == "status":
            # The one is not shown, the other goes with the code.
            continue
        if name == "time" or name in changing:
            found.append((text if name == "time" else f'{text},"{name}":', name))
            text = ""
        else:
            shown = decoded(value) if type(value) is bytes else value
            text += f',"{name}":{_encode(shown)}'
    return found, text + "}\n"


def _said(octets: bytes) -> str:
    return encode_basestring_ascii(decoded(octets))


def _micro(seconds: float) -> str:
    """Seconds to the microsecond, as C{repr} has them, which takes longer."""
    micros = round(seconds * 1e6)
    if micros < 100:
        # It may have an exponent, or a sign.
        return repr(micros / 1e6)
    whole, rest = divmod(micros, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else f"{whole}.0"


@lru_cache(maxsize=64)
def _codes(code: int, status: tuple[int, int, int] | None) -> str:
    """The value of C{code}, with the status behind it, if there is one."""
    return _encode(codeFields(Reply(code, status, ())))[8:-1]


@implementer(ILogObserver, IBriefed)
class JSONLines:
    """An observer that writes each event to a file, as a line of JSON."""

    def __init__(self, file: LineFile) -> None:
        self._file = file

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        self._file.write(render(event).encode("ascii") + b"\n")

    def brief(self, event: Event, fields: dict[str, object]) -> Brief | None:
        """See L{IBriefed}."""
        pieces, rest = _pieces(event, fields)
        write = self._file.write

        def put(values: dict[str, str]) -> None:
            line = "".join([text + values[name] for text, name in pieces])
            write(f"{line}{rest}".encode())

        if event is events.ACCEPTED:
            return _accepted(put)
        return _delivered(put) if event is events.DELIVERED else _completed(put)


_Put = Callable[[dict[str, str]], None]


def _accepted(put: _Put) -> Brief:
    def tell(now: float, id: str, envelope: Envelope, messageID: bytes | None) -> None:
        recipients = ",".join([_said(each.path) for each in envelope.recipients])
        values = {
            "time": f'"{timestamp(now)}"',
            "message": f'"{id}"',
            "sender": _said(envelope.sender),
            "recipients": f"[{recipients}]",
            "octets": str(envelope.octets),
            "seconds": _micro(now - envelope.arrived),
        }
        if messageID is not None:
            values["messageID"] = _said(messageID)
        put(values)

    return tell


def _delivered(put: _Put) -> Brief:
    def tell(
        now: float,
        message: SpooledMessage,
        path: bytes,
        outcome: Outcome,
        took: float,
    ) -> None:
        envelope, reply = message.envelope, outcome.reply
        values = {
            "time": f'"{timestamp(now)}"',
            "message": f'"{message.id}"',
            "recipient": _said(path),
            "sender": _said(envelope.sender),
            "octets": str(envelope.octets),
            "text": encode_basestring_ascii(outcome.text),
            "seconds": _micro(now - message.arrived),
            "took": _micro(took),
        }
        if reply is not None:
            values["reply"] = _said(reply.octets[:-2])
            values["code"] = _codes(reply.code, reply.status)
        put(values)

    return tell


def _completed(put: _Put) -> Brief:
    def tell(now: float, message: SpooledMessage) -> None:
        put(
            {
                "time": f'"{timestamp(now)}"',
                "message": f'"{message.id}"',
                "seconds": _micro(now - message.arrived),
            }
        )

    return tell
