"""
What we know of the hosts that we talk to.
"""

from .file import KnowledgeFile
from .hellos import HelloMemory
from .hints import HostHints, exponential
from .interfaces import HostTrouble, IHostHints, IPeerKnowledge, Record
from .kinds import EHLO, KINDS, POLICY, RETRY, HelloHistory, Kind, KnownPolicy, Shelf
from .layout import DamagedFile, ForeignFile
from .memory import KnowledgeState, MemoryKnowledge
from .names import PeerName, domainName, hostName, parseName
from .rooms import Room
from .sessions import SessionMemory
from .shared import SharedKnowledge

__all__ = [
    "EHLO",
    "KINDS",
    "POLICY",
    "RETRY",
    "DamagedFile",
    "ForeignFile",
    "HelloHistory",
    "HelloMemory",
    "HostHints",
    "HostTrouble",
    "IHostHints",
    "IPeerKnowledge",
    "Kind",
    "KnowledgeFile",
    "KnowledgeState",
    "KnownPolicy",
    "MemoryKnowledge",
    "PeerName",
    "Record",
    "Room",
    "SessionMemory",
    "SharedKnowledge",
    "Shelf",
    "domainName",
    "exponential",
    "hostName",
    "parseName",
]
