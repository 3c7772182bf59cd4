"""
Tests for L{smtpx.policy.rules.ruleset}: what becomes of messages that rules were true
of.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.queueprofile import DISCARDED
from smtpx.core.reply import Reply
from smtpx.extensions.mtpriority import PRIORITY
from smtpx.extensions.requiretls import REQUIRED
from smtpx.net.ruled import RULED_OUT, ruledOut
from smtpx.policy.rules import (
    DMARC_DISABLED,
    DMARC_FORENSIC,
    AddHeader,
    AddressList,
    BadRule,
    Discard,
    DmarcStatus,
    GoOn,
    Hold,
    MessageVerdict,
    Recipients,
    Reject,
    RemoveHeader,
    Rule,
    RuleStage,
    settle,
)
from smtpx.policy.rules.effects import isDiscardedFor
from smtpx.policy.rules.removing import headerWishes

from .asking import saying, served
from .test_house import begun, sent

CONNECT, HELO, AUTH = RuleStage.CONNECT, RuleStage.HELO, RuleStage.AUTH
MAIL, RCPT = RuleStage.MAIL, RuleStage.RCPT
DATA, MESSAGE = RuleStage.DATA, RuleStage.MESSAGE

NO = b"550 5.7.1 Not accepted by the policy here\r\n"
OK = b"250 2.0.0 OK\r\n"


class DeedTests(SynchronousTestCase):
    """What rules do besides refusing."""

    def test_discardedRecipientIsToldNothing(self) -> None:
        """250, and the log knows."""
        server = served([Rule(RCPT, [Recipients.make(["a@x.org"])], Discard())])
        call = server.call()
        begun(call)
        self.assertEqual(call.say(b"RCPT TO:<a@x.org>\r\n"), OK)
        self.assertEqual(call.say(b"RCPT TO:<b@x.org>\r\n"), OK)
        envelope = server.envelope
        assert envelope is not None
        settle(envelope, envelope)
        marked = [each.stamp(DISCARDED) for each in envelope.recipients]
        self.assertEqual(marked, [True, None])
        self.assertEqual([each.rule.action for each in server.told], [Discard()])

    def test_heldMessageSaysWhy(self) -> None:
        """By the rule's message, or by its name."""
        for action, why in (
            (Hold("of $sender_address"), "of ann@example.net"),
            (Hold(), "by mine"),
        ):
            server = served([Rule(MAIL, (), action, name="mine")])
            self.assertEqual(begun(server.call()), OK)
            envelope = server.envelope
            assert envelope is not None
            self.assertEqual(settle(envelope, envelope).held, why)
            self.assertEqual(len(server.told), 1)

    def test_controls(self) -> None:
        """What DMARC looks at, and what extensions bring."""
        names = ["dmarc_disable_verify", "dmarc_enable_forensic", "requiretls"]
        server = served([Rule(MAIL, (), GoOn(), names)])
        begun(server.call())
        envelope = server.envelope
        assert envelope is not None
        for stamp in (DMARC_DISABLED, DMARC_FORENSIC, REQUIRED):
            self.assertIs(envelope.stamp(stamp), True)

    def test_priority(self) -> None:
        """The message has it from then on."""
        server = served([Rule(MAIL, (), priority=-3)])
        begun(server.call())
        envelope = server.envelope
        assert envelope is not None
        self.assertEqual(envelope.stamp(PRIORITY), -3)

    def test_fieldsOfARecipientWhoIsRefusedAreNotAdded(self) -> None:
        """Another rule may refuse him yet."""
        rules = [
            Rule(RCPT, (), addHeaders=[AddHeader("X-For: $local_part")]),
            Rule(RCPT, [Recipients.make(["bad@x.org"])], Reject()),
        ]
        server = served(rules)
        call = server.call()
        begun(call)
        call.say(b"RCPT TO:<bad@x.org>\r\nRCPT TO:<good@x.org>\r\n")
        envelope = server.envelope
        assert envelope is not None
        self.assertEqual(settle(envelope, envelope).below, b"X-For: good\r\n")

    def test_someRecipientsAreDiscardedOnceTheMessageIsThere(self) -> None:
        """The others get it, and the rules below are asked for them."""
        some = AddressList.parse(["a@x.org", "b@x.org"])
        rules = [
            Rule(MESSAGE, (), Discard(some), logMessage="spam", name="some"),
            Rule(MESSAGE, logMessage="asked"),
        ]
        for paths, marked, told in (
            ([b"a@x.org", b"c@x.org"], [True, False], ["spam, for <a@x.org>", "asked"]),
            ([b"a@x.org", b"b@x.org"], [True] * 2, ["spam, for <a@x.org>, <b@x.org>"]),
            ([b"c@x.org"], [False], ["asked"]),
        ):
            server = served(rules)
            call = server.call()
            begun(call)
            for path in paths:
                call.say(b"RCPT TO:<%b>\r\n" % path)
            call.say(b"DATA\r\n")
            envelope = server.envelope
            assert envelope is not None
            self.assertEqual(call.say(b"\r\nhello\r\n.\r\n"), OK)
            found = [isDiscardedFor(each) for each in envelope.recipients]
            self.assertEqual(found, marked)
            self.assertEqual([each.why for each in server.told], told)
        rule = Rule(RCPT, (), Discard(some))
        error = self.assertRaises(BadRule, served, [rule])
        self.assertIn("only_recipients: all recipients are known from data", str(error))

    def test_fieldsAreTakenOut(self) -> None:
        """Of a recipient who is refused, nothing counts."""
        rules = [
            Rule(MAIL, removeHeaders=[RemoveHeader("X-A")]),
            Rule(RCPT, removeHeaders=[RemoveHeader("X-B")]),
            Rule(RCPT, [Recipients.make(["bad@x.org"])], Reject()),
        ]
        for path, removed in ((b"good@x.org", ["X-A", "X-B"]), (b"bad@x.org", ["X-A"])):
            server = served(rules)
            call = server.call()
            begun(call)
            call.say(b"RCPT TO:<%b>\r\n" % path)
            envelope = server.envelope
            assert envelope is not None
            wishes = headerWishes(envelope)
            assert wishes is not None
            self.assertEqual([each.name for each in wishes.removed], removed)
        early = Rule(CONNECT, removeHeaders=[RemoveHeader("X-A")])
        error = self.assertRaises(BadRule, served, [early])
        self.assertIn("remove_header: a field can be taken out from mail", str(error))

    def test_dmarcRefuses(self) -> None:
        """The seeds' example, translated."""
        rule = Rule(
            MESSAGE,
            [DmarcStatus.make(["reject"])],
            Reject("Message from $dmarc_used_domain failed sender's DMARC policy"),
        )
        found = MessageVerdict(dmarcStatus="reject", dmarcDomain="example.net")
        server = served([rule], saying(message=found))
        wanted = b"Message from example.net failed sender's DMARC policy"
        self.assertEqual(sent(server.call()), b"550 5.7.26 " + wanted + b"\r\n")

    def test_refusalKnowsItsRule(self) -> None:
        """So that the log can name it; another refusal is nobody's."""
        server = served([Rule(MAIL, (), Reject(), logMessage="psst", name="mine")])
        begun(server.call())
        (protocol,) = server.server.factory.connections
        noted = protocol.core.stamps[RULED_OUT]
        self.assertEqual((noted.rule, noted.why), ("mine", "psst"))
        self.assertIs(ruledOut(protocol.core, noted.answer), noted)
        self.assertIsNone(ruledOut(protocol.core, Reply(550, None, (b"No",))))
        self.assertRaises(ValueError, RULED_OUT.load, "x")
