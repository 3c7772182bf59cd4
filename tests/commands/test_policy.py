"""
Tests for L{smtpx.commands.policy}, L{smtpx.service.wiring.ruletest} and
L{smtpx.policy.rules.explained}.
"""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import policy
from smtpx.service.machine import Machine
from smtpx.testing.dns import StaticResolver

from .terminals import Ran, Terminal

CONFIGURATION = """
name = "mx.here.example"
[authentication]
checks = ["spf", "dkim", "dmarc", "arc"]
[[policy.connect]]
name = "unwanted"
hosts = ["192.0.2.66"]
action = "reject"
[[policy.helo]]
name = "clear"
encrypted = false
helo = ["tls.example"]
action = "reject"
[[policy.auth]]
name = "login"
hosts = ["192.0.2.67"]
action = "defer"
[[policy.mail]]
name = "watch"
authenticated = false
log_message = "$spf_result for $sender_address"
[[policy.rcpt]]
name = "postmaster"
recipients = ["postmaster@here.example"]
action = "accept"
[[policy.rcpt]]
name = "forged"
spf = ["fail"]
action = "reject"
message = "$spf_result"
[[policy.data]]
name = "reports"
senders = ["<>"]
action = "hold"
[[policy.message]]
name = "sales"
headers = { Subject = ["*sale*"] }
action = "reject"
[[policy.message]]
name = "wishes"
dmarc_status = ["reject"]
action = "reject"
message = "DMARC of $dmarc_used_domain"
"""

ZONE = """
example.org TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.example.org TXT "v=DMARC1; p=reject"
example.net TXT "v=spf1 +all"
9.2.0.192.in-addr.arpa PTR a.named.example
a.named.example A 192.0.2.9
"""


