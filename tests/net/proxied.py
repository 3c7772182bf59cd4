"""
Headers of the PROXY protocol, made.
"""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import strategies as st

from smtpx.net.ends import Ends
from smtpx.net.proxy import MARK, SIGNATURE, checksum

#: A connection over IPv4, and one over IPv6.
FOUR = Ends(b"192.0.2.77", 40001, b"198.51.100.25", 25)
SIX = Ends(b"2001:db8::77", 65535, b"2001:db8::25", 587)

LINE_FOUR = b"PROXY TCP4 192.0.2.77 198.51.100.25 40001 25\r\n"
LINE_SIX = b"PROXY TCP6 2001:db8::77 2001:db8::25 65535 587\r\n"
UNKNOWN = b"PROXY UNKNOWN\r\n"


def version1(forwarded: Ends) -> bytes:
    """A line."""
    kind = ip_address(forwarded.peer.decode()).version
    return MARK + b"TCP%d %b %b %d %d\r\n" % (
        kind,
        forwarded.peer,
        forwarded.local,
        forwarded.peerPort,
        forwarded.localPort,
    )


def block(
    body: bytes, family: int = 0x11, command: int = 0x21, length: int | None = None
) -> bytes:
    """
    A header of version 2.

    @param body: addresses and vectors.
    @param family: and protocol.
    @param command: and version.
    @param length: of the body; L{None}: the true one.
    """
    octets = len(body) if length is None else length
    return SIGNATURE + bytes((command, family)) + octets.to_bytes(2) + body


def vector(kind: int, value: bytes) -> bytes:
    """A type-length-value vector."""
    return bytes((kind,)) + len(value).to_bytes(2) + value


def version2(forwarded: Ends, vectors: bytes = b"") -> bytes:
    """A header with two addresses and ports."""
    source, destination = (
        ip_address(each.decode()) for each in (forwarded.peer, forwarded.local)
    )
    ports = (forwarded.peerPort, forwarded.localPort)
    body = source.packed + destination.packed
    body += b"".join(port.to_bytes(2) for port in ports) + vectors
    return block(body, 0x11 if source.version == 4 else 0x21)


def checked(forwarded: Ends, vectors: bytes = b"") -> bytes:
    """A header of version 2 with its checksum behind C{vectors}."""
    zeroed = version2(forwarded, vectors + vector(3, bytes(4)))
    return zeroed[:-4] + checksum(zeroed).to_bytes(4)


def _pairs(version: int) -> st.SearchStrategy[Ends]:
    # One of IPv4 in IPv6 is read as what it is, and so does not come out again.
    addresses = (
        st.ip_addresses(v=version)  # type: ignore[arg-type]  # wants 4 or 6 literally
        .filter(lambda made: getattr(made, "ipv4_mapped", None) is None)
        .map(lambda made: str(made).encode())
    )
    ports = st.integers(0, 65535)
    return st.builds(Ends, addresses, ports, addresses, ports)


#: Any connection.
connections = st.one_of(_pairs(4), _pairs(6))
