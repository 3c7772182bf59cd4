"""Tests for L{smtpx.policy.rules.actions}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.rules import Code, RuleStage
from smtpx.policy.rules.actions import refusal, usualCode


class CodeTests(SynchronousTestCase):
    """What refusals are marked with."""

    def test_codeWithAnEnhancedOneOrWithout(self) -> None:
        """Both are written as on the wire."""
        self.assertEqual(Code.parse("550", True), Code(550))
        self.assertEqual(Code.parse("550 5.7.26", True), Code(550, (5, 7, 26)))
        self.assertEqual(Code.parse("451 4.7.1", False), Code(451, (4, 7, 1)))

    def test_codeOfAnotherKindIsRefused(self) -> None:
        """What is refused for good has no 4yz, and the two go together."""
        for text, permanent in (
            ("450", True),
            ("550", False),
            ("550 4.7.1", True),
            ("250", True),
            ("550 5.7", True),
            ("5.7.1", True),
            ("560", True),
            ("", True),
        ):
            self.assertRaises(ValueError, Code.parse, text, permanent)

    def test_usualCodes(self) -> None:
        """The greeting has none of the enhanced; RFC 7372 has those of checks."""
        rcpt = RuleStage.RCPT
        for permanent, stage, status, code in (
            (True, RuleStage.CONNECT, None, Code(554)),
            (False, RuleStage.CONNECT, "5.7.23", Code(421)),
            (False, RuleStage.AUTH, None, Code(454, (4, 7, 0))),
            (True, rcpt, None, Code(550, (5, 7, 1))),
            (False, rcpt, None, Code(451, (4, 7, 1))),
            (True, rcpt, "5.7.23", Code(550, (5, 7, 23))),
            (False, rcpt, "5.7.23", Code(451, (4, 7, 24))),
            (False, rcpt, "5.7.26", Code(451, (4, 7, 26))),
        ):
            self.assertEqual(usualCode(permanent, stage, status), code)


class RefusalTests(SynchronousTestCase):
    """What a client is told."""

    def test_textInLines(self) -> None:
        """Each line of it is one of the reply, and a long one is several."""
        said = refusal(Code(550, (5, 7, 1)), "one\n" + "x" * 600)
        self.assertEqual([len(each) for each in said.lines], [3, 480, 120])
        for line in said.octets.splitlines(True):
            self.assertLessEqual(len(line), 512)

    def test_thereAreOnlySoManyLines(self) -> None:
        """Whatever stands in it."""
        self.assertEqual(len(refusal(Code(550), "x\n" * 100).lines), 20)

    def test_withoutATextTheUsualIsSaid(self) -> None:
        """For good, and for now."""
        good = refusal(Code(550, (5, 7, 1)), "")
        self.assertEqual(good.octets, b"550 5.7.1 Not accepted by the policy here\r\n")
        later = refusal(Code(451), "").octets
        self.assertEqual(later, b"451 Not accepted now; please try again later\r\n")

    def test_behindLastWordsTheConnectionEnds(self) -> None:
        """RFC 5321 section 3.8."""
        self.assertTrue(refusal(Code(421), "").closes)
        self.assertFalse(refusal(Code(450), "").closes)

    def test_textIsASCII(self) -> None:
        """Replies are, and a line stays one where there is nothing in it."""
        said = refusal(Code(550), "gr\u00fc\u00df\n\nx")
        self.assertEqual(said.lines, (b"gr??", b"", b"x"))
