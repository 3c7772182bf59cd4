"""
A transport whose host offers PIPECONNECT: all of the way from recipients to the wire,
on a network in memory, with what is remembered of hosts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import RoutePolicy, Target, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.dns.mailhosts import MailHost, MailHosts
from smtpx.extensions.pipeconnect import PipeConnect, PipeConnectSettings
from smtpx.extensions.standard import standard
from smtpx.knowledge.hellos import HelloMemory
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.kinds import EHLO, HelloHistory, Shelf
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.names import hostName
from smtpx.net.clientkit import ClientKit
from smtpx.net.pool import ClientPool, PoolBounds
from smtpx.net.sending import Way
from smtpx.queue.interfaces import Attempt
from smtpx.queue.smtp import SMTPTransport
from smtpx.spool.bodies import HeldBody
from smtpx.spool.format import Outcome
from smtpx.testing import Fault, ScriptedServer
from tests.net.clients import ADDRESS, HOST, NOBODY
from tests.net.network import Network

from .doubles import messageFor
from .remotes import located

IN_CLEAR = Way(RoutePolicy(TLSLevel.UNWANTED))

#: What the host offers.
OFFERED = (b"PIPELINING", b"PIPECONNECT", b"8BITMIME", b"SIZE 5000")

EHLO_LINE = b"EHLO client.example.org\r\n"
BODY = b"Subject: x\r\n\r\nA few words.\r\n"
GROUP = (
    b"MAIL FROM:<sender@example.net> SIZE=%d\r\n" % len(BODY)
    + b"RCPT TO:<a@example.org>\r\n"
)
FLIGHT = EHLO_LINE + GROUP + b"DATA\r\n"


class PrimedCase(SynchronousTestCase):
    """
    One host, and one transport.

    @ivar logsIn: does the client?
    @ivar settings: of PIPECONNECT.
    """

    logsIn = False
    settings = PipeConnectSettings(hostsPipeConnect=HostList.parse(["*"]))
    way = IN_CLEAR

    def setUp(self) -> None:
        """Nothing is known of anybody."""
        self.network = network = Network()
        network.advance(1_000_000)
        self.begin(MemoryKnowledge(network.seconds))
        self.server = self.serve()

    def begin(self, knowledge: MemoryKnowledge, **kit: Any) -> None:
        """
        Make the transport.

        @param kit: of the client.
        """
        network = self.network
        self.knowledge = knowledge
        self.hints = HostHints(knowledge, network.seconds)
        self.memory = HelloMemory(knowledge, network.seconds)
        self.history = Shelf(knowledge, EHLO)
        extensions = [
            PipeConnect(self.settings, memory=self.memory)
            if each.name == PipeConnect.name
            else each
            for each in standard(logsIn=self.logsIn)
        ]
        kit.setdefault("tls", NOBODY)
        self.kit = ClientKit(
            network,
            name=b"client.example.org",
            clock=network.seconds,
            extensions=extensions,
            **kit,
        )
        self.pool = ClientPool(self.kit, PoolBounds(idleSeconds=0))
        self.hosts = MailHosts((HOST,))

    def find(self, domain: bytes) -> Deferred[MailHosts]:
        """They are the same for every domain."""
        return succeed(self.hosts)

    def serve(
        self,
        *faults: Fault,
        keywords: Sequence[bytes] = OFFERED,
        tls: Any = None,
        address: str = ADDRESS,
    ) -> ScriptedServer:
        """What is at an address from now on."""
        server = ScriptedServer(*faults, clock=self.network, keywords=keywords, tls=tls)
        self.network.hosts[address, 25] = server
        return server

    def send(self, *recipients: bytes, seconds: float = 0.0) -> list[Outcome]:
        """
        One message, in one attempt.

        @param seconds: how long that takes.
        """
        transport = SMTPTransport(
            "remote",
            self.find,
            self.pool,
            self.way,
            self.hints,
            self.network.seconds,
        )
        message = messageFor(*(recipients or (b"a@example.org",)))
        where = self.successResultOf(located(transport, message))
        outcomes = list(where.outcomes)
        for leg in where.legs:
            attempt = Attempt(message, HeldBody(BODY), leg.indices, where=leg.where)
            delivering = transport.deliver(attempt)
            done = Deferred.fromCoroutine(delivering)
            self.network.run(seconds)
            found: Sequence[Outcome] = self.successResultOf(done)
            outcomes += found
        self.network.run()
        return outcomes

    def flights(self, link: int = -1) -> list[bytes]:
        """What the client wrote in a connection, each write by itself."""
        return self.network.links[link][0].writes

    def known(self, way: bytes = b"clear") -> HelloHistory | None:
        """The record of what the host answered in one way."""
        return self.history.recall(hostName(HOST.name, ADDRESS.encode(), 25, way))

    def assertNoHint(self, host: MailHost = HOST) -> None:
        """Nothing is held against the host."""
        for address in host.addresses:
            name = hostName(host.name, address, host.port)
            self.assertIsNone(self.hints.trouble(name))

    def assertForgotten(self) -> None:
        """What the host answered is not built on for an hour."""
        target = Target(HOST.name, ADDRESS.encode())
        self.assertIsNone(self.memory.recall(target))
        found = self.known()
        assert found is not None
        self.assertEqual((found.failures, found.misses), (1, 1))
        self.assertEqual(found.quiet, self.network.seconds() + 3600)


__all__ = [
    "BODY",
    "EHLO_LINE",
    "FLIGHT",
    "GROUP",
    "IN_CLEAR",
    "OFFERED",
    "PrimedCase",
]
