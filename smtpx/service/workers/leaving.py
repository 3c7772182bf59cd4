"""
How long a worker may take to leave.
"""

from __future__ import annotations

from ...queue.delivery import Bounds
from ..config import Configuration

#: For what has no limit of its own: to put files and databases away, in seconds.
_PUT_AWAY_SECONDS = 10.0

#: How long a worker may take whose server is gone: another server may be started at
#: once, and wants its spool.
FORSAKEN_SECONDS = 5.0


def leaveSeconds(configuration: Configuration) -> float:
    """
    How long a worker may take, once it is told to leave, before it is ended: as long
    as sessions and deliveries that are under way are waited for, and some more.
    """
    sessions = configuration.limits.bounds.closeSeconds
    deliveries = Bounds().graceSeconds
    return sessions + deliveries + _PUT_AWAY_SECONDS


__all__ = ["FORSAKEN_SECONDS", "leaveSeconds"]
