"""
A L{Status} as JSON: the status page for programs.

Names are those of L{smtpx.observe.watch}; times are seconds since the epoch.  What
peers said comes as L{smtpx.observe.harmless.visible} shows it.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import attrs

from ..harmless import visible
from ..watch import Status


def _serialised(instance: object, field: object, value: object) -> object:
    if isinstance(value, bytes):
        return visible(value)
    if isinstance(value, datetime):
        return value.timestamp()
    return str(value) if isinstance(value, Path) else value


def statusJSON(status: Status) -> bytes:
    """Write it down."""
    values = attrs.asdict(status, value_serializer=_serialised)
    return json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n"
