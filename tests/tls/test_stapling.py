"""
Tests for L{smtpx.tls.stapling}, alone and in real handshakes in memory.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.ocsp import OCSPCertStatus
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.stapled import Stapled
from smtpx.tls.certificates import CertificateFiles
from smtpx.tls.contexts import LOOK_SECONDS, ServerTLS
from smtpx.tls.ocsp import TOLERANCE, moment
from smtpx.tls.stapling import Stapling
from smtpx.tls.states import StapleState

from .identities import ROOT, Identity, made, presenting
from .joined import PLAIN, accepting, bare, pem, replace, shake
from .responses import BEGUN, DAY, SECOND, answered, at, framed, kept

SERVER = made(ROOT, "mx.example.org")
#: No good without a staple.
DEMANDING = made(ROOT, demands=True)
RESPONSE = answered(SERVER, ROOT)
LATER = answered(SERVER, ROOT, ends=2 * DAY)
REVOKED = answered(SERVER, ROOT, status=OCSPCertStatus.REVOKED)
OTHERS = answered(made(ROOT), ROOT)

#: One key for a certificate and the next.
KEY = ec.generate_private_key(ec.SECP256R1())

VERSIONS = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)


def told(event: LogEvent) -> tuple[object, str]:
    """How bad an event is, and its text."""
    return event["log_level"], formatEvent(event)


def named(*names: str) -> Identity:
    """A server's certificate, for these names."""
    return made(ROOT, names=names)


