"""
Tests for L{smtpx.policy.spfcheck}.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.spf import GUESS
from smtpx.mailauth.spfquery import Step
from smtpx.mailauth.spfrecord import SPFResult
from smtpx.policy.spfcheck import checkSPF
from smtpx.testing.dns import StaticResolver

ZONE = """
example.org TXT "v=spf1 mx include:_spf.example.net -all"
example.org MX 10 mx.example.org
mx.example.org A 192.0.2.1
_spf.example.net TXT "v=spf1 ip6:2001:db8::/32 a:macro%%percent%_%_space.example.net"
plain.example A 198.51.100.7
"""


class CheckTests(SynchronousTestCase):
    """A program asks."""

    def setUp(self) -> None:
        """A DNS, and a clock."""
        self.zone = StaticResolver(ZONE)
        self.clock = Clock()

    def test_outcomeIsThereAtOnce(self) -> None:
        """
        With answers that are there, so is the outcome; text and octets are alike.
        """
        for sender in ("ann@example.org", b"ann@example.org"):
            found = self.successResultOf(
                checkSPF(
                    self.clock,
                    "192.0.2.1",
                    sender,
                    b"mx.example.org",
                    resolver=self.zone,
                )
            )
            self.assertIs(SPFResult.PASS, found.result)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_namesOfAllKindsCanBeAskedFor(self) -> None:
        """
        A record may make names that no host has: those do not exist, and nothing else
        comes of them.
        """
        found = self.successResultOf(
            checkSPF(
                self.clock, "192.0.2.9", "ann@example.org", "x", resolver=self.zone
            )
        )
        self.assertIs(SPFResult.FAIL, found.result)

    def test_guess(self) -> None:
        """
        The best guess is made if it is wanted, of a domain without a record.
        """
        steps: list[Step] = []
        for guess, result in ((None, SPFResult.NONE), (GUESS, SPFResult.PASS)):
            found = self.successResultOf(
                checkSPF(
                    self.clock,
                    "198.51.100.99",
                    "ann@plain.example",
                    "x",
                    resolver=self.zone,
                    guess=guess,
                    watch=steps.append,
                )
            )
            self.assertIs(result, found.result)
            self.assertEqual(guess is not None, found.guessed)
        self.assertEqual([Step("plain.example", "a/24", True)], steps)

    def test_timeIsLimited(self) -> None:
        """
        Whoever's DNS is slow gets a temporary error (RFC 7208 section 4.6.4).
        """
        self.zone.hold(b"mx.example.org", "A")
        waiting = checkSPF(
            self.clock, "192.0.2.1", "ann@example.org", "x", resolver=self.zone
        )
        self.clock.advance(19)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        found = self.successResultOf(waiting)
        self.assertIs(SPFResult.TEMPERROR, found.result)
        self.assertEqual("no answer in time", found.problem)

    def test_cancelled(self) -> None:
        """
        Whoever does not want to know any more may say so.
        """
        self.zone.hold(b"example.org", "TXT")
        waiting = checkSPF(
            self.clock, "192.0.2.1", "ann@example.org", "x", resolver=self.zone
        )
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_mistakesOfTheCaller(self) -> None:
        """
        What is no address, or no mailbox, is told at once.
        """
        self.assertRaises(ValueError, checkSPF, self.clock, "somewhere", "", "x")
        self.assertRaises(Malformed, checkSPF, self.clock, "192.0.2.1", "ann", "x")
