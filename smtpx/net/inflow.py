"""
The reading of a connection, for whoever takes what is read.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from .direct import DirectProtocol, Stall


@implementer(IPushProducer)
class Inflow:
    """The connection's reading, as the producer that an arrival may pause."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: DirectProtocol) -> None:
        self._protocol = protocol

    def pauseProducing(self) -> None:
        """The arrival does not keep up."""
        self._protocol.stall(Stall.BODY)

    def resumeProducing(self) -> None:
        """It does again."""
        self._protocol.unstall(Stall.BODY)

    def stopProducing(self) -> None:
        """The arrival can take no more; the final reply will say why."""
        self._protocol.unstall(Stall.BODY)


__all__ = ["Inflow"]
