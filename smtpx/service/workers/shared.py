"""
What all workers of a server have in common, made before they were forked.
"""

from __future__ import annotations

from attrs import frozen

from ...joint.recent import JointRecent
from ...joint.sums import JointSums
from ...observe.keeping import Common
from ...tls.sharedkeys import SharedKeys
from .joint import Joint
from .pulse import Pulses


@frozen
class Shared:
    """
    What all workers have from before the fork.  One process alone has none of it.

    It is made by L{smtpx.service.wiring.sharing.prepare}, in a process without a
    reactor, threads and open databases, and may have none of these.

    @ivar joint: what they count together; L{None}: there are no others.
    @ivar seen: what it takes to show them as one server; L{None}: nobody looks.
    @ivar ticketKeys: those of TLS session tickets.
    @ivar offers: networks that were offered PIPECONNECT of late.
    @ivar sessions: TLS sessions of other servers that were used of late.
    @ivar rates: what was counted of late.
    @ivar pulses: by which it is seen whether they move; L{None}: nobody looks.
    """

    joint: Joint | None = None
    seen: Common | None = None
    ticketKeys: SharedKeys | None = None
    offers: JointRecent | None = None
    sessions: JointRecent | None = None
    rates: JointSums | None = None
    pulses: Pulses | None = None

    def renew(self) -> bool:
        """
        Destroy what is past, and make what is about to run out; for the process that
        forks, now and then.

        @return: was something made that the workers do not have?  They are to be
            replaced, then.
        """
        keys = self.ticketKeys
        if keys is None:
            return False
        keys.tidy()
        if not keys.due:
            return False
        keys.makeAhead()
        return True

    def clear(self, number: int) -> None:
        """A worker is no more: nothing is counted for it any more."""
        if self.joint is not None:
            self.joint.clear(number)
        if self.pulses is not None:
            self.pulses.clear(number)


__all__ = ["Shared"]
