"""
The event of an account that does too much (L{smtpx.policy.strangers.alerts}): part of
L{smtpx.observe.events}, and its line in the main log.
"""

from __future__ import annotations

from twisted.logger import LogEvent, LogLevel

from .event import Event
from .harmless import text

ALERTED = Event(
    "policy.alert",
    LogLevel.warn,
    "The {per} {account!r} does too much: {rate} of {limit} {what} in {period}",
    {
        "per": "what kind of account it is: ``user``, ``client``, or whatever the rate"
        " is per",
        "account": "which",
        "what": "what is counted: ``messages``, ``recipients`` and so on",
        "rate": "how much it is in a period",
        "limit": "from which on it is too much",
        "period": "how long the period is, such as ``1h``",
        "meter": "what the rate is called",
        "clients": "the addresses that it comes from, with how often",
    },
)


def alertLine(event: LogEvent) -> str:
    """What the main log says."""
    clients = " ".join(address for address, _ in event["clients"])
    return (
        f"Alert: {text(event['per'])} {text(event['account'])}:"
        f" {event['rate']:.1f} of {event['limit']} {event['what']}"
        f" in {event['period']}, from {text(clients)}"
    )


__all__ = ["ALERTED", "alertLine"]
