"""
What rules do besides refusing (L{smtpx.policy.rules}): part of
L{smtpx.observe.events}, and its line in the main log.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import LogEvent, LogLevel

from .event import CLIENT, SESSION, Event
from .harmless import text, word

#: What a refusal has besides, where a rule refused.
RULED_OUT = {
    "rule": "the rule that refused it, if one did",
    "why": "what that rule has for the log, if it has anything",
}

RULED = Event(
    "policy.ruled",
    LogLevel.info,
    "{session}: {rule} at {stage}: {action} {why}",
    SESSION
    | CLIENT
    | {
        "rule": "what the rule is called",
        "stage": "when it was asked",
        "action": "what it decided: accept, discard, hold, quarantine or continue",
        "why": "what it has for the log; empty: nothing",
        "sender": "the reverse path of the transaction, if one has begun",
        "recipient": "at ``rcpt``: the recipient",
    },
)

#: What is said of an action; of others the rule only has something to say.
_DEEDS = {"discard": "discarded", "hold": "put on hold", "quarantine": "quarantined"}


def rulingLine(event: LogEvent, whence: Callable[[LogEvent], str]) -> str:
    """
    What the main log says, in Exim's words where it has any.

    @param whence: who the client is.
    """
    line = whence(event)
    if "sender" in event:
        line += f" F=<{word(event['sender'])}>"
    deed = _DEEDS.get(event["action"])
    line += " Warning" if deed is None else f" {deed} {_what(event)}"
    why = f": {text(event['why'])}" if event["why"] else ""
    return f"{line}{why} (rule {text(event['rule'])})"


def _what(event: LogEvent) -> str:
    if "recipient" in event:
        return f"RCPT <{word(event['recipient'])}>"
    return "after DATA" if event["stage"] == "message" else event["stage"].upper()


__all__ = ["RULED", "RULED_OUT", "rulingLine"]
