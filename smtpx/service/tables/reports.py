"""
The table C{[reports]}: what senders are told of their messages.
"""

from __future__ import annotations

from attrs import field, frozen

from ...queue.report import RETURNED_OCTETS, Returned
from ..kinds import durationInSeconds
from ..nested import ListOf

#: As with Exim (C{delay_warning}), in seconds.
DELAY_AFTER = (86400.0,)


@frozen
class Reports:
    """What senders are told of their messages, in delivery reports."""

    returned: Returned = field(
        default=Returned.HEADER,
        metadata={
            "help": "What of the message is sent back, where its sender did not say"
            " (``RET``): its ``header``, or the whole ``message``."
        },
    )
    returnedOctets: int = field(
        default=RETURNED_OCTETS,
        metadata={
            "most": RETURNED_OCTETS,
            "help": "A longer message is not sent back whole, and of a longer header"
            " only the beginning.",
        },
    )
    aliases: bool = field(
        default=False,
        metadata={
            "help": "Are senders told where aliases lead?  Otherwise they read the"
            " address that they know, also in what another host said."
        },
    )
    delayAfter: tuple[float, ...] = field(
        default=DELAY_AFTER,
        metadata={
            "kind": ListOf(durationInSeconds(False, 1)),
            "help": "The ages of a message at which its sender is told that it has not"
            " reached somebody yet, by the next attempt; an empty list: never.  Mail"
            " that programs sent, or that went to a mailing list, has no such report"
            " unless its sender asked for it (``NOTIFY=DELAY``).",
        },
    )
