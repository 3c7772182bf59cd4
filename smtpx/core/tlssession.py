"""
TLS sessions that are resumed: what is kept of one, and what there is to tell of it.

A session is kept by a client as L{TLSSession}: the octets that OpenSSL makes of it, and
beside them what was found out while its handshake was a full one.  A handshake that
resumes it has no certificate, no staple and no look at either (RFC 8446 section 2.2),
so all that is known then is what stands here.

L{Resumption} is what Exim has as C{$tls_in_resumption} and C{$tls_out_resumption}: five
bits, and words for what they say together.
"""

from __future__ import annotations

from enum import IntFlag

from attrs import field, frozen

from .flaw import Flaw

#: The longest that a ticket may be used, in seconds, whatever the server says (RFC 8446
#: section 4.6.1).
LIFETIME_SECONDS_MOST = 604_800.0


class Resumption(IntFlag):
    """
    What a handshake had to do with sessions from before.  The numbers are Exim's.

    @cvar SUPPORTED: TLS here knows how to resume sessions; always set.
    @cvar ASKED: the client asked for a ticket.
    @cvar OFFERED: the client offered a session from before.
    @cvar TICKET: the server gave a ticket.
    @cvar USED: the session was resumed.
    """

    SUPPORTED = 0x01
    ASKED = 0x02
    OFFERED = 0x04
    TICKET = 0x08
    USED = 0x10

    @property
    def words(self) -> str:
        """What the bits say together, for people."""
        return RESUMPTION_WORDS[self.value & 0x1F]


_UNASKED = "session resumed without being asked for"

#: What the bits say together, without the lowest, which is always set.
_WORDS = {
    0x00: "no session asked for or offered",
    0x02: "ticket asked for, none given",
    0x04: "session offered, not used",
    0x06: "session offered, not used, no ticket given",
    0x08: "ticket to be had, not asked for",
    0x0A: "new ticket given",
    0x0C: "session offered, not used",
    0x0E: "session offered, not used, new ticket given",
    0x10: _UNASKED,
    0x12: _UNASKED,
    0x14: "session resumed",
    0x16: "session resumed",
    0x18: _UNASKED,
    0x1A: _UNASKED,
    0x1C: "session resumed",
    0x1E: "session resumed, new ticket given",
}

#: The list that turns the number into words, as Exim's C{_RESUME_DECODE} does.
RESUMPTION_WORDS = tuple(_WORDS[value & 0x1E] for value in range(0x20))


@frozen
class TLSSession:
    """
    A session that a client may resume, and what its full handshake came to.

    @ivar octets: the session as DER, of OpenSSL's own form.  Whoever has them can read
        what is sent in it, so they are never shown.
    @ivar began: when the full handshake was, in seconds since the epoch.
    @ivar expires: until when the server takes it, and what was found out holds,
        likewise.
    @ivar version: of TLS, as OpenSSL spells it.
    @ivar trust: by whom and how certificates were judged, and what was shown to the
        server: octets that are the same as long as that is.
    @ivar verified: was the server's certificate good?
    @ivar dane: was it so by a TLSA record (RFC 7672)?
    @ivar proof: by what it was good, for people; L{None}: it was not, or that is not
        known.
    @ivar problem: what was wrong with it; L{None}: nothing, or nobody looked.
    @ivar flaw: the same in one word.
    @ivar stapled: what was learnt of the certificate's standing, as
        L{smtpx.core.hooks.Stapled} has it.
    @ivar stapleEnds: until when that holds, in seconds since the epoch; L{None}:
        nothing was learnt.
    """

    octets: bytes = field(repr=False)
    expires: float
    began: float = 0.0
    version: str = "TLSv1.3"
    trust: bytes = b""
    verified: bool = False
    dane: bool = False
    proof: str | None = None
    problem: str | None = None
    flaw: Flaw | None = None
    stapled: int = 0
    stapleEnds: float | None = None


__all__ = [
    "LIFETIME_SECONDS_MOST",
    "RESUMPTION_WORDS",
    "Resumption",
    "TLSSession",
]
