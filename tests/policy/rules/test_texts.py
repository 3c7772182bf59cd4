"""Tests for L{smtpx.policy.rules.texts} and L{smtpx.policy.rules.variables}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.rules import VARIABLES, MessageVerdict, RuleStage, SPFVerdict
from smtpx.policy.rules.subject import Need, Subject
from smtpx.policy.rules.texts import VALUE_MOST, Text, readText
from smtpx.policy.rules.variables import ofExtensions

from .asking import saying, subject


def text(source: str, stage: RuleStage = RuleStage.RCPT) -> Text:
    """A text that is right."""
    found = readText(source, stage, VARIABLES)
    assert isinstance(found, Text), found
    return found


def faults(source: str, stage: RuleStage = RuleStage.RCPT) -> list[str]:
    """What is wrong with one that is not."""
    found = readText(source, stage, VARIABLES)
    assert isinstance(found, list), found
    return [str(each) for each in found]


class TextTests(SynchronousTestCase):
    """Texts with variables in them."""

    def test_variablesStandWithBracesOrWithout(self) -> None:
        """And two dollars are one."""
        made = text("$local_part of ${domain}s for $$5, $sender_address.")
        self.assertEqual(
            made.render(subject()), "bob of example.orgs for $5, ann@example.net."
        )

    def test_halfACharacterIsNone(self) -> None:
        """Half of a pair of UTF-16 cannot be written anywhere, and becomes a "?"."""
        made = text("${lookup_value}")
        asked = subject()
        asked.told["lookup_value"] = "a\ud800b"
        self.assertEqual(made.render(asked), "a?b")

    def test_variableThatThereIsNotIsRefused(self) -> None:
        """With those that there are."""
        (fault,) = readText("a $spf_reslt", RuleStage.MAIL, VARIABLES)  # type: ignore[misc]  # faults
        self.assertEqual(fault.word, "spf_reslt")
        self.assertIn("spf_result", fault.known)
        self.assertEqual(str(fault), "there is no variable $spf_reslt")

    def test_variableThatIsNotKnownYetIsRefused(self) -> None:
        """The message says when it is."""
        self.assertEqual(
            faults("$dmarc_status"),
            ["$dmarc_status is known at message only, and this is a rule of rcpt"],
        )
        self.assertEqual(
            faults("$local_part $sender_address", RuleStage.HELO),
            [
                "$local_part is known at rcpt only, and this is a rule of helo",
                "$sender_address is known from mail on, and this is a rule of helo",
            ],
        )

    def test_dollarAloneIsRefused(self) -> None:
        """It is likely that a name was forgotten."""
        wanted = 'a "$" wants the name of a variable; "$$" is a dollar'
        self.assertEqual(faults("5 $"), [wanted])
        self.assertEqual(faults("${}"), [wanted])

    def test_whatAClientSaidNeverBeginsALine(self) -> None:
        """Nor is it any longer than it may be."""
        asked = subject(sender=b"a\r\nb\x00\xc2\x85@example.net")
        self.assertEqual(text("$sender_address").render(asked), "a??b??@example.net")
        long = subject(helo=b"x" * 600)
        said = text("$helo_name").render(long)
        self.assertEqual((len(said), said[-4:]), (VALUE_MOST, "x..."))

    def test_foldedValueIsUnfolded(self) -> None:
        """A field that is put in a text is a line."""
        asked = subject(verdicts=saying(SPFVerdict("pass", received="A: b\r\n c")))
        self.assertIsNone(asked.find(Need.SPF))
        self.assertEqual(text("$spf_received").render(asked), "A: b c")

    def test_octetsAreKeys(self) -> None:
        """To look something up by, they are what they are, percent signs too."""
        asked = subject(sender=b"a%s\xc3\xa4@example.net")
        for source, expected in (
            ("100% plain", b"100% plain"),
            ("$sender_address", b"a%s\xc3\xa4@example.net"),
            ("%b $local_part", b"%b bob"),
            ("$local_part%$domain", b"bob%example.org"),
        ):
            self.assertEqual(text(source).octets(asked), expected)

    def test_whatATextWantsIsKnown(self) -> None:
        """So that it is found out before."""
        self.assertEqual(text("$spf_result $helo_name").needs, {Need.SPF})
        self.assertEqual(text("plain").needs, frozenset())
        made = text("$arc_state $dkim_domains", RuleStage.MESSAGE)
        self.assertEqual(made.needs, {Need.MESSAGE})
        self.assertEqual(made.methods, {"arc", "dkim"})

    @given(st.text(max_size=40))
    @settings(max_examples=100)
    def test_anyTextIsATextOrRefused(self, source: str) -> None:
        """And without a dollar it is itself."""
        found = readText(source.replace("$", "$$"), RuleStage.MAIL, VARIABLES)
        assert isinstance(found, Text)
        self.assertEqual(found.render(subject()), source)
        self.assertIsInstance(readText(source, RuleStage.MAIL, VARIABLES), Text | list)


class VariableTests(SynchronousTestCase):
    """The variables that there are."""

    def value(self, name: str, asked: Subject) -> str:
        """What a variable is at a moment."""
        made = text(f"${{{name}}}", asked.stage)
        for need in made.needs:
            self.assertIsNone(asked.find(need))
        return made.render(asked)

    def test_eachHasAValue(self) -> None:
        """At each moment at which it is known."""
        for name, each in VARIABLES.items():
            for stage in each.stages:
                self.assertIsInstance(self.value(name, subject(stage)), str)

    def test_ofSession(self) -> None:
        """Who the client is."""
        asked = subject()
        asked.session.peerName = b"a.example.net"
        for name, value in {
            "primary_hostname": "localhost",
            "sender_host_address": "192.0.2.1",
            "sender_host_name": "a.example.net",
            "helo_name": "client.example.net",
            "sender_helo_name": "client.example.net",
            "received_protocol": "smtp",
            "sender_address": "ann@example.net",
            "sender_address_local_part": "ann",
            "sender_address_domain": "example.net",
            "recipient": "bob@example.org",
            "local_part": "bob",
            "domain": "example.org",
        }.items():
            self.assertEqual(self.value(name, asked), value)

    def test_ofSPF(self) -> None:
        """The four of the seeds, and two more."""
        verdict = SPFVerdict("fail", "why", "Received-SPF: fail", "see", "d.example")
        asked = subject(verdicts=saying(verdict))
        for name, value in {
            "spf_result": "fail",
            "spf_result_guessed": "no",
            "spf_header_comment": "why",
            "spf_received": "Received-SPF: fail",
            "spf_smtp_comment": "see",
            "spf_used_domain": "d.example",
        }.items():
            self.assertEqual(self.value(name, asked), value)

    def test_ofMessage(self) -> None:
        """What was found out of it."""
        found = MessageVerdict(
            ("a.example", "b.example"),
            "fail",
            "cv=fail",
            ("c.example", "d.example"),
            2,
            "reject",
            "it says so",
            "e.example",
            "reject",
            True,
        )
        asked = subject(RuleStage.MESSAGE, verdicts=saying(message=found))
        asked.envelope.octets = 7
        for name, value in {
            "dkim_domains": "a.example b.example",
            "arc_state": "fail",
            "arc_state_reason": "cv=fail",
            "arc_domains": "c.example:d.example",
            "arc_oldest_pass": "2",
            "dmarc_status": "reject",
            "dmarc_status_text": "it says so",
            "dmarc_used_domain": "e.example",
            "dmarc_domain_policy": "reject",
            "dmarc_alignment_spf": "yes",
            "dmarc_alignment_dkim": "no",
            "message_size": "7",
            "recipients_count": "0",
        }.items():
            self.assertEqual(self.value(name, asked), value)

    def test_ofExtensions(self) -> None:
        """They are read from the session."""
        asked = subject()
        asked.session.profile.variables["mine"] = lambda session: b"yes"  # type: ignore[attr-defined]  # a real one
        made = readText("$mine", RuleStage.HELO, ofExtensions(["mine"]))
        assert isinstance(made, Text)
        self.assertEqual(made.render(asked), "yes")
