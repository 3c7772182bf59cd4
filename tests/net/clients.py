"""
A client and a scripted server on a network in memory, for tests.
"""

from __future__ import annotations

from typing import Any

from attrs import define
from twisted.internet.task import Clock

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Dialect
from smtpx.dns.mailhosts import MailHost
from smtpx.net.clientkit import ClientKit
from smtpx.net.pool import ClientPool, PoolBounds
from smtpx.net.sending import Way
from smtpx.testing import Fault, ScriptedServer
from smtpx.testing.client import OctetsBody
from smtpx.testing.scripted import KEYWORDS
from smtpx.tls.client import ClientTLS

from .network import Got, Network, watched

ADDRESS = "192.0.2.25"
HOST = MailHost(b"mx.example.org", (ADDRESS.encode("ascii"),))
WAY = Way()

#: What is at a UNIX socket, and how it is talked to.
PATH = "/run/lmtp"
LOCAL = MailHost.atSocket(PATH.encode("ascii"))
LMTP = Way(dialect=Dialect.LMTP)

MESSAGE = b"Subject: x\r\n\r\n.one\r\ntwo\r\n"
CHUNKING = (*KEYWORDS, b"CHUNKING")

#: Trusts nobody, which takes no time.
NOBODY = ClientTLS(())


def envelopeFor(*paths: bytes, octets: int = len(MESSAGE)) -> Envelope:
    """An envelope, for one if not said otherwise."""
    recipients = [Recipient(path) for path in paths or (b"b@mx.example",)]
    return Envelope(b"a@client.example", 0.0, recipients, octets)


@define(eq=False)
class Rig:
    """
    A pool, and one host.

    @ivar troubles: exceptions out of extensions.
    """

    network: Network
    server: ScriptedServer
    pool: ClientPool
    troubles: list[tuple[str, BaseException]]

    def send(
        self,
        envelope: Envelope | None = None,
        body: bytes | Any = MESSAGE,
        *,
        way: Way = WAY,
        host: MailHost = HOST,
        run: bool = True,
    ) -> Got:
        """Send a message, and let happen what happens at once."""
        source = OctetsBody(body) if isinstance(body, bytes) else body
        envelope = envelopeFor(octets=source.octets) if envelope is None else envelope
        got = watched(self.pool.send(host, way, envelope, source))
        if run:
            self.network.run()
        return got

    @property
    def commands(self) -> list[bytes]:
        """What the first session was told."""
        return self.server.sessions[0].commands

    def writes(self, link: int = 0) -> list[bytes]:
        """What the client wrote in a connection, each write by itself."""
        return self.network.links[link][0].writes


def rig(
    *faults: Fault,
    keywords: Any = KEYWORDS,
    bounds: PoolBounds | None = None,
    serverTLS: Any = None,
    lmtp: bool = False,
    **kit: Any,
) -> Rig:
    """
    A pool, and a host that has these faults.

    @param lmtp: does it speak LMTP, and is at a UNIX socket (C{LOCAL}) as well?
    """
    network = Network()
    dialect = Dialect.LMTP if lmtp else Dialect.SMTP
    server = ScriptedServer(
        *faults, clock=network, keywords=keywords, tls=serverTLS, dialect=dialect
    )
    network.hosts[ADDRESS, 25] = server
    if lmtp:
        network.hosts[PATH, 0] = server
    troubles: list[tuple[str, BaseException]] = []

    def trouble(owner: str, error: BaseException) -> None:
        troubles.append((owner, error))

    kit.setdefault("tls", NOBODY)
    made = ClientKit(
        network,
        name=b"client.example.org",
        clock=lambda: 1000.0,
        trouble=trouble,
        **kit,
    )
    pool = ClientPool(made) if bounds is None else ClientPool(made, bounds)
    return Rig(network, server, pool, troubles)


def codes(got: Got) -> list[int]:
    """The codes of a L{Sent}, one a recipient."""
    return [said.code for _, said in got.value.outcomes]


def text(got: Any, index: int = 0) -> bytes:
    """What became of a recipient, in words."""
    _, said = got.value.outcomes[index]
    line: bytes = said.lines[0]
    return line


__all__ = [
    "ADDRESS",
    "CHUNKING",
    "Clock",
    "HOST",
    "LMTP",
    "LOCAL",
    "MESSAGE",
    "PATH",
    "Rig",
    "WAY",
    "codes",
    "envelopeFor",
    "rig",
    "text",
]
