"""
What a client calls itself where that depends on where a connection comes from.

Who has several addresses may want to be called by the one that a host sees, or by the
name that the DNS gives it, so that EHLO says what the host finds out as well.  Where a
route says which address that is, all of it is known before there is a connection; where
the system chooses one, only behind it.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ..core.dialogue import Question


class OwnName(Enum):
    """
    What a client may call itself.

    @cvar ADDRESS: the address that a connection comes from, in brackets (RFC 5321
        section 4.1.3).
    @cvar NAME: the name that the DNS gives that address, if it leads back there; the
        client's own name otherwise.
    """

    ADDRESS = "{sending_address}"
    NAME = "{sending_name}"


@frozen
class SendingName(Question[bytes | None]):
    """
    What is the name of an address of ours?

    @ivar address: of IPv4 or IPv6.
    """

    address: bytes


def literal(address: bytes) -> bytes | None:
    """
    An address as EHLO has it (RFC 5321 section 4.1.3).

    @return: L{None}: it is none, as with a UNIX socket.
    """
    if b":" in address:
        return b"[IPv6:%b]" % address
    return b"[%b]" % address if b"." in address else None


__all__ = ["OwnName", "SendingName", "literal"]
