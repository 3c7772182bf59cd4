"""
What the event of a delivery tells of TLS with the host: who asked for what, what
certificate was shown, and what that came to.
"""

from __future__ import annotations

from collections.abc import Mapping

from .harmless import line as plainly


def demandsOf(event: Mapping[str, object]) -> tuple[str, ...]:
    """Who asked for what, and why; empty: nobody did, or it does not say."""
    demands = event.get("demands")
    if not isinstance(demands, list):
        return ()
    return tuple(plainly(each) for each in demands if isinstance(each, str))


def shownOf(event: Mapping[str, object]) -> str:
    """
    What was shown to whoever asked for something, and what that came to.

    @return: empty: nobody asked for anything, or the connection was in the clear.
    """
    if "verified" not in event or not demandsOf(event):
        return ""
    subject = _text(event, "subject")
    shown = f"a certificate ({subject})" if subject else "no certificate"
    version = _text(event, "version").replace("v", " ")
    came = _text(event, "proof") or _text(event, "problem")
    return f"{shown} under {version}" + (f": {came}" if came else "")


def _text(event: Mapping[str, object], name: str) -> str:
    value = event.get(name, "")
    return plainly(value) if isinstance(value, str) else ""


__all__ = ["demandsOf", "shownOf"]
