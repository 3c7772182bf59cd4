"""
Which hosts are believed when they offer CHUNKING.

Those on the route's list, and of these none that has stalled or gone away in the
middle of chunks time and again (L{smtpx.extensions.chunking.IChunkMemory}): there are
hosts, and boxes on the way to them, that offer what they cannot do.  Mail goes to
them by DATA, then, as to any host that does not offer it.
"""

from __future__ import annotations

from ..core.client import ClientConnection
from ..core.effects import Awaited
from ..core.envelope import Stamp
from ..core.hooks import Target
from ..extensions.chunking import CAPABILITY, IChunkMemory, answeredChunks, chunked
from .sending import Way

#: What is waited for while a message is under way; in one flight with the commands
#: before it, even the reply to the first of them.
_UNDER_WAY = frozenset({Awaited.MAIL, Awaited.RCPT, Awaited.BODY, Awaited.FINAL})

#: On a client's session: did it break in the middle of chunks?
_BROKEN = Stamp[bool]("chunk-hosts-broken", None, bool)


class ChunkHosts:
    """Tells which hosts are not believed, and learns which those are."""

    def __init__(self, memory: IChunkMemory | None = None) -> None:
        """
        @param memory: L{None}: nothing is learnt.
        """
        self._memory = memory

    def ignored(self, target: Target, way: Way) -> frozenset[bytes]:
        """
        The keywords of EHLO that a host is not believed, CHUNKING perhaps among
        them.
        """
        hosts, memory = way.chunkingHosts, self._memory
        listed = hosts is None or hosts.matches(target.address, (target.host,))
        if listed and (memory is None or memory.trusted(target)):
            return way.ignored
        return way.ignored | {CAPABILITY.keyword}

    def broken(self, core: ClientConnection) -> None:
        """
        A host has gone, or fallen silent, while something was under way.

        @param core: before it is told.
        """
        memory = self._memory
        if memory is not None and chunked(core) and core.awaited in _UNDER_WAY:
            core.stamps[_BROKEN] = True
            memory.failed(core.target)

    def ended(self, core: ClientConnection) -> None:
        """A connection is gone."""
        memory = self._memory
        if memory is None or _BROKEN in core.stamps:
            return
        if answeredChunks(core):
            memory.succeeded(core.target)


__all__ = ["ChunkHosts"]
