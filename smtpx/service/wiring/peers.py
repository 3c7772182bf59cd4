"""
What is known of the hosts that we talk to, for who sends; and which clients were told
that they need not wait for the greeting, for who receives.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from attrs import evolve, frozen

from ...extensions.checkpointclient import TransactionNames
from ...knowledge.chunks import ChunkMemory
from ...knowledge.hellos import HelloMemory
from ...knowledge.hints import HostHints
from ...knowledge.interfaces import IPeerKnowledge
from ...knowledge.memory import KnowledgeState, MemoryKnowledge
from ...knowledge.offers import KnownOffers
from ...knowledge.rooms import ROOM
from ...knowledge.sessions import SessionMemory
from ...knowledge.shared import SharedKnowledge
from ...spool.namesecret import nameSecret
from ..config import Configuration
from ..machine import Machine
from .threads import threads

Knowledge = SharedKnowledge | MemoryKnowledge


@frozen
class PeerKnowledge:
    """
    What is known of hosts, for everybody who wants to know something.

    @ivar knowledge: all of it.
    @ivar hints: which hosts could not be reached.
    @ivar hellos: what they answered to EHLO.
    @ivar chunks: which of them cannot do CHUNKING.
    @ivar sessions: TLS sessions of theirs.
    @ivar state: how it is.
    @ivar names: what our transactions with them are called.
    """

    knowledge: IPeerKnowledge
    hints: HostHints
    hellos: HelloMemory
    chunks: ChunkMemory
    sessions: SessionMemory
    state: Callable[[], KnowledgeState]
    names: TransactionNames


async def openKnowledge(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> Knowledge:
    """
    Read what is known, and go on remembering.  Where that is not possible, the
    operator is told, and nothing is known.

    @param stack: how it ends; what is new is written down then.
    """
    table = configuration.peers
    room = evolve(ROOM, records=table.recordsMax, octets=table.octetsMax)
    if table.persistent:
        # One thread: the file is used by one at a time.
        knowledge = SharedKnowledge(
            machine.reactor,
            machine.now,
            threads(machine, 1, "peers", stack),
            str(configuration.peersFile),
            room,
            machine.worker.leads,
        )
        await knowledge.start()
        stack.push_async_callback(knowledge.stop)
        return knowledge
    return MemoryKnowledge(machine.now, room)


def peerKnowledge(
    machine: Machine, configuration: Configuration, name: str, knowledge: Knowledge
) -> PeerKnowledge:
    """
    What is known of hosts, for who sends.

    @param name: what the server calls itself.
    @param knowledge: all of it.
    @raise OSError: the secret of names can be neither read nor made.
    @raise smtpx.core.errors.UsageError: it is damaged.
    """
    secret = nameSecret(str(configuration.state / "spool"))
    expire = configuration.peers.retryDataExpire
    return PeerKnowledge(
        knowledge,
        HostHints(knowledge, machine.now, expire),
        HelloMemory(knowledge, machine.now, expire),
        ChunkMemory(knowledge, machine.now, expire),
        SessionMemory(knowledge, machine.now, claim=_claim(machine)),
        knowledge.state,
        TransactionNames(secret, name.encode("ascii")),
    )


def _claim(machine: Machine) -> Callable[[bytes], bool] | None:
    """Says whether no other worker has used a session; L{None}: there is no other."""
    sessions = machine.shared.sessions
    return None if sessions is None else sessions.column(machine.worker.number).claim


def knownOffers(machine: Machine, knowledge: Knowledge) -> KnownOffers:
    """Which clients were offered PIPECONNECT, by any worker."""
    shared = machine.shared.offers
    news = None if shared is None else shared.column(machine.worker.number)
    return KnownOffers(knowledge, machine.now, news)
