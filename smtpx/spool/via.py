"""
By which host a message left, and how: what transports tell of a delivery, and
logs, reports and retry rules read.

It stands beside the spool, as L{smtpx.spool.journal} does, because rooms that do
not know each other share it.
"""

from __future__ import annotations

from enum import Enum

from attrs import field

from ..core.hooks import LogFields, TLSInfo
from ..core.values import value


class Cause(Enum):
    """
    At what a delivery failed, whether for good or for now; retry rules tell
    errors apart by it.

    @cvar OTHER: none of those below.
    @cvar LOCAL: here: the disk, the configuration, a program of ours.
    @cvar DNS: no answer of use to where the mail is to go.
    @cvar CONNECT: a host refused the connection, or did not answer.
    @cvar LOST: a connection was lost, or nothing came any more.
    @cvar TLS: it could not be protected as its route has to be.
    @cvar LOGIN: the host did not take our credentials.
    @cvar SESSION: the host turned us away, before a MAIL.
    @cvar SENDER: it turned down the sender (MAIL).
    @cvar RECIPIENT: it turned down the recipient (RCPT).
    @cvar CONTENT: it turned down the message (DATA, BDAT, and behind them).
    @cvar UNFIT: a host would not do for the message, by what it offers: it was not
        asked to take it, and what refuses it are our own words.
    @cvar EARLY: the host is known to be in trouble, and it is not yet time to try
        it again; nothing was tried.
    @cvar EXPIRED: it waited for too long.
    @cvar OPERATOR: an operator gave it up.
    """

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    OTHER = "other"
    LOCAL = "local"
    DNS = "dns"
    CONNECT = "connect"
    LOST = "lost"
    TLS = "tls"
    LOGIN = "login"
    SESSION = "session"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    UNFIT = "unfit"
    EARLY = "early"
    EXPIRED = "expired"
    OPERATOR = "operator"


@value
class Via:
    """
    A host that was talked to, or tried.

    @ivar host: its name, as DNS or the configuration has it.
    @ivar address: its IP address, without brackets; or the path of a UNIX socket, as
        C{host} is then.
    @ivar port: the port; of a UNIX socket, 0.
    @ivar tls: the handshake; L{None}: in the clear.
    @ivar fields: what extensions have for the log (C{IClientBuilder.record}).
    @ivar greeting: the first line of its greeting; empty: there was none.
    @ivar hello: the first line of its answer to EHLO or HELO; empty: none.
    @ivar again: was the connection used before, for another message?
    @ivar source: our own address and port on this connection; L{None}: not known.
    @ivar offers: the keywords of what it offers and we know
        (L{smtpx.core.hooks.Capability}).
    @ivar fastOpen: was the connection opened fast (RFC 7413)?  C{TFO}; and C{TFO*}
        where the SYN carried what was said first.  Empty: it was not.
    @ivar demands: who asked for what of TLS with it, and why, each in words.
    """

    host: bytes
    address: bytes
    port: int = 25
    tls: TLSInfo | None = None
    fields: LogFields = ()
    greeting: bytes = field(default=b"", repr=False)
    hello: bytes = field(default=b"", repr=False)
    again: bool = False
    source: tuple[bytes, int] | None = None

    @property
    def local(self) -> bool:
        """Is it at a UNIX socket of this machine?"""
        return self.address.startswith(b"/")

    offers: frozenset[bytes] = field(default=frozenset(), repr=False)
    fastOpen: str = ""
    demands: tuple[str, ...] = field(default=(), repr=False)


__all__ = ["Cause", "Via"]
