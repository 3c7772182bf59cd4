"""
What requests about the queue have in common: that they say nothing that is not known,
and which messages they mean.
"""

from __future__ import annotations

from ...core.errors import Malformed
from ...queue.interfaces import Selection
from .exchange import Exchange, Refused
from .values import selectionOf
from .wire import Kind


def checkKnown(exchange: Exchange, *names: str) -> None:
    """
    @raise Malformed: a request says something that is not known: it may be that
        what it means is less than what would be done.
    """
    for name in exchange.fields:
        if name not in ("id", "do", *names):
            known = ", ".join(names)
            raise Malformed(f"there is no {name!r:.80} in this request: {known}")


def onlySelection(exchange: Exchange, *names: str) -> Selection:
    """
    The selection of a request that says nothing else.

    @raise Malformed: it does, or it is no selection.
    """
    checkKnown(exchange, *names)
    return selectionOf(exchange.fields.get("selection"))


def meantSelection(exchange: Exchange, *names: str) -> Selection:
    """
    The selection of a request that changes something: an empty one is all there is,
    and none at all is a mistake.

    @raise Malformed: there is none, or the request says something else.
    """
    if exchange.fields.get("selection") is None:
        raise Malformed("selection: which messages?  An empty object is all")
    return onlySelection(exchange, "selection", *names)


def missing(id: str) -> Refused:
    """What to raise where there is no such message."""
    return Refused(Kind.MISSING, f"there is no message {id}")


__all__ = ["checkKnown", "meantSelection", "missing", "onlySelection"]
