"""
A server to look at: events as they come, and sessions that are there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from twisted.internet.task import Clock

from smtpx.core.hooks import TLSInfo
from smtpx.knowledge.memory import KnowledgeState
from smtpx.net.factory import SMTPServerFactory
from smtpx.net.server import ServerProtocol
from smtpx.observe import events
from smtpx.observe.event import Event
from smtpx.observe.status import DestinationState, House, ListenerState
from smtpx.observe.watch import Watch
from smtpx.spool.stock import SpoolState
from smtpx.tls.states import CertificateState, StapleState

from ..stories import MESSAGE, NOW

DAY_SECONDS = 86_400


def inDays(days: float) -> datetime:
    """So many days from L{NOW}."""
    return datetime.fromtimestamp(NOW + days * DAY_SECONDS, UTC)


CERTIFICATES = (
    CertificateState(
        Path("new.pem"),
        ("mx.example.org", "mail.example.org"),
        inDays(-1),
        inDays(50),
        staple=StapleState(Path("new.ocsp"), True, inDays(3), None),
    ),
    CertificateState(
        Path("old.pem"),
        ("old.example.org",),
        inDays(-80),
        inDays(2),
        "key.pem: no such file",
        StapleState(Path("old.ocsp"), False, inDays(-0.5), "it has expired"),
    ),
)


class Server:
    """
    A server that is watched.

    @ivar now: what time it is.
    @ivar protocols: the sessions that there are.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.watch = Watch(lambda: self.now)
        self.protocols: list[ServerProtocol] = []
        self.unready: list[str] = []
        self.spool: SpoolState | None = SpoolState(12, 2, 3 << 20, 5 << 30, 128 << 20)
        self.oldest: float | None = NOW - 7200
        self.certificates: tuple[CertificateState, ...] = CERTIFICATES
        self.listeners: tuple[ListenerState, ...] = (
            ListenerState("0.0.0.0:25", 25, "STARTTLS", "mx"),
            ListenerState("[::1]:465", 465, "implicit TLS", "submission", False),
        )
        self.destinations: list[DestinationState] = []
        self.connections: int | None = None
        self.knowledge: KnowledgeState | None = None
        self._factory = SMTPServerFactory(
            Clock(), lambda envelope, body: None, clock=lambda: self.now
        )
        self.watch.enter(
            House(
                "mx.example.org",
                unready=lambda: self.unready,
                listeners=lambda: self.listeners,
                sessions=lambda: self.protocols,
                spool=lambda: self.spool,
                oldest=lambda: self.oldest,
                certificates=lambda: self.certificates,
                destinations=lambda: self.destinations,
                connections=lambda: self.connections,
                knowledge=lambda: self.knowledge,
            )
        )

    def tell(self, event: Event, **fields: object) -> None:
        """Something happens."""
        told = {"event": event.name, "log_time": self.now} | fields
        for observer in self.watch.observers:
            observer(told)

    def visit(self, address: bytes, helo: bytes, port: int = 25) -> ServerProtocol:
        """Somebody comes, and stays."""
        protocol = self._factory.buildProtocol(None)
        assert isinstance(protocol, ServerProtocol)
        core = protocol.core
        core.peer, core.helo, core.localPort = address, helo, port
        self.protocols.append(protocol)
        self.tell(events.CONNECTED, session=core.id, address=address, localPort=port)
        return protocol

    def leave(self, protocol: ServerProtocol) -> None:
        """It is gone."""
        self.protocols.remove(protocol)
        session = protocol.core.id
        self.tell(events.CLOSED, session=session, ending="quit", seconds=1.5)

    def accept(self, protocol: ServerProtocol, recipients: int = 1) -> None:
        """A message of its is accepted."""
        core = protocol.core
        self.tell(
            events.ACCEPTED,
            session=core.id,
            address=core.peer,
            protocol="esmtps",
            recipients=[b"x@y.example"] * recipients,
            octets=1000,
        )

    def refuse(self, address: bytes, command: bytes, code: int, status: str) -> None:
        """Somebody who is gone was refused."""
        self.tell(
            events.REFUSED,
            session="gone",
            address=address,
            command=command,
            code=code,
            status=status,
        )

    def defer(self, recipient: bytes, text: str, host: bytes | None = None) -> None:
        """A delivery does not work now."""
        found = {} if host is None else {"host": host}
        self.tell(
            events.DEFERRED,
            message=MESSAGE,
            recipient=recipient,
            transport="smtp",
            cause="connect",
            text=text,
            **found,
        )

    def secure(self, protocol: ServerProtocol, resumed: bool) -> None:
        """TLS is up."""
        protocol.core.secured = TLSInfo("TLSv1.3", "X", 256, resumed=resumed)
        self.tell(
            events.SECURED,
            session=protocol.core.id,
            version="TLSv1.3",
            resumed=resumed,
        )
