"""
Tests for TLS in L{smtpx.net.server}; real handshakes are in C{tests/interop}.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import TLS_METHOD, Connection, Context, Error, WantReadError
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.hooks import Ending, TLSInfo, TLSOptions
from smtpx.core.interfaces import IServerSession
from smtpx.net.factory import Silence
from smtpx.tls.earlybanner import Words
from smtpx.tls.interfaces import IServerTLS

from .made import Call, Server, Wire, made

HELLO = b"EHLO c.example\r\n"
INFO = TLSInfo(cipher="TLS_AES_128_GCM_SHA256")


@implementer(IServerTLS)
class Certificates:
    """
    TLS as far as the shell sees it.
    """

    ready = True

    def __init__(self) -> None:
        self.asked: list[TLSOptions] = []

    def creator(self, options: TLSOptions, words: Words | None = None) -> Any:
        """What goes into C{startTLS}."""
        self.asked.append(options)
        return self

    def info(self, connection: Any) -> TLSInfo:
        """What the handshake came to."""
        return INFO

    def failure(self, connection: Any, error: Error) -> str:
        """Why it ended."""
        return f"looked: {error}"


class Ends(Silence):
    """
    Remembers why sessions ended.
    """

    enabled = True

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def closed(self, session: IServerSession, why: str) -> None:
        """One has ended."""
        self.reasons.append(why)


class SecurableWire(Wire):
    """
    A transport that can start TLS; it notes when, among what is written.
    """

    producers: tuple[Any, ...] = ()

    def startTLS(self, creator: Any) -> None:
        """TLS begins."""
        self.write(b"[TLS]")

    def getHandle(self) -> None:
        """The TLS connection, which nobody looks at."""


def called(server: Server) -> Call:
    """A client connects over a transport that can start TLS."""
    protocol: Any = server.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
    wire = SecurableWire()
    protocol.makeConnection(wire)
    return Call(protocol, wire)


class TLSTests(SynchronousTestCase):
    """
    STARTTLS, and TLS from the first octet.
    """

    def test_startTLS(self) -> None:
        """
        The go-ahead is written, then TLS begins; after the handshake the client
        is a stranger again, and the transport's pressure is heeded.
        """
        server = made(tls=Certificates())
        call = called(server)
        self.assertIn(b"250-STARTTLS\r\n", call.say(HELLO))
        self.assertTrue(call.say(b"STARTTLS\r\n").endswith(b"\r\n[TLS]"))
        self.assertIs(call.wire.producer, call.protocol)
        self.assertTrue(call.wire.streaming)
        call.protocol.handshakeCompleted()
        self.assertIs(call.protocol.core.secured, INFO)
        self.assertEqual(call.say(b"MAIL FROM:<a@b.example>\r\n")[:3], b"503")
        self.assertNotIn(b"STARTTLS", call.say(HELLO))
        call.say(b"QUIT\r\n")
        self.assertIsNone(call.wire.producer)
        self.assertTrue(call.wire.disconnecting)

    def test_injection(self) -> None:
        """
        What stands behind STARTTLS in clear is never looked at.
        """
        call = called(made(tls=Certificates()))
        call.say(HELLO)
        said = call.say(b"STARTTLS\r\nMAIL FROM:<a@b.example>\r\n")
        self.assertEqual(said[:3], b"554")
        self.assertTrue(call.wire.disconnecting)

    def test_implicit(self) -> None:
        """
        With implicit TLS nothing is said before the handshake, and no STARTTLS
        is offered behind it.
        """
        certificates = Certificates()
        call = called(made(tls=certificates, implicitTLS=True))
        self.assertEqual(call.wire.said(), b"[TLS]")
        self.assertEqual(len(certificates.asked), 1)
        call.protocol.handshakeCompleted()
        self.assertEqual(call.wire.said()[:4], b"220 ")
        self.assertNotIn(b"STARTTLS", call.say(HELLO))

    def test_slowHandshake(self) -> None:
        """
        A handshake that does not end is cut off, before the greeting and after
        STARTTLS.
        """
        for implicit in (True, False):
            server = made(
                tls=Certificates(),
                implicitTLS=implicit,
                bounds=Bounds(handshakeSeconds=5),
            )
            call = called(server)
            if not implicit:
                call.say(HELLO)
                call.say(b"STARTTLS\r\n")
            for _ in range(5):
                server.clock.advance(1)
            self.assertFalse(call.wire.aborted)
            for _ in range(3):
                server.clock.advance(1)
            self.assertTrue(call.wire.aborted)

    def test_failure(self) -> None:
        """
        The log is told why a handshake failed in the words of whoever looked at
        it; other ends have Twisted's.
        """
        for tls, error, why in (
            (Certificates(), Error("expired"), "looked: expired"),
            (Certificates(), ConnectionLost("gone"), "gone"),
            (None, Error("odd"), "odd"),
        ):
            ends = Ends()
            call = called(made(tls=tls, journal=ends))
            call.protocol.connectionLost(Failure(error))
            [reason] = ends.reasons
            self.assertIn(why, reason)

    def test_aHealthCheck(self) -> None:
        """
        Who connects and leaves has failed at nothing; a handshake that was begun,
        or that was awaited for too long, has.
        """
        fresh = Connection(Context(TLS_METHOD), None)
        fresh.set_accept_state()
        begun = Connection(Context(TLS_METHOD), None)
        begun.set_connect_state()
        self.assertRaises(WantReadError, begun.do_handshake)
        gone: tuple[tuple[Connection, Exception, Ending], ...] = (
            (fresh, ConnectionLost(), Ending.LOST),
            (begun, ConnectionLost(), Ending.HANDSHAKE),
            (fresh, ConnectionAborted(), Ending.HANDSHAKE),
            (fresh, Error("bad record"), Ending.HANDSHAKE),
        )
        for handle, reason, ending in gone:
            call = called(made(tls=Certificates(), implicitTLS=True))
            self.patch(call.wire, "getHandle", lambda handle=handle: handle)
            call.protocol.connectionLost(Failure(reason))
            self.assertIs(call.protocol.core.ending, ending)

    def test_noCertificates(self) -> None:
        """
        Without certificates STARTTLS is not offered.
        """
        self.assertNotIn(b"STARTTLS", called(made()).say(HELLO))
