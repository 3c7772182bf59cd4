"""
What is told of look-ups in files and databases (L{smtpx.policy.lookups}): part of
L{smtpx.observe.events}.
"""

from __future__ import annotations

from twisted.logger import LogLevel

from .event import Event

LOOKUP_BROKEN = Event(
    "lookup.broken",
    LogLevel.error,
    "The look-up {lookup} cannot tell, and who asks is deferred: {why}",
    {
        "lookup": "what it is called",
        "why": "what is wrong with it, as a rule with the file",
    },
)

LOOKUP_WORKS = Event(
    "lookup.works",
    LogLevel.info,
    "The look-up {lookup} is of use again",
    {"lookup": "what it is called"},
)

__all__ = ["LOOKUP_BROKEN", "LOOKUP_WORKS"]
