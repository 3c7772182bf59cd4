"""
One producer, and several who may pause it: it goes on when all of them can.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


class Junction:
    """
    Where the way of what comes parts.
    """

    __slots__ = ("_producer", "_waiting")

    def __init__(self, producer: IPushProducer) -> None:
        """
        @param producer: who is paused.
        """
        self._producer: IPushProducer | None = producer
        self._waiting: set[Tap] = set()

    def tap(self) -> Tap:
        """A producer for one of those who take what comes."""
        return Tap(self)

    def close(self) -> None:
        """All has come: the producer is let go of, and is not paused."""
        producer, self._producer = self._producer, None
        if producer is not None and self._waiting:
            producer.resumeProducing()

    def wait(self, tap: Tap) -> None:
        """One of them cannot take more."""
        if not self._waiting and self._producer is not None:
            self._producer.pauseProducing()
        self._waiting.add(tap)

    def goOn(self, tap: Tap) -> None:
        """One of them can, or does not want any more."""
        if tap in self._waiting:
            self._waiting.discard(tap)
            if not self._waiting and self._producer is not None:
                self._producer.resumeProducing()


@implementer(IPushProducer)
class Tap:
    """
    The producer as one of them sees it.

    @ivar waits: is it this one that cannot take more?
    """

    __slots__ = ("_junction", "waits")

    def __init__(self, junction: Junction) -> None:
        self._junction = junction
        self.waits = False

    def pauseProducing(self) -> None:
        """See L{IPushProducer}."""
        self.waits = True
        self._junction.wait(self)

    def resumeProducing(self) -> None:
        """See L{IPushProducer}."""
        self.waits = False
        self._junction.goOn(self)

    def stopProducing(self) -> None:
        """It wants no more; the others do."""
        self.resumeProducing()


__all__ = ["Junction", "Tap"]
