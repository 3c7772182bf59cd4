"""
A machine without threads, sockets and time of its own, to build houses on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.server import ServerProtocol
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.extensions import findExtensions
from smtpx.service.machine import Machine
from smtpx.service.mail import MailService
from smtpx.service.wiring import build
from smtpx.spool.interfaces import IOperatedSpool
from smtpx.testing.dns import StaticResolver
from smtpx.testing.spool import MemorySpool
from tests.net.made import Call, Wire

#: When everything happens, in seconds since the epoch.
NOW = 1763780000.0

FOUND = findExtensions()

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


class Reactor(MemoryReactorClock):
    """A reactor in memory; what threads have called in it is called at once."""

    def spawnProcess(self, *rest: Any, **more: Any) -> Any:
        """
        See C{IReactorProcess}.

        @raise OSError: there are no processes here.
        """
        raise OSError("no processes")

    def callFromThread(self, call: Callable[..., Any], *rest: Any, **more: Any) -> None:
        """See C{IReactorFromThreads}."""
        call(*rest, **more)


class Pool:
    """A pool of no threads: work is done at once."""

    def __init__(self, most: int, name: str) -> None:
        self.name = name
        self.running = False

    def start(self) -> None:
        """Threads would be there now."""
        self.running = True

    def stop(self) -> None:
        """Threads would be gone now."""
        self.running = False

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], None],
        work: Callable[..., Any],
        *rest: Any,
        **more: Any,
    ) -> None:
        """See L{twisted.python.threadpool.ThreadPool}."""
        try:
            result = work(*rest, **more)
        except Exception:
            onResult(False, Failure())
        else:
            onResult(True, result)


@define(eq=False)
class Site:
    """
    A machine, and what was made on it.

    @ivar folder: where relative paths begin.
    @ivar resolver: the DNS, in which there is what a test puts there.
    """

    folder: Path
    reactor: Reactor
    machine: Machine
    pools: list[Pool]
    spools: list[MemorySpool]
    resolver: StaticResolver
    calls: list[Call] = field(factory=list)

    def read(self, values: Mapping[str, object] | None = None) -> Configuration:
        """A configuration whose state is in the folder."""
        return readConfiguration(
            {"state": self.folder / "state", "dns": {"hosts_file": "none"}}
            | dict(values or {}),
            FOUND,
        )

    def build(self, values: Mapping[str, object] | None = None) -> MailService:
        """A server that is not started."""
        return build(self.machine, self.read(values), FOUND)

    def call(
        self, port: int = 0, host: str = "192.0.2.1", wire: Wire | None = None
    ) -> Call:
        """
        A client connects to the port of this number, counted from 0.

        @param wire: over this, for which C{host} does not matter.
        """
        wire = wire or Wire(peerAddress=IPv4Address("TCP", host, 40000))
        vestibule: Any = self.reactor.tcpServers[port][1]
        protocol = vestibule.buildProtocol(wire.getPeer())
        assert isinstance(protocol, ServerProtocol)
        protocol.makeConnection(wire)
        self.calls.append(Call(protocol, wire))
        return self.calls[-1]

    def hangUp(self) -> None:
        """All clients are gone."""
        calls, self.calls = self.calls, []
        for call in calls:
            call.protocol.connectionLost()

    def inboxes(self) -> list[bytes]:
        """Every message in the Maildir of the state folder."""
        new = self.folder / "state/Maildir/new"
        return [each.read_bytes() for each in sorted(new.glob("*"))]


def site(folder: str) -> Site:
    """
    A machine called C{mx.example.org}.

    @param folder: a folder that is to be.
    """
    reactor = Reactor()
    reactor.advance(NOW)
    pools: list[Pool] = []
    spools: list[MemorySpool] = []

    def pool(most: int, name: str) -> Any:
        pools.append(Pool(most, name))
        return pools[-1]

    def spool(reactor: Any, folder: str, **options: Any) -> IOperatedSpool:
        known = options["queueProfileStamps"]
        spools.append(MemorySpool(options["clock"], known))
        return spools[-1]

    path = Path(folder).absolute()
    path.mkdir()
    resolver = StaticResolver()
    machine = Machine(
        reactor,
        "mx.example.org",
        reactor.seconds,
        pool,
        spool,
        hearOf=lambda reactor, folder, wake: None,
        fastOpen=lambda: 3,
        resolver=resolver,
    )
    return Site(path, reactor, machine, pools, spools, resolver)


def send(call: Call, recipient: bytes, sender: bytes = b"a@b.example") -> bytes:
    """Send a message; gives the last reply."""
    said = call.say(b"EHLO client.example\r\n")
    for line in (
        b"MAIL FROM:<%b>\r\n" % sender,
        b"RCPT TO:<%b>\r\n" % recipient,
        b"DATA\r\n",
        MESSAGE + b".\r\n",
    ):
        said = call.say(line)
        if said[:1] not in b"23":
            break
    return said


class HouseTestCase(SynchronousTestCase):
    """A test with a server that is built, runs and stops."""

    def setUp(self) -> None:
        """A machine."""
        self.site: Site = site(self.mktemp())

    def start(self, **values: object) -> None:
        """Build and start a server."""
        self.service = self.site.build(values)
        opened = self.service.whenOpen()
        self.service.privilegedStartService()
        self.service.startService()
        self.successResultOf(opened)
        self.addCleanup(self.stop)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self.service.running:
            stopped = self.service.stopService()
            self.site.hangUp()
            self.successResultOf(stopped)
