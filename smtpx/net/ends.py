"""
The two ends of a connection, as sessions and logs have them.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

#: What an address of IPv4 begins with on a socket of IPv6 that takes both.
_MAPPED = "::ffff:"


@frozen
class Ends:
    """
    Who is connected to whom.

    @ivar peer: the client's address; empty: it has none (a UNIX socket).
    @ivar peerPort: the client's port; 0: it has none.
    @ivar local: our address, or the one that the client called.
    @ivar localPort: our port, or the one that the client called.
    """

    peer: bytes = b""
    peerPort: int = 0
    local: bytes = b""
    localPort: int = 0


def plainHost(address: object) -> bytes:
    """
    The host of an address, as everybody else would write it.

    On a socket of IPv6 that takes IPv4 as well, C{192.0.2.1} is
    C{::ffff:192.0.2.1}; to host lists, in Received fields and for who reads the
    log it is C{192.0.2.1}.  The zone of a link-local address says something on
    this machine only, and so is not part of it.

    @param address: one of Twisted's; empty is what comes of one without a host.
    """
    host: str = getattr(address, "host", "")
    if ":" in host:
        host = host.partition("%")[0]
        if host.startswith(_MAPPED) and "." in host:
            host = host[len(_MAPPED) :]
    return host.encode("ascii", "replace")


def plainPort(address: object) -> int:
    """The port of an address; 0: it has none."""
    port: int = getattr(address, "port", 0)
    return port


def endsOf(transport: Any) -> Ends:
    """The ends of a connection that is made."""
    peer, local = transport.getPeer(), transport.getHost()
    return Ends(plainHost(peer), plainPort(peer), plainHost(local), plainPort(local))


__all__ = ["Ends", "endsOf", "plainHost", "plainPort"]
