"""
Web servers in memory, that answer every request with octets that a test wrote down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from smtpx.core.hooks import TLSOptions
from smtpx.tls.contexts import ServerTLS

from .network import Network


def page(
    body: bytes,
    kind: bytes = b"text/plain",
    status: bytes = b"200 OK",
    more: bytes = b"",
) -> bytes:
    """An answer with a length, as web servers give it."""
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        kind,
        len(body),
        more,
        body,
    )


@define(eq=False)
class CannedWeb:
    """
    A web server behind TLS.

    @ivar answer: what it says to a request; empty: nothing; L{None}: it closes the
        connection.
    @ivar requests: what it was asked, with the bodies.
    @ivar onRequest: called with each request before it is answered.
    """

    answer: bytes | None
    requests: list[bytes] = field(factory=list)
    onRequest: Callable[[bytes], None] = lambda request: None

    def serve(
        self, network: Network, address: str, tls: ServerTLS, port: int = 443
    ) -> None:
        """Be at an address."""
        factory = Factory.forProtocol(_Canned)
        factory.web = self  # type: ignore[attr-defined] # Factories are open to that.
        wrapped = TLSMemoryBIOFactory(
            tls.creator(TLSOptions()), False, factory, clock=network
        )
        network.hosts[address, port] = wrapped


class _Canned(Protocol):
    """One connection."""

    transport: Any
    factory: Any
    _data = b""

    def dataReceived(self, data: bytes) -> None:
        """A piece of a request."""
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        wanted = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                wanted = int(value)
        if len(body) < wanted:
            return
        web: CannedWeb = self.factory.web
        web.requests.append(self._data)
        web.onRequest(self._data)
        self._data = b""
        if web.answer is None:
            self.transport.loseConnection()
        else:
            self.transport.write(web.answer)
