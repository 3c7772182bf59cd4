"""
What we know of the hosts that we talk to.
"""

from .hellos import HelloMemory
from .hints import HostHints, exponential
from .interfaces import HostTrouble, IHostHints, IPeerKnowledge, Record
from .kinds import EHLO, KINDS, RETRY, HelloHistory, Kind, Shelf
from .memory import MemoryKnowledge, Room
from .names import PeerName, domainName, hostName, parseName

__all__ = [
    "EHLO",
    "KINDS",
    "RETRY",
    "HelloHistory",
    "HelloMemory",
    "HostHints",
    "HostTrouble",
    "IHostHints",
    "IPeerKnowledge",
    "Kind",
    "MemoryKnowledge",
    "PeerName",
    "Record",
    "Room",
    "Shelf",
    "domainName",
    "exponential",
    "hostName",
    "parseName",
]
