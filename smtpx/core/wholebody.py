"""
A body that leaves whole, in the flight of MAIL and RCPT, by an extension's command.
"""

from __future__ import annotations

from attrs import frozen

from .envelope import Stamp


@frozen(eq=False)
class WholeBody:
    """
    How it goes, as a value: a command with its size, the body as it is, and one reply
    to both, for a 2yz means that the message is taken.

    It is what C{hooks.Carrier.carry} does with such a body, without being asked.

    @ivar most: the most octets of a body that goes this way.
    @ivar command: what stands before it, with its CRLF, and C{%d} for its octets.
    @ivar begun: on the session, this is set to true when it leaves.
    @ivar taken: likewise, when it is taken.
    """

    most: int
    command: bytes
    begun: Stamp[bool]
    taken: Stamp[bool]


__all__ = ["WholeBody"]
