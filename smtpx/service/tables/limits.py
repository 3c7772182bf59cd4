"""
The table C{[limits]}: everything that a peer can use up is bounded.
"""

from __future__ import annotations

from attrs import field, frozen

from ...core.bounds import Bounds


@frozen
class Limits:
    """Everything that a peer can use up is bounded."""

    bounds: Bounds = field(
        factory=Bounds,
        metadata={
            "flat": True,
            "least": {
                "recipients_max": 1,
                "transactions_max": 1,
                "chunks_max": 1,
                # RFC 5321 sections 4.5.3.1.4 and 4.5.3.1.6.
                "command_octets": 512,
                "text_line_octets": 1000,
                "errors_max": 1,
                "refusals_max": 1,
                "idle_commands_max": 3,
                "command_seconds": 1,
                "body_seconds": 1,
                "body_block_octets": 1,
                "handshake_seconds": 1,
                "answer_seconds": 1,
            },
        },
    )
    connectionsMax: int = field(
        default=10_000,
        metadata={"least": 1, "help": "The most connections at once, in all."},
    )
    connectionsPerAddress: int = field(
        default=100,
        metadata={"least": 1, "help": "The most connections at once from an address."},
    )
    connectionsPerNetwork: int = field(
        default=1000,
        metadata={"least": 1, "help": "The most connections at once from a network."},
    )
    networkPrefixIPv4: int = field(
        default=24,
        metadata={
            "option": "network_prefix_ipv4",
            "most": 32,
            "help": "How many bits of an IPv4 address are its network.",
        },
    )
    networkPrefixIPv6: int = field(
        default=48,
        metadata={
            "option": "network_prefix_ipv6",
            "most": 128,
            "help": "How many bits of an IPv6 address are its network.",
        },
    )
    addressPrefixIPv6: int = field(
        default=64,
        metadata={
            "option": "address_prefix_ipv6",
            "most": 128,
            "help": "How many bits of an IPv6 address are one address: a host has"
            " its whole /64 to choose from.",
        },
    )
    spoolFreeOctets: int = field(
        default=128 << 20,
        metadata={
            "help": "With less room than this on the disk of the spool, no message"
            " is begun (452)."
        },
    )
    memoryFreeOctets: int = field(
        default=64 << 20,
        metadata={
            "help": "With less memory than this, of the machine or of the control"
            " group, no connections are accepted; those that are there go on."
            "  0: any will do."
        },
    )
    descriptorsFree: int = field(
        default=64,
        metadata={
            "help": "Connections are accepted only while this many of the process's"
            " file descriptors stay free, for files."
        },
    )
