"""
Tests for L{smtpx.tls.clientcertificates}, by real handshakes in memory.
"""

from __future__ import annotations

import gc
from datetime import timedelta

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import LogLevel, capturedLogs
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.tls.certificates import CertificateError
from smtpx.tls.clientcertificates import DEPTH, Verdict, Verdicts
from smtpx.tls.contexts import LOOK_SECONDS, ServerTLS

from .identities import (
    ODD_VERSION,
    OTHERS,
    ROOT,
    STRANGER,
    SUBJECT,
    Identity,
    forged,
    garbled,
    made,
    presenting,
)
from .joined import (
    AUTHORITY,
    accepting,
    bare,
    issue,
    pem,
    replace,
    shake,
    store,
    tell,
)
from .test_contexts import ContextsTestCase
from .wrapped import Side, joined

#: Who may come in.
GOOD = made(ROOT)

_DAY = timedelta(days=1)


class ClientCertificatesTestCase(ContextsTestCase):
    """
    A test with a server that asks for certificates.

    @ivar tls: the server.
    """

    def setUp(self) -> None:
        """Trust one authority."""
        ContextsTestCase.setUp(self)
        self.trusted = self.folder / "clients.pem"
        replace(self.trusted, pem(AUTHORITY.certificate))
        self.tls = self.asking()

    def asking(self) -> ServerTLS:
        """A server that asks for certificates."""
        files = store(self.folder, *issue("mx.example"))
        return ServerTLS((files,), clock=self.clock, clientAuthorities=self.trusted)

    def info(self, context: SSL.Context, name: bytes | None = None) -> TLSInfo:
        """
        What a handshake comes to, which is complete, whatever is shown in it.
        """
        server, client = accepting(self.tls), bare(context)
        if name is not None:
            client.set_tlsext_host_name(name)
        shake(server, client)
        self.assertEqual(tell(client, server, b"EHLO c\r\n"), b"EHLO c\r\n")
        return self.tls.info(server)

    def seen(self, context: SSL.Context) -> tuple[bool, str | None, str | None]:
        """What a server notes of the client: verified, subject, problem."""
        info = self.info(context)
        return info.verified, info.subject, info.problem


class HandshakeTests(ClientCertificatesTestCase):
    """Which certificates are good; the handshake is complete with all."""

    def test_goodCertificate(self) -> None:
        """
        A certificate that our authority has signed is verified, under either
        version of TLS.
        """
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            seen = self.seen(presenting(GOOD, version))
            self.assertEqual(seen, (True, SUBJECT, None))

    def test_noCertificate(self) -> None:
        """
        A client without a certificate goes on without.
        """
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            seen = self.seen(presenting(None, version))
            self.assertEqual(seen, (False, None, None))

    def test_badCertificates(self) -> None:
        """
        A client whose certificate is not good goes on as well; who it says to be
        is known, but not verified, and what was wrong can be told.
        """
        for identity, problem in (
            (made(STRANGER).alone(), "unable to get local issuer certificate"),
            (made(None), "self-signed certificate"),
            (made(ROOT, ends=timedelta(seconds=-60)), "certificate has expired"),
            (
                made(ROOT, begins=_DAY, ends=2 * _DAY),
                "certificate is not yet valid or the system clock is incorrect",
            ),
            (
                made(ROOT, use=ExtendedKeyUsageOID.SERVER_AUTH),
                "unsuitable certificate purpose",
            ),
            (
                made(ROOT, key=rsa.generate_private_key(65537, 1024)),
                "EE certificate key too weak",
            ),
            (made(made(ROOT, "nobody")), "invalid CA certificate"),
        ):
            for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                seen = self.seen(presenting(identity, version))
                self.assertEqual(seen, (False, SUBJECT, problem))

    def test_strangersChain(self) -> None:
        """
        That a client sends the authority that signed for it proves nothing.
        """
        self.assertEqual(
            self.seen(presenting(made(STRANGER))),
            (False, SUBJECT, "self-signed certificate in certificate chain"),
        )

    def test_namedForClients(self) -> None:
        """
        A certificate that says that it is for clients is good.
        """
        identity = made(ROOT, use=ExtendedKeyUsageOID.CLIENT_AUTH)
        self.assertTrue(self.info(presenting(identity)).verified)

    def test_notAskedFor(self) -> None:
        """
        Without a file of authorities no client is asked for its certificate.
        """
        self.tls = self.serving("mx.example")
        self.assertEqual(self.seen(presenting(GOOD)), (False, None, None))

    def test_certificateForAName(self) -> None:
        """
        A client that asks for a certificate of ours by name is looked at as well.
        """
        first = store(self.folder / "1", *issue("first.example"))
        second = store(self.folder / "2", *issue("second.example"))
        self.tls = ServerTLS(
            (first, second), clock=self.clock, clientAuthorities=self.trusted
        )
        info = self.info(presenting(GOOD), b"second.example")
        self.assertEqual(info.serverName, b"second.example")
        self.assertTrue(info.verified)
        info = self.info(presenting(made(None)), b"second.example")
        self.assertFalse(info.verified)

    def test_authoritiesAreNamed(self) -> None:
        """
        The client is told whose signature counts, so that it can choose.
        """
        server, client = accepting(self.tls), bare(presenting(None))
        shake(server, client)
        self.assertEqual(
            [name.der() for name in client.get_client_ca_list()],
            [AUTHORITY.certificate.subject.public_bytes()],
        )

    def test_verdictWithoutALook(self) -> None:
        """
        Of a connection that nobody looked at nothing is good.
        """
        verdict = Verdicts().on(bare(presenting(None)))
        self.assertEqual(verdict, Verdict())
        self.assertFalse(verdict.good)

    def test_verdictsAreForgotten(self) -> None:
        """
        Nothing stays behind of a connection that is gone.
        """
        for _ in range(3):
            self.info(presenting(GOOD))
        gc.collect()
        self.assertEqual(len(self.tls._verdicts), 0)


