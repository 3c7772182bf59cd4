"""
Tests for L{smtpx.tls.standing}, and for what L{smtpx.tls.client} makes of it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from attrs import evolve
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import (
    OCSPCertStatus,
    OCSPResponseBuilder,
    OCSPResponseStatus,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.flaw import Flaw
from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.stapled import Stapled, StapleWish
from smtpx.core.tlsa import DANE, TLSA
from smtpx.core.tlssession import TLSSession
from smtpx.tls.client import ClientTLS, UntrustedPeer
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.hello import Greeter
from smtpx.tls.ocsp import OCTETS_MOST, TOLERANCE
from smtpx.tls.standing import (
    UNSTAPLED,
    Standing,
    StapleWatch,
    asksStaple,
    counted,
    standingOf,
)
from smtpx.tls.verdict import Verdict

from .identities import ODD_VERSION, ROOT, STRANGER, Identity, forged, made
from .joined import NOW, Wrapped, accepting, pem, pemKey, shake, store, tell
from .responses import BEGUN, DAY, SECOND, answered, kept
from .returning import TICKETS

HOST = "mx.example"
SERVER = made(ROOT, HOST, names=[HOST])
#: It is no good without a staple.
STRICT = made(ROOT, HOST, names=[HOST], demands=True)
OTHER = made(ROOT, "other.example")
RESPONDER = made(ROOT, "responder", use=ExtendedKeyUsageOID.OCSP_SIGNING)
GOOD = answered(SERVER, ROOT)
REVOKED = answered(SERVER, ROOT, status=OCSPCertStatus.REVOKED)

ANY = TLSOptions(serverName=HOST.encode(), staple=StapleWish.ASKED)
VERIFIED = evolve(ANY, verified=True)
REQUIRED = evolve(VERIFIED, staple=StapleWish.REQUIRED)
TRUSTING = ClientTLS(ROOT.chain)

#: Responses that are no good for L{SERVER}, and what is wrong with each.
BAD: dict[str, bytes] = {
    "the response expired at": answered(SERVER, ROOT, ends=-2 * TOLERANCE),
    "the response is not valid before": answered(SERVER, ROOT, begins=DAY / 2),
    "the response does not say until when": answered(SERVER, ROOT, ends=None),
    "the response is for another certificate": answered(OTHER, ROOT),
    "the response is signed neither by": answered(SERVER, ROOT, responder=STRANGER),
    "the responder does not know the certificate": answered(
        SERVER, ROOT, status=OCSPCertStatus.UNKNOWN
    ),
    "the responder's answer is an error: try later": (
        OCSPResponseBuilder.build_unsuccessful(
            OCSPResponseStatus.TRY_LATER
        ).public_bytes(Encoding.DER)
    ),
}

#: What a server with OpenSSL 3.6 or newer does not send.
UNSENT = ("the response is for another certificate",)


def usage(number: int) -> DANE:
    """A TLSA record of a usage for L{SERVER}, or its authority."""
    whose = SERVER if number == 3 else ROOT
    record = TLSA(number, 0, 0, whose.certificate.public_bytes(Encoding.DER))
    return DANE(HOST.encode(), (record,), frozenset({frozenset({HOST.encode()})}))


class StandingTests(SynchronousTestCase):
    """What a staple says."""

    def standing(self, octets: bytes, identity: Identity = SERVER) -> Standing:
        """What is found, now."""
        return standingOf(octets, identity.chain, NOW)

    def test_good(self) -> None:
        """A response that is good is good until it says, whoever was to sign it."""
        ends = (SECOND + DAY).timestamp()
        expected = Standing(Stapled.SENT, ends=ends)
        for octets in (GOOD, answered(SERVER, ROOT, responder=RESPONDER)):
            self.assertEqual(self.standing(octets), expected)

    def test_none(self) -> None:
        """No response says nothing."""
        self.assertEqual(self.standing(b""), UNSTAPLED)

    def test_bad(self) -> None:
        """Each that is no good says why, and revokes nothing."""
        for why, octets in BAD.items():
            found = self.standing(octets)
            self.assertIs(found.stapled, Stapled.FAILED)
            self.assertTrue((found.problem or "").startswith(why), (why, found))
            self.assertEqual((found.ends, found.revoked), (None, False))

    def test_revoked(self) -> None:
        """The authority's word that it is revoked is told apart."""
        expected = Standing(Stapled.FAILED, "the certificate is revoked", revoked=True)
        self.assertEqual(self.standing(REVOKED), expected)
        late = answered(
            SERVER, ROOT, status=OCSPCertStatus.REVOKED, ends=-2 * TOLERANCE
        )
        self.assertEqual(self.standing(late), expected)

    def test_strangersWord(self) -> None:
        """Who is not authorised revokes nothing."""
        revoked = answered(
            SERVER, ROOT, status=OCSPCertStatus.REVOKED, responder=STRANGER
        )
        self.assertFalse(self.standing(revoked).revoked)

    def test_orphan(self) -> None:
        """Where nobody knows the issuer, nobody can judge."""
        found = self.standing(GOOD, SERVER.alone())
        self.assertIs(found.stapled, Stapled.UNJUDGED)
        self.assertEqual(found.problem, "the certificate's issuer is not known")

    def test_clocks(self) -> None:
        """A clock may be wrong by some minutes, on both sides, and no more."""
        second = timedelta(seconds=1)
        for begins, ends, good in (
            (BEGUN, -TOLERANCE + 30 * second, True),
            (BEGUN, -TOLERANCE - second, False),
            (TOLERANCE - second, DAY, True),
            (TOLERANCE + 2 * second, DAY, False),
        ):
            found = self.standing(answered(SERVER, ROOT, begins=begins, ends=ends))
            self.assertEqual(found.problem is None, good, (begins, ends))

    def test_damaged(self) -> None:
        """A response that is cut off anywhere, or changed, is no good."""
        for length in range(1, len(GOOD)):
            self.assertIs(self.standing(GOOD[:length]).stapled, Stapled.FAILED)
        for place in range(0, len(GOOD), 3):
            octets = bytearray(GOOD)
            octets[place] ^= 1
            found = self.standing(bytes(octets))
            # What is not signed, such as who is said to have signed, may be anything.
            self.assertFalse(found.revoked, place)
            if bytes(octets[-64:]) != GOOD[-64:]:
                self.assertIs(found.stapled, Stapled.FAILED)

    def test_bounds(self) -> None:
        """One that is too long is not looked at."""
        found = self.standing(bytes(OCTETS_MOST + 1))
        self.assertEqual(found.problem, "the response is too long")


