"""
Tests for L{smtpx.tls.earlybanner}.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.tlsterms import TLSTerms
from smtpx.tls import openssl
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.earlybanner import WORDS_OCTETS

from .joined import (
    AUTHORITY,
    NOW,
    Wrapped,
    bare,
    connecting,
    issue,
    move,
    pem,
    replace,
    shake,
    store,
    tell,
)

_BANNER = b"220 here.example ESMTP\r\n"
_EARLY = TLSOptions(early=True)


class EarlyBannerTests(SynchronousTestCase):
    """What is said with the first flight."""

    def setUp(self) -> None:
        """Make a server."""
        self.folder = Path(self.mktemp())
        self.clock = Clock()
        self.clock.advance(NOW.timestamp())
        self.files = store(self.folder, *issue("here.example"))
        self.tls = ServerTLS((self.files,), clock=self.clock)
        self.banner = _BANNER
        self.said: list[bool] = []

    def words(self, say: Callable[[bytes], bool]) -> None:
        """Say it."""
        self.said.append(say(self.banner))

    def accepting(self, options: TLSOptions = _EARLY) -> SSL.Connection:
        """The server's side."""
        creator = self.tls.creator(options, self.words)
        server = creator.serverConnectionForTLS(Wrapped().asProtocol())
        server.set_accept_state()
        return server

    def flight(self, server: SSL.Connection, client: SSL.Connection) -> None:
        """One flight of either side."""
        for side, other in ((client, server), (server, client)):
            try:
                side.do_handshake()
            except SSL.WantReadError:
                pass
            move(side, other)

    def test_oneFlight(self) -> None:
        """
        The client can read the greeting once the server's first flight is there, and
        before it has answered it; then the session goes on in both directions.
        """
        server, client = self.accepting(), connecting(b"here.example", verified=True)
        self.flight(server, client)
        self.assertEqual(self.said, [True])
        client.do_handshake()
        self.assertEqual(client.recv(100), _BANNER)
        move(client, server)
        server.do_handshake()
        self.assertEqual(tell(client, server, b"EHLO c\r\n"), b"EHLO c\r\n")
        self.assertEqual(tell(server, client, b"250 here\r\n"), b"250 here\r\n")

    def test_cutAnywhere(self) -> None:
        """
        However the hello is cut, the greeting leaves once, with the first flight.
        """
        client = connecting()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        hello = client.bio_read(65536)
        for place in (1, 5, 6, 100, len(hello) - 1):
            self.said.clear()
            server = self.accepting()
            for piece in (hello[:place], hello[place:]):
                server.bio_write(piece)
                self.assertRaises(SSL.WantReadError, server.do_handshake)
            self.assertEqual(self.said, [True])

    def test_nobodyElse(self) -> None:
        """
        Where the options do not say so, it is not even asked for.
        """
        server, client = self.accepting(TLSOptions()), connecting()
        shake(server, client)
        self.assertEqual(self.said, [])

    def test_olderVersion(self) -> None:
        """
        Under TLS 1.2 nothing is said before the handshake is through.
        """
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        server, client = self.accepting(), bare(context)
        shake(server, client)
        self.assertEqual(self.said, [])
        self.assertEqual(tell(server, client, _BANNER), _BANNER)

    def test_secondHello(self) -> None:
        """
        Where the server asks for another hello, nothing is said early: there is no key
        for it at that point.  The session goes on.
        """
        terms = TLSTerms(groups="P-384")
        server = self.accepting(TLSOptions(early=True, terms=terms))
        client = connecting(b"here.example")
        shake(server, client)
        self.assertEqual(self.said, [])
        self.assertEqual(tell(server, client, _BANNER), _BANNER)

    def test_certificatesOfClients(self) -> None:
        """
        Whoever is asked for a certificate is told nothing before; who is not asked is.
        """
        file = self.folder / "clients.pem"
        file.write_bytes(pem(AUTHORITY.certificate))
        self.tls = ServerTLS((self.files,), clock=self.clock, clientAuthorities=file)
        for asked, verified, said in (
            (True, False, []),
            (True, True, []),
            (False, False, [True]),
        ):
            self.said.clear()
            options = TLSOptions(early=True, asked=asked, verified=verified)
            self.flight(self.accepting(options), connecting())
            self.assertEqual(self.said, said)

    def test_certificateByName(self) -> None:
        """
        The greeting stands behind the certificate for the name that was asked for.
        """
        other = store(self.folder / "other", *issue("other.example"))
        self.tls = ServerTLS((self.files, other), clock=self.clock)
        server, client = self.accepting(), connecting(b"other.example", verified=True)
        self.flight(server, client)
        client.do_handshake()
        self.assertEqual(client.recv(100), _BANNER)

    def test_tooMuch(self) -> None:
        """
        More than some replies is not said early.
        """
        self.banner = b"2" * (WORDS_OCTETS + 1)
        self.flight(self.accepting(), connecting())
        self.assertEqual(self.said, [False])

    def test_nothingInCommon(self) -> None:
        """
        A handshake that fails gives its reason, as ever.
        """
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        client = bare(context)
        server = self.accepting(
            TLSOptions(early=True, terms=TLSTerms(minimum="TLSv1.3"))
        )
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        move(client, server)
        error = self.assertRaises(SSL.Error, server.do_handshake)
        self.assertIn("unsupported protocol", self.tls.failure(server, error))

    def test_noise(self) -> None:
        """
        What is no TLS at all fails, too.
        """
        server = self.accepting()
        server.bio_write(b"EHLO c.example\r\n")
        self.assertRaises(SSL.Error, server.do_handshake)

    def test_withoutBindings(self) -> None:
        """
        Where OpenSSL's functions are not to be had, the handshake is an ordinary one.
        """
        for name in ("_readEarly", "_writeEarly", "_raiseError"):
            self.said.clear()
            with_: Any = self.patch(openssl, name, None)
            server, client = self.accepting(), connecting()
            shake(server, client)
            self.assertEqual(self.said, [])
            self.assertFalse(openssl.wordsWritten(server, b"220"))
            with_.restore()

    def test_zeroRTT(self) -> None:
        """
        What a client sends as 0-RTT data is passed over, though another server with
        the same certificate would have taken it, and the session goes on.
        """
        library: Any = openssl._library
        ffi = openssl._ffi
        generous = SSL.Context(SSL.TLS_SERVER_METHOD)
        generous.set_session_id(b"smtpx")
        self.tls._offers[0].certified.install(generous)
        library.SSL_CTX_set_max_early_data(generous._context, 1000)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        first, server = bare(context), SSL.Connection(generous, None)
        server.set_accept_state()
        shake(server, first)
        tell(server, first, b"220 there\r\n")
        session = first.get_session()
        assert session is not None
        client = bare(context)
        client.set_session(session)
        count = ffi.new("size_t *")
        # The first call makes the hello, with the promise of more.
        early = b"EHLO replayed.example\r\n"
        written = library.SSL_write_early_data(client._ssl, early, len(early), count)
        self.assertEqual((written, count[0]), (1, len(early)))
        ours = self.accepting()
        move(client, ours)
        self.assertRaises(SSL.WantReadError, ours.do_handshake)
        self.assertEqual(self.said, [True])
        move(ours, client)
        shake(ours, client)
        self.assertEqual(client.recv(100), _BANNER)
        self.assertEqual(tell(client, ours, b"NOOP\r\n"), b"NOOP\r\n")

    def test_renewed(self) -> None:
        """
        A certificate that was replaced is for the greetings that follow.
        """
        chain, key = issue("here.example", "new.example")
        replace(self.files.chain, chain)
        replace(self.files.keyFile, key)
        self.clock.advance(2)
        server, client = self.accepting(), connecting(b"new.example", verified=True)
        self.flight(server, client)
        client.do_handshake()
        self.assertEqual(client.recv(100), _BANNER)

    def test_withTickets(self) -> None:
        """
        Where sessions may be resumed, the context is chosen first; the greeting is
        early all the same, in the first handshake and in those that resume.
        """
        options = TLSOptions(early=True, tickets=True, ticketKey=(b"here",))
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        session: SSL.Session | None = None
        for again in (False, True):
            self.said.clear()
            client = bare(context)
            if session is not None:
                client.set_session(session)
            server = self.accepting(options)
            self.flight(server, client)
            self.assertEqual(self.said, [True])
            client.do_handshake()
            self.assertEqual(client.recv(100), _BANNER)
            move(client, server)
            server.do_handshake()
            self.assertEqual(tell(server, client, b"250 here\r\n"), b"250 here\r\n")
            self.assertEqual(self.tls.info(server).resumed, again)
            session = client.get_session()
            # OpenSSL resumes none that ended without a farewell.
            client.shutdown()
