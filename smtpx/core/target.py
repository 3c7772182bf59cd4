"""
Where a client connection goes, and what the peer there says of itself.

All of it is to be had from L{smtpx.core.hooks}, too, with the other values of hooks.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Dialect(Enum):
    """
    Which of two protocols is spoken, that differ in little; the value is the verb
    by which a client says who it is.

    @cvar SMTP: RFC 5321.
    @cvar LMTP: RFC 2033: each recipient is answered for by itself, behind the
        message.
    """

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    SMTP = b"EHLO"
    LMTP = b"LHLO"


@frozen
class Target:
    """
    Where a client connection goes.

    @ivar address: an IP address; or the path of a UNIX socket, with the C{port} 0.
    @ivar dialect: what is spoken there.
    @ivar source: the address of ours that it was told to come from; empty: any.
    @ivar trust: octets that tell who judges a server's certificate, and what is shown
        to it, from anybody else; empty: nobody says.
    @ivar sealer: who seals what is sent there (L{smtpx.extensions.arc}); empty:
        nobody does.
    @ivar renamed: does what we call ourselves there depend on what that came to be?
    """

    host: bytes
    address: bytes
    port: int = 25
    implicitTLS: bool = False
    dialect: Dialect = Dialect.SMTP
    source: bytes = b""
    renamed: bool = False
    trust: bytes = b""
    sealer: bytes = b""

    @property
    def local(self) -> bool:
        """Is it a UNIX socket, so that nothing leaves this machine?"""
        return self.address.startswith(b"/")


@frozen
class Hello:
    """An EHLO response, taken apart: keywords with their raw arguments."""

    name: bytes
    keywords: tuple[tuple[bytes, bytes | None], ...] = ()


@frozen
class Forecast:
    """What the peer is expected to answer to EHLO, before and under TLS."""

    clear: Hello | None = None
    secured: Hello | None = None
