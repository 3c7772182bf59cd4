"""
Which hosts offer CHUNKING and cannot do it.

A connection may break at any time, so once says nothing.  A host that stalled or went
away in the middle of chunks twice, with no session in between in which it did not,
gets its mail by DATA for a day; if it does so again after that, for two days, four and
so on.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from ..core.hooks import Target
from ..extensions.chunking import IChunkMemory
from .hints import EXPIRE_SECONDS
from .interfaces import IPeerKnowledge
from .kinds import CHUNKS, ChunkTrouble, Shelf
from .names import hostName

#: How often in a row is too often, and how long a host is sent no chunks then, in
#: seconds.
_FAILURES_MOST, _FIRST_QUIET = 2, 86400.0


@implementer(IChunkMemory)
class ChunkMemory:
    """Remembers hosts that stalled or went away in the middle of chunks."""

    def __init__(
        self,
        knowledge: IPeerKnowledge,
        now: Callable[[], float],
        expireSeconds: float = EXPIRE_SECONDS,
    ) -> None:
        """
        @param knowledge: where to.
        @param now: seconds since the epoch.
        @param expireSeconds: how long it counts that a host failed.
        """
        self._shelf = Shelf(knowledge, CHUNKS)
        self._now = now
        self._expireSeconds = expireSeconds

    def trusted(self, target: Target) -> bool:
        """See L{IChunkMemory}."""
        trouble = self._shelf.recall(_name(target))
        return trouble is None or trouble.quiet <= self._now()

    def failed(self, target: Target) -> None:
        """See L{IChunkMemory}."""
        name, now = _name(target), self._now()
        before = self._shelf.recall(name)
        failures = 1 if before is None else before.failures + 1
        quiet, more = 0.0, failures - _FAILURES_MOST
        if more >= 0:
            quiet = now + min(_FIRST_QUIET * 2.0 ** min(more, 30), self._expireSeconds)
        trouble = ChunkTrouble(now, failures, quiet)
        self._shelf.remember(name, trouble, now, now + self._expireSeconds)

    def succeeded(self, target: Target) -> None:
        """See L{IChunkMemory}."""
        name = _name(target)
        if self._shelf.recall(name) is not None:
            self._shelf.forget(name)


def _name(target: Target) -> bytes:
    return hostName(target.host, target.address, target.port)


__all__ = ["ChunkMemory"]
