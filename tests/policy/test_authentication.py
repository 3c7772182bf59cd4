"""
Tests for L{smtpx.policy.authentication}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.trace import LOCAL
from smtpx.mailauth import iprev, spf
from smtpx.mailauth.asking import Asking
from smtpx.mailauth.dkimvalues import DKIMResult
from smtpx.mailauth.dmarc import Status
from smtpx.mailauth.spfrecord import SPFResult, parse as parseRecord
from smtpx.policy import marks
from smtpx.policy.authentication import INQUIRY
from smtpx.policy.dmarccontrols import DMARC_DISABLED
from smtpx.policy.verdicts import IVerdicts, Verdicts

from .authmade import HEADER, Told, authentication, signed, zone
from .doubles import sessionFrom


class AuthenticationTests(SynchronousTestCase):
    """What is found out of a message, and how."""

    def setUp(self) -> None:
        """A client that is looked at."""
        self.told, self.zone, self.clock = Told(), zone(), Clock()
        self.found = authentication(self.zone, self.told, self.clock)
        self.session = sessionFrom(b"192.0.2.1")
        self.session.helo = b"mx.example.org"
        self.envelope = Envelope(b"ann@example.org", 0.0)

    def verdicts(self, message: bytes | None = None) -> Verdicts:
        """What comes of a message."""
        asked = self.found.inquiry(self.session, self.envelope)
        assert asked is not None
        header, _, body = (message or signed()).partition(b"\r\n\r\n")
        asked.header(header + b"\r\n")
        asked.write(body)
        found = self.successResultOf(self.found.message(self.session, self.envelope))
        assert found is not None
        return found

    def test_allIsWell(self) -> None:
        """A message that is what it seems passes everything."""
        self.assertTrue(verifyObject(IVerdicts, self.found))
        verdicts = self.verdicts()
        assert verdicts.spf and verdicts.dkim and verdicts.dmarc
        self.assertIs(verdicts.spf.result, SPFResult.PASS)
        self.assertEqual([DKIMResult.PASS], [each.result for each in verdicts.dkim])
        self.assertEqual((b"example.org",), verdicts.signers)
        self.assertIs(verdicts.dmarc.status, Status.ACCEPT)
        self.assertTrue(verdicts.dmarc.alignedSPF and verdicts.dmarc.alignedDKIM)
        told = [(each.method, each.result) for each in verdicts.results.results]
        methods = (b"iprev", b"spf", b"dkim", b"dmarc")
        good = [(each, b"pass") for each in methods]
        self.assertEqual([*good, (b"arc", b"none")], told)
        self.assertEqual([], self.told.troubles)

    def test_aForgery(self) -> None:
        """Who sends in the name of another passes nothing."""
        self.session.peer = b"192.0.2.9"
        verdicts = self.verdicts(HEADER + b"\r\nx")
        assert verdicts.spf and verdicts.dkim and verdicts.dmarc
        self.assertIs(verdicts.spf.result, SPFResult.FAIL)
        self.assertIs(verdicts.dkim[0].result, DKIMResult.NONE)
        self.assertIs(verdicts.dmarc.status, Status.REJECT)

    def test_foundOutOnce(self) -> None:
        """Several may ask, and the DNS is asked once."""
        first = self.found.spf(self.session, self.envelope)
        again = self.found.spf(self.session, self.envelope)
        self.assertIs(self.successResultOf(first), self.successResultOf(again))
        self.assertEqual(1, self.zone.asked.count((b"example.org", "TXT")))

    def test_whoeverLeavesLeavesAlone(self) -> None:
        """One who does not wait any more takes nothing from others."""
        self.zone.hold(b"example.org", "TXT")
        first = self.found.spf(self.session, self.envelope)
        second = self.found.spf(self.session, self.envelope)
        first.cancel()
        self.failureResultOf(first)
        self.zone.release(b"example.org", "TXT")
        outcome = self.successResultOf(second)
        assert outcome is not None
        self.assertIs(outcome.result, SPFResult.PASS)

    def test_nothingIsFoundOutOfSome(self) -> None:
        """Of users of this machine, and who has no address, nothing is found out."""
        for peer, mechanism in ((b"", None), (b"x", None), (b"192.0.2.1", LOCAL)):
            self.session.peer, self.session.mechanism = peer, mechanism
            envelope = Envelope(b"ann@example.org", 0.0)
            self.assertFalse(self.found.checks(self.session))
            found = self.found
            self.assertIsNone(self.successResultOf(found.spf(self.session, envelope)))
            guess = found.guess
            self.assertIsNone(self.successResultOf(guess(self.session, envelope)))
            message = found.message(self.session, envelope)
            self.assertIsNone(self.successResultOf(message))
        self.assertEqual([], self.zone.asked)

    def test_onlyWhatIsWanted(self) -> None:
        """What is not among the methods is not looked at."""
        self.found = authentication(self.zone, self.told, methods=frozenset({"spf"}))
        verdicts = self.verdicts()
        self.assertIsNone(verdicts.dkim)
        self.assertIsNone(verdicts.dmarc)
        self.assertEqual([(b"example.org", "TXT")], self.zone.asked)
        self.found = authentication(self.zone, self.told, methods=frozenset({"dkim"}))
        self.envelope = Envelope(b"ann@example.org", 0.0)
        self.assertIsNone(self.verdicts().spf)

    def test_policiesCanDoWithoutDMARC(self) -> None:
        """
        C{control = dmarc_disable_verify}: it is off, and nothing is asked for it.
        """
        self.envelope.stamps[DMARC_DISABLED] = True
        verdicts = self.verdicts()
        assert verdicts.dmarc
        self.assertIs(verdicts.dmarc.status, Status.OFF)
        methods = [each.method for each in verdicts.results.results]
        self.assertNotIn(b"dmarc", methods)

    def test_aSilentDNS(self) -> None:
        """What the DNS does not answer in time is a temporary error."""
        for name in (b"example.org", b"s1._domainkey.example.org"):
            self.zone.hold(name, "TXT")
        self.zone.hold(b"1.2.0.192.in-addr.arpa", "PTR")
        asked = self.found.inquiry(self.session, self.envelope)
        assert asked is not None
        asked.begin()
        header, _, body = signed().partition(b"\r\n\r\n")
        asked.header(header + b"\r\n")
        asked.write(body)
        waiting = self.found.message(self.session, self.envelope)
        self.clock.advance(19)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        verdicts = self.successResultOf(waiting)
        assert verdicts and verdicts.spf and verdicts.dkim and verdicts.dmarc
        self.assertIs(verdicts.spf.result, SPFResult.TEMPERROR)
        self.assertIs(verdicts.dkim[0].result, DKIMResult.TEMPERROR)
        # What could not be looked up might have passed.
        self.assertIs(verdicts.dmarc.status, Status.TEMPERROR)
        told = [each.result for each in verdicts.results.results]
        self.assertEqual([b"temperror"] * 4 + [b"none"], told)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_aSilentDNSForThePolicy(self) -> None:
        """So is the policy of the domain in From."""
        self.zone.hold(b"_dmarc.example.org", "TXT")
        asked = self.found.inquiry(self.session, self.envelope)
        assert asked is not None
        asked.header(HEADER)
        waiting = self.found.message(self.session, self.envelope)
        self.clock.advance(20)
        verdicts = self.successResultOf(waiting)
        assert verdicts and verdicts.dmarc
        self.assertIs(verdicts.dmarc.status, Status.TEMPERROR)

    def test_forgersSlowName(self) -> None:
        """
        Whose own name does not come, gets the C{fail} that he would get with it.
        """
        self.zone.add('bank.example TXT "v=spf1 ptr -all"')
        self.zone.add('_dmarc.bank.example TXT "v=DMARC1; p=reject"')
        self.zone.hold(b"1.2.0.192.in-addr.arpa", "PTR")
        self.envelope.sender = b"ann@bank.example"
        asked = self.found.inquiry(self.session, self.envelope)
        assert asked is not None
        asked.begin()
        waiting = self.found.spf(self.session, self.envelope)
        self.clock.advance(5)
        outcome = self.successResultOf(waiting)
        assert outcome
        self.assertIs(outcome.result, SPFResult.FAIL)

    def test_forgersSlowKey(self) -> None:
        """A forger's own key that does not come takes nobody else's judgement away."""
        self.zone.hold(b"s1._domainkey.evil.example", "TXT")
        forged = signed().replace(b"here is", b"there is", 1)
        mark, _, rest = forged.partition(b"From:")
        own = mark.replace(b"d=example.org", b"d=evil.example")
        self.envelope.sender = b"ann@evil.example"
        header, _, body = (own + mark + b"From:" + rest).partition(b"\r\n\r\n")
        asked = self.found.inquiry(self.session, self.envelope)
        assert asked is not None
        asked.header(header + b"\r\n")
        asked.write(body)
        waiting = self.found.message(self.session, self.envelope)
        self.clock.advance(20)
        verdicts = self.successResultOf(waiting)
        assert verdicts and verdicts.dkim and verdicts.dmarc
        said = [each.result for each in verdicts.dkim]
        self.assertEqual([DKIMResult.TEMPERROR, DKIMResult.FAIL], said)
        self.assertIs(verdicts.dmarc.status, Status.REJECT)

    def test_nobodysMessage(self) -> None:
        """A message without an author has no policy."""
        verdicts = self.verdicts(b"Subject: x\r\n\r\nx")
        assert verdicts.dmarc
        self.assertIs(verdicts.dmarc.status, Status.NOFROM)

    def test_aGuess(self) -> None:
        """A domain without a record is guessed about, if somebody wants that."""
        self.zone.remove(b"example.org", "TXT")
        record = parseRecord(b"v=spf1 mx ?all")
        self.found = authentication(self.zone, self.told, guess=record)
        verdicts = self.verdicts()
        assert verdicts.spf and verdicts.guess and verdicts.dmarc
        self.assertIs(verdicts.spf.result, SPFResult.NONE)
        self.assertIs(verdicts.guess.result, SPFResult.PASS)
        # It is our own opinion, and proves nothing.
        self.assertFalse(verdicts.dmarc.alignedSPF)
        words = {each.method: each.result for each in verdicts.results.results}
        self.assertEqual(b"none", words[b"spf"])
        self.assertEqual(b"pass", words[b"x-spf-guess"])

    def test_whoAsksForAGuess(self) -> None:
        """A guess is made for who asks, and of all messages only if that is wanted."""
        self.zone.remove(b"example.org", "TXT")
        record = parseRecord(b"v=spf1 mx ?all")
        methods = frozenset({"spf"})
        self.found = authentication(self.zone, self.told, methods=methods, guess=record)
        self.assertIsNone(self.verdicts().guess)
        self.envelope = Envelope(b"ann@example.org", 0.0)
        outcome = self.successResultOf(self.found.guess(self.session, self.envelope))
        assert outcome is not None
        self.assertTrue(outcome.guessed)
        self.assertEqual(outcome, self.verdicts().guess)

    def test_noNeedToGuess(self) -> None:
        """Where there is a record, it counts."""
        record = parseRecord(b"v=spf1 -all")
        self.found = authentication(self.zone, self.told, guess=record)
        outcome = self.successResultOf(self.found.guess(self.session, self.envelope))
        assert outcome is not None
        self.assertFalse(outcome.guessed)
        self.assertIsNone(self.verdicts().guess)

    def test_theNullSender(self) -> None:
        """Of a report the client's name counts."""
        self.envelope = Envelope(b"", 0.0)
        verdicts = self.verdicts()
        [told] = verdicts.results.by(b"spf")
        self.assertEqual(b"mx.example.org", told.get(b"smtp", b"helo"))
        self.assertEqual(b"pass", told.result)

    def test_aMistakeOfOurs(self) -> None:
        """A check that goes wrong is a temporary error, and the operator is told."""
        self.patch(spf, "check", _brokenCheck)
        self.patch(iprev, "check", _brokenCheck)
        self.patch(marks, "Examination", _broken)
        self.patch(marks, "ChainExamination", _broken)
        verdicts = self.verdicts()
        assert verdicts.spf and verdicts.dkim
        self.assertIs(verdicts.spf.result, SPFResult.TEMPERROR)
        self.assertIs(verdicts.dkim[0].result, DKIMResult.TEMPERROR)
        self.assertEqual(
            {"spf", "dkim", "arc", "iprev"}, {owner for owner, _ in self.told.troubles}
        )

    def test_aMistakeWithTheBody(self) -> None:
        """So is one in the midst of the body."""
        asked = self.found.inquiry(self.session, self.envelope)
        assert asked is not None
        header, _, body = signed().partition(b"\r\n\r\n")
        asked.header(header + b"\r\n")
        asked._marks.hashes = _Broken()  # type: ignore[assignment]  # made to fail
        asked.write(body)
        asked.write(body)
        verdicts = self.successResultOf(self.found.message(self.session, self.envelope))
        assert verdicts and verdicts.dkim
        self.assertIs(verdicts.dkim[0].result, DKIMResult.TEMPERROR)
        self.assertEqual([("body hashes", "broken")], self.told.troubles)

    def test_aMistakeAtTheEnd(self) -> None:
        """And one where a hash is to be had."""
        asked = self.found.inquiry(self.session, self.envelope)
        assert asked is not None
        header, _, _ = signed().partition(b"\r\n\r\n")
        asked.header(header + b"\r\n")
        asked._marks.hashes = _Broken()  # type: ignore[assignment]  # made to fail
        verdicts = self.successResultOf(self.found.message(self.session, self.envelope))
        assert verdicts and verdicts.dkim
        self.assertIs(verdicts.dkim[0].result, DKIMResult.TEMPERROR)
        self.assertEqual([("body hashes", "broken")], self.told.troubles)

    def test_aNameThatIsKnown(self) -> None:
        """The client's name is not looked up twice."""
        self.session.peerName = b"mx.example.org"
        verdicts = self.verdicts()
        [told] = verdicts.results.by(b"iprev")
        self.assertEqual((b"mx.example.org",), told.comments)
        self.assertNotIn((b"1.2.0.192.in-addr.arpa", "PTR"), self.zone.asked)

    def test_theLogin(self) -> None:
        """Who has logged in, and is looked at, is named."""
        self.session.identity, self.session.mechanism = b"ann", "plain"
        [told] = self.verdicts().results.by(b"auth")
        self.assertEqual(b"ann", told.get(b"smtp", b"auth"))
        self.session.mechanism = None
        self.envelope = Envelope(b"ann@example.org", 0.0)
        [told] = self.verdicts().results.by(b"auth")
        self.assertEqual((), told.comments)

    def test_whatIsOverIsForgotten(self) -> None:
        """Nothing is kept of a transaction that has ended."""
        self.verdicts()
        self.found.taken(self.envelope)
        self.assertNotIn(INQUIRY, self.envelope.stamps)
        self.found.taken(self.envelope)

    def test_aWitnessThatFails(self) -> None:
        """What goes wrong with those who want to know does not matter to others."""
        self.patch(Told, "concluded", _broken)
        self.found.tell(self.session, self.envelope, self.verdicts(), "id")
        self.assertEqual([("Told", "broken")], self.told.troubles)


def _broken(*args: object) -> None:
    raise ZeroDivisionError("broken")


def _brokenCheck(*args: object) -> Asking[None]:
    _broken()
    yield ()


class _Broken:
    """Hashes that fail."""

    def write(self, piece: bytes) -> None:
        """It fails."""
        _broken()

    def end(self) -> None:
        """It fails."""
        _broken()
