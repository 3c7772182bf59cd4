"""
What milters do (L{smtpx.policy.milter}): part of L{smtpx.observe.events}, its lines in
the main log, and how it is counted.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import LogEvent, LogLevel

from .event import CLIENT, SESSION, Event
from .harmless import text, word

MILTER_DID = Event(
    "milter.did",
    LogLevel.info,
    "{session}: milter {milter} at {stage}: {what} {why}",
    SESSION
    | CLIENT
    | {
        "milter": "what it is called",
        "stage": "what it was told last, such as ``rcpt`` or ``end of message``",
        "what": "what it did: ``refused``, ``discarded`` or ``changed``",
        "why": "what the client is told, or what is changed; empty: nothing",
        "sender": "the reverse path of the transaction, if one has begun",
    },
)

MILTER_AWAY = Event(
    "milter.away",
    LogLevel.warn,
    "{session}: milter {milter} cannot be asked at {stage}: {why}",
    SESSION
    | CLIENT
    | {
        "milter": "what it is called",
        "stage": "what it was to be told",
        "why": "why it cannot be asked in this session any more",
        "sender": "the reverse path of the transaction, if one has begun",
    },
)


def milterLine(event: LogEvent, whence: Callable[[LogEvent], str]) -> str | None:
    """
    What the main log says.

    @param whence: who the client is.
    @return: L{None}: nothing, for what is refused has a line of its own.
    """
    if event["event"] == MILTER_DID.name and event["what"] == "refused":
        return None
    line = whence(event)
    if "sender" in event:
        line += f" F=<{word(event['sender'])}>"
    milter, stage = text(event["milter"]), text(event["stage"])
    if event["event"] == MILTER_AWAY.name:
        return f"{line} milter {milter} away at {stage}: {text(event['why'])}"
    why = f": {text(event['why'])}" if event["why"] else ""
    return f"{line} milter {milter} {event['what']} at {stage}{why}"


__all__ = ["MILTER_AWAY", "MILTER_DID", "milterLine"]
