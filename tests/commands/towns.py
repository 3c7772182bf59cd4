"""
A network in memory that runs as a reactor does, for commands that wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import send
from smtpx.core.hooks import Dialect
from smtpx.service.machine import Machine
from smtpx.testing import ScriptedServer
from smtpx.testing.dns import StaticResolver
from smtpx.testing.scripted import KEYWORDS

from ..net.network import Network

#: When everything begins, in seconds since the epoch: 2026-11-22 03:19:48.
NOW = 1795317588.0


class Names:
    """The system's names."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = names

    def resolveHostName(
        self, receiver: Any, hostName: str, portNumber: int = 0, *more: Any
    ) -> None:
        """Who has this name."""
        receiver.resolutionBegan(None)
        for address in self._names.get(hostName, ()):
            receiver.addressResolved(IPv4Address("TCP", address, portNumber))
        receiver.resolutionComplete()


class Town(Network):
    """
    It runs until it is stopped.
    """

    def __init__(self) -> None:
        Network.__init__(self)
        self._stopped = False
        self.nameResolver = Names({"mx.example": ["192.0.2.25"]})

    def run(self, seconds: float | None = None) -> None:
        """Let all happen that happens in so many seconds; L{None}: until the end."""
        if seconds is not None:
            Network.run(self, seconds)
            return
        self._stopped = False
        self.settle()
        while not self._stopped:
            due = [call.getTime() for call in self.getDelayedCalls()]
            assert due, "nothing will ever happen any more"
            self.advance(max(min(due) - self.seconds(), 0.0))
            self.settle()

    def stop(self) -> None:
        """It is enough."""
        self._stopped = True


@define(eq=False)
class Stage:
    """
    Where a command is played.

    @ivar town: the network.
    @ivar zone: what is in the DNS.
    """

    town: Town
    zone: str = ""

    def host(
        self,
        *faults: Any,
        address: str = "192.0.2.25",
        port: int = 25,
        keywords: Any = KEYWORDS,
        tls: Any = None,
        dialect: Dialect = Dialect.SMTP,
    ) -> ScriptedServer:
        """There is a server at an address, or at a UNIX socket, whose port is 0."""
        server = ScriptedServer(
            *faults, clock=self.town, keywords=keywords, tls=tls, dialect=dialect
        )
        self.town.hosts[address, port] = server
        return server

    def machine(self) -> Machine:
        """What a command stands on."""
        return Machine(
            self.town,
            name="client.example",
            now=lambda: NOW + self.town.seconds(),
            resolver=StaticResolver(self.zone),
        )


def staged(test: SynchronousTestCase) -> Stage:
    """Play the commands of a test on a stage."""
    stage = Stage(Town())
    test.patch(send, "theMachine", stage.machine)
    return stage


__all__ = ["NOW", "Stage", "Town", "staged"]
