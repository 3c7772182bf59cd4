"""
A network with hosts, names and domains, for tests of programs that send.
"""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from smtpx.core.reply import reply
from smtpx.dns.mailhosts import IMailRouter, MailHost, MailHosts, Unroutable
from smtpx.net.mailer import SMTPClientOptions, sendMessage
from smtpx.testing import ScriptedServer
from smtpx.testing.scripted import KEYWORDS

from .clients import NOBODY
from .network import Got, Network, watched

ME = "me@example.org"
HELLO = b"Subject: hello\n\nhi\n"


class Names:
    """The system's names."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.asked: list[str] = []

    def resolveHostName(
        self, receiver: Any, hostName: str, portNumber: int = 0, *more: Any
    ) -> None:
        """Who has this name."""
        self.asked.append(hostName)
        receiver.resolutionBegan(None)
        for address in self.names.get(hostName.partition(".")[0], ()):
            receiver.addressResolved(IPv4Address("TCP", address, portNumber))
        receiver.resolutionComplete()


@implementer(IMailRouter)
@define(eq=False)
class Domains:
    """Where mail for a domain goes."""

    known: dict[bytes, Any] = field(factory=dict)

    def byMX(self, domain: bytes) -> Deferred[MailHosts]:
        """See L{IMailRouter}."""
        found = self.known.get(domain)
        if found is None:
            error = Unroutable(reply(550, "5.1.2", b"No such domain"), "no such domain")
            return fail(error)
        if isinstance(found, Deferred):
            return found
        return succeed(found)

    bySRV = byMX

    def byHosts(self, hosts: Any, randomly: bool = False) -> Deferred[MailHosts]:
        """Never asked."""
        raise AssertionError


@define(eq=False)
class World:
    """A network with some hosts."""

    network: Any
    domains: Domains
    servers: list[ScriptedServer] = field(factory=list)

    def host(
        self, address: str, *faults: Any, port: int = 25, keywords: Any = KEYWORDS
    ) -> ScriptedServer:
        """There is a host at this address."""
        server = ScriptedServer(*faults, clock=self.network, keywords=keywords)
        self.network.hosts[address, port] = server
        self.servers.append(server)
        return server

    def options(self, **more: Any) -> SMTPClientOptions:
        """What all clients here have."""
        return SMTPClientOptions(
            trust=NOBODY,
            name="client.example",
            router=self.domains,
            random=Random(1),
            **more,
        )

    def send(self, recipients: Any, **more: Any) -> Got:
        """Send a message."""
        more.setdefault("options", self.options())
        got = watched(sendMessage(self.network, ME, recipients, HELLO, **more))
        self.network.run()
        return got


def mx(*names: str, preference: int = 0) -> MailHosts:
    """Hosts that are called as their addresses."""
    return MailHosts(
        tuple(
            MailHost(f"mx{place}.example".encode(), (name.encode(),), 25, place)
            for place, name in enumerate(names)
        )
    )


def world() -> World:
    """An empty one."""
    network = Network()
    network.nameResolver = Names(mail=["192.0.2.25"])  # type: ignore[attr-defined]  # a reactor's
    return World(network, Domains())
