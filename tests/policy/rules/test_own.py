"""Tests for L{smtpx.policy.rules.own} and L{smtpx.policy.rules.ownvalues}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.policy.rules import (
    AddHeader,
    BadRule,
    MessageVerdict,
    Recipients,
    Reject,
    Rule,
    RuleStage,
    Spf,
    SPFVerdict,
    Vocabulary,
    settle,
)
from smtpx.policy.rules.interfaces import IWorded
from smtpx.policy.rules.own import Set, Variables
from smtpx.policy.rules.ownvalues import isOwn, ownValue, ownVariable, setOwn
from smtpx.policy.rules.rule import checkedTogether, made
from tests.policy.doubles import sessionFrom

from .asking import RuledServer, saying, served
from .test_house import OK, begun, sent

CONNECT, MAIL, RCPT = RuleStage.CONNECT, RuleStage.MAIL, RuleStage.RCPT
MESSAGE = RuleStage.MESSAGE

BREAKS = b"550 5.7.1 Messages from d.example break mailing lists\r\n"


class OwnValueTests(SynchronousTestCase):
    """Variables of one's own."""

    def test_namesAreThoseOfExim(self) -> None:
        """With a digit or an underscore behind the letter."""
        for name in ("acl_c0", "acl_m_list", "acl_m9_x", "acl_c_" + "x" * 62):
            self.assertTrue(isOwn(name), name)
        for name in ("acl_x_a", "acl_mlist", "acl_m", "list", "acl_c_" + "x" * 63):
            self.assertFalse(isOwn(name), name)
            self.assertIsNone(ownVariable(name))

    def test_connectionsOutliveTransactions(self) -> None:
        """Those of a message end with it; what was not set is empty."""
        session = sessionFrom()
        self.assertEqual(ownValue(session, "acl_m_a"), "")
        session.envelope = Envelope(b"", 0.0)
        self.assertEqual(ownValue(session, "acl_m_a"), "")
        setOwn(session, "acl_m_a", "1")
        setOwn(session, "acl_m_b", "2")
        setOwn(session, "acl_c_a", "3")
        self.assertEqual(ownValue(session, "acl_m_a"), "1")
        session.envelope = Envelope(b"", 0.0)
        self.assertEqual(ownValue(session, "acl_m_a"), "")
        self.assertEqual(ownValue(session, "acl_c_a"), "3")

    def test_variableKnowsWhenItIsThere(self) -> None:
        """A message's from MAIL on."""
        message, connection = ownVariable("acl_m_a"), ownVariable("acl_c_a")
        assert message is not None and connection is not None
        self.assertEqual(message.stages, MAIL.onwards)
        self.assertEqual(connection.stages, CONNECT.onwards)


class SetTests(SynchronousTestCase):
    """Rules that set variables, and rules that ask for them."""

    def test_itIsWhatItSays(self) -> None:
        """For mypy has no say at run time."""
        verifyObject(IWorded, Set.make({"acl_m_a": "1"}))
        verifyObject(IWorded, Variables.make({"acl_m_a": ["1"]}))

    def value(self, server: RuledServer, name: str) -> str:
        """What the only client's variable is."""
        (protocol,) = server.server.factory.connections
        return ownValue(protocol.core, name)

    def test_valueIsAText(self) -> None:
        """With variables, those of one's own among them."""
        rules = [
            Rule(CONNECT, [Set.make({"acl_c_from": "[$sender_host_address]"})]),
            Rule(MAIL, [Set.make({"acl_m_a": "a", "acl_m_b": "$acl_c_from/$acl_m_a"})]),
            Rule(MAIL, logMessage="$acl_m_b for $sender_address"),
        ]
        server = served(rules)
        self.assertEqual(begun(server.call()), OK)
        self.assertEqual(
            [each.why for each in server.told],
            ["[192.0.2.1]/a for ann@example.net"],
        )

    def test_itIsSetOnlyWhereAllConditionsHold(self) -> None:
        """Also where those have to wait, and stand behind it."""
        waiting: Deferred[SPFVerdict] = Deferred()
        rule = Rule(MAIL, [Set.make({"acl_m_a": "$spf_result"}), Spf.make(["!pass"])])
        for result, value in (("fail", "fail"), ("pass", "")):
            waiting = Deferred()
            server = served([rule], saying(spf=waiting))
            call = server.call()
            begun(call)
            self.assertEqual(self.value(server, "acl_m_a"), "")
            waiting.callback(SPFVerdict(result))
            self.assertEqual(self.value(server, "acl_m_a"), value)

    def test_fieldsOfTheSameRuleHaveIt(self) -> None:
        """It is set before anything else is done."""
        rule = Rule(
            MAIL, [Set.make({"acl_m_a": "1"})], addHeaders=[AddHeader("X: $acl_m_a")]
        )
        server = served([rule])
        begun(server.call())
        envelope = server.envelope
        assert envelope is not None
        self.assertEqual(settle(envelope, envelope).below, b"X: 1\r\n")

    def test_mailingListsAreNotBroken(self) -> None:
        """The example of Exim's document on DMARC, translated."""
        rules = [
            Rule(
                RCPT,
                [
                    Recipients.make(["list@x.org"]),
                    Set.make({"acl_m_mailing_list": "1"}),
                ],
            ),
            Rule(
                MESSAGE,
                [
                    Variables.make(
                        {"dmarc_domain_policy": ["reject"], "acl_m_mailing_list": ["1"]}
                    )
                ],
                Reject("Messages from $dmarc_used_domain break mailing lists"),
            ),
        ]
        for recipient, policy, said in (
            (b"list@x.org", "reject", BREAKS),
            (b"list@x.org", "none", OK),
            (b"bob@x.org", "reject", OK),
        ):
            found = MessageVerdict(dmarcDomain="d.example", dmarcPolicy=policy)
            server = served(rules, saying(message=found))
            self.assertEqual(sent(server.call(), recipient=recipient), said)

    def test_nextMessageBeginsAnew(self) -> None:
        """What was set for one is not another's."""
        rules = [
            Rule(RCPT, [Recipients.make(["a@x.org"]), Set.make({"acl_m_a": "1"})]),
            Rule(MESSAGE, [Variables.make({"acl_m_a": ["1"]})], Reject()),
        ]
        call = served(rules).call()
        self.assertEqual(sent(call, recipient=b"a@x.org")[:4], b"550 ")
        self.assertEqual(sent(call, recipient=b"b@x.org"), OK)

    def test_emptyOneIsInAListOfNothing(self) -> None:
        """And others are not."""
        rules = [
            Rule(RCPT, [Recipients.make(["a@x.org"]), Set.make({"acl_m_a": "1"})]),
            Rule(MESSAGE, [Variables.make({"acl_m_a": [""]})], Reject()),
        ]
        self.assertEqual(sent(served(rules).call(), recipient=b"a@x.org"), OK)
        self.assertEqual(sent(served(rules).call())[:4], b"550 ")


