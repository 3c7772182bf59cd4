"""
The table C{[peers]}: what is remembered of the hosts that we talk to.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ...knowledge.hints import EXPIRE_SECONDS
from ...knowledge.rooms import ROOM
from ..kinds import FilePath, durationInSeconds, sizeInOctets
from ..nested import Optional


@frozen
class Peers:
    """
    What is remembered of the hosts that we talk to: which could not be reached, and
    what they answered to EHLO.  It makes things faster and is never needed; the file
    may be deleted at any time.
    """

    persistent: bool = field(
        default=True,
        metadata={
            "help": "Is it kept in a file?  If not, it is in memory, and gone when the"
            " server stops."
        },
    )
    file: Path | None = field(
        default=None,
        metadata={
            "kind": Optional(FilePath()),
            "help": "The file, on a local disk.  Several servers on one machine may"
            " share it.  If not given: ``peers.sqlite`` in the state folder.",
        },
    )
    retryDataExpire: float = field(
        default=EXPIRE_SECONDS,
        metadata={
            "kind": durationInSeconds(False, 60),
            "help": "How long something counts.  After that a host that could not be"
            " reached is tried as if it had never failed.",
        },
    )
    recordsMax: int = field(
        default=ROOM.records,
        metadata={
            "least": 100,
            "help": "Of how many hosts and domains something is remembered; what was"
            " not asked for the longest goes for what is new.",
        },
    )
    octetsMax: int = field(
        default=ROOM.octets,
        metadata={
            "kind": sizeInOctets(1 << 20),
            "help": "How long that may be together.  It is in the memory of each"
            " process.",
        },
    )
