"""
Tests for handshakes in which a client has to show a good certificate
(L{smtpx.tls.clientcertificates}).
"""

from __future__ import annotations

from datetime import timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL

from smtpx.core.errors import UsageError
from smtpx.core.hooks import TLSOptions

from .identities import ODD_VERSION, ROOT, STRANGER, forged, made, presenting
from .joined import accepting, bare, move, shake, tell
from .test_clientcertificates import GOOD, ClientCertificatesTestCase


class DemandTests(ClientCertificatesTestCase):
    """Handshakes in which the client has to show a good certificate."""

    def demanding(self) -> SSL.Connection:
        """The server's side of one."""
        return accepting(self.tls, TLSOptions(verified=True, tickets=True))

    def refused(self, context: SSL.Context) -> str:
        """Why a handshake fails."""
        server, client = self.demanding(), bare(context)
        error = self.assertRaises(SSL.Error, shake, server, client)
        # The client may believe that it has not failed, and send more: nobody
        # reads that.
        if client.get_protocol_version() == SSL.TLS1_3_VERSION:
            client.send(b"EHLO c\r\n")
            move(client, server)
        self.assertRaises(SSL.Error, server.recv, 100)
        reason: str = error.args[0][0][-1]
        self.assertTrue(self.tls.failure(server, error).startswith(reason))
        return reason

    def test_good(self) -> None:
        """
        A good certificate opens the door, under either version, whatever name was
        asked for.
        """
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server, client = self.demanding(), bare(presenting(GOOD, version))
            client.set_tlsext_host_name(b"mx.example")
            shake(server, client)
            self.assertEqual(tell(client, server, b"EHLO c\r\n"), b"EHLO c\r\n")
            self.assertTrue(self.tls.info(server).verified)

    def test_none(self) -> None:
        """
        Without a certificate the handshake fails.
        """
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.assertEqual(
                self.refused(presenting(None, version)),
                "peer did not return a certificate",
            )

    def test_bad(self) -> None:
        """
        With a certificate that is not good it fails as well.
        """
        for identity in (
            made(STRANGER),
            made(None),
            made(ROOT, ends=timedelta(seconds=-60)),
            made(ROOT, use=ExtendedKeyUsageOID.SERVER_AUTH),
        ):
            for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                self.assertEqual(
                    self.refused(presenting(identity, version)),
                    "certificate verify failed",
                )

    def test_unreadable(self) -> None:
        """
        It fails with one that only OpenSSL can read.
        """
        context = presenting(None)
        context.use_certificate(forged(GOOD, *ODD_VERSION))
        context.use_privatekey(GOOD.key)
        self.assertEqual(self.refused(context), "certificate verify failed")

    def test_why(self) -> None:
        """
        What was wrong with the certificate can be told.
        """
        server = self.demanding()
        expired = presenting(made(ROOT, ends=timedelta(seconds=-60)))
        error = self.assertRaises(SSL.Error, shake, server, bare(expired))
        self.assertEqual(
            self.tls.failure(server, error),
            "certificate verify failed: certificate has expired",
        )
        server = self.demanding()
        error = self.assertRaises(SSL.Error, shake, server, bare(presenting(None)))
        self.assertEqual(
            self.tls.failure(server, error), "peer did not return a certificate"
        )
        self.assertEqual(self.tls.failure(server, SSL.Error()), "no reason")

    def test_noSessionFromBefore(self) -> None:
        """
        Nobody looks at a resumed session's certificate, so there are none: a client
        with a session shows its certificate again, and stays out without one.
        """
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            context = presenting(GOOD, version)
            for options in (
                TLSOptions(tickets=True),
                TLSOptions(verified=True, tickets=True),
            ):
                client, server = bare(context), accepting(self.tls, options)
                shake(server, client)
                tell(server, client, b"220\r\n")
                session = client.get_session()
                assert session is not None
                again, server = bare(context), self.demanding()
                again.set_session(session)
                shake(server, again)
                info = self.tls.info(server)
                self.assertEqual((info.resumed, info.verified), (False, True))

    def test_notAsked(self) -> None:
        """
        A client that is not asked shows nothing.
        """
        for options in (TLSOptions(asked=False), TLSOptions(asked=False, tickets=True)):
            server = accepting(self.tls, options)
            shake(server, bare(presenting(GOOD)))
            self.assertIsNone(self.tls.info(server).subject)

    def test_nobodySigns(self) -> None:
        """
        Where nobody could have signed for a client, none can be good: that is an
        error, and no open door.
        """
        tls = self.serving("mx.example")
        self.assertRaises(UsageError, tls.creator, TLSOptions(verified=True))
        shake(accepting(tls, TLSOptions(asked=False)), bare(presenting(GOOD)))
