"""
Tests of L{smtpx.tls.judging}, by handshakes.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve, frozen
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.flaw import Flaw
from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.tlsa import DANE, TLSA
from smtpx.tls import judging
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.dane import CERT, DANE_EE, DANE_TA, FULL, SHA2_256, SPKI, recordFor
from smtpx.tls.judging import resumedVerdict
from smtpx.tls.verdict import UntrustedPeer

from .chains import Made, make
from .joined import Wrapped, accepting, shake, store

HOST = b"mx.example.org"
NAMES = frozenset({frozenset({HOST, b"example.org"})})

ROOT = make("root", ca=True)
MIDDLE = make("middle", ROOT, ca=True)
LEAF = make("leaf", MIDDLE, names=("mx.example.org",))
STRANGER = make("stranger", names=("stranger.example",))


@frozen
class Shaken:
    """
    What came of a handshake.

    @ivar info: what it came to; L{None}: to nothing.
    @ivar error: why.
    @ivar name: the server name that was sent.
    """

    info: TLSInfo | None
    error: UntrustedPeer | None
    name: bytes | None


class JudgingTests(SynchronousTestCase):
    """
    Handshakes with servers of all kinds.
    """

    def shaken(
        self,
        made: Made,
        options: TLSOptions,
        trust: tuple[Made, ...] = (),
        sent: tuple[Made, ...] | None = None,
    ) -> Shaken:
        """
        Try it.

        @param made: what the server has.
        @param trust: who is trusted by the client.
        @param sent: what the server sends behind its certificate; L{None}: all that is
            above it.
        """
        if sent is not None:
            made = evolve(made, above=tuple(each.certificate for each in sent))
        folder = Path(self.mktemp())
        folder.mkdir()
        server = ServerTLS([store(folder / "it", *made.files)], clock=Clock())
        client = ClientTLS([each.certificate for each in trust])
        wrapped = Wrapped()
        theirs = client.creator(options).clientConnectionForTLS(wrapped.asProtocol())
        theirs.set_connect_state()
        ours = accepting(server)
        try:
            shake(ours, theirs)
        except SSL.Error:
            assert wrapped.reason is not None
            error = wrapped.reason.value
            assert isinstance(error, UntrustedPeer)
            return Shaken(None, error, ours.get_servername())
        return Shaken(client.info(theirs, options), None, ours.get_servername())

    def asked(
        self, *records: TLSA, names: frozenset[frozenset[bytes]] = NAMES
    ) -> TLSOptions:
        """A handshake that TLSA records judge."""
        dane = DANE(HOST, records, names)
        return TLSOptions(serverName=HOST, verified=True, dane=dane)

    def good(self, made: Made, *records: TLSA, **other: object) -> None:
        """A server is believed on account of TLSA records."""
        shaken = self.shaken(made, self.asked(*records), **other)  # type: ignore[arg-type]  # passed on
        assert shaken.info is not None, shaken.error
        self.assertTrue(shaken.info.verified)
        self.assertTrue(shaken.info.dane)
        self.assertIn("TLSA record", shaken.info.proof or "")
        self.assertIsNone(shaken.info.flaw)

    def bad(self, flaw: Flaw, made: Made, *records: TLSA, **other: object) -> str:
        """
        A server is not believed.

        @return: why not.
        """
        shaken = self.shaken(made, self.asked(*records), **other)  # type: ignore[arg-type]  # passed on
        assert shaken.error is not None, "it was believed"
        self.assertIs(shaken.error.flaw, flaw)
        return str(shaken.error)

    # --- usage 3 ------------------------------------------------------------------

    def test_certificateOfTheRecord(self) -> None:
        """
        A record of usage 3 is for the server's own certificate or key.
        """
        for selector in (CERT, SPKI):
            for matching in range(3):
                record = recordFor(LEAF.certificate, DANE_EE, selector, matching)
                self.good(LEAF, record)

    def test_nothingElseCountsWithUsage3(self) -> None:
        """
        RFC 7672 section 3.1.1: neither names nor dates nor who has signed it.
        """
        for made in (
            STRANGER,
            make("old", expired=True, names=("mx.example.org",)),
            make("new", MIDDLE, early=True),
            make("forged", MIDDLE, forged=True),
            make("alone", MIDDLE, names=("elsewhere.example",)),
        ):
            self.good(made, recordFor(made.certificate))

    def test_oneRecordSuffices(self) -> None:
        """
        While a key is changed, there are records for the old one and the new one.
        """
        old, new = recordFor(STRANGER.certificate), recordFor(LEAF.certificate)
        self.good(LEAF, old, new)
        self.good(STRANGER, old, new)

    def test_certificateOfNoRecord(self) -> None:
        """
        A certificate that no record is for ends the handshake, and the log is told what
        was published.
        """
        record = recordFor(STRANGER.certificate)
        why = self.bad(Flaw.TLSA, LEAF, record)
        expected = f"matches none of the TLSA records of mx.example.org ({record})"
        self.assertIn(expected, why)

    def test_trustedChainIsNoWayOut(self) -> None:
        """
        RFC 7672 section 2.2: a certificate that everybody else would believe is not
        believed against the records.
        """
        self.bad(Flaw.TLSA, LEAF, recordFor(STRANGER.certificate), trust=(ROOT,))

    # --- usage 2 ------------------------------------------------------------------

    def test_authorityOfTheRecord(self) -> None:
        """
        A record of usage 2 is for any authority that the server sends.
        """
        for authority in (ROOT, MIDDLE):
            for selector in (CERT, SPKI):
                record = recordFor(authority.certificate, DANE_TA, selector)
                self.good(LEAF, record)

    def test_authorityWithoutItsOwn(self) -> None:
        """
        Nothing above the authority of a record need be sent, nor be in order.
        """
        self.good(LEAF, recordFor(MIDDLE.certificate, DANE_TA), sent=(MIDDLE,))
        old = make("root", ca=True, expired=True)
        middle = make("middle", old, ca=True)
        leaf = make("leaf", middle, names=("mx.example.org",))
        self.good(leaf, recordFor(middle.certificate, DANE_TA))

    def test_authorityThatTheSystemKnowsOtherwise(self) -> None:
        """
        The chain is what the server sends: where the system trusts another certificate
        of the same authority, the one that was sent still counts.
        """
        old = make("old", ca=True)
        crossed = make("root", old, ca=True, twin=ROOT)
        leaf = make("leaf", crossed, names=("mx.example.org",))
        record = recordFor(crossed.certificate, DANE_TA, CERT)
        self.good(leaf, record, trust=(ROOT,))

    def test_authorityThatIsNotSent(self) -> None:
        """
        RFC 7672 section 3.1.2: an authority of which only a digest is published has to
        be sent; one that is published in full need not (RFC 7671 section 5.2.2).
        """
        record = recordFor(ROOT.certificate, DANE_TA)
        self.bad(Flaw.TLSA, LEAF, record, sent=(MIDDLE,))
        for selector in (CERT, SPKI):
            record = recordFor(ROOT.certificate, DANE_TA, selector, FULL)
            self.good(LEAF, record, sent=(MIDDLE,))
            record = recordFor(MIDDLE.certificate, DANE_TA, selector, FULL)
            self.good(LEAF, record, sent=())

    def test_notTooManyAuthorities(self) -> None:
        """
        A zone with ever more authorities in full does not keep us busy: only so many
        are tried, and only so many records are told of.
        """
        tried: list[TLSA] = []

        def signs(record: TLSA, certificate: object) -> bool:
            tried.append(record)
            return False

        self.patch(judging, "signsFor", signs)
        records = [TLSA(DANE_TA, SPKI, FULL, b"%03d" % each) for each in range(400)]
        verdict = self.bad(Flaw.TLSA, LEAF, *records, sent=(MIDDLE, ROOT))
        self.assertEqual(len(tried), 3 * 16)
        self.assertLess(len(str(verdict)), 1000)

    def test_namesCountWithUsage2(self) -> None:
        """
        RFC 7672 section 3.2.2: the certificate has to be for the host, or for the
        domain that the mail is for.
        """
        record = recordFor(MIDDLE.certificate, DANE_TA)
        self.good(make("leaf", MIDDLE, names=("example.org",)), record)
        self.good(make("leaf", MIDDLE, names=("*.example.org",)), record)
        elsewhere = make("leaf", MIDDLE, names=("mx.example.com",))
        why = self.bad(Flaw.NAME, elsewhere, record)
        self.assertIn("not for example.org or mx.example.org", why)

    def test_allDomainsCountWithUsage2(self) -> None:
        """
        Where the mail is for two domains, the certificate has to be for the host, or
        for both of them.
        """
        record = recordFor(MIDDLE.certificate, DANE_TA)
        names = NAMES | {frozenset({HOST, b"example.com"})}
        options = self.asked(record, names=names)
        for some, expected in (
            (("mx.example.org",), True),
            (("example.org", "example.com"), True),
            (("example.org",), False),
        ):
            made = make("leaf", MIDDLE, names=some)
            self.assertIs(self.shaken(made, options).error is None, expected)

    def test_datesCountWithUsage2(self) -> None:
        """
        Neither the certificate nor anything up to the authority may be out of date.
        """
        record = recordFor(MIDDLE.certificate, DANE_TA)
        for early in (False, True):
            names, late = ("mx.example.org",), not early
            made = make("leaf", MIDDLE, names=names, expired=late, early=early)
            self.bad(Flaw.EXPIRED, made, record)
            middle = make("middle", ROOT, ca=True, expired=late, early=early)
            leaf = make("leaf", middle, names=names)
            for authority in (middle, ROOT):
                self.bad(Flaw.EXPIRED, leaf, recordFor(authority.certificate, DANE_TA))
            # Even where there is nothing above it, so that OpenSSL does not look.
            own = recordFor(middle.certificate, DANE_TA)
            self.bad(Flaw.EXPIRED, leaf, own, sent=(middle,))

    def test_signaturesCountWithUsage2(self) -> None:
        """
        What somebody else has signed in the authority's name is not the authority's.
        """
        record = recordFor(MIDDLE.certificate, DANE_TA)
        forged = make("leaf", MIDDLE, names=("mx.example.org",), forged=True)
        self.bad(Flaw.UNTRUSTED, forged, record)
        self.bad(Flaw.UNTRUSTED, forged, record, sent=(MIDDLE,))
        root = recordFor(ROOT.certificate, DANE_TA)
        middle = make("middle", ROOT, ca=True, forged=True)
        below = make("leaf", middle, names=("mx.example.org",))
        self.bad(Flaw.UNTRUSTED, below, root)

    def test_onlyAuthoritiesSign(self) -> None:
        """
        A certificate that is no authority's cannot sign others, whatever is published
        of it.
        """
        middle = make("middle", ROOT)
        leaf = make("leaf", middle, names=("mx.example.org",))
        self.bad(Flaw.UNTRUSTED, leaf, recordFor(middle.certificate, DANE_TA))
        self.bad(Flaw.UNTRUSTED, leaf, recordFor(ROOT.certificate, DANE_TA))

    def test_serversOwnCertificateIsNoAuthority(self) -> None:
        """
        RFC 7671 section 5.2: usage 2 is not for the server's own certificate.
        """
        for selector in (CERT, SPKI):
            record = recordFor(LEAF.certificate, DANE_TA, selector, SHA2_256)
            self.bad(Flaw.TLSA, LEAF, record)

    # --- what is sent, and what is known ---------------------------------------------

    def test_serverNameIsWhereTheRecordsStand(self) -> None:
        """
        RFC 7672 section 8.1: SNI is the TLSA base domain, whatever the host is called.
        """
        options = evolve(self.asked(recordFor(LEAF.certificate)), serverName=b"a.b")
        self.assertEqual(self.shaken(LEAF, options).name, HOST)

    def test_trustedChain(self) -> None:
        """
        Without records the chain has to be trusted and the name right, and what was
        wrong is told in one word.
        """
        options = TLSOptions(serverName=HOST, verified=True)
        shaken = self.shaken(LEAF, options, (ROOT,))
        assert shaken.info is not None
        self.assertTrue(shaken.info.verified)
        self.assertFalse(shaken.info.dane)
        old = make("leaf", MIDDLE, names=("mx.example.org",), expired=True)
        for made, trust, flaw in (
            (LEAF, (), Flaw.UNTRUSTED),
            (old, (ROOT,), Flaw.EXPIRED),
            (make("leaf", MIDDLE, names=("a.example",)), (ROOT,), Flaw.NAME),
        ):
            error = self.shaken(made, options, trust).error
            assert error is not None
            self.assertIs(error.flaw, flaw)

    def test_otherNamesAreAsked(self) -> None:
        """
        Names that a rule asks for take the place of the host's, and there has to be one
        of each rule.
        """
        domain, host = frozenset({b"example.org"}), frozenset({HOST})
        for names, some, expected in (
            ({domain}, ("example.org",), True),
            ({domain}, ("mx.example.org",), False),
            ({domain, host}, ("mx.example.org",), False),
            ({domain, host}, ("mx.example.org", "example.org"), True),
        ):
            options = TLSOptions(serverName=HOST, verified=True, names=frozenset(names))
            made = make("leaf", MIDDLE, names=some)
            shaken = self.shaken(made, options, (ROOT,))
            self.assertIs(shaken.error is None, expected, names)

    def test_watchingEndsNothing(self) -> None:
        """
        Where it is only to be found out whether a certificate is good, any will do, and
        it is told what was wrong.
        """
        options = TLSOptions(serverName=HOST, watched=True)
        old = make("leaf", MIDDLE, names=("mx.example.org",), expired=True)
        for made, trust, flaw in (
            (LEAF, (ROOT,), None),
            (LEAF, (), Flaw.UNTRUSTED),
            (old, (ROOT,), Flaw.EXPIRED),
            (STRANGER, (STRANGER,), Flaw.NAME),
        ):
            info = self.shaken(made, options, trust).info
            assert info is not None
            self.assertIs(info.flaw, flaw)
            self.assertIs(info.verified, flaw is None)
            self.assertIs(info.problem is None, flaw is None)

    def test_watchingOddCertificates(self) -> None:
        """
        Nor does a certificate that cannot be read, or that leads to what nobody
        foresaw; where it has to be good, neither will do.
        """
        watched = TLSOptions(serverName=HOST, watched=True)
        verified = TLSOptions(serverName=HOST, verified=True)

        def unforeseen(*about: object) -> None:
            raise ZeroDivisionError

        for name, replaced, problem in (
            ("readable", lambda shown: None, "the certificate cannot be read"),
            ("mismatch", unforeseen, "the certificate cannot be judged"),
        ):
            patched = self.patch(judging, name, replaced)
            trust = (ROOT,)
            error = self.shaken(LEAF, verified, trust).error
            self.assertEqual(str(error), problem)
            judge = judging.judgeFor(watched, lambda error: None)
            assert judge is not None
            shown = X509.from_cryptography(LEAF.certificate)
            connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
            self.assertTrue(judge.look(connection, shown, 0, 0, 1))
            assert judge.verdict is not None
            self.assertEqual(judge.verdict.problem, problem)
            self.assertIs(judge.verdict.flaw, Flaw.UNTRUSTED)
            patched.restore()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_watchingLongChains(self) -> None:
        """Nor does a chain without an end; it is not good, and is not all kept."""
        shown = X509.from_cryptography(LEAF.certificate)
        connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
        refused: list[UntrustedPeer] = []
        for options, expected in (
            (TLSOptions(serverName=HOST, watched=True), True),
            (TLSOptions(serverName=HOST, verified=True), False),
        ):
            judge = judging.judgeFor(options, refused.append)
            assert judge is not None
            for depth in (200, 150, 101):
                self.assertIs(judge.look(connection, shown, 0, depth, 1), expected)
            self.assertLess(len(judge._chain), 2)
        self.assertEqual(len(refused), 3)
        judge = judging.judgeFor(TLSOptions(serverName=HOST, watched=True), print)
        assert judge is not None
        for depth in (101, 0):
            self.assertTrue(judge.look(connection, shown, 0, depth, 1))
        assert judge.verdict is not None
        self.assertIn("chain too long", judge.verdict.problem or "")

    def test_nobodyLooks(self) -> None:
        """
        Without a wish to know, nothing is verified and nothing is wrong.
        """
        info = self.shaken(LEAF, TLSOptions(serverName=HOST), (ROOT,)).info
        assert info is not None
        self.assertFalse(info.verified)
        self.assertIsNone(info.problem)


class ResumedTests(SynchronousTestCase):
    """
    Tests of L{resumedVerdict}.
    """

    def good(self, made: Made | None, options: TLSOptions) -> bool:
        """Is a session of C{made} good?"""
        certificate = None if made is None else made.certificate
        verdict = resumedVerdict(certificate, options)
        self.assertIs(verdict.proof is None, verdict.problem is not None)
        return verdict.proof is not None

    def test_nameIsLookedAtAgain(self) -> None:
        """
        The certificate of a session has to be for the host of this connection.
        """
        options = TLSOptions(serverName=HOST, verified=True)
        self.assertTrue(self.good(LEAF, options))
        self.assertFalse(self.good(LEAF, evolve(options, serverName=b"a.example")))
        self.assertFalse(self.good(None, options))

    def test_recordsAreLookedAtAgain(self) -> None:
        """
        It has to match a record, or be for the names where a record is for an authority
        whose certificate is not in the session.
        """

        def asked(*records: TLSA) -> TLSOptions:
            return TLSOptions(
                serverName=HOST, verified=True, dane=DANE(HOST, records, NAMES)
            )

        own, others = recordFor(LEAF.certificate), recordFor(STRANGER.certificate)
        authority = recordFor(ROOT.certificate, DANE_TA)
        self.assertTrue(self.good(LEAF, asked(others, own)))
        self.assertFalse(self.good(LEAF, asked(others)))
        self.assertTrue(self.good(LEAF, asked(others, authority)))
        self.assertFalse(self.good(STRANGER, asked(authority)))
        self.assertFalse(self.good(None, asked(own)))
