"""
What logs tell of the opinions of checkers (L{smtpx.policy.checkers}): part of
L{smtpx.observe.events}, and its line in the main log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from twisted.logger import LogEvent, LogLevel

from .event import CLIENT, SESSION, Event
from .harmless import text

_FIELDS = (
    SESSION
    | CLIENT
    | {
        "checker": "what it is called in the configuration",
        "state": "how far it came: ``known``, ``too_large``, ``away``, ``slow`` or"
        " ``broken``",
        "seconds": "how long it took, from the message's end on",
        "sender": "the reverse path of the transaction",
        "message": "the spool's id of the message; empty: it has none",
    }
)

OPINION = Event(
    "checker.opinion",
    LogLevel.info,
    "{session}: {checker}: {state} {found}",
    _FIELDS | {"found": "what it has found, by the names of the variables"},
)

NO_OPINION = Event(
    "checker.failed",
    LogLevel.warn,
    "{session}: {checker}: {state}: {why}",
    _FIELDS | {"why": "what went wrong"},
)


def opinionLine(event: LogEvent, whence: Callable[[LogEvent], str]) -> str:
    """
    What the main log says of one that was found to be bad, or of which there is no
    opinion.

    @param whence: who the client is.
    @return: empty: nothing is to be said.
    """
    if event["event"] == NO_OPINION.name:
        said = f"{event['state'].replace('_', ' ')}: {text(event['why'])}"
    else:
        said = _verdict(cast("Mapping[str, object]", event["found"]))
    if not said:
        return ""
    return f"{event['message']} {whence(event)} {text(event['checker'])}: {said}"


def verdictOf(event: LogEvent) -> str:
    """What metrics count an opinion as."""
    found = event.get("found", {})
    if found.get("malware_name") is not None:
        return "malware"
    return "spam" if found.get("spam") is True else str(event["state"])


def _verdict(found: Mapping[str, object]) -> str:
    malware = found.get("malware_name")
    if malware is not None:
        return f"malware {text(str(malware))}"
    if found.get("spam") is True:
        return f"spam, score {found.get('spam_score')}"
    return ""


__all__ = ["NO_OPINION", "OPINION", "opinionLine", "verdictOf"]