class BadTests(SynchronousTestCase):
    """What is found when a server starts."""

    def wrong(self, rule: Rule) -> list[str]:
        """What is wrong with a rule."""
        error = self.assertRaises(BadRule, made, rule, Vocabulary())
        return [str(each) for each in error.faults]

    def test_badNames(self) -> None:
        """Each is told."""
        error = self.assertRaises(BadRule, Set.make, {"x": "1", "acl_m_a": "2"})
        self.assertEqual(
            [str(each) for each in error.faults],
            ["x: expected a name such as acl_m_seen (a message's) or acl_c_seen"],
        )

    def test_aMessagesOneBeforeThereIsAMessage(self) -> None:
        """It would be nobody's."""
        self.assertEqual(
            self.wrong(Rule(CONNECT, [Set.make({"acl_m_a": "1"})])),
            ["set: it is known from mail on, and this is a rule of connect"],
        )
        self.assertEqual(
            self.wrong(Rule(CONNECT, [Variables.make({"acl_m_a": ["1"]})])),
            [
                "variables.acl_m_a: $acl_m_a is known from mail on,"
                " and this is a rule of connect"
            ],
        )

    def test_variableThatThereIsNot(self) -> None:
        """In a value, or asked for."""
        self.assertEqual(
            self.wrong(Rule(MAIL, [Set.make({"acl_m_a": "$odd"})])),
            ["set.acl_m_a: there is no variable $odd"],
        )
        self.assertEqual(
            self.wrong(Rule(MAIL, [Variables.make({"odd": ["1"]})])),
            ["variables.odd: there is no variable $odd"],
        )

    def test_variableThatNobodyHasSet(self) -> None:
        """Or that is set later only; each with who asks for it."""
        rules = [
            Rule(RCPT, [Set.make({"acl_m_seen": "1"})]),
            Rule(MAIL, [Set.make({"acl_c_a": "$acl_m_seen"})], name="early"),
            Rule(MAIL, (), Reject("$acl_m_sen")),
            Rule(RCPT, [Variables.make({"acl_m_seen": ["1"]})], logMessage="$acl_c_a"),
            Rule(MESSAGE, addHeaders=[AddHeader("X: $acl_m_0")]),
        ]
        faults = checkedTogether(rules)
        self.assertEqual(
            [str(each) for each in faults],
            [
                "[1].set.acl_c_a: $acl_m_seen is set at rcpt, and not before",
                "[2].message: no rule sets $acl_m_sen",
                "[4].add_header[0]: no rule sets $acl_m_0",
            ],
        )
        self.assertEqual(faults[1].word, "acl_m_sen")
        self.assertEqual(faults[1].known, ("acl_m_seen", "acl_c_a"))
        error = self.assertRaises(BadRule, served, rules)
        self.assertIn("early.set.acl_c_a: $acl_m_seen is set at rcpt", str(error))