class CountedTests(SynchronousTestCase):
    """What comes of it for the certificate."""

    PROVEN = Verdict(proof="it is good")
    MISSING = UNSTAPLED
    GONE = Standing(Stapled.FAILED, "the certificate is revoked", revoked=True)

    def flaw(
        self, standing: Standing, options: TLSOptions, identity: Identity = SERVER
    ) -> Flaw | None:
        """What is wrong with a certificate that was good."""
        found = counted(self.PROVEN, identity.certificate, standing, options)
        self.assertEqual(found.proof is None, found.problem is not None)
        return found.flaw

    def test_asked(self) -> None:
        """Where it is only asked for, none is no reason to refuse."""
        for octets in (b"", *BAD.values()):
            standing = standingOf(octets, SERVER.chain, NOW)
            self.assertIsNone(self.flaw(standing, VERIFIED))

    def test_revoked(self) -> None:
        """What is revoked is never good."""
        for options in (VERIFIED, REQUIRED):
            self.assertIs(self.flaw(self.GONE, options), Flaw.REVOKED)

    def test_required(self) -> None:
        """Where one is required, nothing but a good one will do."""
        for octets in (b"", *BAD.values()):
            standing = standingOf(octets, SERVER.chain, NOW)
            self.assertIs(self.flaw(standing, REQUIRED), Flaw.STAPLE)
        standing = standingOf(GOOD, SERVER.chain, NOW)
        self.assertIsNone(self.flaw(standing, REQUIRED))

    def test_demanded(self) -> None:
        """RFC 7633: nor where the certificate itself demands one."""
        self.assertIs(self.flaw(self.MISSING, VERIFIED, STRICT), Flaw.STAPLE)
        good = standingOf(answered(STRICT, ROOT), STRICT.chain, NOW)
        self.assertIsNone(self.flaw(good, VERIFIED, STRICT))

    def test_unreadable(self) -> None:
        """Of a certificate that cannot be read, what was said stays said."""
        found = counted(self.PROVEN, None, self.MISSING, VERIFIED)
        self.assertEqual(found, self.PROVEN)

    def test_neverBetter(self) -> None:
        """A good response makes no certificate good."""
        bad = Verdict("it is for others", Flaw.NAME)
        for standing in (self.GONE, standingOf(GOOD, SERVER.chain, NOW)):
            self.assertEqual(counted(bad, SERVER.certificate, standing, REQUIRED), bad)