class PolicyTestTests(SynchronousTestCase):
    """Asking rules by hand."""

    def setUp(self) -> None:
        """A DNS, and a configuration with rules."""
        self.zone = StaticResolver(ZONE)
        machine = Machine(Clock(), resolver=self.zone)
        self.patch(policy, "theMachine", lambda: machine)
        self.config = self.file(CONFIGURATION)

    def file(self, text: str) -> str:
        """A file with this text."""
        path = Path(self.mktemp())
        path.write_text(text)
        return str(path)

    def asked(self, *words: str) -> Ran:
        """Run the command."""
        if "--config" not in words:
            words = ("--config", self.config, *words)
        return Terminal(interactive=False).run("policy", "test", *words)

    def said(self, *words: str) -> str:
        """What it prints."""
        ran = self.asked(*words)
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out

    def test_whatStrangersSaidIsHarmless(self) -> None:
        """A message does nothing to the terminal of who looks at it."""
        sale = self.file("Subject: sale \x1b]0;owned\x07\u202e\r\n\r\nBuy!\r\n")
        words = ("--ip", "192.0.2.1", "--sender", "ann@example.net")
        out = self.said(
            *words, "--recipient", "postmaster@here.example", "--message", sale
        )
        self.assertIn("sale \\x1b]0;owned\\x07\\u202e", out)

    def test_whatARuleDoesIsTold(self) -> None:
        """What it sets and what it asks for, and what becomes of the message."""
        config = self.file(
            """
[[policy.mail]]
name = "notes"
set = { acl_m_from = "<$sender_address>" }
remove_header = ["X-A*", "X-B: c"]
control = ["queue_only"]
[[policy.data]]
name = "asks"
variables = { acl_m_from = ["<ann@*"] }
add_header = [":at_end: X-From: $acl_m_from"]
action = "quarantine"
message = "from $acl_m_from"
"""
        )
        words = ("--config", config, "--ip", "192.0.2.1", "--sender", "ann@b.example")
        said = self.said(*words, "--recipient", "joe@here.example")
        self.assertEqual(
            said,
            "mail\n"
            "  rule notes\n"
            "    set: yes (acl_m_from = <ann@b.example>)\n"
            "    => continue\n"
            "    does: control queue_only\n"
            "    does: remove_header X-A*\n"
            "    does: remove_header X-B: c\n"
            "  no rule decides: it goes on\n"
            "data\n"
            "  rule asks\n"
            "    variables: yes (acl_m_from: <ann@b.example>)\n"
            "    => quarantine\n"
            "    does: add_header :at_end: X-From: <ann@b.example>\n"
            "    to the log: from <ann@b.example>\n"
            "  quarantine, by the rule asks\n",
        )
        ran = self.said(*words, "--recipient", "joe@here.example", "--json")
        self.assertEqual(
            json.loads(ran)[1]["rules"][0]["does"],
            ["add_header :at_end: X-From: <ann@b.example>"],
        )

    def test_noMessage(self) -> None:
        """What is assumed of a message has no use without one, and that is said."""
        words = (
            "--ip",
            "192.0.2.9",
            "--sender",
            "ann@example.net",
            "-r",
            "b@x.example",
        )
        last = "Rules of message are not asked: no --message was given\n"
        out = self.said(*words, "--assume", "dmarc_status=reject")
        self.assertTrue(out.endswith(last), out)
        out = self.said(*words, "--assume", "spf=fail")
        self.assertNotIn(last, out)

    def test_refusalEndsIt(self) -> None:
        """With what the client is told."""
        self.assertEqual(
            self.said("--ip", "192.0.2.66"),
            "connect\n"
            "  rule unwanted\n"
            "    hosts: yes (192.0.2.66)\n"
            "    => reject\n"
            "    to the client: 554 Not accepted by the policy here\n"
            "  reject, by the rule unwanted\n",
        )
        self.assertIn(
            "  reject, by the rule clear\n",
            self.said("--ip", "192.0.2.1", "--helo", "tls.example"),
        )
        login = self.said("--ip", "192.0.2.67", "--user", "ann")
        self.assertIn("  defer, by the rule login\n", login)

    def test_eachRecipientIsAsked(self) -> None:
        """SPF is found out in the DNS; who is refused is not among them any more."""
        out = self.said(
            *("--ip", "192.0.2.9", "--sender", "ann@example.org", "--tls"),
            *("--helo", "tls.example"),
            *("--recipient", "postmaster@here.example", "-r", "bob@here.example"),
        )
        self.assertIn("    to the log: fail for ann@example.org\n", out)
        self.assertIn("  accept, by the rule postmaster\n", out)
        self.assertIn("rcpt <bob@here.example>\n  rule postmaster\n", out)
        self.assertIn("    to the client: 550 5.7.23 fail\n", out)
        last = "Rules of message are not asked: no --message was given\n"
        self.assertTrue(out.endswith(f"  no rule decides: it goes on\n{last}"), out)
        alone = self.said(
            *("--ip", "192.0.2.9", "--sender", "ann@example.org"),
            *("-r", "bob@here.example"),
        )
        self.assertTrue(alone.endswith("  reject, by the rule forged\n"), alone)

    def test_messageIsLookedAt(self) -> None:
        """Its header, and who has sent it."""
        words = ("--ip", "192.0.2.9", "--sender", "a@example.net", "-r", "b@x.example")
        sale = self.file("From: <a@example.net>\nSubject: Big SALE\n\nhello\n")
        out = self.said(*words, "--message", sale)
        self.assertIn("    headers: yes (subject: Big SALE)\n", out)
        self.assertTrue(out.endswith("  reject, by the rule sales\n"), out)
        forged = self.file("From: <a@example.org>\n\nhello\n")
        out = self.said(*words, "--message", forged)
        self.assertIn("    dmarc_status: yes (reject of example.org)\n", out)
        self.assertIn("    to the client: 550 5.7.26 DMARC of example.org\n", out)
        empty = self.said(*words, "--message", self.file(""))
        self.assertIn("    headers: no (there is no such field)\n", empty)
        bare = self.said(*words, "--message", self.file("\nhello\n"))
        self.assertIn("    headers: no (there is no such field)\n", bare)

    def test_resultsCanBeAssumed(self) -> None:
        """Then nobody is asked for them."""
        words = (
            "--ip",
            "192.0.2.9",
            "--sender",
            "ann@example.org",
            "-r",
            "b@x.example",
        )
        message = self.file("From: <ann@example.org>\n\nhello\n")
        out = self.said(
            *(*words, "--message", message, "--assume", "dmarc_status=reject"),
            *("--assume", "spf=pass", "--assume", "dkim=example.org"),
            *("--assume", "spf_guess=err_temp", "--assume", "arc=none"),
        )
        self.assertIn("    spf: no (pass (assumed))\n", out)
        self.assertTrue(out.endswith("  reject, by the rule wishes\n"), out)
        self.assertEqual(list(self.zone.questions("TXT")), [])

    def test_programsGetJSON(self) -> None:
        """A list of stages."""
        words = ("--ip", "192.0.2.9", "--user", "ann", "-r", "postmaster@here.example")
        found = json.loads(self.said(*words, "--json"))
        stages = [each["stage"] for each in found]
        self.assertEqual(stages, ["connect", "helo", "auth", "mail", "rcpt", "data"])
        self.assertEqual(
            found[4],
            {
                "stage": "rcpt",
                "recipient": "postmaster@here.example",
                "refused": False,
                "rules": [
                    {
                        "rule": "postmaster",
                        "held": True,
                        "action": "accept",
                        "answer": "",
                        "log": "",
                        "does": [],
                        "conditions": [
                            {
                                "condition": "recipients",
                                "held": True,
                                "saw": "<postmaster@here.example>",
                            }
                        ],
                    }
                ],
            },
        )

    def test_clientIsLookedUpIfARuleWantsItsName(self) -> None:
        """Where that is not possible, the client would have to come again."""
        rule = '[[policy.{}]]\nhosts = ["*.named.example"]\naction = "reject"\n'
        config = self.file(rule.format("mail"))
        out = self.said("--config", config, "--ip", "192.0.2.9")
        self.assertIn("    hosts: yes (192.0.2.9 a.named.example)\n", out)
        out = self.said("--config", config, "--ip", "192.0.2.9", "--name", "x.example")
        self.assertIn("    hosts: no (192.0.2.9 x.example)\n", out)
        self.zone.fail(b"9.2.0.192.in-addr.arpa", "PTR")
        for stage, code in (("mail", "451 4.4.3"), ("connect", "421")):
            config = self.file(rule.format(stage))
            out = self.said("--config", config, "--ip", "192.0.2.9")
            self.assertIn("    hosts: cannot be told (192.0.2.9)\n", out)
            self.assertIn(f"    to the client: {code} It cannot", out)

    def test_withoutRulesThereIsNothingToSay(self) -> None:
        """That is said."""
        out = self.said("--config", self.file(""), "--ip", "192.0.2.9")
        self.assertEqual(out, "There is no rule that would be asked.\n")

    def test_milters(self) -> None:
        """They could not be asked without doing harm, and that is said."""
        config = self.file("[[milter]]\nname = 'a'\naddress = '/run/a'\n")
        out = self.said("--config", config, "--ip", "192.0.2.9")
        self.assertEqual(out.splitlines()[-1], "Milters are not asked here: a")

    def test_commandLinesThatMakeNoSense(self) -> None:
        """Each is told why."""
        for words, why in (
            ((), "which client?"),
            (("--ip", "x"), '"x" is no address'),
            (("--ip", "192.0.2.1", "--sender", "a b"), ""),
            (("--ip", "192.0.2.1", "--helo", "a b"), ""),
            (("--ip", "192.0.2.1", "--assume", "spf"), "expected one of spf,"),
            (("--ip", "192.0.2.1", "--assume", "x=y"), "expected one of spf,"),
            (("--ip", "192.0.2.1", "--assume", "spf=y"), "spf is one of pass,"),
        ):
            ran = self.asked(*words)
            self.assertEqual(ran.status, 2)
            self.assertIn(why, ran.err)
        self.assertEqual(Terminal(interactive=False).run("policy").status, 2)

    def test_whatCannotBeReadIsTold(self) -> None:
        """A message, and a configuration."""
        gone = self.asked("--ip", "192.0.2.1", "--message", "/nowhere/at/all")
        self.assertEqual(gone.status, 1)
        config = self.file('[[policy.mail]]\naction = "rejct"\n')
        bad = self.asked("--config", config, "--ip", "192.0.2.1")
        self.assertEqual(bad.status, 1)
        self.assertIn('did you mean "reject"?', bad.err)
