"""
What is written about SPF.
"""

from __future__ import annotations

import re
from email.headerregistry import HeaderRegistry

from attrs import evolve
from hypothesis import given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.spfquery import Outcome, queryOf
from smtpx.mailauth.spfrecord import SPFResult
from smtpx.mailauth.spftexts import (
    headerComment,
    parseTemplate,
    received,
    smtpComment,
)

QUERY = queryOf(b"192.0.2.1", b"ann@example.org", b"mx.example.org", "us.test")
PASS = Outcome(SPFResult.PASS, QUERY, "ip4:192.0.2.0/24")
FAIL = Outcome(SPFResult.FAIL, QUERY, "-all")

octets = some.binary(max_size=400) | some.text(max_size=400).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


class ReceivedTests(SynchronousTestCase):
    """
    The header field.
    """

    def test_fieldHasWhatItNeeds(self) -> None:
        """
        The field tells the result for people and for programs (RFC 7208 section 9.1).
        """
        self.assertEqual(
            b"Received-SPF: pass (us.test: domain of ann@example.org designates "
            b"192.0.2.1 as\r\n permitted sender) identity=mailfrom; "
            b"client-ip=192.0.2.1;\r\n"
            b' envelope-from="ann@example.org"; helo=mx.example.org; '
            b"receiver=us.test;\r\n"
            b' mechanism="ip4:192.0.2.0/24"',
            received(PASS),
        )

    def test_nameIsCheckedForNullSender(self) -> None:
        """
        For a null sender the host is what was checked, and there is no sender.
        """
        query = queryOf(b"2001:db8::1", b"", b"mx.example.org", "us.test")
        self.assertEqual(
            b"Received-SPF: none (us.test: host mx.example.org does not provide an SPF"
            b"\r\n record) identity=helo; "
            b'client-ip="2001:db8::1"; helo=mx.example.org;\r\n'
            b" receiver=us.test; mechanism=default",
            received(Outcome(SPFResult.NONE, query)),
        )

    def test_problemStandsForTheMechanism(self) -> None:
        """
        An error tells what is wrong.
        """
        found = received(Outcome(SPFResult.PERMERROR, QUERY, problem="bad (x) \\ y"))
        self.assertIn(b'problem="bad (x) \\\\ y"', found)
        self.assertIn(rb"bad \(x\) \\ y)", re.sub(rb"\r\n ", b" ", found))
        self.assertNotIn(b"mechanism", found)

    def test_guessHasAFieldOfItsOwn(self) -> None:
        """
        A best guess is no SPF, and does not say so.
        """
        for result in SPFResult:
            found = received(Outcome(result, QUERY, "a/24", guessed=True))
            name, _, rest = found.partition(b": ")
            self.assertEqual(b"X-SPF-Guess", name)
            self.assertNotIn(b"spf", rest.lower())
            self.assertIn(b"best guess record", re.sub(rb"\s+", b" ", rest))

    def test_charactersBeyondASCIIWhereTheyMayStand(self) -> None:
        """
        A sender beyond ASCII is written in a header that may have it (RFC 6532), and
        nowhere else.
        """
        query = queryOf(b"192.0.2.1", "j\xfcrg@example.org".encode(), b"mx.test")
        outcome = Outcome(SPFResult.PASS, query)
        self.assertIn("j\xfcrg@".encode(), received(outcome, utf8=True))
        self.assertIn(b"j?rg@", received(outcome))

    @settings(max_examples=100, deadline=None)
    @given(octets, octets, some.text(max_size=900), some.sampled_from(SPFResult))
    def test_nothingGetsOut(
        self, local: bytes, helo: bytes, term: str, result: SPFResult
    ) -> None:
        """
        Whatever strangers say, the field is one field, with lines that may be sent.
        """
        query = queryOf(b"192.0.2.1", local + b"@example.org", helo)
        for outcome in (
            Outcome(result, query, term, term, term),
            Outcome(result, evolve(query, mailFrom=False), term, guessed=True),
        ):
            found = received(outcome)
            self.assertTrue(found.isascii())
            self.assertLess(len(found), 4000)
            for line in found.split(b"\r\n")[1:]:
                self.assertTrue(line.startswith(b" ") and line.strip(), line)
            for line in found.split(b"\r\n"):
                self.assertNotRegex(line, rb"[\x00-\x1f\x7f]")
                self.assertLess(len(line), 998)
            for text in (headerComment(outcome), smtpComment(outcome)):
                self.assertTrue(text.isascii() and text.isprintable(), text)
                self.assertLessEqual(len(text), 800)

    def test_longValuesAreCut(self) -> None:
        """
        A value has 320 characters at most, and shows that it was cut.
        """
        found = received(evolve(FAIL, mechanism="x" * 5000))
        self.assertIn(b"mechanism=" + b"x" * 317 + b"...", found.replace(b'"', b""))

    def test_fieldIsOneOfAHeader(self) -> None:
        """
        The field unfolds to what was meant.
        """
        name, _, value = received(FAIL).decode("ascii").partition(": ")
        parsed = HeaderRegistry()(name, value.replace("\r\n", ""))
        self.assertEqual((), parsed.defects)


class ReplyTests(SynchronousTestCase):
    """
    What a client is told.
    """

    def test_strangersWordsAreMarked(self) -> None:
        """
        What a domain explains is told as its words (RFC 7208 section 6.2).
        """
        outcome = evolve(FAIL, explanation="See our page.")
        self.assertEqual("example.org explains: See our page.", smtpComment(outcome))

    def test_ourTextWithoutExplanation(self) -> None:
        """
        A domain that explains nothing leaves it to us, or to the operator.
        """
        self.assertEqual(
            "192.0.2.1 is not allowed to send mail for example.org", smtpComment(FAIL)
        )
        template = parseTemplate("Ask %{r} about %{S}")
        self.assertEqual(
            "Ask us.test about ann%40example.org", smtpComment(FAIL, template)
        )

    def test_guessNeverSaysSPF(self) -> None:
        """
        No text for a client mentions SPF where it was only guessed.
        """
        outcome = evolve(FAIL, guessed=True)
        text = smtpComment(outcome, parseTemplate("SPF says no"))
        self.assertEqual(
            "192.0.2.1 does not look like a host that sends mail for example.org", text
        )

    def test_onlyRefusalsHaveOne(self) -> None:
        """
        There is nothing to tell a client that is not refused.
        """
        told = {each for each in SPFResult if smtpComment(Outcome(each, QUERY))}
        self.assertEqual({SPFResult.FAIL, SPFResult.SOFTFAIL}, told)

    def test_badTemplatesAreRefused(self) -> None:
        """
        A template has macros that there are, and what replies may have.
        """
        for text in ("%{x}", "50%", "a\nb", "\xfc"):
            self.assertRaises(Malformed, parseTemplate, text)