class StaplingTests(SynchronousTestCase):
    """A staple while the server runs."""

    def setUp(self) -> None:
        """Make a folder for a certificate with a staple."""
        self.folder = Path(self.mktemp())
        self.path = self.folder / "staple.der"

    def begun(self, octets: bytes | None, identity: Identity = SERVER) -> Stapling:
        """Read a staple for the first time."""
        return Stapling(kept(self.folder, identity, octets), identity.chain)

    def looked(
        self, stapling: Stapling, when: timedelta = timedelta()
    ) -> tuple[bytes | None, list[tuple[object, str]]]:
        """Look at it; what is sent then, and what the log is told."""
        with capturedLogs() as logs:
            stapling.look(at(when))
        for event in logs:
            # So that an operator finds what there is of one file.
            files = stapling.files
            self.assertEqual(event["file"], str(files.staple or files.chain))
        sent = stapling.sent(at(when))
        return None if sent is None else sent.octets, [told(event) for event in logs]

    def test_taken(self) -> None:
        """
        A good staple is sent; the log is told once, and the file is read once.
        """
        stapling = self.begun(RESPONSE)
        first = stapling.staple
        text = f"{self.path}: a staple is in use, until {moment(at(DAY))}"
        self.assertEqual(self.looked(stapling), (RESPONSE, [(LogLevel.info, text)]))
        self.assertEqual(self.looked(stapling), (RESPONSE, []))
        self.assertIs(stapling.staple, first)
        self.assertEqual(
            stapling.state(at(BEGUN)), StapleState(self.path, True, at(DAY), None)
        )

    def test_replaced(self) -> None:
        """
        A new one takes its place.
        """
        stapling = self.begun(RESPONSE)
        self.looked(stapling)
        replace(self.path, framed(LATER))
        text = f"{self.path}: a staple is in use, until {moment(at(2 * DAY))}"
        self.assertEqual(self.looked(stapling), (LATER, [(LogLevel.info, text)]))

    def test_noReplacement(self) -> None:
        """
        What cannot be used does not take its place, and the log is told of each
        fault once; the one from before is sent until its time is over.
        """
        stapling = self.begun(RESPONSE)
        self.looked(stapling)
        until = f"the staple from before is in use, until {moment(at(DAY))}"
        unsigned = answered(SERVER, ROOT, responder=made(ROOT))
        for octets, fault in (
            (b"", "no OCSP response in it"),
            (OTHERS, "the response is for another certificate"),
            (
                answered(SERVER, ROOT, ends=None),
                "the response does not say until when it is valid",
            ),
            (
                unsigned,
                "the response is signed neither by the certificate's issuer nor by a"
                " responder that the issuer authorised",
            ),
        ):
            replace(self.path, octets)
            expected = [(LogLevel.warn, f"{self.path}: {fault}; {until}")]
            self.assertEqual(self.looked(stapling), (RESPONSE, expected))
            self.assertEqual(self.looked(stapling), (RESPONSE, []))
            self.assertEqual(
                stapling.state(SECOND),
                StapleState(self.path, True, at(DAY), f"{self.path}: {fault}"),
            )
        expected = [(LogLevel.warn, f"{self.path}: {fault}; no staple is sent")]
        self.assertEqual(self.looked(stapling, DAY), (None, expected))

    def test_goneAway(self) -> None:
        """
        When the file goes away or cannot be read, what was read stays in use.
        """
        stapling = self.begun(RESPONSE)
        self.looked(stapling)
        self.path.unlink()
        [(level, text)] = self.looked(stapling)[1]
        self.assertIn("No such file or directory; the staple from before", text)
        self.path.mkdir()
        sent, logs = self.looked(stapling)
        self.assertEqual(sent, RESPONSE)
        self.assertIn("Is a directory; the staple from before", logs[0][1])
        self.path.rmdir()
        replace(self.path, RESPONSE)
        self.assertEqual(self.looked(stapling)[1][0][0], LogLevel.info)

    def test_expires(self) -> None:
        """
        A staple that expires while the server runs is sent no more, and the log is
        told.
        """
        stapling = self.begun(RESPONSE)
        self.looked(stapling)
        last = DAY - timedelta(seconds=1)
        self.assertEqual(self.looked(stapling, last), (RESPONSE, []))
        fault = f"{self.path}: the response expired at {moment(at(DAY))}"
        self.assertEqual(
            self.looked(stapling, DAY),
            (None, [(LogLevel.warn, f"{fault}; no staple is sent")]),
        )
        self.assertEqual(self.looked(stapling, DAY), (None, []))
        self.assertEqual(
            stapling.state(at(DAY)), StapleState(self.path, False, at(DAY), fault)
        )

    def test_notYet(self) -> None:
        """
        One whose time has not come is not sent before that.
        """
        stapling = self.begun(answered(SERVER, ROOT, begins=DAY, ends=2 * DAY))
        sent, [(level, text)] = self.looked(stapling)
        self.assertIsNone(sent)
        self.assertEqual(level, LogLevel.warn)
        self.assertIn("is not valid before", text)
        sent, [(level, text)] = self.looked(stapling, DAY - TOLERANCE)
        self.assertIsNotNone(sent)
        self.assertEqual(level, LogLevel.info)

    def test_revoked(self) -> None:
        """
        When the authority says that the certificate is revoked, its word from
        before is not sent any more, and somebody has to act.
        """
        stapling = self.begun(RESPONSE)
        self.looked(stapling)
        replace(self.path, REVOKED)
        fault = f"{self.path}: the certificate is revoked"
        self.assertEqual(
            self.looked(stapling),
            (None, [(LogLevel.error, f"{fault}; no staple is sent")]),
        )
        self.assertEqual(
            stapling.state(SECOND), StapleState(self.path, False, None, fault)
        )

    def test_noneYet(self) -> None:
        """
        A start without a good staple is a start; it is taken when it comes.
        """
        for octets, text in (
            (None, "No such file or directory"),
            (OTHERS, "the response is for another certificate"),
        ):
            stapling = self.begun(octets)
            self.assertEqual(
                self.looked(stapling),
                (None, [(LogLevel.warn, f"{self.path}: {text}; no staple is sent")]),
            )
            replace(self.path, RESPONSE)
            self.assertEqual(self.looked(stapling)[0], RESPONSE)
            self.path.unlink()

    def test_noFile(self) -> None:
        """
        Where there is no file there is nothing to tell.
        """
        files = kept(self.folder, SERVER)
        stapling = Stapling(CertificateFiles(files.chain, files.key), SERVER.chain)
        self.assertEqual(self.looked(stapling), (None, []))
        self.assertIsNone(stapling.state(SECOND))

    def test_demanded(self) -> None:
        """
        A certificate that is no good without a staple (RFC 7633), and has none, is
        an error that somebody has to act on.
        """
        outcome = "no staple is sent, but the certificate demands one (RFC 7633)"
        stapling = self.begun(None, DEMANDING)
        fault = f"{self.path}: No such file or directory"
        expected = [(LogLevel.error, f"{fault}; {outcome}")]
        self.assertEqual(self.looked(stapling), (None, expected))
        chain = stapling.files.chain
        stapling = Stapling(CertificateFiles(chain), DEMANDING.chain)
        fault = (
            f"{chain}: the certificate demands a staple (RFC 7633), and has no"
            " tls_ocsp_file"
        )
        expected = [(LogLevel.error, f"{fault}; no staple is sent")]
        self.assertEqual(self.looked(stapling), (None, expected))
        stapling = self.begun(answered(DEMANDING, ROOT), DEMANDING)
        self.assertEqual(self.looked(stapling)[1][0][0], LogLevel.info)
        # As long as there is one, nobody has to act at once.
        replace(self.path, OTHERS)
        self.assertEqual(self.looked(stapling)[1][0][0], LogLevel.warn)
        sent, [(level, text)] = self.looked(stapling, DAY)
        self.assertEqual(level, LogLevel.error)
        self.assertTrue(text.endswith(outcome), text)

    def test_anotherCertificate(self) -> None:
        """
        What was sent with the certificate from before is sent with the new one only
        if it is for that one as well.
        """
        before = self.begun(RESPONSE).staple
        self.path.unlink()
        files = CertificateFiles(Path("chain.pem"), None, self.path)
        longer = (*SERVER.chain, ROOT.certificate)
        for chain, sent in ((longer, RESPONSE), (made(ROOT).chain, None)):
            stapling = Stapling(files, chain, before)
            self.assertEqual(self.looked(stapling)[0], sent)


