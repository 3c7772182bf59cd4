"""Tests for L{smtpx.service.rulekind} and L{smtpx.service.rulecheck}."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.edits import FieldPlace
from smtpx.policy.rules import (
    Accept,
    AddHeader,
    AddressList,
    Code,
    Defer,
    Discard,
    GoOn,
    Hold,
    OfExtension,
    Reject,
    RemoveHeader,
    Rule,
    RuleStage,
    Set,
    Spf,
)
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.problems import ConfigurationError
from smtpx.service.rulecheck import checkRules
from smtpx.service.rulereference import page
from smtpx.service.spelling import shown
from smtpx.service.wiring.rules import rulesOf

from .made import FOUND

PAGE = Path(__file__).parent.parent.parent / "doc/reference/rules.rst"


#: Everything that can be wrong with rules.
WRONG = """[[policy.rcpt]]
spf = ["fial"]
domains = ["example.org", "x@y.org"]
action = "rejct"
control = ["requireTLS"]
message = "$spf_reslt and $dmarc_status"
[[policy.message]]
dmarc_staus = ["reject"]
recipients = ["ann@example.org"]
control = ["dmarc_disable_verify"]
[[policy.message]]
action = "reject"
code = "450"
add_header = ["nothing"]
size_over_octets = "many"
headers = { Subject = "x" }
[[policy.connect]]
encrypted = "yes"
action = "discard"
message = "x"
code = "550"
"""


class RuleTestCase(SynchronousTestCase):
    """What tests of rules in the configuration share."""

    def file(self, text: str) -> Path:
        """A file with this text."""
        path = Path(self.mktemp())
        path.write_text(text, "utf-8")
        return path

    def read(self, text: str) -> Configuration:
        """A configuration that is right."""
        return readConfiguration(self.file(text), FOUND)

    def wrong(self, text: str) -> list[str]:
        """What is wrong with one that is not, without the name of the file."""
        error = self.assertRaises(ConfigurationError, self.read, text)
        return [str(each).partition(":")[2] for each in error.problems]


class RuleKindTests(RuleTestCase):
    """Rules in the configuration."""

    def test_ruleIsReadWhole(self) -> None:
        """Everything that can stand in one."""
        read = self.read(
            """
            [policy]
            refuse_hosts = ["192.0.2.1"]
            [[policy.rcpt]]
            name = "mine"
            spf = ["fail"]
            requiretls = true
            action = "reject"
            message = "$spf_smtp_comment"
            code = "550 5.7.1"
            log_message = "$local_part"
            control = ["requiretls"]
            add_header = [":at_start: X-A: b"]
            priority = -2
            remove_header = ["X-B*", "X-C: d"]
            set = { acl_m_a = "$spf_result" }
            """
        )
        self.assertTrue(read.policy.refuseHosts.items)
        (entry,) = read.policy.rcpt
        self.assertEqual(
            entry.rule,
            Rule(
                RuleStage.RCPT,
                [
                    Spf.make(["fail"]),
                    OfExtension("requiretls"),
                    Set.make({"acl_m_a": "$spf_result"}),
                ],
                Reject("$spf_smtp_comment", Code(550, (5, 7, 1))),
                ["requiretls"],
                [AddHeader("X-A: b", FieldPlace.AT_START)],
                -2,
                "$local_part",
                "mine",
                [RemoveHeader("X-B*"), RemoveHeader("X-C", "d")],
            ),
        )

    def test_eachStageHasItsRules(self) -> None:
        """In their order; a rule is called by its place where it has no name."""
        text = "".join(
            f'[[policy.{stage.value}]]\naction = "accept"\n' for stage in RuleStage
        )
        path = self.file(text + '[[policy.mail]]\nname = "x"\naction = "defer"\n')
        rules = rulesOf(readConfiguration(path, FOUND))
        self.assertEqual(
            [(each.stage.value, each.action, each.name) for each in rules],
            [
                ("connect", Accept(), f"{path}:1"),
                ("helo", Accept(), f"{path}:3"),
                ("auth", Accept(), f"{path}:5"),
                ("mail", Accept(), f"{path}:7"),
                ("mail", Defer(), "x"),
                ("rcpt", Accept(), f"{path}:9"),
                ("data", Accept(), f"{path}:11"),
                ("message", Accept(), f"{path}:13"),
            ],
        )

    def test_someRecipientsMayBeDiscarded(self) -> None:
        """At a stage at which all are known."""
        read = self.read(
            """
            [[policy.message]]
            action = "discard"
            only_recipients = ["a@b.example"]
            """
        )
        (entry,) = read.policy.message
        only = AddressList.parse(["a@b.example"])
        self.assertEqual(entry.rule.action, Discard(only))

    def test_badEffectsHaveTheirLines(self) -> None:
        """All of them at once."""
        text = """