class AskingTests(SynchronousTestCase):
    """Who is asked."""

    def test_wishes(self) -> None:
        """Who is to be; but not where an authority's word counts for nothing."""
        for wish, dane, asks in (
            (StapleWish.NONE, None, False),
            (StapleWish.ASKED, None, True),
            (StapleWish.ASKED, usage(2), True),
            (StapleWish.ASKED, usage(3), False),
            (StapleWish.REQUIRED, usage(3), True),
        ):
            options = evolve(VERIFIED, staple=wish, dane=dane)
            self.assertEqual(asksStaple(options), asks, (wish, dane))

    def test_hello(self) -> None:
        """Asking costs nine octets."""
        lengths = [
            TRUSTING._length(*each)
            for each in (
                (TRUSTING._greeting(ANY)[0], ANY, False),
                (TRUSTING._greeting(ANY)[0], ANY, True),
            )
        ]
        self.assertEqual(lengths[1] - lengths[0], 9)

    def test_room(self) -> None:
        """
        Where a hello has to fit, nothing is given up to ask where the answer makes no
        difference; and where it does, it is asked.
        """
        wished = []
        for options in (ANY, VERIFIED):
            plain = evolve(options, staple=StapleWish.NONE)
            shape, _ = TRUSTING._greeting(evolve(plain, room=1420))
            room = TRUSTING._length(shape, plain)
            for more in (0, 8, 9):
                shaped, asks = TRUSTING._greeting(evolve(options, room=room + more))
                if options is ANY or more == 9:
                    self.assertEqual((shaped, asks), (shape, more == 9))
                wished.append(asks)
        self.assertEqual(wished, [False, False, True, True, True, True])
        # Where it does not fit anyway, asking costs nothing.
        self.assertTrue(TRUSTING._greeting(evolve(ANY, room=100))[1])


