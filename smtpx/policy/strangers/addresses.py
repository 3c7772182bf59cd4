"""
How the greylist tells senders and recipients apart.

Senders are written so that a host that gives each message another one is known again
all the same: what stands behind a C{+}, the signatures of BATV and SRS, and all numbers
of their local parts are left out.
"""

from __future__ import annotations

import re

from ...core.address import domainOf, localPartOf

#: How long a sender or recipient is that is told apart, in characters.
_NAME_MOST = 320

_NUMBER = re.compile(r"[0-9]+")
_BATV = re.compile(r"prvs=[^=]*=(.+)", re.IGNORECASE)
_SRS = re.compile(r"(srs[01])[-+=][^=]*=(?:[^=]*=)?(.+)", re.IGNORECASE)


def senderName(path: bytes) -> str:
    """A sender, as it is told apart; empty: the null sender."""
    if not path:
        return ""
    local = _text(localPartOf(path))
    signed = _BATV.fullmatch(local)
    if signed is not None:
        local = signed[1]
    rewritten = _SRS.fullmatch(local)
    if rewritten is not None:
        local = f"{rewritten[1]}={rewritten[2]}"
    local = local.partition("+")[0] or local
    return f"{_NUMBER.sub('#', local)}@{_text(domainOf(path))}".lower()[:_NAME_MOST]


def recipientName(path: bytes) -> str:
    """A recipient, as it is told apart."""
    return _text(path).lower()[:_NAME_MOST]


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


__all__ = ["recipientName", "senderName"]
