"""
What a client says of a peer in the peer's place, and how it takes replies that do
not mean what they seem to.
"""

from __future__ import annotations

from attrs import define

from .dialogue import Slot
from .errors import PeerError
from .reply import Reply, reply

LOST = reply(451, "4.4.2", b"Connection lost")
UNSURE = reply(
    451, "4.4.2", b"Connection lost behind the message, which the host may have taken"
)
BROKEN = reply(451, "4.5.0", b"Peer broke the protocol")
NO_TLS = reply(451, "4.7.10", b"Peer cannot protect this as it has to be")
UNFIT = reply(451, "4.7.0", b"Peer did not do what was asked of it")
NO_LOGIN = reply(451, "4.7.0", b"Peer has no way to log in that may be used here")

NO_LMTP = reply(451, "4.5.0", b"Peer does not speak LMTP")

#: What a peer says to EHLO that knows none (RFC 5321 section 3.2, "command not
#: recognized").
NO_EHLO = frozenset({500, 502})


def completed(got: Reply) -> Reply:
    """
    C{got}, unless it is a 3yz, which says "go on" where nothing can go on.

    @raise PeerError: it is.
    """
    if 300 <= got.code < 400:
        raise PeerError("asked to go on where nothing can")
    return got


@define(eq=False)
class FinalSlot(Slot):
    """
    The place of a reply that must not be a 3yz.
    """

    def fill(self, got: Reply) -> None:
        """See L{Slot}, as for what it raises."""
        self.reply = completed(got)


def softened(got: Reply) -> Reply:
    """
    A refusal of a recipient, behind others who were accepted.  "Too many
    recipients" is never for good then: a 552 is to be taken for a 452 (RFC 5321
    section 4.5.3.1.10).
    """
    if got.permanent and isTooMany(got):
        return Reply(452, (4, 5, 3), got.lines)
    return got


def isTooMany(got: Reply) -> bool:
    """
    Does a refusal of a recipient say "too many recipients"?  Its enhanced code
    does; the reply code may have another meaning, but without an enhanced code
    that is the likeliest.
    """
    if got.status is None:
        return got.code in (452, 552)
    return got.status[1:] == (5, 3)
