"""
What C{dccifd(8)} is asked: the head that stands before a message.

The protocol is that of the daemon's manual, in lines that end with LF::

    request    = options LF client LF helo LF sender LF *(recipient LF) LF message
    options    = [ word *( SP word ) ]
    client     = address [ CR name ]

The message follows as it came, with CRLF; the end of what is sent, by a half-close, is
its end.  The daemon takes what stands behind a CR in the line of a recipient for the
name of a local user, and what stands before a comma for a source route: so lines never
have a CR of anybody else's in them.

An IPv4 client of a socket for IPv6 is told as the IPv4 address it is; an IPv6 client
as what RFC 5952 makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address

from attrs import frozen

#: The options that the daemon has, and that say nothing of how it answers.
OPTIONS = (
    "header",
    "log",
    "spam",
    "query",
    "grey-off",
    "no-grey",
    "grey-query",
    "no-reject",
    "rcvd-nxt",
    "rcvd-next",
)

#: Those that have it answer more than a header field.
_LONGER = ("body", "cksums")

#: The client of a message that no client brought.
NOBODY = b"127.0.0.1"

_UNFIT = re.compile(rb"[\x00-\x1f\x7f]")


def readOptions(text: str) -> tuple[str, ...]:
    """
    Read the words of C{dccifd_options}.

    @raise ValueError: one is not of use; the daemon would hang up for it.
    """
    words = tuple(text.lower().split())
    for word in words:
        if word in _LONGER:
            raise ValueError(f'"{word}" has the daemon answer more than is read here')
        if word not in OPTIONS:
            raise ValueError(f'expected words of {", ".join(OPTIONS)}, got "{word}"')
    if "spam" in words and {"query", "grey-query"} & set(words):
        raise ValueError('"spam" reports a message, which "query" does not')
    return words


def readClient(text: str) -> bytes | None:
    """
    Read the address of a client, in the form in which the daemon is told it.

    @return: L{None}: it is no address.
    """
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # No interface of ours means anything to others.
        address = address.ipv4_mapped or IPv6Address(int(address))
    return str(address).encode("ascii")


@frozen
class DCCQuestion:
    """
    What the daemon is told of a message.

    @ivar client: the client's address; empty: there is none.
    @ivar clientName: its name; L{None}: that is not known.
    @ivar helo: what it calls itself; L{None}: it has not said so.
    @ivar sender: of the envelope; empty: the null sender.
    @ivar recipients: of the envelope, in order: so the answer tells of them.
    @ivar options: words for the daemon.
    """

    client: bytes
    clientName: bytes | None
    helo: bytes | None
    sender: bytes
    recipients: Sequence[bytes]
    options: Sequence[str] = ("header",)

    def render(self) -> bytes:
        """The head; the message stands behind it."""
        client = readClient(self.client.decode("ascii", "replace")) or NOBODY
        if self.clientName:
            client += b"\r" + _fit(self.clientName)
        # RFC 5321 section 4.5.5: the null sender; an empty line is no sender at all.
        sender = _fit(self.sender) or b"<>"
        lines = [" ".join(self.options).encode("ascii"), client]
        lines += [_fit(self.helo or b""), sender, *_fits(self.recipients), b"", b""]
        return b"\n".join(lines)


def _fit(value: bytes) -> bytes:
    """A value as it can stand in a line."""
    return _UNFIT.sub(b"?", value)


def _fits(values: Iterable[bytes]) -> Iterable[bytes]:
    # An empty one would end the list, and the message begin.
    return (_fit(each) or b"<>" for each in values)


__all__ = ["NOBODY", "OPTIONS", "DCCQuestion", "readClient", "readOptions"]
