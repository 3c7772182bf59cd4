"""
Tests for L{smtpx.tls.clientsessions}, and for what L{smtpx.tls.client} resumes.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from attrs import evolve
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.flaw import Flaw
from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.stapled import Stapled
from smtpx.core.tlssession import LIFETIME_SECONDS_MOST, Resumption, TLSSession
from smtpx.tls import clientsessions, openssl
from smtpx.tls.certificates import loadCertified
from smtpx.tls.client import ClientTLS
from smtpx.tls.clienthello import Scan
from smtpx.tls.contexts import ServerTLS

from .identities import OTHERS
from .joined import AUTHORITY, NOW, Wrapped, accepting, issue, shake, store, tell
from .returning import TICKETS, VERSIONS

MX = TLSOptions(serverName=b"mx.example", tickets=True)
VERIFIED = evolve(MX, verified=True)
TRUSTING = ClientTLS((AUTHORITY.certificate,))
TIME = NOW.timestamp()

FULL = Resumption.SUPPORTED | Resumption.ASKED
AGAIN = FULL | Resumption.OFFERED | Resumption.USED


class ClientSessionsTestCase(SynchronousTestCase):
    """
    A test with a server to come back to.

    @ivar tls: the server.
    @ivar version: of TLS, the newest.
    @ivar server: its side of the last connection.
    """

    def setUp(self) -> None:
        """Make the server."""
        self.tls = self.serving("mx.example")
        self.version = SSL.TLS1_3_VERSION

    def serving(self, *names: str) -> ServerTLS:
        """A server with a certificate."""
        clock = Clock()
        clock.advance(TIME)
        files = store(Path(self.mktemp()), *issue(*names))
        return ServerTLS((files,), clock=clock)

    def visit(
        self,
        options: TLSOptions,
        session: TLSSession | None = None,
        client: ClientTLS = TRUSTING,
        server: TLSOptions = TICKETS,
        now: float = TIME,
    ) -> tuple[TLSInfo, TLSSession | None]:
        """
        Connect, read something, and go without a farewell.

        @param session: the one to resume.
        @return: what it came to, and the session for the next time.
        """
        options = evolve(options, session=session)
        self.server = ours = accepting(self.tls, server)
        creator = client.creator(options)
        theirs = creator.clientConnectionForTLS(Wrapped().asProtocol())
        theirs.set_connect_state()
        if self.version == SSL.TLS1_2_VERSION:
            theirs.set_options(SSL.OP_NO_TLSv1_3)
        shake(ours, theirs)
        info = client.info(theirs, options)
        tell(ours, theirs, b"250 hello\r\n")
        return info, client.session(theirs, options, info, now)


class ResumingTests(ClientSessionsTestCase):
    """Sessions are resumed, whatever TLS and in whatever process."""

    def test_resumed(self) -> None:
        """
        The next handshake, with another client of the same kind, resumes the session;
        and what is shown of it is that of this connection.
        """
        for version in VERSIONS:
            self.version = version
            info, session = self.visit(VERIFIED)
            self.assertEqual((info.resumed, info.resumption), (False, FULL))
            assert session is not None
            self.assertEqual((session.began, session.verified), (TIME, True))
            self.assertEqual(session.expires, TIME + 7200)
            again = ClientTLS((AUTHORITY.certificate,))
            info, newer = self.visit(VERIFIED, session, again, now=TIME + 60)
            self.assertEqual((info.resumed, info.resumption), (True, AGAIN))
            self.assertTrue(info.verified)
            assert newer is not None
            self.assertEqual(newer.began, TIME)
            if version == SSL.TLS1_2_VERSION:
                # There is no new ticket; the old one does not live longer for that.
                self.assertIs(newer, session)
            else:
                self.assertEqual(newer.expires, TIME + 60 + 7200)
                self.assertNotEqual(newer.octets, session.octets)

    def test_liveCipherIsShown(self) -> None:
        """What is told of cipher and version is what the connection has now."""
        for version in VERSIONS:
            self.version = version
            for session in (None, self.visit(MX)[1]):
                info, _ = self.visit(MX, session)
                self.assertEqual(info.resumed, session is not None)
                self.assertEqual(info.cipher, self.server.get_cipher_name())
                self.assertEqual(info.bits, self.server.get_cipher_bits())
                self.assertEqual(info.version, self.server.get_protocol_version_name())

    def test_notAskedFor(self) -> None:
        """Without tickets nothing is asked for or offered; TLS 1.2 shows it."""
        _, session = self.visit(MX)
        plain = evolve(MX, tickets=False, session=session)
        context = TRUSTING.creator(plain)
        client = context.clientConnectionForTLS(Wrapped().asProtocol())
        client.set_connect_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        scan = Scan()
        octets = client.bio_read(65536)
        scan.feed(octets)
        assert scan.wishes is not None
        self.assertFalse(scan.wishes.offers)
        self.assertNotIn(b"\x00\x23\x00\x00", octets)
        info, _ = self.visit(plain)
        self.assertEqual(info.resumption, Resumption.SUPPORTED)

    def test_helloWithASession(self) -> None:
        """It offers the session by psk_dhe_ke, and nothing early (0-RTT)."""
        _, session = self.visit(MX)
        creator = TRUSTING.creator(evolve(MX, session=session))
        client = creator.clientConnectionForTLS(Wrapped().asProtocol())
        client.set_connect_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        octets = client.bio_read(65536)
        scan = Scan()
        scan.feed(octets)
        assert scan.wishes is not None
        self.assertTrue(scan.wishes.offers)
        self.assertIn(b"\x00\x2d\x00\x02\x01\x01", octets)
        self.assertNotIn(b"\x00\x2a\x00\x00", octets)

    def test_noRoom(self) -> None:
        """
        A session that makes a hello longer than it may be is not offered, and that is
        told of one that would have done.
        """
        _, session = self.visit(MX)
        assert session is not None
        for room, kept, told in (
            (1420, session, True),
            (65000, session, False),
            (None, session, False),
            (1420, evolve(session, trust=b"another"), False),
            (1420, None, False),
        ):
            creator = TRUSTING.creator(evolve(MX, session=kept, room=room))
            client = creator.clientConnectionForTLS(Wrapped().asProtocol())
            client.set_connect_state()
            self.assertRaises(SSL.WantReadError, client.do_handshake)
            scan = Scan()
            scan.feed(client.bio_read(65536))
            assert scan.wishes is not None
            self.assertEqual(TRUSTING.roomless(client), told)
            offered = kept is session and not told
            self.assertEqual(scan.wishes.offers, offered)

    def test_serverGivesNothing(self) -> None:
        """Tickets of no use are not kept, nor sessions without any."""
        for version in VERSIONS:
            self.version = version
            _, session = self.visit(MX, server=TLSOptions(ticketless=True))
            self.assertIsNone(session)

    def test_serverForgot(self) -> None:
        """A server whose keys are others makes a full handshake, and a new session."""
        _, session = self.visit(VERIFIED)
        self.tls = self.serving("mx.example")
        info, newer = self.visit(VERIFIED, session)
        self.assertFalse(info.resumed)
        self.assertTrue(info.verified)
        self.assertEqual(info.resumption, FULL | Resumption.OFFERED)
        self.assertIsNotNone(newer)

    def test_damaged(self) -> None:
        """A session that cannot be read is told of, and not offered."""
        _, session = self.visit(MX)
        assert session is not None
        for octets in (b"", session.octets[:-1], b"\x30\x03\x02\x01\x02"):
            with capturedLogs() as logs:
                info, newer = self.visit(MX, evolve(session, octets=octets))
            self.assertEqual((info.resumed, info.resumption), (False, FULL))
            self.assertIsNotNone(newer)
            self.assertEqual(len(logs), 1)
            self.assertIn("cannot be read", logs[0]["log_format"])

    def test_withoutBindings(self) -> None:
        """Where OpenSSL cannot write sessions down, all handshakes are full ones."""
        _, session = self.visit(MX)
        self.patch(openssl, "_writeSession", None)
        info, newer = self.visit(MX, session)
        self.assertEqual((info.resumed, newer), (False, None))

    def test_unknownForm(self) -> None:
        """A form of session that an OpenSSL to come may have is not kept."""
        self.patch(clientsessions, "dumpSession", lambda connection: b"\x30\x00")
        with capturedLogs() as logs:
            self.assertIsNone(self.visit(MX)[1])
        self.assertIn("is not kept", logs[0]["log_format"])


class JudgedTests(ClientSessionsTestCase):
    """What was verified, and what counts of it."""

    def test_wrongName(self) -> None:
        """
        The certificate in a session is checked against the name once more: nobody looks
        at it in the handshake.
        """
        _, session = self.visit(VERIFIED)
        assert session is not None
        other = evolve(VERIFIED, serverName=b"other.example")
        info, _ = self.visit(other, session)
        self.assertEqual((info.resumed, info.verified), (True, False))
        self.assertEqual(info.flaw, Flaw.NAME)
        self.assertIn("is not for other.example", info.problem or "")

    def test_laxSessionIsNoStrictOne(self) -> None:
        """A session that was not verified is not offered where it has to be."""
        _, session = self.visit(MX)
        assert session is not None
        self.assertFalse(session.verified)
        info, _ = self.visit(VERIFIED, session)
        self.assertEqual((info.resumed, info.verified), (False, True))
        self.assertEqual(info.resumption, FULL)

    def test_opportunisticStaysUnverified(self) -> None:
        """Where nobody looked, nothing is verified in the next handshake, either."""
        _, session = self.visit(MX)
        info, _ = self.visit(MX, session)
        self.assertEqual((info.resumed, info.verified), (True, False))

    def test_failedButToleratedStaysSo(self) -> None:
        """
        Where a certificate was looked at, was not good and had not to be, the session
        that is resumed is not verified, for the same reason.
        """
        watched = evolve(MX, serverName=b"other.example", watched=True)
        first, session = self.visit(watched)
        assert session is not None
        again, _ = self.visit(watched, session)
        for info, resumed in ((first, False), (again, True)):
            self.assertEqual((info.resumed, info.verified), (resumed, False))
            self.assertEqual(info.flaw, Flaw.NAME)
            self.assertIn("is not for other.example", info.problem or "")

    def test_otherTrust(self) -> None:
        """
        Where others are trusted, another certificate of ours is shown, or older
        versions are not spoken, a session from before is not offered.
        """
        _, session = self.visit(VERIFIED)
        both = (AUTHORITY.certificate, OTHERS.certificate)
        ours = loadCertified(store(Path(self.mktemp()), *issue("client.example")))
        for client, resumed in (
            (ClientTLS(both), False),
            (ClientTLS(both[:1], certificate=ours), False),
            (ClientTLS(both[:1], minimum="TLSv1.3"), False),
            (ClientTLS(both[:1]), True),
        ):
            info, _ = self.visit(VERIFIED, session, client)
            self.assertEqual((info.resumed, info.verified), (resumed, True))
        _, session = self.visit(VERIFIED, client=ClientTLS(both))
        info, _ = self.visit(VERIFIED, session, ClientTLS(both[::-1]))
        self.assertTrue(info.resumed)

    def test_platformsTrust(self) -> None:
        """Whom the platform trusts is told apart by its files."""
        marks = {clientsessions.trustMark(None, None, "TLSv1.2") for _ in range(2)}
        self.patch(clientsessions, "fileMark", lambda path: "another")
        marks.add(clientsessions.trustMark(None, None, "TLSv1.2"))
        self.assertEqual(len(marks), 2)

    def test_stapleOfTheFirstHandshake(self) -> None:
        """
        What was learnt by a staple stands with the session, which is not kept for
        longer than that holds: there is no staple in a handshake that resumes.
        """
        _, session = self.visit(MX)
        assert session is not None
        ends = TIME + 100
        known = evolve(session, stapled=int(Stapled.SENT), stapleEnds=ends)
        info, newer = self.visit(MX, known, now=TIME + 10)
        self.assertTrue(info.resumed)
        self.assertEqual((info.stapled, info.stapleEnds), (Stapled.SENT, ends))
        assert newer is not None
        self.assertEqual((newer.stapled, newer.stapleEnds), (Stapled.SENT, ends))
        self.assertEqual(newer.expires, ends)

    def test_bounds(self) -> None:
        """
        A chain of sessions ends seven days behind its full handshake, and where the
        certificate does that was verified.
        """
        _, session = self.visit(VERIFIED)
        assert session is not None
        last = session.began + LIFETIME_SECONDS_MOST
        _, newer = self.visit(VERIFIED, session, now=last - 60)
        assert newer is not None
        self.assertLessEqual(newer.expires, last)
        certificate = newer.expires
        early = timedelta(days=1).total_seconds()
        self.assertGreater(certificate, TIME + early)
