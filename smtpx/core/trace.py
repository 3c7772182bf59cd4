"""
The Received field (RFC 5321 section 4.4), and the name of a session's protocol.

L{received} writes the field, and L{origin} reads it back: it is what the spool knows
of the client that a message came from.
"""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache

from attrs import frozen

from .envelope import Envelope, Stamp
from .hooks import Dialect
from .interfaces import IServerSession

#: The C{mechanism} of a session with a user of this machine, whose program has handed
#: a message over: nobody logged in, for the system knows who it is.
LOCAL = "local"

#: Of an envelope: fields of ours that go above C{Received}, each with its CRLF.  Not
#: for the spool, which has them as a part of the message.
ABOVE = Stamp[bytes]("trace.above", None, str.encode)

#: Of an envelope: the fields of the message's own header, each with its CRLF, where
#: they were kept apart from what stands behind them.  Whoever takes the message writes
#: them below C{Received}, above what it was given.  Not for the spool.
HEADER = Stamp[bytes]("trace.header", None, str.encode)

# Numbers: to look for octets in octets takes Python ten times as long.
_COLON, _DOT = b":."
# A member is looked up at its class by a function of Enum's, each time.
_LMTP = Dialect.LMTP

_RECEIVED = re.compile(
    rb"(?:\A|\n)Received: from ([^\r]+) \((?:([^ \r]+) )?"
    rb"(?:\[(?:IPv6:)?([^]\r]+)\]|unknown)\)"
    rb"\r\n\tby [^\r]+ with ([^ \r]+)"
)


@frozen
class Origin:
    """
    Where a message came from.

    @ivar helo: what the client called itself.
    @ivar name: the client's name; L{None}: it was not looked for, or there is none.
    @ivar address: its IP address; L{None}: it has none.
    @ivar protocol: by which protocol it came.
    """

    helo: bytes
    name: bytes | None
    address: bytes | None
    protocol: bytes


def protocol(session: IServerSession) -> str:
    """
    How the session is called in a Received field and in the log: C{smtp},
    C{esmtp}, with C{s} under TLS and C{a} after AUTH (RFC 3848), C{utf8} in front
    where addresses may be UTF-8 (RFC 6531 section 4.3); likewise C{lmtp}.  Keywords
    are compared without regard to case; a capital C{S} says that the message is
    obliged to stay under TLS.  C{local} is Exim's word for what comes over no
    connection.
    """
    if session.mechanism == LOCAL:
        return LOCAL
    if session.dialect is _LMTP:
        word = "lmtp"
    elif session.extended:
        word = "esmtp"
    else:
        return "smtp"
    if session.utf8Addresses:
        word = f"utf8{word}"
    if session.secured is not None:
        word += "S" if session.obliged else "s"
    if session.identity is not None:
        word += "a"
    return word


@lru_cache(maxsize=2)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, localtime=True).encode("ascii")


def _literal(address: bytes) -> bytes:
    if _COLON in address:
        return b"[IPv6:%b]" % address
    # A UNIX socket's client has none, and a proxy may not know.
    return b"[%b]" % address if _DOT in address else b"unknown"


def received(
    session: IServerSession,
    envelope: Envelope,
    messageID: str,
    clauses: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """
    The Received field of one message, folded, with its CRLFs.

    @param messageID: the id under which we keep it; never empty.
    @param clauses: what extensions add.
    """
    secured, isLocal = session.secured, session.mechanism == LOCAL
    begins = _begins(
        session.identity if isLocal else session.helo,
        b"local user" if isLocal else session.peer,
        session.peerName,
        session.name,
        protocol(session),
        "" if secured is None else secured.suite,
        clauses,
    )
    recipients = envelope.recipients
    # Only where there is one: another would learn of the rest (section 7.2).
    to = b"\r\n\tfor <" + recipients[0].path + b">" if len(recipients) == 1 else b""
    date = _date(int(session.now()))
    # Put together so, it takes half as long as with a format.
    return begins + messageID.encode("ascii") + to + b";\r\n\t" + date + b"\r\n"


@lru_cache(maxsize=256)
def _begins(
    helo: bytes | None,
    peer: bytes,
    peerName: bytes | None,
    name: bytes,
    how: str,
    suite: str,
    clauses: tuple[tuple[str, str], ...],
) -> bytes:
    """
    The field up to the id; it is the same for all messages of most clients.

    @param peer: the client's address, or what it is instead.
    """
    client = peer if how == LOCAL else _literal(peer)
    if peerName is not None:
        client = b"%b %b" % (peerName, client)
    if suite:
        how += f" tls {suite}"  # RFC 8314 section 4.3
    for word, value in clauses:
        how += f" {word} {value}"
    return b"Received: from %b (%b)\r\n\tby %b with %b\r\n\tid " % (
        helo or b"unknown",
        client,
        name,
        how.encode("utf-8"),
    )


def origin(prefix: bytes) -> Origin | None:
    """
    Where a message came from, as its L{received} field says.

    @param prefix: what we put above a message, with that field.
    @return: L{None}: there is none, as the message is one of our own.
    """
    found = _RECEIVED.search(prefix)
    return None if found is None else Origin(*found.groups())