class HandshakeTests(SynchronousTestCase):
    """Handshakes with servers that staple."""

    version = SSL.TLS1_3_VERSION

    def serving(
        self, octets: bytes, identity: Identity = SERVER, shown: X509 | None = None
    ) -> SSL.Connection:
        """
        A server that staples what it is given.

        @param shown: its certificate; L{None}: that of C{identity}.
        """
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(self.version)
        shown = shown or X509.from_cryptography(identity.certificate)
        context.use_certificate(shown)
        context.use_privatekey(PKey.from_cryptography_key(identity.key))
        for each in identity.chain[1:]:
            context.add_extra_chain_cert(X509.from_cryptography(each))
        self.asked = False

        def staple(connection: SSL.Connection, data: object) -> bytes:
            self.asked = True
            return octets

        context.set_ocsp_server_callback(staple)
        connection = SSL.Connection(context, None)
        connection.set_accept_state()
        return connection

    def visit(
        self,
        server: SSL.Connection,
        options: TLSOptions,
        client: ClientTLS = TRUSTING,
        session: TLSSession | None = None,
    ) -> TLSInfo:
        """What a handshake comes to."""
        self.wrapped = Wrapped()
        creator = client.creator(evolve(options, session=session))
        self.theirs = creator.clientConnectionForTLS(self.wrapped.asProtocol())
        self.theirs.set_connect_state()
        shake(server, self.theirs)
        return client.info(self.theirs, options)

    def refused(self, server: SSL.Connection, options: TLSOptions) -> tuple[str, Flaw]:
        """Why it ends."""
        self.assertRaises(SSL.Error, self.visit, server, options)
        assert self.wrapped.reason is not None
        error = self.wrapped.reason.value
        assert isinstance(error, UntrustedPeer)
        return str(error), error.flaw

    def test_good(self) -> None:
        """A good staple is told of, with its end; and will do where it has to."""
        ends = (SECOND + DAY).timestamp()
        for options in (ANY, VERIFIED, REQUIRED):
            info = self.visit(self.serving(GOOD), options)
            self.assertEqual(info.verified, options.verified)
            found = (info.stapled, info.stapleProblem, info.stapleEnds)
            self.assertEqual(found, (Stapled.SENT, None, ends))

    def test_issuerIsNotSent(self) -> None:
        """The issuer is found among those who are trusted."""
        info = self.visit(self.serving(GOOD, SERVER.alone()), REQUIRED)
        self.assertIs(info.stapled, Stapled.SENT)

    def test_issuerIsUnknown(self) -> None:
        """Where it is not, that is told."""
        nobody = ClientTLS(())
        info = self.visit(self.serving(GOOD, SERVER.alone()), ANY, nobody)
        self.assertIs(info.stapled, Stapled.UNJUDGED)

    def test_none(self) -> None:
        """No staple is no trouble, unless one has to be there."""
        info = self.visit(self.serving(b""), VERIFIED)
        self.assertTrue(self.asked)
        self.assertEqual((info.verified, info.stapled), (True, Stapled.NONE_GOOD))
        self.assertEqual(info.stapleProblem, UNSTAPLED.problem)
        why = "no good OCSP response for the certificate: the server sent no OCSP"
        text, flaw = self.refused(self.serving(b""), REQUIRED)
        self.assertEqual((text, flaw), (f"{why} response", Flaw.STAPLE))

    def test_bad(self) -> None:
        """Nor is a bad one, and what is bad is told."""
        for why, octets in BAD.items():
            if why in UNSENT:
                continue
            info = self.visit(self.serving(octets), VERIFIED)
            self.assertEqual((info.verified, info.stapled), (True, Stapled.FAILED), why)
            self.assertIn(why, info.stapleProblem or "")
            text, flaw = self.refused(self.serving(octets), REQUIRED)
            self.assertIn(why, text)
            self.assertIs(flaw, Flaw.STAPLE)

    def test_revoked(self) -> None:
        """A certificate that is revoked is not good, and that it is bad is logged."""
        for options in (VERIFIED, REQUIRED):
            found = self.refused(self.serving(REVOKED), options)
            self.assertEqual(found, ("the certificate is revoked", Flaw.REVOKED))
        watched = evolve(ANY, watched=True)
        for options, flaw in ((ANY, None), (watched, Flaw.REVOKED)):
            with capturedLogs() as events:
                info = self.visit(self.serving(REVOKED), options)
            self.assertEqual((info.verified, info.stapled), (False, Stapled.FAILED))
            self.assertIs(info.flaw, flaw)
            (event,) = events
            self.assertEqual(event["host"], HOST.encode())

    def test_demanded(self) -> None:
        """One that demands a staple is no good without, and fine with one."""
        why = "the certificate demands an OCSP response (RFC 7633): the server sent no"
        found = self.refused(self.serving(b"", STRICT), VERIFIED)
        self.assertEqual(found, (f"{why} OCSP response", Flaw.STAPLE))
        self.assertFalse(self.visit(self.serving(b"", STRICT), ANY).verified)
        info = self.visit(self.serving(answered(STRICT, ROOT), STRICT), VERIFIED)
        self.assertTrue(info.verified)

    def test_notAsked(self) -> None:
        """Who does not ask, is not told."""
        options = evolve(VERIFIED, staple=StapleWish.NONE)
        info = self.visit(self.serving(REVOKED), options)
        self.assertFalse(self.asked)
        self.assertEqual((info.verified, info.stapled), (True, Stapled.NOT_ASKED))

    def test_records(self) -> None:
        """With TLSA records of usage 3 it counts only where it is required."""
        dane = evolve(VERIFIED, dane=usage(3))
        self.assertTrue(self.visit(self.serving(REVOKED), dane).verified)
        self.assertFalse(self.asked)
        _, flaw = self.refused(self.serving(REVOKED), evolve(REQUIRED, dane=usage(3)))
        self.assertIs(flaw, Flaw.REVOKED)
        self.assertTrue(self.visit(self.serving(GOOD), evolve(REQUIRED, dane=usage(3))))
        _, flaw = self.refused(self.serving(REVOKED), evolve(VERIFIED, dane=usage(2)))
        self.assertIs(flaw, Flaw.REVOKED)

    def test_unreadable(self) -> None:
        """A certificate that only OpenSSL can read has no standing."""
        watch = StapleWatch(ANY, None, self.fail)
        server = self.serving(b"", SERVER, forged(SERVER, *ODD_VERSION))
        self.visit(server, evolve(ANY, staple=StapleWish.NONE))
        self.assertTrue(watch.look(self.theirs, GOOD))
        self.assertEqual(watch.standing, UNSTAPLED)

    def test_nobodyLooked(self) -> None:
        """Where OpenSSL never told, that is no staple."""
        self.patch(StapleWatch, "look", lambda self, connection, octets: True)
        info = self.visit(self.serving(GOOD), REQUIRED)
        self.assertEqual((info.verified, info.flaw), (False, Flaw.STAPLE))
        self.assertIs(info.stapled, Stapled.NONE_GOOD)
        assert isinstance(self.theirs, Greeter)


