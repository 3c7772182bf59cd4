"""
Bodies in memory, and messages on their way into L{smtpx.testing.spool.MemorySpool}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.errors import UsageError
from ..core.interfaces import IBody
from ..spool.interfaces import IIncoming, SpoolBroken, SpoolFull

#: The longest piece of a body, as L{IBody} promises.
PIECE_OCTETS = 65_536


@implementer(IBody)
@frozen
class MemoryBody:
    """
    A body that is all in memory.

    @ivar whole: the body.
    """

    whole: bytes

    @property
    def octets(self) -> int:
        """Its length, in octets."""
        return len(self.whole)

    def pieces(self) -> Iterator[bytes]:
        """The body from its start, in pieces of at most 64 KiB."""
        for start in range(0, len(self.whole), PIECE_OCTETS):
            yield self.whole[start : start + PIECE_OCTETS]


@implementer(IIncoming)
class MemoryIncoming:
    """A message on its way into a spool in memory."""

    def __init__(
        self,
        id: str,
        check: Callable[[], None],
        take: Callable[[str, bytes, Envelope, bytes, bool | str], None],
    ) -> None:
        """
        @param check: raises where nothing can be taken now.
        @param take: takes the message: id, body, envelope, prefix, and whether it
            is on hold.
        """
        self.id = id
        self.octets = 0
        self.producer: IProducer | None = None
        self._check = check
        self._take = take
        self._pieces: list[bytes] = []
        self._over = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Note who sends.  Memory always keeps up, so nobody is ever paused.

        @raise UsageError: somebody is registered already.
        """
        if self.producer is not None:
            raise UsageError("a producer is registered already")
        self.producer = producer

    def reread(self) -> Iterator[bytes]:
        """What there is of it."""
        return iter(self._pieces)

    def unregisterProducer(self) -> None:
        """Forget who sends."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """
        Take a piece of the body.

        @raise UsageError: it was committed or aborted.
        """
        if self._over:
            raise UsageError(f"{self.id} is over")
        self._pieces.append(bytes(data))
        self.octets += len(data)

    def commit(
        self, envelope: Envelope, prefix: bytes, hold: bool | str
    ) -> Deferred[None]:
        """
        The body is whole: it is in the spool from now on.

        @raise UsageError: it was committed or aborted.
        """
        if self._over:
            raise UsageError(f"{self.id} is over")
        self._over = True
        try:
            self._check()
        except (SpoolFull, SpoolBroken) as error:
            return fail(error)
        body = b"".join(self._pieces)
        self._take(self.id, body, envelope, prefix, hold)
        return succeed(None)

    def abort(self) -> None:
        """Forget it.  Does nothing after C{commit}."""
        self._over = True
        self._pieces.clear()


__all__ = ["PIECE_OCTETS", "MemoryBody", "MemoryIncoming"]
