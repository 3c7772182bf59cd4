"""
What all workers of a server have in common, made before they were forked.
"""

from __future__ import annotations

from attrs import frozen

from ...observe.keeping import Common


@frozen
class Shared:
    """
    What all workers have from before the fork.  One process alone has none of it.

    It is made by L{smtpx.service.wiring.sharing.prepare}, in a process without a
    reactor, threads and open databases, and may have none of these.

    @ivar seen: what it takes to show them as one server; L{None}: nobody looks.
    """

    seen: Common | None = None


__all__ = ["Shared"]
