"""Tests for L{smtpx.policy.rules.lookupvalue}: values that look-ups give."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from smtpx.policy.rules import (
    AddHeader,
    BadRule,
    LookupValue,
    Reject,
    Rule,
    RuleStage,
    Set,
    Variables,
    ownValue,
)
from smtpx.policy.rules.interfaces import ICondition
from smtpx.policy.rules.rule import made
from smtpx.policy.rules.ruleset import NOT_TOLD

from .asking import served, subject
from .test_lookedup import WORDS, LookedUpCase

FOUND = "$sender_address_domain"


class LookupValueTests(LookedUpCase):
    """The branches of a look-up, as Exim has them."""

    def set(self, values: dict[str, str | LookupValue]) -> list[str] | None:
        """What variables have then; L{None}: it cannot be told."""
        asked = subject(RuleStage.MAIL)
        rule = Rule(RuleStage.MAIL, [Set.make(values)])
        ready = made(rule, WORDS, self.means)
        (test,) = ready.tests
        said = test(asked)
        held = self.successResultOf(said) if isinstance(said, Deferred) else said
        self.saw = ready.conditions[0].shown(asked)
        if held is None:
            return None
        return [ownValue(asked.session, name) for name in values]

    def test_branches(self) -> None:
        """
        What was found, if nothing else is wished; where nothing was, the default, or
        the variable stays as it was.
        """
        for name in ("domains", "slow"):
            for value, expected in (
                (LookupValue(name, FOUND), "yes, it is"),
                (LookupValue(name, FOUND, "<$value>", "no"), "<yes, it is>"),
                (LookupValue(name, FOUND, "fixed", None), "fixed"),
                (LookupValue(name, "none"), ""),
                (
                    LookupValue(name, "none", default="for $sender_address"),
                    "for ann@example.net",
                ),
                (LookupValue(name, "none", default=None), "before"),
                (LookupValue(name, "$sender_address"), ""),
            ):
                self.set({"acl_m_a": value})
                asked = subject(RuleStage.MAIL)
                for each in ({"acl_m_a": "before"}, {"acl_m_a": value}):
                    rule = Rule(RuleStage.MAIL, [Set.make(each)])
                    (test,) = made(rule, WORDS, self.means).tests
                    said = test(asked)
                    if isinstance(said, Deferred):
                        said = self.successResultOf(said)
                    self.assertIs(said, True)
                self.assertEqual(ownValue(asked.session, "acl_m_a"), expected)

    def test_several(self) -> None:
        """They are set in their order, and each may have those before it."""
        for name in ("domains", "slow"):
            values: dict[str, str | LookupValue] = {
                "acl_m_a": FOUND,
                "acl_m_b": LookupValue(name, "$acl_m_a", "$value/$acl_m_a"),
                "acl_m_c": "[$acl_m_b]",
                "acl_m_d": LookupValue("domains", "none", default="$acl_m_c!"),
                "acl_m_e": LookupValue("slow", "none", default=None),
            }
            both = "yes, it is/example.net"
            expected = ["example.net", both, f"[{both}]", f"[{both}]!", ""]
            self.assertEqual(self.set(values), expected)
            self.assertTrue(self.saw.startswith("acl_m_a = example.net; acl_m_b = "))

    def test_cannotTell(self) -> None:
        """Where a look-up cannot tell, the rule cannot; whichever it is."""
        self.prompt.why = "it is gone"
        gone = LookupValue("domains", "x")
        later = LookupValue("slow", "x")
        several: dict[str, str | LookupValue] = {"acl_m_a": "1", "acl_m_b": later}
        one: dict[str, str | LookupValue] = {"acl_m_c": gone}
        for values in (one, {**several, **one}):
            self.assertIsNone(self.set(values))
            self.assertTrue(self.saw.endswith("; it is gone"), self.saw)

    def test_inAServer(self) -> None:
        """A value goes into fields, messages and other rules."""
        set_: ICondition = Set.make({"acl_m_relay": LookupValue("slow", FOUND)})
        rules = [
            Rule(
                RuleStage.MAIL,
                [set_],
                addHeaders=[AddHeader("X: $acl_m_relay")],
            ),
            Rule(
                RuleStage.RCPT,
                [Variables.make({"acl_m_relay": ["yes*"]})],
                Reject("Not for $acl_m_relay"),
            ),
        ]
        server = served(rules, means=self.means)
        call = server.call()
        call.say(b"EHLO client.example\r\n")
        self.assertEqual(call.say(b"MAIL FROM:<a@example.net>\r\n")[:3], b"250")
        said = call.say(b"RCPT TO:<b@example.org>\r\n")
        self.assertEqual(said, b"550 5.7.1 Not for yes, it is\r\n")
        call.say(b"RSET\r\n")
        self.slow.why = "it is gone"
        said = call.say(b"MAIL FROM:<a@example.net>\r\n")
        self.assertEqual(said, b"%s\r\n" % NOT_TOLD.onOneLine.encode())

    def test_wrong(self) -> None:
        """A look-up that there is not, and what is wrong with its texts."""
        value = LookupValue("domians", "$a", "$b", "$c")
        rule = Rule(RuleStage.MAIL, [Set.make({"acl_m_x": value})], Reject())
        bad = self.assertRaises(BadRule, made, rule, WORDS)
        self.assertEqual(
            [each.place for each in bad.faults],
            [
                ("set", "acl_m_x", "in"),
                ("set", "acl_m_x", "key"),
                ("set", "acl_m_x", "found"),
                ("set", "acl_m_x", "default"),
            ],
        )
