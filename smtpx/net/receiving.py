"""
Receivers for programs: a function that is called with each message.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine
from typing import IO, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.reply import OK, Reply
from .interfaces import IArrival, IReceiver, Taken

#: What a L{Taker} may give back; L{None} is "taken".  A reply for each recipient is for
#: sessions whose client can be told of them (C{tellEach}): those of LMTP.
Answer = Reply | tuple[Reply, ...] | None

#: A function of envelope and body, the latter an open file at its start, closed
#: when the function, or what it gives back, is done.
Taker = Callable[
    [Envelope, IO[bytes]],
    "Answer | Deferred[Answer] | Coroutine[Deferred[Any], Any, Answer]",
]

#: Bodies above this are put into a temporary file, in octets.
MEMORY_OCTETS = 1 << 18


def receiverFor(receiver: IReceiver | Taker) -> IReceiver:
    """
    C{receiver} if it is one, else one that calls it.
    """
    if IReceiver.providedBy(receiver):
        return receiver
    return TakingReceiver(receiver)


@implementer(IReceiver)
class TakingReceiver:
    """
    Calls a function with each message.  An exception out of it is 451 to the
    client, and an error event.
    """

    def __init__(self, take: Taker, memoryOctets: int = MEMORY_OCTETS) -> None:
        """
        @param memoryOctets: the most octets of a body that are held in memory.
        """
        self._take = take
        self._memoryOctets = memoryOctets

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        return _TakenArrival(self._take, self._memoryOctets)


@implementer(IArrival)
class _TakenArrival:
    """A message on its way to a function."""

    def __init__(self, take: Taker, memoryOctets: int) -> None:
        self._take = take
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=memoryOctets)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Files keep up; nothing is ever paused."""

    def unregisterProducer(self) -> None:
        """See C{registerProducer}."""

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        self._file.write(data)

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """The body is whole: call the function."""
        self._file.seek(0)
        try:
            answer = self._take(envelope, self._file)
        except BaseException:
            self._file.close()
            raise
        if answer is None or isinstance(answer, Reply | tuple):
            self._file.close()
            return answer or OK
        later = answer if isinstance(answer, Deferred) else ensureDeferred(answer)

        def done(result: Any) -> Any:
            self._file.close()
            return OK if result is None else result

        return later.addBoth(done)

    def abort(self) -> None:
        """Forget it."""
        self._file.close()
