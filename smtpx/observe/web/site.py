"""
A small web site of our own on Twisted's: bounded in everything that a client can use
up, and with nothing that a client can change.

One request a connection, GET or HEAD, no body worth the name.  A connection has a
few seconds to ask and to be answered; there are only so many of them.  A browser
that was sent here by somebody else's page is refused by the name that it asks for
(L{ownHost}).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

#: The most connections at once.
CONNECTIONS_MOST = 32

#: How long a connection lasts, at most, in seconds.
LIFE_SECONDS = 20.0

#: The most octets of a request's line and header fields, and the most fields.
HEADER_OCTETS = 8192
HEADERS_MOST = 64

#: The most octets of a body that are read, and thrown away, so that the client sees
#: why it is refused.
BODY_OCTETS = 65_536


def ownHost(host: bytes | None, names: frozenset[str]) -> bool:
    """
    Does a request ask for us?

    A page from anywhere can have a browser ask C{http://evil.example/}, for which
    the DNS suddenly says 127.0.0.1, and then read the answer (DNS rebinding); but
    the name that it asks for is its own.  Addresses and C{localhost} cannot be
    rebound.

    @param host: the field Host; L{None}: there is none, so it is not a browser.
    @param names: other names that are ours, in lower case.
    """
    if host is None:
        return True
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        name, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdecimal()):
        return False
    name = name.removesuffix(".")
    if name == "localhost" or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class BoundedRequest(Request):
    """A request whose body is not kept."""

    _bodyOctets = 0

    def gotLength(self, length: int | None) -> None:
        """
        How long is the body?  The file that Twisted would keep it in is made in any
        case; it stays empty.
        """
        super().gotLength(0)  # type: ignore[no-untyped-call]  # Twisted's

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        self._bodyOctets += len(data)
        if self._bodyOctets > BODY_OCTETS:
            self.channel.loseConnection()


class BoundedChannel(HTTPChannel):
    """A connection with one request."""

    totalHeadersSize = HEADER_OCTETS
    maxHeaders = HEADERS_MOST
    # Given by the factory.
    factory: StatusSite
    _end: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The time begins."""
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted's
        self.factory.channels.add(self)
        # However often it says a little: an idle time would begin anew each time.
        self._end = self.factory.reactor.callLater(LIFE_SECONDS, self._over)

    def checkPersistence(self, request: object, version: object) -> bool:
        """No second request: who asks every few seconds can connect again."""
        return False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self.factory.channels.discard(self)
        if self._end is not None and self._end.active():
            self._end.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's

    def _over(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()


class StatusSite(Site):
    """
    The site.

    @ivar channels: the connections that there are.
    """

    noisy = False
    protocol = BoundedChannel  # type: ignore[assignment]  # without HTTP/2

    def __init__(self, resource: IResource, reactor: IReactorTime) -> None:
        """
        @param resource: its root, such as a
            L{smtpx.observe.web.resources.StatusResource}.
        """
        super().__init__(  # type: ignore[no-untyped-call]  # Twisted's
            resource,
            requestFactory=BoundedRequest,
            # Ours is not an idle time; see L{BoundedChannel}.
            timeout=None,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.channels: set[BoundedChannel] = set()

    def startFactory(self) -> None:
        """It begins.  There is no log of who asks, so nothing is to be opened."""

    def stopFactory(self) -> None:
        """It ends."""
        for channel in tuple(self.channels):
            channel._over()

    def log(self, request: object) -> None:
        """A request was answered; nobody wants to know."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """
        Somebody has connected.

        @return: L{None}: there are too many.
        """
        if len(self.channels) >= CONNECTIONS_MOST:
            return None
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]  # Twisted's


__all__ = ["StatusSite", "ownHost"]
