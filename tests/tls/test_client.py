"""
Tests for L{smtpx.tls.client}.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.test.iosim import IOPump
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import PeerError, UsageError
from smtpx.core.hooks import TLSOptions
from smtpx.tls.authority import Authority
from smtpx.tls.certificates import loadCertified
from smtpx.tls.client import ClientTLS, UntrustedPeer, trustingPlatform
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.interfaces import IClientTLS

from .identities import ODD_VERSION, ROOT, forged, made
from .joined import (
    AUTHORITY,
    NOW,
    Wrapped,
    accepting,
    connecting,
    issue,
    pem,
    pemKey,
    shake,
    store,
)
from .wrapped import Side, joined


class ClientTestCase(SynchronousTestCase):
    """A test with a server to connect to."""

    def serving(self, chain: bytes, key: bytes) -> ServerTLS:
        """A server with a certificate."""
        files = store(Path(self.mktemp()), chain, key)
        return ServerTLS((files,), clock=Clock())

    def refusal(
        self, server: ServerTLS, name: bytes, client: ClientTLS | None = None
    ) -> str:
        """Why a client does not trust a server."""
        wrapped = Wrapped()
        theirs = connecting(name, verified=True, tls=client, wrapped=wrapped)
        self.assertRaises(SSL.Error, shake, accepting(server), theirs)
        assert wrapped.reason is not None
        self.assertIs(wrapped.reason.type, UntrustedPeer)
        return wrapped.reason.getErrorMessage()


class VerificationTests(ClientTestCase):
    """Whom a client trusts."""

    def test_rightServerIsTrusted(self) -> None:
        """
        A certificate for the name, from an authority that is trusted, is good.
        """
        server = self.serving(*issue("mail.example", "*.pool.example"))
        client = ClientTLS((AUTHORITY.certificate,))
        for name in (b"mail.example", b"MAIL.example.", b"a.pool.example"):
            options = TLSOptions(serverName=name, verified=True)
            theirs = connecting(name, verified=True, tls=client)
            shake(accepting(server), theirs)
            info = client.info(theirs, options)
            self.assertTrue(info.verified)
            self.assertEqual(info.subject, "CN=mail.example")

    def test_ownCertificate(self) -> None:
        """
        A server that asks for a certificate is shown ours, if we have one.
        """
        folder = Path(self.mktemp())
        files = store(folder, *issue("client.example"))
        theirs = self.mktemp()
        Path(theirs).write_bytes(pem(AUTHORITY.certificate))
        server = ServerTLS(
            (store(Path(self.mktemp()), *issue("mail.example")),),
            clock=Clock(),
            clientAuthorities=Path(theirs),
        )
        for certificate, subject in (
            (loadCertified(files), "CN=client.example"),
            (None, None),
        ):
            client = ClientTLS((AUTHORITY.certificate,), certificate=certificate)
            ours = accepting(server)
            shake(ours, connecting(b"mail.example", verified=True, tls=client))
            self.assertEqual(server.info(ours).subject, subject)

    def test_wrongNameIsRefused(self) -> None:
        """
        A certificate for another name ends the handshake.
        """
        server = self.serving(*issue("mail.example"))
        for name in ("other.example", "x.mail.example", "example", "192.0.2.1"):
            self.assertEqual(
                self.refusal(server, name.encode()),
                f"the certificate is not for {name}, but for mail.example",
            )

    def test_whoseItIs(self) -> None:
        """
        What a certificate is for is told, as far as that is plain, and some of it.
        """
        for names, told in (
            (("*.a.example", "b.example"), ", but for *.a.example, b.example"),
            (("a", "b", "c", "d", "e"), ", but for a, b, c and 2 more"),
            (("a_b.example", "x.example"), ", but for a_b.example, x.example"),
        ):
            refused = self.refusal(self.serving(*issue(*names)), b"mx.example")
            self.assertEqual(refused, f"the certificate is not for mx.example{told}")

    def test_unknownAuthorityIsRefused(self) -> None:
        """
        A certificate from an authority that nobody trusts ends the handshake.
        """
        server = self.serving(*issue("mail.example"))
        stranger = Authority.new("stranger", NOW)
        client = ClientTLS((stranger.certificate,))
        self.assertEqual(
            self.refusal(server, b"mail.example", client),
            "self-signed certificate in certificate chain",
        )

    def test_platformsAuthoritiesAreTheDefault(self) -> None:
        """
        Without a list of our own the platform's is used, where our authority is
        not.
        """
        server = self.serving(*issue("mail.example"))
        self.assertIn("self-signed", self.refusal(server, b"mail.example", ClientTLS()))

    def test_expiredCertificateIsRefused(self) -> None:
        """
        A certificate whose time is over ends the handshake.
        """
        server = self.serving(*issue("mail.example", ago=timedelta(days=398)))
        self.assertEqual(
            self.refusal(server, b"mail.example"), "certificate has expired"
        )

    def test_certificateWithoutNamesIsRefused(self) -> None:
        """
        A name in the subject alone is none (RFC 9525 section 2).
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
            )
            .issuer_name(AUTHORITY.certificate.subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
            .sign(AUTHORITY.key, SHA256())
        )
        self.assertEqual(
            self.refusal(self.serving(pem(certificate), pemKey(key)), b"mail.example"),
            "the certificate has no name that can be read",
        )

    def test_unreadableCertificateIsRefused(self) -> None:
        """
        A certificate that OpenSSL takes, signature and all, but nobody else can
        read, is no proof of a name; without proof, TLS will do.
        """
        identity = made(ROOT, "mail.example")
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate(forged(identity, *ODD_VERSION))
        context.use_privatekey(identity.key)
        for verified in (True, False):
            wrapped, server = Wrapped(), SSL.Connection(context, None)
            server.set_accept_state()
            client = ClientTLS((AUTHORITY.certificate,))
            theirs = connecting(
                b"mail.example", verified=verified, tls=client, wrapped=wrapped
            )
            if verified:
                self.assertRaises(SSL.Error, shake, server, theirs)
                assert wrapped.reason is not None
                self.assertEqual(
                    wrapped.reason.getErrorMessage(), "the certificate cannot be read"
                )
            else:
                shake(server, theirs)
                info = client.info(theirs, TLSOptions(serverName=b"mail.example"))
                self.assertEqual((info.verified, info.subject), (False, None))

    def test_addressIsVerifiedAsOne(self) -> None:
        """
        A server that is known by its address has that in its certificate, and
        is not asked for a name.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = [ip_address("192.0.2.1"), ip_address("2001:db8::1")]
        certificate = AUTHORITY.issue(key, (), addresses, NOW)
        server = self.serving(pem(certificate, AUTHORITY.certificate), pemKey(key))
        client = ClientTLS((AUTHORITY.certificate,))
        for name in (b"192.0.2.1", b"2001:db8::1"):
            ours = accepting(server)
            theirs = connecting(name, verified=True, tls=client)
            shake(ours, theirs)
            options = TLSOptions(serverName=name, verified=True)
            self.assertTrue(client.info(theirs, options).verified)
            self.assertEqual(ours.get_servername(), None)
        self.assertEqual(
            self.refusal(server, b"192.0.2.2"), "the certificate is not for 192.0.2.2"
        )

    def test_verificationNeedsAName(self) -> None:
        """
        There is nothing to verify without a name.
        """
        self.assertRaises(UsageError, ClientTLS().creator, TLSOptions(verified=True))

    def test_untrustedPeerIsThePeersFault(self) -> None:
        """
        It is no error of ours.
        """
        self.assertTrue(issubclass(UntrustedPeer, PeerError))


class OpportunisticTests(ClientTestCase):
    """TLS without trust."""

    def test_anyCertificateWillDo(self) -> None:
        """
        RFC 7435: better some TLS than none; but it is not called verified.
        """
        stranger = Authority.new("stranger", NOW)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = stranger.issue(key, ["wrong.example"], (), NOW)
        server = self.serving(pem(certificate), pemKey(key))
        client = ClientTLS((AUTHORITY.certificate,))
        ours, theirs = accepting(server), connecting(b"mail.example.", tls=client)
        shake(ours, theirs)
        info = client.info(theirs, TLSOptions(serverName=b"mail.example."))
        self.assertFalse(info.verified)
        self.assertEqual(info.subject, "CN=wrong.example")
        self.assertEqual(ours.get_servername(), b"mail.example")

    def test_nameIsCheckedOnceMore(self) -> None:
        """
        A connection whose handshake was for another name is not verified, as
        when a session of another server's is resumed.
        """
        server = self.serving(*issue("mail.example"))
        client = ClientTLS((AUTHORITY.certificate,))
        theirs = connecting(b"mail.example", verified=True, tls=client)
        shake(accepting(server), theirs)
        options = TLSOptions(serverName=b"other.example", verified=True)
        self.assertFalse(client.info(theirs, options).verified)

    def test_interface(self) -> None:
        """
        It provides what the shell wants.
        """
        verifyObject(IClientTLS, ClientTLS())


class TwistedTests(ClientTestCase):
    """Both sides as Twisted runs them."""

    def setUp(self) -> None:
        """Make the sides."""
        self.clock = Clock()
        self.server, self.client = Side(), Side()

    def join(self, name: bytes) -> IOPump:
        """
        Connect a client, which looks for C{name}, to a server that is
        C{mail.example}.
        """
        server = self.serving(*issue("mail.example"))
        client = ClientTLS((AUTHORITY.certificate,))
        options = TLSOptions(serverName=name, verified=True)
        return joined(
            server.creator(TLSOptions()),
            self.server,
            client.creator(options),
            self.client,
            self.clock,
        )

    def test_trustedServerIsTalkedTo(self) -> None:
        """
        Octets pass both ways once the handshake is complete.
        """
        pump = self.join(b"mail.example")
        self.assertTrue(self.server.done and self.client.done)
        assert self.client.transport is not None
        assert self.server.transport is not None
        self.client.transport.write(b"EHLO a\r\n")
        self.server.transport.write(b"220 b\r\n")
        self.clock.advance(0)
        pump.flush()
        self.assertEqual(self.server.received, b"EHLO a\r\n")
        self.assertEqual(self.client.received, b"220 b\r\n")

    def test_untrustedServerEndsTheConnection(self) -> None:
        """
        The client's protocol is told the reason, and nothing has passed.
        """
        self.join(b"other.example")
        self.assertFalse(self.client.done or self.server.done)
        assert self.client.reason is not None
        self.assertIs(self.client.reason.type, UntrustedPeer)
        self.assertEqual(
            self.client.reason.getErrorMessage(),
            "the certificate is not for other.example, but for mail.example",
        )


class PlatformTests(SynchronousTestCase):
    """
    Whoever this machine trusts.
    """

    def test_madeOnce(self) -> None:
        """The authorities are read once, however many clients there are."""
        self.assertIs(trustingPlatform(), trustingPlatform())