class OlderTests(HandshakeTests):
    """The same in TLS 1.2, where a staple is a message of its own."""

    version = SSL.TLS1_2_VERSION


class ResumedTests(SynchronousTestCase):
    """Sessions that are resumed, which have no staple."""

    def visit(
        self, tls: ServerTLS, options: TLSOptions, session: TLSSession | None = None
    ) -> tuple[TLSInfo, TLSSession | None]:
        """What a handshake comes to, and the session for the next time."""
        options = evolve(options, tickets=True, session=session)
        server = accepting(tls, TICKETS)
        creator = TRUSTING.creator(options)
        client = creator.clientConnectionForTLS(Wrapped().asProtocol())
        client.set_connect_state()
        shake(server, client)
        info = TRUSTING.info(client, options)
        tell(server, client, b"250 hello\r\n")
        return info, TRUSTING.session(client, options, info, NOW.timestamp())

    def test_resumed(self) -> None:
        """What our own server has stapled counts once more, until it ends."""
        clock = Clock()
        clock.advance(NOW.timestamp())
        response = answered(STRICT, ROOT, ends=timedelta(minutes=100))
        tls = ServerTLS((kept(Path(self.mktemp()), STRICT, response),), clock=clock)
        ends = (SECOND + timedelta(minutes=100)).timestamp()
        for options in (ANY, VERIFIED, REQUIRED):
            info, session = self.visit(tls, options)
            assert session is not None
            self.assertFalse(info.resumed)
            self.assertEqual((session.stapleEnds, session.expires), (ends, ends))
            info, _ = self.visit(tls, options, session)
            found = info.resumed, info.verified, info.stapled, info.stapleEnds
            self.assertEqual(found, (True, options.verified, Stapled.SENT, ends))

    def test_sessionWithout(self) -> None:
        """Where a staple is required, a session that had none is not resumed."""
        clock = Clock()
        clock.advance(NOW.timestamp())
        files = store(Path(self.mktemp()), pem(*SERVER.chain), pemKey(SERVER.key))
        tls = ServerTLS((files,), clock=clock)
        info, session = self.visit(tls, VERIFIED)
        assert session is not None
        self.assertIs(info.stapled, Stapled.NONE_GOOD)
        info, _ = self.visit(tls, VERIFIED, session)
        self.assertEqual((info.resumed, info.stapled), (True, Stapled.NONE_GOOD))
        self.assertRaises(SSL.Error, self.visit, tls, REQUIRED, session)
