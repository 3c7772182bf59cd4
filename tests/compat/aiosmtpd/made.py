"""
What the tests are made of: a server of a handler whose hooks run on an asyncio
loop that is turned by hand, in the test's own thread.
"""

from __future__ import annotations

import asyncio
from typing import Any

from attrs import define
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.compat.aiosmtpd import MISSING, aiosmtpdFactory
from smtpx.compat.aiosmtpd.loops import sameThread
from smtpx.core.hooks import TLSInfo
from smtpx.net.factory import SMTPServerFactory
from smtpx.net.server import ServerProtocol

from ...net.made import CLIENT, Wire
from ...net.test_tls import SecurableWire

EHLO = b"EHLO c.example\r\n"
BEGIN = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
TEXT = b"Subject: x\r\n\r\nbody\r\n"
SECURED = TLSInfo(cipher="TLS_AES_128_GCM_SHA256", bits=128)


@define(eq=False)
class Client:
    """
    A client that is connected, and the loop of the hooks.
    """

    protocol: ServerProtocol
    wire: Wire
    loop: asyncio.AbstractEventLoop

    def say(self, octets: bytes) -> list[bytes]:
        """Octets come in; gives the lines written once all hooks wait or ended."""
        self.protocol.dataReceived(octets)
        return self.heard()

    def heard(self) -> list[bytes]:
        """Turn the loop; gives the lines written since the last call."""
        for _ in range(8):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        return self.wire.said().split(b"\r\n")[:-1]

    def send(self, text: bytes = TEXT, begin: bytes = BEGIN) -> bytes:
        """A whole transaction; gives the final reply."""
        self.say(begin)
        lines = self.say(b"DATA\r\n")
        if lines[-1][:3] != b"354":
            return lines[-1]
        return self.say(text + b".\r\n")[-1]

    def leave(self) -> None:
        """The connection is lost."""
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.heard()


class HandlerTestCase(SynchronousTestCase):
    """
    A test of a server with a handler.

    @ivar clock: of the server.
    @ivar loop: of the hooks.
    """

    def setUp(self) -> None:
        """Make a loop, and close it behind the test."""
        self.clock = Clock()
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)

    def factory(self, handler: object, **more: Any) -> SMTPServerFactory:
        """A server with C{handler}."""
        made = aiosmtpdFactory(
            self.clock,
            handler,
            home=sameThread(self.loop),
            **{"hostname": "mx.example.org", **more},
        )
        made.startFactory()
        return made

    def client(self, handler: object, *, secured: bool = False, **more: Any) -> Client:
        """
        A client that has been greeted.

        @param secured: is it under TLS?
        """
        protocol = self.factory(handler, **more).buildProtocol(
            IPv4Address("TCP", "192.0.2.1", 40000)
        )
        assert isinstance(protocol, ServerProtocol)
        wire = SecurableWire(peerAddress=CLIENT)
        protocol.makeConnection(wire)
        if secured:
            protocol.core.secured = SECURED
        client = Client(protocol, wire, self.loop)
        client.heard()
        return client

    def greeted(self, handler: object, **more: Any) -> Client:
        """A client that has said EHLO as well."""
        client = self.client(handler, **more)
        client.say(EHLO)
        return client

    def troubles(self) -> list[str]:
        """The exceptions that were logged, by name."""
        return [type(each.value).__name__ for each in self.flushLoggedErrors()]


class Recorder:
    """Notes what it is asked, and has no opinion on it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.envelopes: list[Any] = []
        self.server: Any = None
        self.session: Any = None

    def note(self, server: Any, session: Any, envelope: Any, *more: Any) -> Any:
        """A hook."""
        assert server.session is session and server.envelope is envelope
        self.server, self.session = server, session
        self.envelopes.append(envelope)
        self.asked.append(more)
        return MISSING
