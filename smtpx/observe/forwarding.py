"""
The events of senders that are rewritten (SRS): part of L{smtpx.observe.events}.
"""

from __future__ import annotations

from twisted.logger import LogLevel

from .event import Event

SENDER_KEPT = Event(
    "sender.kept",
    LogLevel.warn,
    "{message}: goes to {recipient!r} with its own sender, {sender!r}, which cannot be"
    " rewritten: {why}",
    {
        "message": "its id",
        "sender": "the reverse path",
        "recipient": "whom it is forwarded to; of several, the first",
        "why": "what is wrong with the sender",
    },
)

SECRETS_READ = Event(
    "srs.secrets_read",
    LogLevel.info,
    "Senders are rewritten with new secrets, of {file}",
    {"file": "the file with them"},
)

SECRETS_KEPT = Event(
    "srs.secrets_kept",
    LogLevel.error,
    "The secrets that senders are rewritten with stay as they were: {why}",
    {"why": "what is wrong with the file"},
)

__all__ = ["SECRETS_KEPT", "SECRETS_READ", "SENDER_KEPT"]
