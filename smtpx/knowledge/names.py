"""
What records are named by: octets that an operator can read.

The name of a host is its name, the address that is dialled, and the port; that of a
domain is itself::

    mx.example.org [192.0.2.1]:25
    mx.example.org [2001:db8::1]:25
    example.org

The address is part of it because there may be many servers behind one name, and the
name because there may be many behind one address (a load balancer, one that serves
many customers).  More words may follow where a kind of record wants them.

Names are made of what the DNS says and are not to be trusted: they are bound values
in all SQL, and are escaped before they are shown.
"""

from __future__ import annotations

import re

from attrs import frozen

#: The longest name of a record, in octets; the longest that the DNS can make, with
#: an address, is shorter.  What is longer is not kept.
NAME_OCTETS = 512

_host = re.compile(rb"([^ ]*) \[([^] ]*)\]:([0-9]{1,5})(?: (.*))?\Z", re.DOTALL).match


@frozen
class PeerName:
    """
    The name of a record, taken apart.

    @ivar host: the host or the domain, in lower case.
    @ivar address: the address that was dialled; L{None}: it is a domain.
    @ivar port: L{None}: it is a domain.
    @ivar rest: further words; empty: none.
    """

    host: bytes
    address: bytes | None = None
    port: int | None = None
    rest: bytes = b""

    def isAbout(self, asked: bytes) -> bool:
        """
        Is this what an operator asks for?

        @param asked: a host, a domain or an address, in any case.
        """
        asked = _plain(asked)
        return asked in (self.host, self.address)


def _plain(name: bytes) -> bytes:
    return name.lower().removesuffix(b".")


def hostName(host: bytes, address: bytes, port: int, rest: bytes = b"") -> bytes:
    """
    The name for an address of a host.

    @param host: its name; for an address that was given as such, its literal.
    @param rest: further words.
    """
    name = b"%b [%b]:%d" % (_plain(host), address.lower(), port)
    return b"%b %b" % (name, rest) if rest else name


def domainName(domain: bytes) -> bytes:
    """The name for a domain."""
    return _plain(domain)


def parseName(name: bytes) -> PeerName:
    """Take a name apart; what is in no other form is a domain."""
    found = _host(name)
    if found is None:
        return PeerName(name)
    host, address, port, rest = found.groups()
    return PeerName(host, address, int(port), rest or b"")
