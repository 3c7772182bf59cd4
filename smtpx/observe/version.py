"""
Which smtpx this is.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def ownVersion() -> str:
    """The version that is installed; empty: it runs without being installed."""
    try:
        return version("smtpx")
    except PackageNotFoundError:
        return ""
