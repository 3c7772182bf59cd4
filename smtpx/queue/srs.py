"""
Which sender mail goes out with, where we forward it (L{smtpx.mailauth.srs}).

What an alias leads to another host leaves from here, though the sender's domain may
not know us: to the next host it is to look as if we answered for it, or SPF fails
there.  So, as it goes out, the sender is exchanged for an address of ours that leads
back to him; what the spool has stays as it was, and so reports of our own go to him
and to nobody else.

It is done for each recipient by himself: what goes to one of our own people, to a
domain that we relay or to whom the client named himself goes out as it came.  Never is
it done to the null sender, nor to those whose domains are ours.

The day in an address is that on which the message arrived, so that a message that is
tried again is the same one to the next host (RFC 1845 knows it by its envelope); one
that waited for half of the time that addresses are good gets a new day.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import define, field

from ..core.queueprofile import ORIGIN
from ..mailauth.srs import SRS, Unfit, dayStamp
from ..observe.event import Event
from ..observe.forwarding import SENDER_KEPT
from ..spool.format import SpooledMessage

_DAY_SECONDS = 86400

#: Tells of an event.
Publish = Callable[[Event, dict[str, object]], None]

#: Says with which sender a message goes to one of its recipients, by the index of
#: that; L{None}: with its own.
SenderFor = Callable[[SpooledMessage, int], "bytes | None"]


class Scope(Enum):
    """
    Which mail of a route goes out with senders of ours.

    @cvar FORWARDED: what an alias leads to others.
    @cvar ALL: all, unless the sender's domain is ours.
    @cvar NONE: none.
    """

    FORWARDED = "forwarded"
    ALL = "all"
    NONE = "none"


@define(eq=False)
class Forwarding:
    """
    Says which sender mail goes out with.

    @ivar srs: how senders are rewritten, with the secrets that there are now.
    @ivar domain: where they are then.
    @ivar kept: may we send for this sender, as he is?
    @ivar inside: is this recipient one of ours, or at a domain that we relay?
    @ivar now: seconds since the epoch.
    @ivar publish: told of senders that cannot be rewritten.
    """

    srs: Callable[[], SRS]
    domain: bytes
    kept: Callable[[bytes], bool]
    inside: Callable[[bytes], bool]
    now: Callable[[], float]
    publish: Publish
    #: What was made last, and of what: an alias may lead to thousands.
    _last: tuple[tuple[SRS, bytes, bytes], bytes] | None = field(
        default=None, init=False
    )
    #: Of which message it was told last that its sender stays, and with what.
    _told: tuple[str, SRS] | None = field(default=None, init=False)

    def senders(self, scope: Scope) -> SenderFor | None:
        """
        What says so of the mail of a route.

        @return: L{None}: all goes out as it came.
        """
        if scope is Scope.NONE:
            return None
        return self._always if scope is Scope.ALL else self._forwarded

    def _forwarded(self, message: SpooledMessage, index: int) -> bytes | None:
        recipient = message.envelope.recipients[index]
        if recipient.stamp(ORIGIN) is None or self.inside(recipient.path):
            return None
        return self._always(message, index)

    def _always(self, message: SpooledMessage, index: int) -> bytes | None:
        sender = message.envelope.sender
        if not sender or self.kept(sender):
            return None
        srs = self.srs()
        moment = self._moment(message, srs)
        made = srs, sender, dayStamp(moment)
        if self._last is not None and self._last[0] == made:
            return self._last[1]
        try:
            found = srs.rewritten(sender, self.domain, moment)
        except Unfit as error:
            # It still has a chance, and its sender hears of it where it has none.
            self._tell(message, index, srs, error)
            return None
        self._last = made, found
        return found

    def _tell(
        self, message: SpooledMessage, index: int, srs: SRS, error: Unfit
    ) -> None:
        """Say that a sender stays as he is, once for all recipients in a row."""
        if self._told == (message.id, srs):
            return
        self._told = message.id, srs
        envelope = message.envelope
        fields: dict[str, object] = {
            "message": message.id,
            "sender": envelope.sender,
            "recipient": envelope.recipients[index].path,
            "why": str(error),
        }
        self.publish(SENDER_KEPT, fields)

    def _moment(self, message: SpooledMessage, srs: SRS) -> float:
        """The time that the address is to have."""
        now = self.now()
        good = srs.style.maxAgeDays * _DAY_SECONDS
        return message.arrived if 0 <= now - message.arrived < good / 2 else now


__all__ = ["Forwarding", "Scope", "SenderFor"]