class ServerTestCase(SynchronousTestCase):
    """
    A test with a server.

    @ivar folder: where its files are.
    @ivar clock: the server's.
    """

    def setUp(self) -> None:
        """Make a folder and a clock."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.clock = Clock()
        self.clock.advance(SECOND.timestamp())

    def serving(self, *files: CertificateFiles) -> ServerTLS:
        """A server."""
        return ServerTLS(files, clock=self.clock)


class HandshakeTests(ServerTestCase):
    """Staples in handshakes."""

    def stapled(
        self,
        tls: ServerTLS,
        name: bytes | None = None,
        version: int = SSL.TLS1_3_VERSION,
        options: TLSOptions = PLAIN,
    ) -> tuple[bytes, Stapled]:
        """
        What a client that asks for a staple gets, and what the server knows of it.
        """
        self.clock.advance(LOOK_SECONDS)
        got: list[bytes] = []
        context = presenting(None, version)

        def take(connection: SSL.Connection, octets: bytes, data: None) -> bool:
            got.append(octets)
            return True

        context.set_ocsp_client_callback(take)
        server, client = accepting(tls, options), bare(context)
        client.request_ocsp()
        if name is not None:
            client.set_tlsext_host_name(name)
        shake(server, client)
        return b"".join(got), tls.info(server).stapled

    def test_sent(self) -> None:
        """
        A client that asks gets it, in either version of TLS, and with tickets as
        without.
        """
        tls = self.serving(kept(self.folder, SERVER, RESPONSE))
        for version in VERSIONS:
            for options in (TLSOptions(), TLSOptions(tickets=True)):
                self.assertEqual(
                    self.stapled(tls, None, version, options),
                    (RESPONSE, Stapled.SENT),
                )

    def test_notAsked(self) -> None:
        """
        A client that does not ask gets none.
        """
        tls = self.serving(kept(self.folder, SERVER, RESPONSE))
        server = accepting(tls)
        shake(server, bare(presenting(None)))
        self.assertEqual(tls.info(server).stapled, Stapled.NOT_ASKED)

    def test_noneGood(self) -> None:
        """
        A client that asks gets none where there is none, and nothing else
        happens.
        """
        tls = self.serving(kept(self.folder, SERVER, OTHERS))
        for version in VERSIONS:
            self.assertEqual(self.stapled(tls, None, version), (b"", Stapled.NONE_GOOD))
        files = kept(self.folder, SERVER)
        tls = self.serving(CertificateFiles(files.chain, files.key))
        self.assertEqual(self.stapled(tls), (b"", Stapled.NOT_ASKED))

    def test_byName(self) -> None:
        """
        Each certificate has its own, which goes with it.
        """
        second = named("second.example")
        response = answered(second, ROOT)
        tls = self.serving(
            kept(self.folder / "1", SERVER, RESPONSE),
            kept(self.folder / "2", second, response),
        )
        for version in VERSIONS:
            for name, expected in (
                (None, RESPONSE),
                (b"stranger.example", RESPONSE),
                (b"second.example", response),
            ):
                self.assertEqual(
                    self.stapled(tls, name, version), (expected, Stapled.SENT)
                )

    def test_replaced(self) -> None:
        """
        A file that is replaced is for the next handshake, and an expired one for
        none.
        """
        files = kept(self.folder, SERVER, RESPONSE)
        tls = self.serving(files)
        self.assertEqual(self.stapled(tls)[0], RESPONSE)
        assert files.staple is not None
        replace(files.staple, LATER)
        self.assertEqual(self.stapled(tls)[0], LATER)
        self.clock.advance(3 * DAY.total_seconds())
        self.assertEqual(self.stapled(tls), (b"", Stapled.NONE_GOOD))

    def test_certificateAndStapleAreReplaced(self) -> None:
        """
        When a certificate is renewed, in whatever order files are replaced, no
        staple is ever sent with another's certificate, and the new one is sent as
        soon as both are there.
        """
        new = made(ROOT, "mx.example.org", key=KEY)
        old = made(ROOT, "mx.example.org", key=KEY)
        replies = {True: answered(new, ROOT), False: answered(old, ROOT)}
        for first in ("certificate", "staple"):
            folder = self.folder / first
            files = kept(folder, old, replies[False])
            assert files.staple is not None
            tls = self.serving(files)
            self.assertEqual(self.stapled(tls)[0], replies[False])
            if first == "certificate":
                replace(files.chain, pem(*new.chain))
                self.assertEqual(self.stapled(tls)[0], b"")
                replace(files.staple, replies[True])
            else:
                replace(files.staple, replies[True])
                self.assertEqual(self.stapled(tls)[0], replies[False])
                replace(files.chain, pem(*new.chain))
            self.assertEqual(self.stapled(tls)[0], replies[True])

    def test_chainIsReplaced(self) -> None:
        """
        A chain that is written anew for the same certificate costs no staple, even
        if the staple's file is gone.
        """
        files = kept(self.folder, SERVER, RESPONSE)
        tls = self.serving(files)
        assert files.staple is not None
        files.staple.unlink()
        replace(files.chain, pem(*SERVER.chain, ROOT.certificate))
        self.assertEqual(self.stapled(tls)[0], RESPONSE)

    def test_told(self) -> None:
        """
        The start tells of a staple that it takes.
        """
        files = kept(self.folder, SERVER, RESPONSE)
        with capturedLogs() as logs:
            self.serving(files)
        self.assertEqual([event["file"] for event in logs], [str(files.staple)])
