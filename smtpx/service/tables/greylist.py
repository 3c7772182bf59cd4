"""
The table C{[greylist]}: who has to wait, and for how long.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from attrs import Attribute, field, frozen

from ...policy.strangers import GreylistTerms
from ..kinds import FilePath, durationInSeconds
from ..nested import Optional

_TERMS = GreylistTerms()


class WhenAway(Enum):
    """What becomes of mail while something cannot be asked."""

    ACCEPT = "accept"
    DEFER = "defer"


def _comesAgain(
    instance: GreylistOptions, attribute: Attribute[float], value: float
) -> None:
    if value <= instance.delay:
        raise ValueError("nobody could come again: it has to be longer than the delay")


@frozen
class GreylistOptions:
    """
    Who has to wait, and for how long, where a rule has the condition ``greylist``
    (:doc:`/howto/greylisting`).
    """

    delay: float = field(
        default=_TERMS.delay,
        metadata={
            "kind": durationInSeconds(False, 1),
            "help": "How long a client has to wait before it may send from a sender to"
            " a recipient for the first time.",
        },
    )
    retryWindow: float = field(
        default=_TERMS.window,
        validator=_comesAgain,
        metadata={
            "kind": durationInSeconds(False, 1),
            "help": "Until when it has to have come again; after that it waits anew.",
        },
    )
    lifetime: float = field(
        default=_TERMS.lifetime,
        metadata={
            "kind": durationInSeconds(False, 60),
            "help": "How long it is known then, since it was last here.",
        },
    )
    clientsAfter: int = field(
        default=_TERMS.clients,
        metadata={
            "help": "How often a client has to have come again, counted once an hour at"
            " most, to be known whatever it sends.  0: it never is."
        },
    )
    networkPrefixIPv4: int = field(
        default=_TERMS.prefixes.ipv4,
        metadata={
            "option": "network_prefix_ipv4",
            "most": 32,
            "help": "How many bits of an IPv4 address are its network, as which a"
            " client is known: a host may come again from another address of its"
            " network.",
        },
    )
    networkPrefixIPv6: int = field(
        default=_TERMS.prefixes.ipv6,
        metadata={
            "option": "network_prefix_ipv6",
            "most": 128,
            "help": "The same of an IPv6 address.",
        },
    )
    recordsMax: int = field(
        default=_TERMS.records,
        metadata={
            "least": 100,
            "help": "How much there is room for: half of it for what is known, and half"
            " for what has to wait.  The oldest goes for what is new.  If all that"
            " waits is newer than ``delay``, who comes is let in.",
        },
    )
    whenAway: WhenAway = field(
        default=WhenAway.ACCEPT,
        metadata={
            "help": "What becomes of mail while the file cannot be used: it is let in,"
            " or put off."
        },
    )
    file: Path | None = field(
        default=None,
        metadata={
            "kind": Optional(FilePath()),
            "help": "The file, on a local disk.  Several servers on one machine may"
            " share it.  If not given: ``greylist.sqlite`` in the state folder.",
        },
    )


__all__ = ["GreylistOptions", "WhenAway"]
