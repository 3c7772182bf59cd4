"""
Which clients were offered PIPECONNECT: they may talk before they are greeted, and go on
doing so for as long as they remember it, whatever became of us in between.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from ..extensions.pipeconnect import IOffers
from .interfaces import IPeerKnowledge
from .kinds import OFFER, Shelf

#: How long it counts that somebody was offered it, in seconds: longer than clients
#: remember it, which ask again within days or weeks.
KEPT_SECONDS = 60 * 86400.0

#: How often the same is noted again, in seconds.
_AGAIN_SECONDS = 86400.0


@implementer(IOffers)
class KnownOffers:
    """Remembers them across restarts, and with all processes of a server."""

    def __init__(self, knowledge: IPeerKnowledge, now: Callable[[], float]) -> None:
        """
        @param knowledge: where to.
        @param now: seconds since the epoch.
        """
        self._shelf = Shelf(knowledge, OFFER)
        self._now = now

    def note(self, network: bytes) -> None:
        """See L{IOffers}."""
        now, at = self._now(), self._shelf.recall(network)
        if at is None or now - at >= _AGAIN_SECONDS:
            self._shelf.remember(network, now, now, now + KEPT_SECONDS)

    def known(self, network: bytes) -> bool:
        """See L{IOffers}."""
        return self._shelf.recall(network) is not None


__all__ = ["KEPT_SECONDS", "KnownOffers"]
