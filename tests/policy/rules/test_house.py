"""
Tests for L{smtpx.policy.rules.house} and L{smtpx.policy.rules.ruleset}: what clients
are told by a server with rules.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.extensions.checkpointserver import transactionOf
from smtpx.extensions.standard import standard
from smtpx.policy.rules import (
    Accept,
    BadRule,
    Defer,
    Domains,
    GoOn,
    Headers,
    Helo,
    Hosts,
    HouseRules,
    ICondition,
    Means,
    Recipients,
    Reject,
    Rule,
    RuleStage,
    Senders,
    Spf,
    SpfGuess,
    SPFVerdict,
    Vocabulary,
)
from smtpx.policy.rules.house import NOBODY, unheard
from smtpx.policy.rules.interfaces import Test
from smtpx.policy.rules.subject import Subject
from tests.extensions.named import Memory, named
from tests.net.made import Call

from .asking import PATIENCE, saying, served

CONNECT, HELO, AUTH = RuleStage.CONNECT, RuleStage.HELO, RuleStage.AUTH
MAIL, RCPT = RuleStage.MAIL, RuleStage.RCPT
DATA, MESSAGE = RuleStage.DATA, RuleStage.MESSAGE

NO = b"550 5.7.1 Not accepted by the policy here\r\n"
OK = b"250 2.0.0 OK\r\n"
UNSURE = b"It cannot be told now"


def begun(call: Call, sender: bytes = b"ann@example.net") -> bytes:
    """Say EHLO and MAIL; gives what is said to MAIL."""
    call.say(b"EHLO client.example.net\r\n")
    return call.say(b"MAIL FROM:<%b>\r\n" % sender)


def sent(call: Call, subject: bytes = b"x", recipient: bytes = b"bob@x.org") -> bytes:
    """Send a message; gives what is said to it."""
    begun(call)
    call.say(b"RCPT TO:<%b>\r\n" % recipient)
    said = call.say(b"DATA\r\n")
    if said[:3] != b"354":
        return said
    return call.say(b"Subject: " + subject + b"\r\n\r\nhello\r\n.\r\n")


@implementer(ICondition)
class Slow:
    """
    A condition that is somebody else's, and takes its time.

    @ivar waiting: what was asked and not answered yet.
    """

    name = "slow"
    stages = frozenset(RuleStage)

    def __init__(self) -> None:
        self.waiting: list[Deferred[bool | None]] = []

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        return self._ask

    def _ask(self, subject: Subject) -> Deferred[bool | None]:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return "slowly"


class StageTests(SynchronousTestCase):
    """Each stage asks its rules, and no others."""

    def test_connect(self) -> None:
        """A client that is not welcome hears so in place of the greeting."""
        server = served([Rule(CONNECT, [Hosts.make(["192.0.2.7"])], Reject())])
        said = server.call("192.0.2.7").wire.said()
        self.assertEqual(said, b"554 Not accepted by the policy here\r\n")
        self.assertEqual(server.call("192.0.2.1").wire.said()[:4], b"220 ")

    def test_connectLater(self) -> None:
        """It is told to come again, and the connection ends."""
        server = served([Rule(CONNECT, (), Defer("Too early"))])
        call = server.call()
        self.assertEqual(call.wire.said(), b"421 Too early\r\n")
        self.assertTrue(call.wire.disconnecting)

    def test_helo(self) -> None:
        """RFC 5321 section 4.1.4: what was said is as if it had not been."""
        rule = Rule(HELO, [Helo.make(["bad.example"])], Reject("No, $helo_name"))
        for verb in (b"EHLO", b"HELO"):
            call = served([rule]).call()
            call.wire.said()
            said = call.say(verb + b" bad.example\r\n")
            self.assertEqual(said, b"550 5.7.1 No, bad.example\r\n")
            self.assertEqual(call.say(b"MAIL FROM:<a@b.example>\r\n")[:4], b"503 ")
            self.assertEqual(call.say(verb + b" good.example\r\n")[:3], b"250")

    def test_heloThatIsNoneIsTheCoresBusiness(self) -> None:
        """Its own words are better."""
        call = served([Rule(HELO, (), Reject())]).call()
        call.wire.said()
        self.assertEqual(call.say(b"EHLO  \r\n")[:4], b"501 ")

    def test_auth(self) -> None:
        """Who is not to log in is told so before a password was said."""
        rule = Rule(AUTH, [Hosts.make(["192.0.2.7"])], Reject("Not from there"))
        server = served([rule], extensions=standard())
        for host, expected in (
            ("192.0.2.7", b"550 5.7.1 Not from there\r\n"),
            # There are no passwords here.
            ("192.0.2.1", b"502 "),
        ):
            call = server.call(host)
            call.say(b"EHLO c.example\r\n")
            said = call.say(b"AUTH PLAIN\r\n")
            self.assertEqual(said[: len(expected)], expected)

    def test_authWaits(self) -> None:
        """The login goes on when the rules are through."""
        slow = Slow()
        server = served([Rule(AUTH, [slow], Reject())], extensions=standard())
        call = server.call()
        call.say(b"EHLO c.example\r\n")
        self.assertEqual(call.say(b"AUTH PLAIN\r\n"), b"")
        slow.waiting[0].callback(False)
        self.assertEqual(call.wire.said()[:4], b"502 ")

    def test_mail(self) -> None:
        """One sender is refused, another is not."""
        server = served([Rule(MAIL, [Senders.make(["ann@example.net"])], Reject())])
        self.assertEqual(begun(server.call()), NO)
        self.assertEqual(begun(server.call(), b"bob@example.net"), OK)

    def test_rcpt(self) -> None:
        """One recipient is put off, another is not."""
        rules = [
            Rule(RCPT, [Recipients.make(["ann@x.org"])], Defer("Not ${local_part}"))
        ]
        call = served(rules).call()
        begun(call)
        said = call.say(b"RCPT TO:<ann@x.org>\r\n")
        self.assertEqual(said, b"451 4.7.1 Not ann\r\n")
        self.assertEqual(call.say(b"RCPT TO:<bob@x.org>\r\n"), OK)

    def test_data(self) -> None:
        """No message comes for nothing."""
        server = served([Rule(DATA, (), Reject("$recipients_count is too few"))])
        self.assertEqual(sent(server.call()), b"550 5.7.1 1 is too few\r\n")
        self.assertEqual(server.server.receiver.arrivals, [])

    def test_message(self) -> None:
        """What stands in its header counts; it is dropped."""
        server = served(
            [Rule(MESSAGE, [Headers.make({"Subject": ["*pills*"]})], Reject())]
        )
        call = server.call()
        self.assertEqual(sent(call, b"cheap Pills"), NO)
        self.assertTrue(server.server.receiver.arrivals[0].aborted)
        self.assertEqual(sent(server.call(), b"hello"), OK)

    def test_messageWhoseHeaderIsAskedForComesInOnePiece(self) -> None:
        """Of one that goes on behind its header (RFC 1845) no field would be seen."""
        header = [Headers.make({"Subject": ["*pills*"]})]
        for conditions, resumes in ((header, False), ((), True)):
            rule = Rule(MESSAGE, conditions, Accept())
            reviews = HouseRules.of([rule], Vocabulary(), Means()).extension()
            assert reviews is not None
            said = named(
                Memory(),
                b"EHLO c.example\r\nMAIL FROM:<a@c.example> TRANSID=<1@c.example>\r\n"
                b"RCPT TO:<b@d.example>\r\nDATA\r\nSubject: x\r\n",
                reviews,
            )
            transaction = transactionOf(said.connection)
            assert transaction is not None
            self.assertIs(transaction.resumes, resumes)

    def test_stageWithoutRulesHasNobodyWhoAsks(self) -> None:
        """It costs nothing."""
        house = HouseRules.of([], Vocabulary(), Means())
        self.assertIsNone(house.policy())
        self.assertIsNone(house.extension())
        only = HouseRules.of([Rule(DATA, (), Reject())], Vocabulary(), Means())
        self.assertIsNone(only.policy())
        only = HouseRules.of([Rule(MAIL, (), Reject())], Vocabulary(), Means())
        self.assertIsNone(only.extension())
        server = served([Rule(MAIL, (), Accept())])
        self.assertEqual(sent(server.call()), OK)

    def test_policyThatWaitsForNothingBearsRepeats(self) -> None:
        """A packet may be a recording: nobody is to be asked for that."""
        for conditions, bears in (([Senders.make(["*"])], True), ([Slow()], False)):
            rule = Rule(MAIL, conditions, Accept())
            policy = HouseRules.of([rule], Vocabulary(), Means()).policy()
            assert policy is not None
            self.assertIs(policy.bearsRepeats, bears)

    def test_extensionHasNoOptions(self) -> None:
        """It is the same under any."""
        reviews = served([Rule(DATA, (), Reject())]).rules.extension()
        assert reviews is not None
        self.assertIs(reviews.configured(None), reviews)

    def test_badRulesAreToldTogether(self) -> None:
        """Each with its name."""
        rules = [Rule(MAIL, (), Reject("$x"), name="one"), Rule(MAIL, (), Accept())]
        rules.append(Rule(MAIL, (), Reject("$y"), name="two"))
        error = self.assertRaises(
            BadRule, HouseRules.of, rules, Vocabulary(), Means(), NOBODY, unheard
        )
        self.assertEqual([each.place[0] for each in error.faults], ["one", "two"])


class OrderTests(SynchronousTestCase):
    """The first rule that decides does so for all."""

    def test_firstMatchDecides(self) -> None:
        """An exception stands in front of what it is from."""
        rules = [
            Rule(RCPT, [Recipients.make(["postmaster@x.org"])], Accept()),
            Rule(RCPT, [Domains.make(["x.org"])], Reject()),
        ]
        call = served(rules).call()
        begun(call)
        self.assertEqual(call.say(b"RCPT TO:<postmaster@x.org>\r\n"), OK)
        self.assertEqual(call.say(b"RCPT TO:<ann@x.org>\r\n"), NO)
        self.assertEqual(call.say(b"RCPT TO:<ann@y.org>\r\n"), OK)

    def test_allConditionsHaveToHold(self) -> None:
        """One that does not is enough."""
        both = [Recipients.make(["ann@x.org"]), Senders.make(["ann@example.net"])]
        call = served([Rule(RCPT, both, Reject())]).call()
        begun(call)
        self.assertEqual(call.say(b"RCPT TO:<ann@x.org>\r\n"), NO)
        self.assertEqual(call.say(b"RCPT TO:<bob@x.org>\r\n"), OK)

    def test_ruleThatGoesOnDecidesNothing(self) -> None:
        """It does what it says, and the next one is asked."""
        rules = [
            Rule(MAIL, (), GoOn(), logMessage="one"),
            Rule(MAIL, (), Reject()),
        ]
        server = served(rules)
        self.assertEqual(begun(server.call()), NO)
        self.assertEqual([each.why for each in server.told], ["one"])

    def test_hostThatCannotBeLookedUpIsPutOff(self) -> None:
        """At RCPT, and in place of the greeting."""
        unknown = [Hosts.make(["*.example.org"])]
        for stage, expected in ((MAIL, b"451 4.4.3 "), (CONNECT, b"421 ")):
            server = served([Rule(stage, unknown, Reject())])
            factory = server.server.factory
            factory.buildProtocol = _nameless(factory.buildProtocol)  # type: ignore[method-assign]  # names fail
            call = server.call()
            said = begun(call) if stage is MAIL else call.wire.said()
            self.assertTrue(said.startswith(expected + UNSURE), said)


def _nameless(build):  # type: ignore[no-untyped-def]  # as Twisted's
    def built(address):  # type: ignore[no-untyped-def]  # likewise
        protocol = build(address)
        protocol.core.peerNameKnown = False
        return protocol

    return built


class WaitingTests(SynchronousTestCase):
    """Conditions that have to wait, at each stage."""

    def test_answerComesWhenItIsThere(self) -> None:
        """Nothing is said before, and what then is decided holds."""
        for answer, expected in ((True, NO), (False, OK)):
            slow = Slow()
            call = served([Rule(MAIL, [slow], Reject()), _plain(MAIL)]).call()
            self.assertEqual(begun(call), b"")
            slow.waiting[0].callback(answer)
            self.assertEqual(call.wire.said(), expected)

    def test_heloWaits(self) -> None:
        """EHLO is answered as ever, or refused."""
        for answer, expected in ((True, b"550 "), (False, b"250-")):
            slow = Slow()
            call = served([Rule(HELO, [slow], Reject())]).call()
            call.wire.said()
            self.assertEqual(call.say(b"EHLO c.example\r\n"), b"")
            slow.waiting[0].callback(answer)
            self.assertEqual(call.wire.said()[:4], expected)

    def test_dataAndMessageWait(self) -> None:
        """The message is not taken before."""
        for stage in (DATA, MESSAGE):
            slow = Slow()
            server = served([Rule(stage, [slow], Reject())])
            call = server.call()
            begun(call)
            call.say(b"RCPT TO:<bob@x.org>\r\n")
            said = call.say(b"DATA\r\n")
            if stage is MESSAGE:
                self.assertEqual(said[:4], b"354 ")
                self.assertEqual(call.say(b"hello\r\n.\r\n"), b"")
            slow.waiting[0].callback(True)
            self.assertEqual(call.wire.said(), NO)

    def test_severalWaitOneBehindTheOther(self) -> None:
        """The second is asked only if the first holds, and so on."""
        first, second, third = Slow(), Slow(), Slow()
        rules = [Rule(MAIL, [first, second], Reject()), Rule(MAIL, [third], Defer())]
        call = served(rules).call()
        self.assertEqual(begun(call), b"")
        first.waiting[0].callback(True)
        second.waiting[0].callback(False)
        third.waiting[0].callback(True)
        self.assertEqual(call.wire.said()[:4], b"451 ")

    def test_whatCannotBeToldAfterAllDefers(self) -> None:
        """The client comes again."""
        slow = Slow()
        call = served([Rule(MAIL, [slow], Reject())]).call()
        begun(call)
        slow.waiting[0].callback(None)
        self.assertTrue(call.wire.said().startswith(b"451 4.4.3 " + UNSURE))

    def test_conditionThatFailsRefusesForNow(self) -> None:
        """It is told of; nothing gets through by it."""
        slow = Slow()
        server = served([Rule(MAIL, [slow], Reject())])
        call = server.call()
        begun(call)
        slow.waiting[0].errback(ValueError("broken"))
        self.assertEqual(call.wire.said()[:4], b"451 ")
        self.assertEqual(server.troubles, ["policy rules"])

    def test_conditionThatNeverAnswersIsGivenUp(self) -> None:
        """After a while."""
        server = served([Rule(MAIL, [Slow()], Reject())])
        call = server.call()
        begun(call)
        server.server.clock.advance(PATIENCE + 1)
        self.assertEqual(call.wire.said()[:4], b"451 ")

    def test_textWaitsForWhatItWants(self) -> None:
        """SPF is asked for by a variable, too."""
        waiting: Deferred[SPFVerdict] = Deferred()
        rule = Rule(MAIL, (), Reject("SPF: $spf_result"))
        call = served([rule], saying(waiting)).call()
        self.assertEqual(begun(call), b"")
        waiting.callback(SPFVerdict("softfail"))
        self.assertEqual(call.wire.said(), b"550 5.7.1 SPF: softfail\r\n")

    def test_textThatFindsItKnownDoesNotWait(self) -> None:
        """The condition has asked before."""
        rule = Rule(MAIL, [Spf.make(["fail"])], Reject("$spf_smtp_comment"))
        verdict = SPFVerdict("fail", smtpComment="Please see the record")
        call = served([rule], saying(verdict)).call()
        self.assertEqual(begun(call), b"550 5.7.23 Please see the record\r\n")

    def test_guessIsWhatItsVariablesTellOf(self) -> None:
        """The seeds: spf_guess sets up the same variables."""
        rules = [
            Rule(MAIL, [Spf.make(["none"])], logMessage="$spf_result"),
            Rule(MAIL, [SpfGuess.make(["fail"])], Reject("$spf_result")),
        ]
        verdicts = saying(SPFVerdict("none"), guess=SPFVerdict("fail", guessed=True))
        server = served(rules, verdicts)
        self.assertEqual(begun(server.call()), b"550 5.7.1 fail\r\n")
        self.assertEqual([each.why for each in server.told], ["none"])


def _plain(stage: RuleStage) -> Rule:
    return Rule(stage, [Senders.make(["nobody@x.example"])], Reject())
