"""
The events of messages that clients have named (RFC 1845): part of
L{smtpx.observe.events}.
"""

from __future__ import annotations

from twisted.logger import LogLevel

from .event import CLIENT, SESSION, Event

_NAMED = {
    "sender": "the reverse path; empty: the null sender",
    "recipients": "the forward paths",
}

REPEATED = Event(
    "message.repeated",
    LogLevel.info,
    "{session}: a message of {octets} octets came again from {address!r}, and was"
    " answered as the first time",
    SESSION | CLIENT | _NAMED | {"octets": "how long it is"},
)

RESUMED = Event(
    "message.resumed",
    LogLevel.info,
    "{session}: a message from {address!r} goes on behind {octets} octets",
    SESSION | CLIENT | _NAMED | {"octets": "how much of it was there"},
)

__all__ = ["REPEATED", "RESUMED"]
