"""
Tests for greetings that leave with the first flight of a handshake, as
L{smtpx.net.server} has them.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from OpenSSL.SSL import Error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.effects import MayConnect
from smtpx.core.hooks import Ending, TLSInfo, TLSOptions
from smtpx.core.hostlist import HostList
from smtpx.core.reply import Reply, reply
from smtpx.extensions.earlybanner import EarlyBanner, EarlyBannerSettings
from smtpx.extensions.pipeconnect import PipeConnect
from smtpx.extensions.pipelining import Pipelining
from smtpx.tls.earlybanner import Words
from smtpx.tls.interfaces import IServerTLS

from .made import Server, Wire, made

_INFO = TLSInfo(cipher="TLS_AES_128_GCM_SHA256")
_NO = reply(554, "5.7.1", b"Go away")


@implementer(IServerTLS)
@define(eq=False)
class Speaking:
    """
    TLS that may speak first.

    @ivar takes: does OpenSSL write what it is given?
    @ivar left: what left with the first flight.
    """

    takes: bool = True
    left: list[bytes] = field(factory=list)
    ready: bool = True
    _words: list[Words] = field(factory=list)

    def creator(self, options: TLSOptions, words: Words | None = None) -> Any:
        """What goes into C{startTLS}."""
        if options.early and words is not None:
            self._words.append(words)
        return self

    def flight(self) -> None:
        """The ClientHello has come."""
        while self._words:
            self._words.pop()(self._say)

    def _say(self, octets: bytes) -> bool:
        if self.takes:
            self.left.append(octets)
        return self.takes

    def info(self, connection: Any) -> TLSInfo:
        """What the handshake came to."""
        return _INFO

    def failure(self, connection: Any, error: Error) -> str:
        """Why it ended."""
        return str(error)


class SecurableWire(Wire):
    """A transport that can start TLS."""

    def startTLS(self, creator: Any) -> None:
        """TLS begins."""

    def getHandle(self) -> None:
        """The TLS connection, which nobody looks at."""


class EarlyGreetingTests(SynchronousTestCase):
    """Who is greeted when."""

    def setUp(self) -> None:
        """Nobody has to be asked."""
        self.tls = Speaking()
        self.answer: Reply | None | Deferred[Reply | None] = None

    def server(self, *hosts: str) -> Server:
        """A server with implicit TLS and a host list."""
        listed = EarlyBannerSettings(HostList.parse(hosts or ("192.0.2.1",)))
        extensions = [Pipelining(), PipeConnect(), EarlyBanner(listed)]
        return made(
            tls=self.tls,
            implicitTLS=True,
            extensions=extensions,
            answers={MayConnect: lambda question: self.answer},
        )

    def called(self, server: Server) -> tuple[Any, SecurableWire]:
        """A client has connected."""
        client = IPv4Address("TCP", "192.0.2.1", 1)
        protocol: Any = server.factory.buildProtocol(client)
        wire = SecurableWire()
        protocol.makeConnection(wire)
        return protocol, wire

    def test_listed(self) -> None:
        """
        A listed client has the greeting with the first flight, and not once more; then
        all is as ever.
        """
        protocol, wire = self.called(self.server())
        self.tls.flight()
        [greeting] = self.tls.left
        self.assertEqual(greeting[:4], b"220 ")
        protocol.handshakeCompleted()
        self.assertEqual(wire.said(), b"")
        secured = protocol.core.secured
        self.assertTrue(secured.onConnect)
        protocol.dataReceived(b"EHLO c.example\r\n")
        self.assertEqual(wire.said()[:4], b"250-")

    def test_stranger(self) -> None:
        """
        Any other has it behind the handshake.
        """
        protocol, wire = self.called(self.server("198.51.100.1"))
        self.tls.flight()
        protocol.handshakeCompleted()
        self.assertEqual(self.tls.left, [])
        self.assertEqual(wire.said()[:4], b"220 ")

    def test_notTaken(self) -> None:
        """
        Where OpenSSL does not write it, it leaves behind the handshake, once.
        """
        self.tls.takes = False
        protocol, wire = self.called(self.server())
        self.tls.flight()
        protocol.handshakeCompleted()
        said = wire.said()
        self.assertEqual((said[:4], said.count(b"220 ")), (b"220 ", 1))

    def test_refused(self) -> None:
        """
        A refusal is not for everybody: it leaves behind the handshake, and that is the
        end.
        """
        self.answer = _NO
        protocol, wire = self.called(self.server())
        self.tls.flight()
        self.assertEqual(self.tls.left, [])
        self.assertFalse(wire.disconnecting)
        protocol.handshakeCompleted()
        self.assertEqual(wire.said()[:4], b"554 ")
        self.assertTrue(wire.disconnecting)

    def test_askedInTime(self) -> None:
        """
        Where somebody is asked, and has answered when the ClientHello comes, the
        greeting is early.
        """
        asked: Deferred[Reply | None] = Deferred()
        self.answer = asked
        self.called(self.server())
        asked.callback(None)
        self.tls.flight()
        self.assertEqual(self.tls.left[0][:4], b"220 ")

    def test_askedTooLate(self) -> None:
        """
        Where the answer comes later, be it before or behind the end of the handshake,
        the greeting leaves as soon as it can.
        """
        for later in (False, True):
            asked: Deferred[Reply | None] = Deferred()
            self.answer = asked
            protocol, wire = self.called(self.server())
            self.tls.flight()
            if not later:
                asked.callback(None)
            protocol.handshakeCompleted()
            if later:
                self.assertEqual(wire.said(), b"")
                asked.callback(None)
            self.assertEqual(self.tls.left, [])
            self.assertEqual(wire.said()[:4], b"220 ")

    def test_talksBehindItsFinished(self) -> None:
        """
        A client that has read PIPECONNECT may send its commands with the end of its
        handshake, greeted early or not.
        """
        protocol, wire = self.called(self.server())
        self.tls.flight()
        protocol.handshakeCompleted()
        protocol.dataReceived(b"EHLO c.example\r\nMAIL FROM:<>\r\nQUIT\r\n")
        said = wire.said()
        self.assertEqual(said[:4], b"250-")
        self.assertIn(b"\r\n221 ", said)

    def test_lost(self) -> None:
        """
        A client that is gone before the handshake is through broke that off.
        """
        protocol, wire = self.called(self.server())
        self.tls.flight()
        core = protocol.core
        protocol._leftAtOnce = lambda reason: False
        protocol.connectionLost()
        self.assertIs(core.ending, Ending.HANDSHAKE)

    def test_handshakeThatStandsStill(self) -> None:
        """
        The time limit of handshakes holds, though the greeting is out.
        """
        server = self.server()
        protocol, wire = self.called(server)
        self.tls.flight()
        bounds = server.factory.bounds
        protocol.sweep(0.0)
        protocol.sweep(bounds.handshakeSeconds + 1.0)
        self.assertTrue(wire.aborted)

    def test_stop(self) -> None:
        """
        A server that stops does not wait for a handshake.
        """
        server = self.server()
        protocol, wire = self.called(server)
        self.tls.flight()
        server.factory.shutDown()
        self.assertTrue(wire.disconnecting)
        self.assertEqual(wire.said(), b"")
