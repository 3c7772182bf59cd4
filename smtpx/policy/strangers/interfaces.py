"""
What others ask of the greylist.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred


@frozen
class Triples:
    """
    A client that wants to send from somebody to somebody.

    @ivar client: its address; empty: it has none.
    @ivar sender: of the envelope; empty: the null sender.
    @ivar recipients: of the envelope.  Of several, one that may pass lets all pass:
        the client has shown that it comes again.
    """

    client: bytes
    sender: bytes
    recipients: tuple[bytes, ...]


@frozen
class Standing:
    """
    What the greylist says of a client.

    @ivar passes: may it send now?
    @ivar why: in a few words.
    @ivar waitSeconds: how long it has to wait yet; 0: not at all.
    @ivar delayedSeconds: how long it has waited, if it may send now because it came
        again; 0: it was known already.
    """

    passes: bool
    why: str
    waitSeconds: float = 0.0
    delayedSeconds: float = 0.0


class IGreylist(Protocol):
    """
    Remembers who was here before; L{smtpx.policy.strangers.greylist.Greylist} is one.
    """

    def ask(self, triples: Triples) -> Deferred[Standing | None]:
        """
        May a client send now?  That it has asked is remembered.

        @return: never fails; L{None}: that cannot be told now, and the client is to
            come again.
        """

    def look(self, triples: Triples) -> Deferred[Standing | None]:
        """The same, and nothing is remembered."""


__all__ = ["IGreylist", "Standing", "Triples"]
