"""Tests for L{smtpx.dns.resolver}: many questions at once."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from smtpx.dns.interfaces import LookupFailed
from smtpx.dns.resolver import ResolverBounds

from .answers import RA, TC, answer
from .asked import (
    ONE,
    ResolverTests,
    known,
    silent,
)


class SharedTests(ResolverTests):
    """Several who ask, and who give up."""

    def setUp(self) -> None:
        """A server that is silent until the test lets it speak."""
        super().setUp()
        self.network.behave(ONE, silent)

    def test_sameQuestion(self) -> None:
        """Who asks what is being asked already shares the answer."""
        asking = [self.ask(b"a.test"), self.ask(b"A.test."), self.ask(b"a.test")]
        self.assertEqual(len(self.network.asked), 1)
        self.assertEqual(self.resolver.underWay, 1)
        self.network.answerNow(known)
        for each in asking:
            self.assertEqual(self.successResultOf(each).records, (b"192.0.2.80",))
        self.assertEqual(self.resolver.underWay, 0)

    def test_sameFailure(self) -> None:
        """So it is with a failure, of which each gets his own."""
        asking = [self.ask(), self.ask()]
        self.clock.pump([3.0, 6.0])
        errors = [self.failureResultOf(each, LookupFailed).value for each in asking]
        self.assertIsNot(*errors)

    def test_oneGivesUp(self) -> None:
        """If one gives up, the others still get theirs."""
        first, second = self.ask(), self.ask()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.network.answerNow(known)
        self.successResultOf(second)

    def test_allGiveUp(self) -> None:
        """If all give up, nothing is left: no socket, no timer, nothing is kept."""
        first, second = self.ask(), self.ask()
        first.cancel()
        self.assertEqual(self.network.open, 1)
        second.cancel()
        for each in (first, second):
            self.failureResultOf(each, CancelledError)
        self.assertEqual((self.network.open, self.clock.getDelayedCalls()), (0, []))
        self.assertEqual(self.resolver.underWay, 0)
        self.network.behave(ONE, known)
        self.found()

    def test_soManyAtOnce(self) -> None:
        """Only so many questions are under way; the others wait for their turn."""
        self.resolver = self.makeResolver(bounds=ResolverBounds(atOnceMost=2))
        asking = [self.ask(b"n%d.test" % n) for n in range(5)]
        self.assertEqual(self.network.open, 2)
        self.network.answerNow(known)
        self.assertEqual(self.network.open, 2)
        self.network.answerNow(known)
        self.network.answerNow(known)
        for each in asking:
            self.successResultOf(each)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_soManyWait(self) -> None:
        """Only so many wait; what one more asks has failed, and is not kept."""
        bounds = ResolverBounds(atOnceMost=1, waitingMost=1)
        self.resolver = self.makeResolver(bounds=bounds)
        asking = [self.ask(b"a.test"), self.ask(b"b.test")]
        text = self.putOff(self.ask(b"c.test"))
        self.assertEqual(text, "A of c.test: too many questions wait")
        self.network.answerNow(known)
        again = self.ask(b"c.test")
        self.network.answerNow(known)
        self.network.answerNow(known)
        for each in (*asking, again):
            self.successResultOf(each)

    def test_waitsNotForEver(self) -> None:
        """A question whose turn does not come in time has failed."""
        bounds = ResolverBounds(questionSeconds=2.0, atOnceMost=1)
        self.resolver = self.makeResolver(bounds=bounds)
        first = self.ask(b"a.test")
        self.clock.advance(1.0)
        second = self.ask(b"b.test")
        self.clock.advance(1.0)
        self.failed(first)
        self.assertNoResult(second)
        self.network.answerNow(known)
        self.successResultOf(second)
        self.resolver = self.makeResolver(
            bounds=ResolverBounds(questionSeconds=1.0, atOnceMost=1)
        )
        self.ask(b"c.test").addErrback(lambda failure: failure.trap(LookupFailed))
        third = self.ask(b"d.test")
        self.clock.advance(1.0)
        self.assertIn("too many other questions", self.putOff(third))
        # It says nothing of the name, so it is asked at once the next time.
        again = self.ask(b"d.test")
        self.network.answerNow(known)
        self.successResultOf(again)

    def test_waitsForAConnection(self) -> None:
        """So has one that waits while another is asked over a connection, too."""
        bounds = ResolverBounds(questionSeconds=2.0, atOnceMost=1)
        self.resolver = self.makeResolver(bounds=bounds)
        first = self.ask(b"a.test")
        self.clock.advance(0.5)
        second = self.ask(b"b.test")
        self.clock.advance(1.0)
        self.network.answerNow(lambda query: answer(query, flags=RA | TC))
        self.clock.advance(0.5)
        self.assertNoResult(second)
        self.clock.advance(0.5)
        self.assertIn("too many other questions", self.putOff(second))
        self.network.answerNow(known)
        self.successResultOf(first)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_givesUpWaiting(self) -> None:
        """Who gives up before his turn takes nobody's turn."""
        self.resolver = self.makeResolver(bounds=ResolverBounds(atOnceMost=1))
        first, second, third = (self.ask(b"n%d.test" % n) for n in range(3))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.network.answerNow(known)
        self.network.answerNow(known)
        self.successResultOf(first)
        self.successResultOf(third)
        self.assertEqual(len(self.network.asked), 2)

    def test_closed(self) -> None:
        """A resolver that is closed leaves nobody waiting, and nothing open."""
        self.resolver = self.makeResolver(bounds=ResolverBounds(atOnceMost=1))
        asking = [self.ask(b"a.test"), self.ask(b"b.test")]
        self.resolver.close()
        for each in asking:
            self.assertIn("closed", self.failed(each))
        self.assertEqual((self.network.open, self.clock.getDelayedCalls()), (0, []))
        self.assertEqual(self.resolver.underWay, 0)