class ChainTests(ClientCertificatesTestCase):
    """Who may stand between a client and somebody we trust."""

    def chain(self, count: int) -> Identity:
        """A certificate below this many authorities, and the root."""
        # AUTHORITY itself signs for nobody who signs.
        signer = made(None, "root", signs=True)
        replace(self.trusted, pem(signer.certificate))
        self.tls = self.asking()
        for number in range(count):
            signer = made(signer, f"authority {number}", signs=True)
        return made(signer)

    def test_authoritiesBetween(self) -> None:
        """
        A client may send authorities between it and one that is trusted.
        """
        for count in (1, DEPTH):
            self.assertTrue(self.info(presenting(self.chain(count))).verified)

    def test_tooMany(self) -> None:
        """
        A longer chain than anybody needs is not followed.
        """
        self.assertEqual(
            self.seen(presenting(self.chain(DEPTH + 1))),
            (False, SUBJECT, "certificate chain too long"),
        )

    def test_trustInTheMiddle(self) -> None:
        """
        Whoever stands in the file is trusted, whoever signed for him.
        """
        identity = self.chain(1)
        replace(self.trusted, pem(identity.chain[1]))
        self.tls = self.asking()
        self.assertTrue(self.info(presenting(identity)).verified)


class OddCertificateTests(ClientCertificatesTestCase):
    """Certificates that no honest client sends."""

    def odd(self, old: bytes, new: bytes) -> tuple[bool, str | None, str | None]:
        """What is noted of a certificate with these octets replaced."""
        context = presenting(None)
        context.use_certificate(forged(GOOD, old, new))
        context.use_privatekey(GOOD.key)
        return self.seen(context)

    def test_unreadable(self) -> None:
        """
        What OpenSSL takes and nobody else can read counts for nothing, and is no
        error of ours.
        """
        self.assertEqual(self.odd(*ODD_VERSION), (False, None, None))

    def test_unreadableSubject(self) -> None:
        """
        A subject that cannot be read is no subject, so it matches nothing.
        """
        name = b"\x0c\x12backup.example.org"
        self.assertEqual(self.odd(name, b"\x07" + name[1:]), (True, None, None))

    def test_longSubject(self) -> None:
        """
        A subject that would fill the log is no subject, and nobody is warned of
        a peer's odd names.
        """
        for size, subject in ((1021, f"CN={'x' * 1021}"), (1022, None)):
            identity = made(ROOT, "x" * size)
            self.flushWarnings()
            self.assertEqual(self.info(presenting(identity)).subject, subject)
            self.assertEqual(self.flushWarnings(), [])