[[policy.rcpt]]
action = "discard"
only_recipients = ["a@b.example"]
[[policy.message]]
action = "reject"
only_recipients = ["a@b.example"]
[[policy.message]]
action = "discard"
only_recipients = ["a b"]
[[policy.message]]
remove_header = ["X Y"]
[[policy.connect]]
set = { acl_m_a = "1" }
[[policy.message]]
set = { seen = "1" }
[[policy.message]]
set = {}
"""
        wrong = self.wrong(text)
        for line, words in zip(
            wrong,
            (
                "4: policy.rcpt[0].only_recipients: all recipients are known from data",
                "7: policy.message[0].only_recipients: it is for discard",
                "10: policy.message[1].only_recipients[0]:",
                "12: policy.message[2].remove_header[0]: expected the name of a field",
                "14: policy.connect[0].set: it is known from mail on",
                "16: policy.message[3].set.seen: expected a name such as acl_m_seen",
                "17: policy.message[4]: this rule does nothing",
            ),
            strict=True,
        ):
            self.assertTrue(line.startswith(words), line)

    def test_variablesThatNoRuleSetsAreFoundByTheCheck(self) -> None:
        """With the line, and the name that was meant."""
        configuration = self.read(
            """
[[policy.rcpt]]
set = { acl_m_list = "1" }
[[policy.message]]
variables = { acl_m_lists = ["1"] }
action = "reject"
"""
        )
        (problem,) = checkRules(configuration, FOUND)
        self.assertTrue(
            str(problem).endswith(
                ":5: policy.message[0].variables.acl_m_lists:"
                ' no rule sets $acl_m_lists; did you mean "acl_m_list"?'
            ),
            str(problem),
        )

    def test_programHandsInRules(self) -> None:
        """Objects stand for themselves; they are checked as well."""
        rule = Rule(RuleStage.MAIL, (), Reject("No"))
        read = readConfiguration({"policy": {"mail": [rule]}}, FOUND)
        again = readConfiguration({"policy": {"mail": read.policy.mail}}, FOUND)
        for each in (read, again):
            (named,) = rulesOf(each)
            self.assertEqual(named.name, "policy.mail[0]")
            self.assertEqual(named.action, Reject("No"))
        bad = Rule(RuleStage.MAIL, (), Reject("$local_part"))
        wanted = {"policy": {"mail": [bad]}}
        self.assertRaises(ConfigurationError, readConfiguration, wanted, FOUND)

    def test_allErrorsAreToldAtOnceWithTheirLines(self) -> None:
        """And with what was probably meant."""
        here = "and this is a rule of"
        self.assertEqual(
            self.wrong(WRONG),
            [
                '2: policy.rcpt[0].spf[0]: "fial" is none of pass, fail, softfail,'
                ' neutral, none, permerror, temperror; did you mean "fail"?',
                '3: policy.rcpt[0].domains[1]: "x@y.org" is an address; expected a'
                " domain: y.org",
                "4: policy.rcpt[0].action: expected one of accept, reject, defer,"
                ' discard, hold, quarantine, continue; did you mean "reject"?',
                "5: policy.rcpt[0].control[0]: there is no control requireTLS; did you"
                ' mean "requiretls"?',
                "6: policy.rcpt[0].message: there is no variable $spf_reslt; did you"
                ' mean "spf_result"?',
                "6: policy.rcpt[0].message: $dmarc_status is known at message only,"
                f" {here} rcpt",
                "8: policy.message[0].dmarc_staus: there is no such condition, nor"
                ' option of a rule; did you mean "dmarc_status"?',
                "9: policy.message[0].recipients: it is known at rcpt only,"
                f" {here} message",
                "10: policy.message[0].control[0]: it can be switched on from mail to"
                f" rcpt, {here} message",
                '13: policy.message[1].code: expected a code such as "550 5.7.1"',
                "14: policy.message[1].add_header[0]: expected a field such as"
                ' "X-Checked: yes"',
                "15: policy.message[1].size_over_octets: expected a size such as"
                ' "50 MiB" (units: octets, kB, MB, GB, TB, KiB, MiB, GiB, TiB), got'
                ' "many"',
                '16: policy.message[1].headers.Subject: expected a list, got "x"',
                '18: policy.connect[0].encrypted: expected true or false, got "yes"',
                "19: policy.connect[0].action: this can be done from mail on,"
                f" {here} connect",
                "20: policy.connect[0].message: it is for reject, defer, hold and"
                " quarantine; see log_message",
                "21: policy.connect[0].code: it is for reject and defer",
            ],
        )

    def test_ruleThatDoesNothingIsAnError(self) -> None:
        """Its action was forgotten, as the rules below it show."""
        wanted = ["1: policy.mail[0]: this rule does nothing: action is missing"]
        self.assertEqual(self.wrong('[[policy.mail]]\nsenders = ["<>"]\n'), wanted)
        read = self.read('[[policy.mail]]\nlog_message = "x"\n')
        self.assertEqual(read.policy.mail[0].rule.action, GoOn())

    def test_tableIsNoRule(self) -> None:
        """Several are written with two brackets."""
        (text,) = self.wrong('[policy.mail]\naction = "accept"\n')
        self.assertIn("[[policy.mail]]", text)
        (text,) = self.wrong('[policy]\nmail = ["accept"]\n')
        self.assertIn('expected a table, got "accept"', text)

    def test_holdHasAReason(self) -> None:
        """For the operator who finds the message."""
        read = self.read('[[policy.mail]]\naction = "hold"\nmessage = "why"\n')
        self.assertEqual(read.policy.mail[0].rule.action, Hold("why"))

    def test_rulesAreShownAsTheyStand(self) -> None:
        """What is printed can be read back."""
        given = (
            '[[policy.message]]\nheaders = { Subject = ["*a*"] }\npriority = 2\n'
            'authenticated = false\nerror = "x"\n'
        ).replace('error = "x"\n', "")
        printed = "\n".join(shown(self.read(given), FOUND, changedOnly=True))
        self.assertIn(
            'message = [{ "headers" = { "Subject" = ["*a*"] }, "priority" = 2,'
            ' "authenticated" = false }]',
            printed,
        )

    def test_pageIsUpToDate(self) -> None:
        """C{python -m smtpx.service.rulereference > doc/reference/rules.rst}"""
        self.assertEqual(PAGE.read_text("utf-8"), page())


class RuleCheckTests(RuleTestCase):
    """Rules that want what does not run."""

    def checked(self, text: str) -> list[str]:
        """What is found, without the name of the file."""
        found = checkRules(self.read(text), FOUND)
        return [str(each).partition(":")[2] for each in found]

    def test_withoutRulesThereIsNothingToCheck(self) -> None:
        """The first start has none."""
        self.assertEqual(self.checked(""), [])

    def test_extensionThatDoesNotRun(self) -> None:
        """It is told where its word stands."""
        self.assertEqual(
            self.checked(
                """[extensions]
disable = ["REQUIRETLS"]
[[policy.rcpt]]
requiretls = true
action = "accept"
[[policy.mail]]
control = ["requiretls"]
"""
            ),
            [
                "7: policy.mail[0].control[0]: there is no control requiretls",
                "4: policy.rcpt[0].requiretls: no extension that runs has this"
                " condition",
            ],
        )

    def test_checkThatIsSwitchedOff(self) -> None:
        """What nobody looks at is never true, which nobody means."""
        text = """[[policy.mail]]
spf = ["fail"]
action = "reject"
"""
        missing = [
            '2: policy.mail[0].spf: SPF is not looked at: "spf" is not in'
            " authentication.checks"
        ]
        self.assertEqual(self.checked(text), missing)
        looked = '[authentication]\nchecks = ["spf"]\n' + text
        self.assertEqual(self.checked(looked), [])

    def test_extensionsThatDoNotGoTogetherAreToldElsewhere(self) -> None:
        """Once is enough."""
        text = '[extensions]\nenable = ["AUTH", "CHUNKING"]\n'
        rule = '[[policy.mail]]\naction = "accept"\n'
        self.assertEqual(self.checked(text + rule), [])
