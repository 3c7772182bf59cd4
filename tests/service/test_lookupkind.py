"""Tests for L{smtpx.service.lookupkind}: look-ups in the rules of a configuration."""

from __future__ import annotations

from smtpx.policy.rules import LookedUp, LookupValue, Query, Set
from smtpx.policy.rules.interfaces import ICondition
from smtpx.service.rulecheck import checkRules

from .made import FOUND
from .test_rulekind import RuleTestCase

RULE = """
[[lookup]]
name = "relaydomains"
kind = "lmdb"
file = "relaydomains.mdb"
[[policy.rcpt]]
action = "reject"
"""


class LookupsKindTests(RuleTestCase):
    """Look-ups in rules."""

    def conditions(self, lookup: str) -> tuple[ICondition, ...]:
        """The conditions of a rule with this one."""
        (entry,) = self.read(f"{RULE}lookup = {lookup}\n").policy.rcpt
        return entry.rule.conditions

    def test_oneOrSeveral(self) -> None:
        """A table, or a list of such."""
        found = Query.make("relaydomains", "$domain")
        listed = Query.make("relaydomains", "x", ["yes", "!no*"])
        nothing = Query.make("other", "$sender_address", found=False)
        one = '{ in = "relaydomains", key = "$domain" }'
        several = (
            '{ in = "relaydomains", key = "x", value = ["yes", "!no*"] }',
            '{ not_in = "other", key = "$sender_address" }',
        )
        self.assertEqual(self.conditions(one), (LookedUp.make([found]),))
        self.assertEqual(
            self.conditions(f"[{', '.join(several)}]"),
            (LookedUp.make([listed, nothing]),),
        )

    def test_wrong(self) -> None:
        """Everything that can be wrong, each with its place."""
        either = 'expected one of "in" and "not_in", the name of a look-up'
        expected = (
            'expected a look-up such as { in = "some", key = "$domain" }, or a list of'
            " such, got "
        )
        for lookup, problems in (
            ('"relaydomains"', [f'lookup: {expected}"relaydomains"']),
            ("[]", [f"lookup: {expected}a list"]),
            ('{ in = "a" }', ["lookup: key is missing"]),
            ('{ key = "a" }', [f"lookup.not_in: {either}"]),
            ('{ in = "a", not_in = "b", key = "c" }', [f"lookup.not_in: {either}"]),
            (
                '{ not_in = "a", key = "b", value = ["c"] }',
                [
                    "lookup.value: where nothing is to be found there is no value;"
                    ' see "!"'
                ],
            ),
            (
                '{ in = "a", key = "$sendr" }',
                ["lookup.key: there is no variable $sendr"],
            ),
            (
                '[{ in = "a", key = "$x" }, { in = "a", kee = "b" }]',
                ["lookup[1].kee: there is no such option", "lookup[1]: key is missing"],
            ),
        ):
            wrong = self.wrong(f"{RULE}lookup = {lookup}\n")
            places = [each.partition("policy.rcpt[0].")[2] for each in wrong]
            self.assertEqual(
                [each.partition("; did")[0] for each in places], problems, lookup
            )

    def test_noSuchLookup(self) -> None:
        """A look-up that there is not is told with its line, and what was meant."""
        read = self.read(f'{RULE}lookup = {{ in = "relaydomain", key = "$domain" }}\n')
        (problem,) = checkRules(read, FOUND)
        self.assertEqual(
            str(problem).partition(":")[2],
            "8: policy.rcpt[0].lookup.in: there is no look-up relaydomain; did you"
            ' mean "relaydomains"?',
        )


class ValueKindTests(RuleTestCase):
    """Values that look-ups give."""

    def test_values(self) -> None:
        """A text, or a table with all branches or some."""
        (entry,) = self.read(
            "[[policy.mail]]\n"
            'set.acl_m_a = "1"\n'
            'set.acl_m_b = { in = "x", key = "$sender_address" }\n'
            'set.acl_m_c = { in = "x", key = "y", found = "1", default = "2" }\n'
            'set.acl_m_d = { in = "x", key = "y", fail = true }\n'
        ).policy.mail
        (found,) = entry.rule.conditions
        self.assertEqual(
            found,
            Set.make(
                {
                    "acl_m_a": "1",
                    "acl_m_b": LookupValue("x", "$sender_address"),
                    "acl_m_c": LookupValue("x", "y", "1", "2"),
                    "acl_m_d": LookupValue("x", "y", default=None),
                }
            ),
        )

    def test_wrong(self) -> None:
        """What is none of them."""
        expected = (
            'expected a text, or a look-up such as { in = "some", key = "$domain" }'
        )
        for value, problem in (
            ("1", f"set.acl_m_a: {expected}, got 1"),
            ('{ key = "x" }', "set.acl_m_a: in is missing"),
            (
                '{ in = "x", key = "y", default = "z", fail = true }',
                "set.acl_m_a.default: with fail the variable stays as it is: there is"
                " no default",
            ),
        ):
            wrong = self.wrong(f"[[policy.mail]]\nset.acl_m_a = {value}\n")
            places = [each.partition("policy.mail[0].")[2] for each in wrong]
            self.assertEqual(places, [problem])
