"""
The table C{[reports]}: what senders are told of messages that could not be
delivered.
"""

from __future__ import annotations

from attrs import field, frozen

from ...queue.report import RETURNED_OCTETS, Returned


@frozen
class Reports:
    """What senders are told of messages that could not be delivered."""

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
