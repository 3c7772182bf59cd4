"""
What each worker has of a bound that is for the whole server.

Bounds that are divided here hold for all workers together, where they are no less than
the number of workers; each may do one at a time in any case.
L{smtpx.service.boundcautions} tells the operator so.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ..config import Configuration
from .worker import Worker

#: The bounds that are divided, by table and attribute.
DIVIDED = (
    ("queue", "messagesMax"),
    ("queue", "messagesOctets"),
    ("queue", "deliveriesMax"),
    ("relay", "recipientsAtOnce"),
    ("users", "checksWaiting"),
    ("checkers", "atOnceMax"),
    ("milters", "connectionsMax"),
    ("dcc", "atOnceMax"),
    ("bmi", "atOnceMax"),
    ("dmarc", "forensicPerHour"),
    ("dns", "atOnceMax"),
    ("dns", "cacheMax"),
    ("trace", "sessionsMax"),
    ("trace", "perMinuteMax"),
)


def partOf(configuration: Configuration, worker: Worker) -> Configuration:
    """
    The configuration as a worker goes by it; its own, where there is only one.
    """
    if worker.count == 1:
        return configuration
    for table, name in DIVIDED:
        found = getattr(configuration, table)
        if isinstance(found, tuple):
            part: Any = tuple(_divided(each, name, worker) for each in found)
        else:
            part = _divided(found, name, worker)
        configuration = evolve(configuration, **{table: part})
    return configuration


def _divided(table: Any, name: str, worker: Worker) -> Any:
    most = getattr(table, name)
    # Nothing at all stays that.
    return evolve(table, **{name: worker.share(most)}) if most else table


__all__ = ["DIVIDED", "partOf"]
