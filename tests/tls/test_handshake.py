"""
Tests for L{smtpx.tls.handshake}.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.handshake import (
    SUITES,
    endPointOf,
    makeContext,
    readSubject,
    registeredName,
    subjectOf,
)

from .identities import ROOT, made
from .joined import (
    AUTHORITY,
    NOW,
    accepting,
    bare,
    connecting,
    issue,
    pem,
    pemKey,
    shake,
    store,
)

#: OpenSSL's option without which RFC 7627 is followed.
NO_EXTENDED_MASTER_SECRET = 1

#: A certificate that its owner signed by ECDSA with SHA-1.
SIGNED_BY_SHA1 = b"""
-----BEGIN CERTIFICATE-----
MIIBcTCCARigAwIBAgIUUpyAsYHO4kTdhv/VvYLndEUy5+cwCQYHKoZIzj0EATAO
MQwwCgYDVQQDDANvbGQwIBcNMjYxMTIyMDQwMDE4WhgPMjEyNjEwMjkwNDAwMTha
MA4xDDAKBgNVBAMMA29sZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABE9dWWXr
/jC3szedpqLVw1CwPLtj4V6pcTONI+GgOfxLHOl7beDD+eCSu07PG886aDLiIPSh
0P4KzbT7QkmIiJqjUzBRMB0GA1UdDgQWBBTOYAbGMpYlBgakCbRJfMe+qPaStTAf
BgNVHSMEGDAWgBTOYAbGMpYlBgakCbRJfMe+qPaStTAPBgNVHRMBAf8EBTADAQH/
MAkGByqGSM49BAEDSAAwRQIgZCp/e5gctnt3L+Tdm4cEf3fXtEZE4c8fmF+Lgpig
NpACIQDEKcrkRrvp7PswfRiwUHQ9tLqDXG08JBd++u1CNkjwtA==
-----END CERTIFICATE-----
"""


class DescribeTests(SynchronousTestCase):
    """What a handshake came to."""

    def setUp(self) -> None:
        """Make a server."""
        files = store(Path(self.mktemp()), *issue("mail.example"))
        self.tls = ServerTLS((files,), clock=Clock())

    def old(self, options: int = 0) -> TLSInfo:
        """What a handshake of TLS 1.2 comes to, for the server."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(options)
        server = accepting(self.tls)
        shake(server, bare(context))
        return self.tls.info(server)

    def test_bothSidesSayTheSame(self) -> None:
        """
        Client and server agree on version, cipher and channel bindings.
        """
        client = ClientTLS((AUTHORITY.certificate,))
        options = TLSOptions(serverName=b"mail.example", verified=True)
        ours = accepting(self.tls)
        theirs = connecting(b"mail.example", verified=True, tls=client)
        shake(ours, theirs)
        info = self.tls.info(ours)
        self.assertEqual(
            info,
            TLSInfo(
                version="TLSv1.3",
                cipher="TLS_AES_256_GCM_SHA384",
                bits=256,
                verified=False,
                resumed=False,
                subject=None,
                serverName=b"mail.example",
                bindings=info.bindings,
                suite="TLS_AES_256_GCM_SHA384",
                group=info.group,
            ),
        )
        self.assertEqual(
            client.info(theirs, options),
            TLSInfo(
                version="TLSv1.3",
                cipher="TLS_AES_256_GCM_SHA384",
                bits=256,
                verified=True,
                resumed=False,
                subject="CN=mail.example",
                serverName=b"mail.example",
                bindings=info.bindings,
                suite="TLS_AES_256_GCM_SHA384",
                proof="its chain is trusted, and it is for mail.example",
                group=info.group,
            ),
        )

    def test_bindings(self) -> None:
        """
        RFC 9266 and RFC 5929 section 4.1: an exporter that is another in each
        handshake, and the hash of the certificate.
        """
        found = []
        for _ in range(2):
            server, client = accepting(self.tls), connecting()
            shake(server, client)
            found.append(self.tls.info(server).bindings)
        certificate = client.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        expected = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
        self.assertEqual(
            [sorted(one) for one in found],
            [["tls-exporter", "tls-server-end-point"]] * 2,
        )
        self.assertEqual([one["tls-server-end-point"] for one in found], [expected] * 2)
        self.assertEqual(len({one["tls-exporter"] for one in found}), 2)
        self.assertEqual({len(one["tls-exporter"]) for one in found}, {32})

    def test_bindingThatIsNotDefinedIsLeftOut(self) -> None:
        """
        A certificate signed by Ed25519 has no C{tls-server-end-point}.
        """
        key = ed25519.Ed25519PrivateKey.generate()
        chain = pem(selfSigned(key, None))
        files = store(Path(self.mktemp()), chain, pemKey(key))
        tls = ServerTLS((files,), clock=Clock())
        server = accepting(tls)
        shake(server, connecting())
        self.assertEqual([*tls.info(server).bindings], ["tls-exporter"])

    def test_exporterOfOldVersionNeedsExtendedMasterSecret(self) -> None:
        """
        RFC 9266 section 4.2: without that, C{tls-exporter} of TLS 1.2 is no
        channel binding, and is left out.
        """
        self.assertIn("tls-exporter", self.old().bindings)
        self.assertNotIn("tls-exporter", self.old(NO_EXTENDED_MASTER_SECRET).bindings)

    def test_oldSuiteHasBothNames(self) -> None:
        """
        OpenSSL's name of a suite is for the log, IANA's for the Received field.
        """
        info = self.old()
        self.assertEqual(info.cipher, "ECDHE-ECDSA-AES128-GCM-SHA256")
        self.assertEqual(info.suite, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
        self.assertEqual(info.serverName, None)


class ContextTests(SynchronousTestCase):
    """Contexts."""

    def test_allSuitesHaveNames(self) -> None:
        """
        Each suite that a context takes has a name of IANA's, and each that has
        one is taken.
        """
        context = makeContext(SSL.TLS_SERVER_METHOD, "TLSv1.2")
        ciphers = SSL.Connection(context, None).get_cipher_list()
        for cipher in ciphers:
            self.assertTrue(registeredName(cipher).startswith("TLS_"), cipher)
        self.assertEqual({c for c in ciphers if not c.startswith("TLS_")}, {*SUITES})
        self.assertEqual(registeredName("RC4-MD5"), "")

    def test_buffersAreGivenBack(self) -> None:
        """
        An idle connection keeps no buffers.
        """
        context = makeContext(SSL.TLS_SERVER_METHOD, "TLSv1.2")
        self.assertTrue(context.set_mode(0) & SSL.MODE_RELEASE_BUFFERS)


class EndPointTests(SynchronousTestCase):
    """The channel binding C{tls-server-end-point}."""

    def test_hashIsThatOfTheSignature(self) -> None:
        """
        A signature by SHA-384 makes a binding by SHA-384.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        for algorithm, name in ((SHA256(), "sha256"), (SHA384(), "sha384")):
            certificate = selfSigned(key, algorithm)
            der = certificate.public_bytes(Encoding.DER)
            self.assertEqual(endPointOf(certificate), hashlib.new(name, der).digest())

    def test_oldHashesAreReplaced(self) -> None:
        """
        RFC 5929 section 4.1: for MD5 and SHA-1 it is SHA-256.
        """
        certificate = x509.load_pem_x509_certificate(SIGNED_BY_SHA1)
        der = certificate.public_bytes(Encoding.DER)
        self.assertEqual(endPointOf(certificate), hashlib.sha256(der).digest())

    def test_noHashIsNoBinding(self) -> None:
        """
        Ed25519 has no hash of its own: the binding is not defined.
        """
        key = ed25519.Ed25519PrivateKey.generate()
        self.assertIs(endPointOf(selfSigned(key, None)), None)

    def test_unknownSignatureIsNoBinding(self) -> None:
        """
        A signature of a kind that nobody knows leaves the binding out.
        """
        known = selfSigned(ec.generate_private_key(ec.SECP256R1()), SHA256())
        # ecdsa-with-SHA256 becomes an identifier that is not assigned.
        der = known.public_bytes(Encoding.DER).replace(
            bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d04037f")
        )
        self.assertIs(endPointOf(x509.load_der_x509_certificate(der)), None)


def selfSigned(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    algorithm: SHA256 | SHA384 | None,
) -> x509.Certificate:
    """
    A certificate signed by itself.

    @param algorithm: how the signature hashes; L{None}: in its own way.
    """
    name = x509.Name([])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, algorithm)
    )


class SubjectTests(SynchronousTestCase):
    """Who a certificate is for, as text (RFC 4514)."""

    def test_readAndSpelled(self) -> None:
        """
        What is written as OpenSSL or as we write it is the same subject.
        """
        for written, spelled in (
            ("CN=a.example", "CN=a.example"),
            ("CN=a.example,O=Example,C=DE", "CN=a.example,O=Example,C=DE"),
            ("CN=a\\, b", "CN=a\\, b"),
            ("CN=\\C3\\A4", "CN=ä"),
            ("OU=x+CN=a", "OU=x+CN=a"),
            ("emailAddress=ann@a.example", "1.2.840.113549.1.9.1=ann@a.example"),
            ("1.2.840.113549.1.9.1=ann@b.example", None),
        ):
            self.assertEqual(readSubject(written), spelled or written)

    def test_inverse(self) -> None:
        """
        What we say of a certificate can be read, and means the same.
        """
        for name in ("a.example", "a, b+c=d", ' "x" ', "#1", "ä\\", "<;>"):
            subject = subjectOf(made(ROOT, name).certificate)
            assert subject is not None
            self.assertEqual(readSubject(subject), subject)

    def test_noSubject(self) -> None:
        """
        What is no subject would never match, so it is an error.
        """
        for written in ("", "a.example", "/CN=a/O=b", "CN=a, O=b", "CN", "=x", "CN="):
            self.assertRaises(ValueError, readSubject, written)
