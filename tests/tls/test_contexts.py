"""
Tests for L{smtpx.tls.contexts}.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.core.hooks import TLSOptions
from smtpx.tls.certificates import CertificateError, CertificateFiles
from smtpx.tls.contexts import LOOK_SECONDS, ServerTLS
from smtpx.tls.interfaces import IServerTLS

from .identities import ROOT, garbled, made
from .joined import (
    NOW,
    accepting,
    bare,
    connecting,
    issue,
    pem,
    pemKey,
    replace,
    shake,
    shown,
    store,
    tell,
)


class ContextsTestCase(SynchronousTestCase):
    """
    A test with certificates in a folder.

    @ivar folder: where they are.
    @ivar clock: the server's.
    """

    def setUp(self) -> None:
        """Make the folder and the clock."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.clock = Clock()
        self.clock.advance(NOW.timestamp())

    def serving(self, *names: str, minimum: str = "TLSv1.2") -> ServerTLS:
        """A server with one certificate."""
        files = store(self.folder, *issue(*names))
        return ServerTLS((files,), clock=self.clock, minimum=minimum)


class ProtocolTests(ContextsTestCase):
    """Versions and ciphers."""

    def client(self, version: int, ciphers: bytes) -> SSL.Connection:
        """A client of one version, which takes everything that is old."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_cipher_list(ciphers + b":@SECLEVEL=0")
        return bare(context)

    def refused(self, tls: ServerTLS, client: SSL.Connection) -> str:
        """The reason for which the server ends a handshake."""
        server = accepting(tls)
        try:
            client.do_handshake()
        except SSL.WantReadError:
            server.bio_write(client.bio_read(65536))
        error = self.assertRaises(SSL.Error, server.do_handshake)
        reason: str = error.args[0][-1][-1]
        return reason

    def test_latestVersionIsPreferred(self) -> None:
        """
        A client that knows TLS 1.3 gets it.
        """
        server, client = accepting(self.serving("a.example")), connecting()
        shake(server, client)
        self.assertEqual(server.get_protocol_version_name(), "TLSv1.3")

    def test_oneVersionBackIsTaken(self) -> None:
        """
        A client of TLS 1.2 gets that, with ECDHE and an AEAD.
        """
        server = accepting(self.serving("a.example"))
        shake(server, self.client(SSL.TLS1_2_VERSION, b"ALL"))
        self.assertEqual(server.get_protocol_version_name(), "TLSv1.2")
        self.assertEqual(server.get_cipher_name(), "ECDHE-ECDSA-AES128-GCM-SHA256")

    def test_olderVersionsAreRefused(self) -> None:
        """
        RFC 8996: no TLS 1.1, even for a client that has nothing else.
        """
        client = self.client(SSL.TLS1_1_VERSION, b"ALL")
        reason = self.refused(self.serving("a.example"), client)
        self.assertEqual(reason, "unsupported protocol")

    def test_minimumCanBeRaised(self) -> None:
        """
        Where TLS 1.3 is the minimum, 1.2 is refused; only these two can be.
        """
        tls = self.serving("a.example", minimum="TLSv1.3")
        client = self.client(SSL.TLS1_2_VERSION, b"ALL")
        self.assertEqual(self.refused(tls, client), "unsupported protocol")
        error = self.assertRaises(
            UsageError, self.serving, "a.example", minimum="TLSv1.1"
        )
        self.assertEqual(str(error), "'TLSv1.1' is none of TLSv1.2, TLSv1.3")

    def test_oldCiphersAreRefused(self) -> None:
        """
        RFC 9325 section 4.2: no CBC, no key exchange without forward secrecy.
        """
        tls = self.serving("a.example")
        for ciphers in (b"ECDHE-ECDSA-AES128-SHA256", b"AES128-GCM-SHA256"):
            client = self.client(SSL.TLS1_2_VERSION, ciphers)
            self.assertEqual(self.refused(tls, client), "no shared cipher")

    def test_noRenegotiation(self) -> None:
        """
        A client that wants another handshake on its connection is told no, and
        the connection goes on.
        """
        server = accepting(self.serving("a.example"))
        client = self.client(SSL.TLS1_2_VERSION, b"ALL")
        shake(server, client)
        client.renegotiate()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        server.bio_write(client.bio_read(65536))
        self.assertRaises(SSL.WantReadError, server.recv, 100)
        client.bio_write(server.bio_read(65536))
        error = self.assertRaises(SSL.Error, client.do_handshake)
        self.assertEqual(error.args[0][-1][-1], "no renegotiation")


class ServerNameTests(ContextsTestCase):
    """Which certificate a client is shown."""

    def setUp(self) -> None:
        """Make the server."""
        ContextsTestCase.setUp(self)
        self.tls = ServerTLS(
            [
                store(self.folder / names[0].strip("*"), *issue(*names))
                for names in (
                    ("First.example", "both.example"),
                    ("second.example", "both.example"),
                    ("*.wild.example",),
                    ("exact.wild.example",),
                )
            ],
            clock=self.clock,
        )

    def test_nameChoosesCertificate(self) -> None:
        """
        A client is shown the certificate with the name that it asks for, in
        whatever case either is written.
        """
        for name, expected in (
            (b"first.example", "First.example"),
            (b"second.example", "second.example"),
            (b"SECOND.Example", "second.example"),
            (b"FIRST.EXAMPLE", "First.example"),
        ):
            self.assertIn(expected, shown(self.tls, name))

    def test_firstCertificateWithTheNameIsTaken(self) -> None:
        """
        Of two certificates for a name the first is shown.
        """
        self.assertIn("First.example", shown(self.tls, b"both.example"))

    def test_defaultIsTheFirst(self) -> None:
        """
        A client that asks for no name, or for one that nobody has, is shown the
        first certificate.
        """
        for name in (None, b"other.example", b"example", b"localhost"):
            self.assertIn("First.example", shown(self.tls, name))

    def test_wildcardIsForOneLabel(self) -> None:
        """
        RFC 9525 section 6.3: a wildcard stands for one label, and an exact name
        goes before it.
        """
        for name, expected in (
            (b"a.wild.example", "*.wild.example"),
            (b"A.Wild.Example", "*.wild.example"),
            (b"exact.wild.example", "exact.wild.example"),
            (b"a.b.wild.example", "First.example"),
            (b"wild.example", "First.example"),
        ):
            self.assertIn(expected, shown(self.tls, name))

    def test_chosenCertificateIsBoundToTheChannel(self) -> None:
        """
        The channel binding is that of the certificate that was shown.
        """
        found = set()
        for name in (b"first.example", b"second.example"):
            server, client = accepting(self.tls), connecting(name)
            shake(server, client)
            info = self.tls.info(server)
            self.assertEqual(info.serverName, name)
            found.add(info.bindings["tls-server-end-point"])
        self.assertEqual(len(found), 2)

    def test_namesMatterToThoseWithTicketsToo(self) -> None:
        """
        A client that may resume is shown the right certificate as well.
        """
        server = accepting(self.tls, TLSOptions(tickets=True))
        client = connecting(b"second.example")
        shake(server, client)
        certificate = client.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        self.assertEqual(certificate.subject.rfc4514_string(), "CN=second.example")


class ReloadTests(ContextsTestCase):
    """Certificates that are replaced while the server runs."""

    def replaced(self, *names: str) -> None:
        """Put a new certificate in the place of the one that is there."""
        store(self.folder, *issue(*names))

    def test_newCertificateIsForNewHandshakes(self) -> None:
        """
        A replaced certificate is shown from the next handshake on, and the
        connections that are there go on.
        """
        tls = self.serving("old.example")
        server, client = accepting(tls), connecting()
        shake(server, client)
        begun = accepting(tls)
        self.replaced("new.example")
        self.clock.advance(LOOK_SECONDS)
        with capturedLogs() as logs:
            self.assertEqual(shown(tls), {"new.example"})
        self.assertEqual([event["log_level"] for event in logs], [LogLevel.info])
        self.assertEqual(tell(client, server, b"NOOP\r\n"), b"NOOP\r\n")
        self.assertEqual(tell(server, client, b"250 OK\r\n"), b"250 OK\r\n")
        shake(begun, connecting())

    def test_filesAreLookedAtOnceASecond(self) -> None:
        """
        However many handshakes there are, files are not looked at more often.
        """
        tls = self.serving("old.example")
        self.replaced("new.example")
        self.clock.advance(LOOK_SECONDS / 2)
        self.assertEqual(shown(tls), {"old.example"})
        self.clock.advance(LOOK_SECONDS / 2)
        self.assertEqual(shown(tls), {"new.example"})

    def test_clockThatGoesBackDoesNotStopTheLooking(self) -> None:
        """
        When the clock is set back, files are looked at.
        """
        tls = self.serving("old.example")
        self.replaced("new.example")
        self.clock.rightNow -= 3600
        self.assertEqual(shown(tls), {"new.example"})

    def test_namesAreThoseOfTheNewCertificate(self) -> None:
        """
        SNI goes by the certificates that are in use.
        """
        first = store(self.folder / "1", *issue("first.example"))
        second = store(self.folder / "2", *issue("second.example"))
        tls = ServerTLS((first, second), clock=self.clock)
        store(self.folder / "2", *issue("third.example"))
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(shown(tls, b"third.example"), {"third.example"})
        self.assertEqual(shown(tls, b"second.example"), {"first.example"})

    def test_brokenReplacementIsNotTaken(self) -> None:
        """
        While a replacement cannot be used, the certificate from before is, and
        the log has one error that names the file.
        """
        tls = self.serving("old.example")
        chain, key = issue("new.example")
        replace(self.folder / "certificate.pem", chain)
        with capturedLogs() as logs:
            for _ in range(3):
                self.clock.advance(LOOK_SECONDS)
                self.assertEqual(shown(tls), {"old.example"})
        self.assertTrue(tls.ready)
        [event] = logs
        self.assertEqual(event["log_level"], LogLevel.error)
        self.assertEqual(
            event["problem"],
            f"{self.folder / 'key.pem'}: not the key of the first certificate in "
            f"{self.folder / 'certificate.pem'}",
        )
        replace(self.folder / "key.pem", key)
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(shown(tls), {"new.example"})

    def test_missingFileIsNoEnd(self) -> None:
        """
        When files go away, what was read of them stays in use.
        """
        tls = self.serving("old.example")
        (self.folder / "key.pem").unlink()
        self.clock.advance(LOOK_SECONDS)
        with capturedLogs() as logs:
            self.assertEqual(shown(tls), {"old.example"})
        self.assertEqual(
            [event["problem"] for event in logs],
            [f"{self.folder / 'key.pem'}: No such file or directory"],
        )

    def test_unreadableFileIsNoEnd(self) -> None:
        """
        Neither is a file that cannot be read, or that only OpenSSL cannot read.
        """
        tls = self.serving("old.example")
        identity = made(ROOT)
        chain, key = self.folder / "certificate.pem", self.folder / "key.pem"
        key.unlink()
        key.mkdir()
        with capturedLogs() as logs:
            self.clock.advance(LOOK_SECONDS)
            self.assertEqual(shown(tls), {"old.example"})
            key.rmdir()
            replace(key, pemKey(identity.key))
            replace(chain, pem(garbled(identity)))
            self.clock.advance(LOOK_SECONDS)
            self.assertEqual(shown(tls), {"old.example"})
        first, second = [event["problem"] for event in logs]
        self.assertEqual(first, f"{key}: Is a directory")
        self.assertIn(f"{chain}: refused by OpenSSL", second)

    def test_oneFileForBothIsWatchedToo(self) -> None:
        """
        The certificate and its key may be one file.
        """
        files = CertificateFiles(self.folder / "both.pem")
        replace(files.chain, b"".join(issue("old.example")))
        tls = ServerTLS((files,), clock=self.clock)
        self.assertEqual(shown(tls), {"old.example"})
        replace(files.chain, b"".join(reversed(issue("new.example"))))
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(shown(tls), {"new.example"})


class StartTests(ContextsTestCase):
    """What is seen at the start."""

    def test_noCertificateIsNoTLS(self) -> None:
        """
        Without certificates there is no TLS to offer.
        """
        tls = ServerTLS((), clock=self.clock)
        self.assertFalse(tls.ready)
        self.assertRaises(UsageError, tls.creator, TLSOptions())
        self.assertTrue(self.serving("a.example").ready)

    def test_interfaces(self) -> None:
        """
        It provides what the shell wants.
        """
        tls = self.serving("a.example")
        verifyObject(IServerTLS, tls)
        verifyObject(IOpenSSLServerConnectionCreator, tls.creator(TLSOptions()))

    def test_allProblemsAreToldAtOnce(self) -> None:
        """
        The start tells of each file that cannot be used.
        """
        good = store(self.folder, *issue("a.example"))
        missing = CertificateFiles(self.folder / "missing.pem")
        keyless = CertificateFiles(good.chain)
        error = self.assertRaises(
            CertificateError, ServerTLS, (missing, good, keyless), clock=self.clock
        )
        self.assertEqual(
            error.problems,
            (
                f"{missing.chain}: No such file or directory",
                f"{good.chain}: no private key in it",
            ),
        )
        self.assertEqual(str(error), "\n".join(error.problems))

    def test_expiredCertificateIsToldOfAndUsed(self) -> None:
        """
        A client may not look at certificates, so an expired one is better than
        none; but the log has a warning.
        """
        files = store(self.folder, *issue("a.example", ago=timedelta(days=400)))
        with capturedLogs() as logs:
            tls = ServerTLS((files,), clock=self.clock)
        [event] = logs
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertEqual(event["file"], str(files.chain))
        self.assertEqual(shown(tls), {"a.example"})


class ResumptionTests(ContextsTestCase):
    """Tickets."""

    def resumed(self, options: TLSOptions) -> bool:
        """Is the second of two handshakes with one client a resumed one?"""
        tls = self.serving("a.example")
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        client, server = bare(context), accepting(tls, options)
        shake(server, client)
        self.assertFalse(tls.info(server).resumed)
        tell(server, client, b"220\r\n")
        session = client.get_session()
        assert session is not None
        again, server = bare(context), accepting(tls, options)
        again.set_session(session)
        shake(server, again)
        return tls.info(server).resumed

    def test_ticketsAreOfNoUse(self) -> None:
        """
        As long as nobody says that tickets may be given, none can be used.
        """
        self.assertFalse(self.resumed(TLSOptions()))

    def test_ticketsCanBeUsedWhereTheyMay(self) -> None:
        """
        With tickets, a client's second handshake resumes its first.
        """
        self.assertTrue(self.resumed(TLSOptions(tickets=True)))