class ReloadTests(ClientCertificatesTestCase):
    """The file of authorities is replaced while the server runs."""

    def test_newAuthorities(self) -> None:
        """
        From the next handshake on the new ones count, and those from before do
        not.
        """
        theirs = made(STRANGER)
        tickets = accepting(self.tls, TLSOptions(tickets=True))
        shake(tickets, bare(presenting(GOOD)))
        begun, server = accepting(self.tls), accepting(self.tls)
        shake(server, bare(presenting(GOOD)))
        replace(self.trusted, pem(OTHERS.certificate))
        self.clock.advance(LOOK_SECONDS)
        with capturedLogs() as logs:
            self.assertFalse(self.info(presenting(GOOD)).verified)
        self.assertTrue(self.info(presenting(theirs)).verified)
        self.assertEqual(
            [(event["log_level"], event["file"]) for event in logs],
            [(LogLevel.info, str(self.trusted))],
        )
        again = accepting(self.tls, TLSOptions(tickets=True))
        shake(again, bare(presenting(theirs)))
        self.assertTrue(self.tls.info(again).verified)
        # What was said of a connection stays said.
        self.assertTrue(self.tls.info(server).verified)
        shake(begun, bare(presenting(GOOD)))
        self.assertTrue(self.tls.info(begun).verified)

    def test_brokenReplacement(self) -> None:
        """
        While the file cannot be used those from before count, and the log has
        one error.
        """
        replace(self.trusted, b"rubbish")
        with capturedLogs() as logs:
            for _ in range(3):
                self.clock.advance(LOOK_SECONDS)
                self.assertTrue(self.info(presenting(GOOD)).verified)
        [event] = logs
        self.assertEqual(event["log_level"], LogLevel.error)
        self.assertEqual(event["problem"], f"{self.trusted}: no certificate in it")

    def test_unreadableReplacement(self) -> None:
        """
        The same goes for one that only OpenSSL cannot read.
        """
        replace(self.trusted, pem(garbled(made(ROOT))))
        self.clock.advance(LOOK_SECONDS)
        with capturedLogs() as logs:
            self.assertTrue(self.info(presenting(GOOD)).verified)
        [event] = logs
        self.assertEqual(event["problem"], f"{self.trusted}: refused by OpenSSL")

    def test_start(self) -> None:
        """
        A file that cannot be used stops the start, with all else that is wrong.
        """
        files = store(self.folder, b"rubbish", b"")
        error = self.assertRaises(
            CertificateError,
            ServerTLS,
            (files,),
            clock=self.clock,
            clientAuthorities=self.folder / "missing.pem",
        )
        self.assertEqual(
            error.problems,
            (
                f"{self.folder / 'missing.pem'}: No such file or directory",
                f"{files.chain}: no certificate in it",
            ),
        )


@implementer(IOpenSSLClientConnectionCreator)
@frozen(eq=False)
class Connector:
    """A client for Twisted, under a context of the test's own."""

    context: SSL.Context

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See C{IOpenSSLClientConnectionCreator}."""
        return SSL.Connection(self.context, None)


class TwistedTests(ClientCertificatesTestCase):
    """Handshakes as Twisted runs them, which has its own use of connections."""

    def test_verdict(self) -> None:
        """
        The look at a certificate comes out the same.
        """
        for identity, seen in (
            (GOOD, (True, SUBJECT, None)),
            (made(None), (False, SUBJECT, "self-signed certificate")),
            (None, (False, None, None)),
        ):
            server, client = Side(), Side()
            joined(
                self.tls.creator(TLSOptions()),
                server,
                Connector(presenting(identity)),
                client,
                self.clock,
            )
            self.assertTrue(server.done and client.done)
            info = self.tls.info(server.tls())
            self.assertEqual((info.verified, info.subject, info.problem), seen)
