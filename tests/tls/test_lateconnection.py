"""
Tests for L{smtpx.tls.lateconnection}.
"""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.tls.client import ClientTLS
from smtpx.tls.clienthello import HELLO_OCTETS_MOST
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.lateconnection import LateConnection

from .joined import AUTHORITY, NOW, PLAIN, accepting, bare, issue, move, shake, store
from .returning import TICKETS, VERSIONS, Returning
from .wrapped import Side, joined


class LateTestCase(SynchronousTestCase):
    """
    A test with a server that waits for the ClientHello.
    """

    def setUp(self) -> None:
        """Make the server."""
        self.clock = Clock()
        self.clock.advance(NOW.timestamp())
        files = store(Path(self.mktemp()), *issue("a.example"))
        self.tls = ServerTLS((files,), clock=self.clock)

    def late(self) -> SSL.Connection:
        """The server's side of a connection."""
        return accepting(self.tls, TICKETS)


class WaitingTests(LateTestCase):
    """Before the ClientHello is there."""

    def test_nothingHappens(self) -> None:
        """It has nothing to say, and takes everything in good part."""
        late = self.late()
        self.assertIsInstance(late, LateConnection)
        data = object()
        late.set_app_data(data)
        for act in (
            late.do_handshake,
            lambda: late.bio_read(100),
            lambda: late.recv(100),
            lambda: late.send(b"220 early\r\n"),
        ):
            self.assertRaises(SSL.WantReadError, act)
        self.assertIs(late.get_app_data(), data)
        self.assertFalse(late.shutdown())
        self.assertIsNone(late.client_random())
        late.bio_shutdown()
        self.assertIsInstance(late, LateConnection)

    def test_becomesARealOne(self) -> None:
        """What was set stays, and nothing is left of the waiting."""
        late, client = self.late(), bare(SSL.Context(SSL.TLS_CLIENT_METHOD))
        data = object()
        late.set_app_data(data)
        shake(late, client)
        self.assertIs(type(late), SSL.Connection)
        self.assertIs(late.get_app_data(), data)
        self.assertNotIn("_scan", vars(late))
        self.assertRaises(AttributeError, getattr, late, "nothing")

    def test_anythingElseEndsTheWaiting(self) -> None:
        """Whoever wants to know more has a real connection; odd names are none."""
        late = self.late()
        self.assertRaises(AttributeError, getattr, late, "__nothing__")
        self.assertIsInstance(late, LateConnection)
        self.assertEqual(late.get_cipher_list()[:1], late.get_cipher_list()[:1])
        self.assertIs(type(late), SSL.Connection)
        shake(late, bare(SSL.Context(SSL.TLS_CLIENT_METHOD)))

    def test_octetByOctet(self) -> None:
        """However the ClientHello comes, the ticket in it is found."""
        for version in VERSIONS:
            client = Returning(version)
            client.visit(self.tls)
            again, server = bare(client.context), self.late()
            assert client.session is not None
            again.set_session(client.session)
            self.assertRaises(SSL.WantReadError, again.do_handshake)
            octets = again.bio_read(65536)
            for at in range(len(octets)):
                self.assertIsInstance(server, LateConnection)
                server.bio_write(octets[at : at + 1])
            shake(server, again)
            self.assertTrue(self.tls.info(server).resumed)

    def test_notTLS(self) -> None:
        """What is no ClientHello gets OpenSSL's answer."""
        for octets in (b"EHLO client.example\r\n", b"\x16" * (HELLO_OCTETS_MOST + 1)):
            server = self.late()
            server.bio_write(octets)
            self.assertRaises(SSL.Error, server.do_handshake)

    def test_gone(self) -> None:
        """A client that goes in the middle of a ClientHello."""
        server = self.late()
        server.bio_write(b"\x16\x03\x01")
        server.bio_shutdown()
        self.assertRaises(SSL.Error, server.do_handshake)

    def test_everyOctetOfATicketTurned(self) -> None:
        """
        A ticket that is damaged is a full handshake, or the end of it where the
        ClientHello itself is; never an exception, and never a session.
        """
        client = Returning()
        client.visit(self.tls)
        again = bare(client.context)
        assert client.session is not None
        again.set_session(client.session)
        self.assertRaises(SSL.WantReadError, again.do_handshake)
        octets = again.bio_read(65536)
        for at in range(0, len(octets), 5):
            turned = bytearray(octets)
            turned[at] ^= 0xFF
            server = self.late()
            server.bio_write(bytes(turned))
            try:
                server.do_handshake()
            except SSL.Error:
                pass
            self.assertRaises(SSL.Error, server.recv, 1)


class TicketTests(LateTestCase):
    """When tickets are sent, and to whom."""

    def test_behindTheFinished(self) -> None:
        """No ticket is sent before the client has finished its handshake."""
        client, server = bare(SSL.Context(SSL.TLS_CLIENT_METHOD)), self.late()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        move(client, server)
        self.assertRaises(SSL.WantReadError, server.do_handshake)
        move(server, client)
        client.do_handshake()
        # Of the client's finish the server knows nothing yet.
        self.assertRaises(SSL.WantReadError, server.bio_read, 65536)
        move(client, server)
        server.do_handshake()
        self.assertGreater(len(server.bio_read(65536)), 200)

    def test_ticketless(self) -> None:
        """
        Clients that do not bear tickets are sent none, and so speak TLS 1.2; unless
        TLS 1.3 is the oldest version, where that cannot be had.
        """
        options = TLSOptions(ticketless=True)
        client = Returning()
        info = client.visit(self.tls, options)
        self.assertEqual(info.version, "TLSv1.2")
        self.assertFalse(client.visit(self.tls, options).resumed)
        files = store(Path(self.mktemp()), *issue("a.example"))
        strict = ServerTLS((files,), clock=self.clock, minimum="TLSv1.3")
        self.assertEqual(Returning().visit(strict, options).version, "TLSv1.3")


class TwistedTests(LateTestCase):
    """As Twisted uses it."""

    def test_handshake(self) -> None:
        """Handshake, data both ways, and goodbye."""
        server, client = Side(), Side()
        trusting = ClientTLS((AUTHORITY.certificate,))
        pump = joined(
            self.tls.creator(TICKETS),
            server,
            trusting.creator(PLAIN),
            client,
            self.clock,
        )
        self.assertTrue(server.done and client.done)
        assert server.transport is not None and client.transport is not None
        server.transport.write(b"220 hello\r\n")
        client.transport.write(b"QUIT\r\n")
        self.clock.advance(1)
        pump.flush()
        self.assertEqual(
            (client.received, server.received), (b"220 hello\r\n", b"QUIT\r\n")
        )
        server.transport.loseConnection()
        pump.flush()
        self.assertIsNotNone(client.reason)
        self.assertIsNotNone(server.reason)
