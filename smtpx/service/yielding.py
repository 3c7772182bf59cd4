"""
Letting another worker of the server have a named transaction: the words of
L{smtpx.service.transactions}, which lets go, and of whoever asks
(L{smtpx.service.elsewhere}).
"""

from __future__ import annotations

from enum import Enum

from twisted.internet.defer import Deferred
from zope.interface import Interface


class Held(Enum):
    """
    What holds up a transaction that somebody asks for.

    @cvar FREE: nothing.
    @cvar BUSY: something is under way with it, for a moment.
    @cvar ANSWERING: its client waits for an answer of ours.
    @cvar SENDING: its client sends it.
    """

    FREE = "free"
    BUSY = "busy"
    ANSWERING = "answering"
    SENDING = "sending"


class IElsewhere(Interface):
    """The transactions of the other workers.  Nothing of it fails."""

    def yields(key: bytes) -> Deferred[Held]:
        """
        Have others let go of a transaction, if that can be; what holds it up, as far
        as somebody says so.
        """

    def forget(key: bytes, client: bytes) -> Deferred[None]:
        """
        Have others forget a name.

        @param client: whose it is.
        """


__all__ = ["Held", "IElsewhere"]
