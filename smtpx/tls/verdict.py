"""
What was found of a server's certificate.
"""

from __future__ import annotations

from attrs import frozen

from ..core.errors import PeerError
from ..core.flaw import Flaw


class UntrustedPeer(PeerError):
    """
    The server is not known to be who it should be; the message says what is
    wrong with its certificate.

    @ivar flaw: the same in one word.
    """

    def __init__(self, why: str, flaw: Flaw = Flaw.UNTRUSTED) -> None:
        PeerError.__init__(self, why)
        self.flaw = flaw


@frozen
class Verdict:
    """
    What a judge found.

    @ivar problem: what is wrong with the server's certificate; L{None}: nothing.
    @ivar flaw: the same in one word.
    @ivar proof: by what it is good; L{None}: it is not.
    @ivar dane: is that a TLSA record?
    """

    problem: str | None = None
    flaw: Flaw | None = None
    proof: str | None = None
    dane: bool = False


__all__ = ["UntrustedPeer", "Verdict"]
