"""
A site in memory, and browsers without a network.
"""

from __future__ import annotations

from attrs import frozen
from prometheus_client import CollectorRegistry
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import IResource

from smtpx.observe.watch import Watch
from smtpx.observe.web.resources import StatusResource
from smtpx.observe.web.site import StatusSite

from ..stories import NOW


@frozen
class Answered:
    """
    What a site has answered.

    @ivar fields: of the header, by their names in lower case.
    """

    status: int
    fields: dict[str, str]
    body: bytes


class Wire(StringTransport):
    """A connection that can be cut."""

    def abortConnection(self) -> None:
        """Cut it."""
        self.disconnected = True


def answered(octets: bytes) -> Answered:
    """Take an answer apart."""
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Answered(
        int(first.split()[1]), {name.lower(): value for name, value in pairs}, body
    )


class Visits:
    """
    A site, and who comes to it.

    @ivar watch: what is seen there.
    @ivar clock: the time that the site has.
    """

    def __init__(self, *names: str) -> None:
        """
        @param names: of the site.
        """
        self.clock = Clock()
        self.watch = Watch(lambda: NOW, CollectorRegistry())
        self.serve(StatusResource(self.watch, names))

    def serve(self, root: IResource) -> None:
        """Have this as the site's root."""
        self.site = StatusSite(root, self.clock)

    def call(self) -> tuple[object, Wire]:
        """Connect."""
        channel = self.site.buildProtocol(None)
        wire = Wire()
        if channel is not None:
            channel.makeConnection(wire)
        return channel, wire

    def say(self, octets: bytes) -> bytes:
        """Connect, and say this; what is answered."""
        channel, wire = self.call()
        channel.dataReceived(octets)  # type: ignore[attr-defined]  # Twisted's
        said: bytes = wire.value()
        return said

    def get(
        self, path: str, host: str | None = "localhost:8025", method: str = "GET"
    ) -> Answered:
        """
        Ask for a page.

        @param host: the field Host; L{None}: without.
        """
        field = "" if host is None else f"Host: {host}\r\n"
        version = "1.0" if host is None else "1.1"
        request = f"{method} {path} HTTP/{version}\r\n{field}\r\n"
        return answered(self.say(request.encode("latin-1")))
