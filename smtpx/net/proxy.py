"""
The PROXY protocol, versions 1 and 2: what a proxy says of the connection that it
forwards, before anything that the client says.

Written after HAProxy's C{proxy-protocol.txt} of 2020-03-05, whose sections are
named below.  Version 1 is a line::

    PROXY TCP4 192.0.2.1 198.51.100.25 40000 25\\r\\n

version 2 the same in binary: a signature of 12 octets, version and command,
family and protocol, a length, and so many octets of addresses and then of
type-length-value vectors.

L{readHeader} is a pure function of all octets that have come so far.  So it does
not matter where a header is cut, and there is no state to get wrong; to read it
again is cheap, for a header is short.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from attrs import frozen

from ..core.errors import PeerError
from .ends import Ends

#: What a line of version 1 begins with (section 2.1).
MARK = b"PROXY "

#: What a header of version 2 begins with (section 2.2).
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

#: The longest line of version 1, CRLF included.
LINE_OCTETS = 107

#: The most octets of addresses and vectors in version 2.  By the specification a
#: whole header fits into 536; what proxies add about their TLS may be more.
BLOCK_OCTETS = 2048

#: What stands before the addresses of version 2.
_FIXED_OCTETS = 16

#: Commands of version 2: the proxy's own connection, or one that it forwards.
_LOCAL, _PROXY = 0, 1

#: The octets of the addresses of a family, both with their ports if it has any.
_UNSPECIFIED, _IPV4, _IPV6, _UNIX = range(4)
_ADDRESSES_OCTETS = {_IPV4: 12, _IPV6: 36, _UNIX: 216}

#: Of the protocols the last, and the one that mail does not go by; 1 is of streams.
_DATAGRAM = 2

#: The type of the vector with a checksum, and its size (section 2.2.3).
_CHECKSUM, _CHECKSUM_OCTETS = 3, 4

_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")


class BadHeader(PeerError):
    """
    There is no header, or it is not in the grammar; the message says why, for the
    log.
    """


@frozen
class Header:
    """
    A whole header.

    @ivar octets: how many it has; what follows is what the client says.
    @ivar forwarded: the connection that it tells of, which has no addresses where
        the client came to the proxy over a UNIX socket; L{None}: none, for the
        proxy speaks for itself (a health check) or does not know.
    """

    octets: int
    forwarded: Ends | None = None


def beginsHeader(octets: bytes) -> bool | None:
    """
    Is this a PROXY header, as far as one can see?

    @param octets: the first that came.
    @return: L{None}: more octets would tell.
    """
    for start in (MARK, SIGNATURE):
        if octets.startswith(start):
            return True
        if start.startswith(octets):
            return None
    return False


def readHeader(octets: bytes) -> Header | None:
    """
    Read the header at the beginning of a connection.

    @param octets: all that has come so far.
    @return: L{None}: it is not whole yet.
    @raise BadHeader: it will not become one, whatever else comes.
    """
    if octets.startswith(MARK):
        return _readLine(octets)
    if octets.startswith(SIGNATURE):
        return _readBlock(octets)
    if beginsHeader(octets) is False:
        raise BadHeader("no PROXY header")
    return None


# --- version 1 ------------------------------------------------------------------


def _readLine(octets: bytes) -> Header | None:
    """
    Read a line (section 2.1)::

        header  = "PROXY " ( unknown / ( "TCP4" / "TCP6" ) SP source SP
                  destination SP source-port SP destination-port ) CRLF
        unknown = "UNKNOWN" [ SP anything ]

    @raise BadHeader: it is none.
    """
    end = octets.find(b"\n", 0, LINE_OCTETS)
    if end < 0:
        if len(octets) >= LINE_OCTETS:
            raise BadHeader(f"a line of more than {LINE_OCTETS} octets")
        if b"\r" in octets[:-1]:
            raise BadHeader("a line with a bare CR")
        return None
    line = octets[: end - 1]
    if octets[end - 1 : end] != b"\r" or b"\r" in line:
        raise BadHeader("a line that does not end in one CRLF")
    kind, _, rest = line[len(MARK) :].partition(b" ")
    if kind == b"UNKNOWN":
        return Header(end + 1)
    if kind == b"TCP4":
        parse: Callable[[str], IPv4Address | IPv6Address] = IPv4Address
    elif kind == b"TCP6":
        parse = IPv6Address
    else:
        raise BadHeader(f"a line for {kind[:16]!r}, not TCP4, TCP6 or UNKNOWN")
    words = rest.split(b" ")
    if len(words) != 4:
        raise BadHeader("a line without exactly two addresses and two ports")
    source, destination = (_readAddress(word, parse) for word in words[:2])
    sourcePort, destinationPort = map(_readPort, words[2:])
    forwarded = Ends(source, sourcePort, destination, destinationPort)
    return Header(end + 1, forwarded)


def _readAddress(
    word: bytes, parse: Callable[[str], IPv4Address | IPv6Address]
) -> bytes:
    try:
        address = parse(word.decode("ascii"))
    except ValueError:
        raise BadHeader(f"{word!r} is no address of that family") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise BadHeader(f"{word!r} has a zone")
    return _spell(address)


def _readPort(word: bytes) -> int:
    if not _PORT.fullmatch(word) or int(word) > 65535:
        raise BadHeader(f"{word!r} is no port")
    return int(word)


def _spell(address: IPv4Address | IPv6Address) -> bytes:
    """An address as a session has it: one of IPv4 in IPv6 is one of IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address).encode("ascii")


