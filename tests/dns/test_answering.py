"""
The DNS answers checks.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.answering import LATE, answered
from smtpx.mailauth.asking import (
    Asking,
    Found,
    Known,
    Lookup,
    Unanswered,
    Unknown,
    lookUp,
    lookUpAll,
)
from smtpx.testing.dns import StaticResolver

ZONE = """
    example.org       MX   20 second.example.org
    example.org       MX   10 first.example.org
    example.org       TXT  "v=spf1 " "-all"
    first.example.org A    192.0.2.1
"""


def texts(name: bytes) -> Asking[Found]:
    """The TXT records of a name."""
    return (yield from lookUp(name, "TXT"))


def everything() -> Asking[tuple[Known, ...]]:
    """Several things at once."""
    return (
        yield from lookUpAll(
            [
                Lookup(b"example.org", "MX"),
                Lookup(b"first.example.org", "A"),
                Lookup(b"first.example.org", "AAAA"),
                Lookup(b"third.example.org", "A"),
            ]
        )
    )


class AnsweredTests(SynchronousTestCase):
    """
    L{answered}
    """

    def setUp(self) -> None:
        """
        A DNS with a zone.
        """
        self.resolver = StaticResolver(ZONE)

    def test_stringsOfARecordAreJoined(self) -> None:
        """
        A TXT record is one text, with nothing between its strings.
        """
        found = self.successResultOf(answered(texts(b"example.org"), self.resolver))
        self.assertEqual(Found((b"v=spf1 -all",)), found)

    def test_severalAreAnsweredInTheirOrder(self) -> None:
        """
        Exchanges come by preference; no records and no name are told apart.
        """
        found = self.successResultOf(answered(everything(), self.resolver))
        self.assertEqual(
            (
                Found((b"first.example.org", b"second.example.org")),
                Found((b"192.0.2.1",)),
                Found(),
                Found(exists=False),
            ),
            found,
        )

    def test_severalAreAskedAtOnce(self) -> None:
        """
        No look-up of a group waits for another.
        """
        self.resolver.hold(b"example.org", "MX")
        waiting = answered(everything(), self.resolver)
        self.assertEqual(4, len(self.resolver.asked))
        self.assertNoResult(waiting)
        self.resolver.release(b"example.org", "MX")
        self.successResultOf(waiting)

    def test_failureIsTheChecksToJudge(self) -> None:
        """
        What nobody could tell is known as such in a group, and raised for one.
        """
        self.resolver.fail(b"example.org", "MX", "SERVFAIL")
        found = self.successResultOf(answered(everything(), self.resolver))
        self.assertIsInstance(found[0], Unknown)
        self.resolver.fail(b"example.org", "TXT", "SERVFAIL")
        failing = answered(texts(b"example.org"), self.resolver)
        self.failureResultOf(failing, Unanswered)

    def test_cancelledCheckIsClosed(self) -> None:
        """
        Whoever does not want to know any more cancels, and the check ends.
        """
        ended = []

        def check() -> Asking[Found]:
            try:
                return (yield from lookUp(b"example.org", "TXT"))
            finally:
                ended.append(True)

        self.resolver.hold(b"example.org", "TXT")
        waiting = answered(check(), self.resolver)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual([True], ended)

    def test_oneSlowNameDoesNotTakeTheOthersWithIt(self) -> None:
        """
        When the time is over, nobody could tell of what was not answered, and what was
        answered counts.
        """
        clock = Clock()
        self.resolver.hold(b"example.org", "MX")
        waiting = answered(everything(), self.resolver, clock, 20)
        clock.advance(19)
        self.assertNoResult(waiting)
        clock.advance(1)
        found = self.successResultOf(waiting)
        self.assertEqual((LATE, Found((b"192.0.2.1",))), found[:2])

    def test_theTimeIsForAllOfACheck(self) -> None:
        """
        What is asked for behind the time's end is not looked up any more.
        """

        def check() -> Asking[tuple[Known, ...]]:
            first = yield from lookUpAll([Lookup(b"example.org", "MX")])
            second = yield from lookUpAll([Lookup(b"first.example.org", "A")])
            return first + second

        clock = Clock()
        self.resolver.hold(b"example.org", "MX")
        waiting = answered(check(), self.resolver, clock, 20)
        clock.advance(20)
        self.assertEqual((LATE, LATE), self.successResultOf(waiting))
        self.assertEqual([(b"example.org", "MX")], self.resolver.asked)

    def test_someMayTakeAPartOfTheTime(self) -> None:
        """
        What others can delay as they like does not take it all.
        """

        def check() -> Asking[Known]:
            (first,) = yield from lookUpAll([Lookup(b"example.org", "MX", 0.25)])
            (second,) = yield from lookUpAll([Lookup(b"first.example.org", "A", 0.25)])
            self.assertIs(LATE, first)
            return second

        clock = Clock()
        self.resolver.hold(b"example.org", "MX")
        waiting = answered(check(), self.resolver, clock, 20)
        clock.advance(4)
        self.assertNoResult(waiting)
        clock.advance(1)
        self.assertEqual(Found((b"192.0.2.1",)), self.successResultOf(waiting))
        self.assertEqual([], clock.getDelayedCalls())

    def test_noAlarmIsLeft(self) -> None:
        """
        A check that is through in time leaves no timer, nor does one that is cancelled.
        """
        for end in (
            lambda waiting: self.resolver.release(b"example.org", "MX"),
            lambda waiting: waiting.cancel(),
        ):
            clock = Clock()
            self.resolver.hold(b"example.org", "MX")
            waiting = answered(everything(), self.resolver, clock, 20)
            self.assertEqual(1, len(clock.getDelayedCalls()))
            end(waiting)
            waiting.addErrback(lambda failure: failure.trap(CancelledError) and None)
            self.successResultOf(waiting)
            self.assertEqual([], clock.getDelayedCalls())
