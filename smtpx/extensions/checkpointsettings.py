"""
What an operator may set of CHECKPOINT.

It is part of L{smtpx.extensions.checkpoint}.
"""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge

from ..core.hostlist import HostList

#: RFC 1845 section 3 recommends it as the least, in seconds.
LEAST_SECONDS = 48 * 3600


@frozen
class CheckpointSettings:
    """What an operator may set of CHECKPOINT."""

    # --- server -----------------------------------------------------------------

    checkpointAdvertiseHosts: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "checkpoint_advertise_hosts",
            "help": "The clients that may name their transactions.",
        },
    )
    unprovenHosts: HostList = field(
        default=HostList(),
        metadata={
            "help": "The clients whose named messages are taken out of the packet that"
            " asks for a connection (TCP Fast Open), before they have shown that they"
            " are where it comes from.  Whoever sees such a packet of theirs can send"
            " messages as if from there for as long as its cookie is good.",
        },
    )
    keepSeconds: int = field(
        default=5 * 86400,
        validator=ge(LEAST_SECONDS),
        metadata={
            "help": "For how long names, and messages that were cut short, are kept:"
            " for as long as a client may try again, and as a cookie of TCP Fast"
            " Open is good.",
            "least": LEAST_SECONDS,
        },
    )
    namesMax: int = field(
        default=1_000_000,
        validator=ge(1),
        metadata={
            "help": "How many names of messages that were taken are kept; one of a"
            " message with many recipients counts as several.  With so many, names are"
            " offered to nobody.",
            "least": 1,
        },
    )
    clientNamesMax: int = field(
        default=200_000,
        validator=ge(1),
        metadata={
            "help": "How many of them of one client.",
            "least": 1,
        },
    )
    cutShortMax: int = field(
        default=500,
        validator=ge(0),
        metadata={
            "help": "How many messages that were cut short are kept.  With more, the"
            " oldest is dropped, and its client has to send it from the start."
        },
    )
    clientCutShortMax: int = field(
        default=20,
        validator=ge(0),
        metadata={"help": "How many of them of one client."},
    )
    cutShortOctets: int = field(
        default=2 << 30,
        validator=ge(0),
        metadata={"help": "How long they may be together."},
    )
    clientCutShortOctets: int = field(
        default=512 << 20,
        validator=ge(0),
        metadata={"help": "How long those of one client may be together."},
    )

    # --- client -----------------------------------------------------------------

    hostsTryCheckpoint: HostList = field(
        default=HostList(),
        metadata={
            "option": "hosts_try_checkpoint",
            "help": "The servers to which transactions are named, where they offer it.",
        },
    )


__all__ = ["LEAST_SECONDS", "CheckpointSettings"]