# --- version 2 ------------------------------------------------------------------


def _readBlock(octets: bytes) -> Header | None:
    """
    Read a header of version 2 (section 2.2)::

        signature (12), version (4 bits), command (4 bits),
        family (4 bits), protocol (4 bits), length (16 bits),
        addresses and vectors (length)

    @raise BadHeader: it is none.
    """
    if len(octets) < _FIXED_OCTETS:
        return None
    version, command = divmod(octets[12], 16)
    family, protocol = divmod(octets[13], 16)
    length = int.from_bytes(octets[14:16])
    if version != 2:
        raise BadHeader(f"version {version}, not 2")
    if command not in (_LOCAL, _PROXY):
        raise BadHeader(f"command {command}, which is not assigned")
    if length > BLOCK_OCTETS:
        raise BadHeader(f"{length} octets of addresses and vectors")
    whole = _FIXED_OCTETS + length
    if command == _PROXY and (family > _UNIX or protocol > _DATAGRAM):
        raise BadHeader(f"family {family}, protocol {protocol}: not assigned")
    if command == _PROXY and protocol == _DATAGRAM:
        raise BadHeader("a connection of datagrams")
    if len(octets) < whole:
        return None
    if command == _LOCAL or _UNSPECIFIED in (family, protocol):
        # What else it has is not for us to look at.
        return Header(whole)
    begin = _FIXED_OCTETS + _ADDRESSES_OCTETS[family]
    if begin > whole:
        raise BadHeader(f"{length} octets are too few for the addresses")
    _checkVectors(octets[:whole], begin)
    return Header(whole, _readAddresses(family, octets[_FIXED_OCTETS:begin]))


def _readAddresses(family: int, block: bytes) -> Ends:
    """
    Read two addresses and, but for UNIX, two ports.

    @param block: them, and no octet more.
    """
    if family == _UNIX:
        # Paths on the proxy's machine; they say nothing here.
        return Ends()
    size = 4 if family == _IPV4 else 16
    parse = IPv4Address if family == _IPV4 else IPv6Address
    return Ends(
        _spell(parse(block[:size])),
        int.from_bytes(block[-4:-2]),
        _spell(parse(block[size : 2 * size])),
        int.from_bytes(block[-2:]),
    )


def _checkVectors(header: bytes, begin: int) -> None:
    """
    See that the vectors fill the header, and that the checksum, if there is one,
    is right (section 2.2.3).  All others are for others.

    @param begin: where they begin.
    @raise BadHeader: one is cut short, or the checksum is wrong.
    """
    while begin < len(header):
        # No length at all, of a vector of one octet, is one that is too long.
        length = int.from_bytes(header[begin + 1 : begin + 3])
        value = begin + 3
        if value + length > len(header):
            raise BadHeader("a vector that is longer than the header")
        if header[begin] == _CHECKSUM:
            if length != _CHECKSUM_OCTETS:
                raise BadHeader(f"a checksum of {length} octets")
            end = value + length
            zeroed = header[:value] + bytes(length) + header[end:]
            if checksum(zeroed) != int.from_bytes(header[value:end]):
                raise BadHeader("a wrong checksum")
        begin = value + length


def _tableEntry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = tuple(map(_tableEntry, range(256)))


def checksum(octets: bytes) -> int:
    """
    CRC32c (RFC 4960 appendix B).
    """
    found = 0xFFFFFFFF
    for octet in octets:
        found = (found >> 8) ^ _TABLE[(found ^ octet) & 0xFF]
    return found ^ 0xFFFFFFFF


__all__ = [
    "BLOCK_OCTETS",
    "LINE_OCTETS",
    "MARK",
    "SIGNATURE",
    "BadHeader",
    "Header",
    "beginsHeader",
    "checksum",
    "readHeader",
]
