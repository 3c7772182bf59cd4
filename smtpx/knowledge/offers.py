"""
Which clients were offered PIPECONNECT: they may talk before they are greeted, and go on
doing so for as long as they remember it, whatever became of us in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from zope.interface import implementer

from ..extensions.pipeconnect import IOffers
from .interfaces import IPeerKnowledge
from .kinds import OFFER, Shelf

#: How long it counts that somebody was offered it, in seconds: longer than clients
#: remember it, which ask again within days or weeks.
KEPT_SECONDS = 60 * 86400.0

#: How often the same is noted again, in seconds.
_AGAIN_SECONDS = 86400.0


class News(Protocol):
    """
    Networks of late, for all processes of a server
    (L{smtpx.joint.recent.Recent}).
    """

    def note(self, key: bytes) -> None:
        """Have all of them know it, at once."""

    def known(self, key: bytes) -> bool:
        """Was it noted, by any of them?"""


@implementer(IOffers)
class KnownOffers:
    """
    Remembers them across restarts, and with all processes of a server.

    What a process finds out the others read in the file of peer knowledge a second
    later; a client may come to another one sooner than that.
    """

    def __init__(
        self,
        knowledge: IPeerKnowledge,
        now: Callable[[], float],
        news: News | None = None,
    ) -> None:
        """
        @param knowledge: where to.
        @param now: seconds since the epoch.
        @param news: tells the other processes at once; L{None}: there are none.
        """
        self._shelf = Shelf(knowledge, OFFER)
        self._now = now
        self._news = news

    def note(self, network: bytes) -> None:
        """See L{IOffers}."""
        now, at = self._now(), self._shelf.recall(network)
        if at is None and self._news is not None:
            self._news.note(network)
        if at is None or now - at >= _AGAIN_SECONDS:
            self._shelf.remember(network, now, now, now + KEPT_SECONDS)

    def known(self, network: bytes) -> bool:
        """See L{IOffers}."""
        if self._shelf.recall(network) is not None:
            return True
        return self._news is not None and self._news.known(network)


__all__ = ["KEPT_SECONDS", "KnownOffers", "News"]
