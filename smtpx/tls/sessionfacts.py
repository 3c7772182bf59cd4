"""
What stands in a TLS session that OpenSSL wrote down (C{i2d_SSL_SESSION}).

pyOpenSSL has no way to ask how long a ticket is good for, or whether there is one, so
that is read from the octets.  Their form is ASN.1 in DER::

    SSL_SESSION_ASN1 ::= SEQUENCE {
        version             INTEGER,        -- of this structure: 1
        sslVersion          INTEGER,
        cipher              OCTET STRING,
        sessionID           OCTET STRING,
        masterKey           OCTET STRING,
        ...
        time            [1] EXPLICIT INTEGER OPTIONAL,
        timeout         [2] EXPLICIT INTEGER OPTIONAL,
        ...
        ticketLifetime  [9] EXPLICIT INTEGER OPTIONAL,
        ticket         [10] EXPLICIT OCTET STRING OPTIONAL,
        ... }

It is OpenSSL's own and may change, so that whatever is not in order is a
C{ValueError}, and the session is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen

#: The longest session that is read or kept, in octets; one has the server's
#: certificate in it.
SESSION_OCTETS_MOST = 8192

_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_TIMEOUT, _LIFETIME, _TICKET = 0xA2, 0xA9, 0xAA

#: Version 1 of the structure.
_FORM = b"\x01"


@frozen
class SessionFacts:
    """
    What is known of a session.

    @ivar ticket: what the server knows it by; empty: it gave none, so that the session
        cannot be resumed.
    @ivar lifetimeSeconds: for how long the server takes the ticket, from when it came.
    """

    ticket: bytes = field(repr=False)
    lifetimeSeconds: int


def sessionFacts(octets: bytes) -> SessionFacts:
    """
    Read a session.

    @raise ValueError: it is not in order, or too long.
    """
    if len(octets) > SESSION_OCTETS_MOST:
        raise ValueError(f"a session of {len(octets)} octets")
    [(kind, whole)] = _fields(octets)
    if kind != _SEQUENCE:
        raise ValueError("no sequence")
    parts = list(_fields(whole))
    if [kind for kind, _ in parts[:5]] != [_INTEGER, _INTEGER, *[_OCTETS] * 3]:
        raise ValueError("not the form of a session")
    if parts[0][1] != _FORM:
        raise ValueError("a form of another version")
    tagged = dict(parts[5:])
    ticket = _inner(tagged, _TICKET, _OCTETS) or b""
    lifetime = _inner(tagged, _LIFETIME, _INTEGER)
    if lifetime is None:
        # Of TLS 1.2: the server does not say (RFC 5077 section 3.3).
        lifetime = _inner(tagged, _TIMEOUT, _INTEGER)
    return SessionFacts(ticket, int.from_bytes(lifetime or b"", "big"))


def _inner(tagged: dict[int, bytes], tag: int, wanted: int) -> bytes | None:
    """
    What stands in a tagged field; L{None}: it is not there.

    @raise ValueError: it is something else.
    """
    if tag not in tagged:
        return None
    [(kind, value)] = _fields(tagged[tag])
    if kind != wanted:
        raise ValueError("not the form of a session")
    return value


def _fields(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """
    Take apart what stands one behind the other.

    @raise ValueError: it is not in order.
    """
    at = 0
    while at < len(octets):
        begin = at + 2
        if begin > len(octets):
            raise ValueError("cut off")
        size = octets[at + 1]
        if size >= 0x80:
            begin += size - 0x80
            # Two octets of length are enough for all that is read.
            if not 0x81 <= size <= 0x82 or begin > len(octets):
                raise ValueError("a length that is none")
            size = int.from_bytes(octets[at + 2 : begin], "big")
        if begin + size > len(octets):
            raise ValueError("cut off")
        yield octets[at], octets[begin : begin + size]
        at = begin + size


__all__ = ["SESSION_OCTETS_MOST", "SessionFacts", "sessionFacts"]
