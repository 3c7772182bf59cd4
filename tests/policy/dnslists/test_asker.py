"""Tests for L{smtpx.policy.dnslists.asker}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.dnslists.asker import UNTOLD, ListAsker, Listing, warn
from smtpx.testing.dns import StaticResolver
from tests.policy.doubles import sessionFrom

ZONE = b"z.example"
NAME = b"1.2.0.192.z.example"


class AskerTests(SynchronousTestCase):
    """Asking one list."""

    def setUp(self) -> None:
        """A list that has one client."""
        self.dns = StaticResolver("1.2.0.192.z.example A 127.0.0.2\n")
        self.clock = Clock()
        self.told: list[tuple[bytes, str]] = []
        self.counted: list[tuple[bytes, str]] = []
        self.asker = ListAsker(
            self.dns,
            self.clock,
            5.0,
            told=lambda *what: self.told.append(what),
            count=lambda *what: self.counted.append(what),
        )
        self.session = sessionFrom()

    def ask(self, name: bytes = NAME) -> Listing:
        """What a list says at once."""
        asking = self.asker.ask(self.session, ZONE, name, self.asker.until())
        return self.successResultOf(asking)

    def test_answers(self) -> None:
        """Who is in it, and who is not."""
        self.assertEqual(self.ask(), Listing((b"127.0.0.2",)))
        self.assertEqual(self.ask(b"2.2.0.192.z.example"), Listing())
        self.dns.add("3.2.0.192.z.example TXT x")
        self.assertEqual(self.ask(b"3.2.0.192.z.example"), Listing())
        self.assertEqual(self.told, [])

    def test_namesThatCannotBe(self) -> None:
        """What is too long for the DNS is in no list."""
        self.assertEqual(self.ask(b"x." * 130 + b"z.example"), Listing())

    def test_answersAreKeptForTheSession(self) -> None:
        """One client is asked about once."""
        self.ask()
        self.ask()
        self.assertEqual(self.dns.asked, [(NAME, "A")])
        self.session = sessionFrom()
        self.ask()
        self.assertEqual(len(self.dns.asked), 2)

    def test_answersAreCounted(self) -> None:
        """By the list and by what it says; one that the session has is none."""
        self.dns.add("9.2.0.192.z.example A 127.255.255.254")
        for name in (NAME, NAME, b"2.2.0.192.z.example", b"9.2.0.192.z.example"):
            self.ask(name)
        expected = [(ZONE, each) for each in ("listed", "unlisted", "failed")]
        self.assertEqual(self.counted, expected)

    def test_whatIsKeptIsBounded(self) -> None:
        """Names that a client makes up do not fill our memory."""
        for number in range(501):
            self.ask(b"%d.z.example" % number)
        self.ask(b"500.z.example")
        self.assertEqual(len(self.dns.asked), 501)
        self.ask(b"0.z.example")
        self.assertEqual(len(self.dns.asked), 502)

    def test_listThatFails(self) -> None:
        """It says nothing; the operator is told, but not each time."""
        self.dns.fail(NAME, "A", "SERVFAIL from 127.0.0.1")
        self.assertEqual(self.ask(), UNTOLD)
        self.assertEqual(self.ask(), UNTOLD)
        self.assertEqual(self.told, [(ZONE, "SERVFAIL from 127.0.0.1")])
        # The session does not wait for it twice in a row.
        self.assertEqual(len(self.dns.asked), 1)
        self.clock.advance(60)
        self.dns.recover(NAME, "A")
        self.assertEqual(self.ask(), Listing((b"127.0.0.2",)))
        self.clock.advance(3600)
        self.dns.fail(b"9.z.example", "A", "again")
        self.ask(b"9.z.example")
        self.assertEqual(self.told[1:], [(ZONE, "again")])

    def test_thatTooManyQuestionsWaitIsNotTheListsFault(self) -> None:
        """Nothing is said against it."""
        self.dns.putOff(NAME, "A")
        self.assertEqual(self.ask(), UNTOLD)
        self.assertEqual(self.told, [])

    def test_slowList(self) -> None:
        """Nobody waits for it longer than the limit."""
        self.dns.hold(NAME, "A")
        asking = self.asker.ask(self.session, ZONE, NAME, self.asker.until())
        self.clock.advance(4.9)
        self.assertNoResult(asking)
        self.clock.advance(0.2)
        self.assertEqual(self.successResultOf(asking), UNTOLD)
        self.assertEqual(self.told, [(ZONE, "no answer in 5 s")])

    def test_clientThatLeaves(self) -> None:
        """Whoever does not want to know any more waits for nothing."""
        self.dns.hold(NAME, "A")
        asking = self.asker.ask(self.session, ZONE, NAME, self.asker.until())
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.told, [])

    def test_errorsOfTheListAreNoListings(self) -> None:
        """So nobody loses all mail because a list counts his questions."""
        self.dns.add("4.z.example A 127.255.255.254")
        self.dns.add("4.z.example A 127.0.0.2")
        self.assertEqual(self.ask(b"4.z.example"), UNTOLD)
        why = "it answers 127.255.255.254, which is an error"
        self.assertEqual(self.told, [(ZONE, why)])

    def test_whatIsNotInTheNetworkOfListsIsNoListing(self) -> None:
        """A domain that was sold answers everything with a web server's address."""
        self.dns.add("5.z.example A 192.0.2.80")
        self.assertEqual(self.ask(b"5.z.example"), Listing())
        self.dns.add("6.z.example A 192.0.2.80")
        self.dns.add("6.z.example A 127.0.0.3")
        self.assertEqual(self.ask(b"6.z.example"), Listing((b"127.0.0.3",)))
        why = "it answers 192.0.2.80, which is no listing"
        self.assertEqual(self.told, [(ZONE, why)])

    def test_text(self) -> None:
        """Why somebody is listed; that there is none is nobody's trouble."""
        self.dns.add('1.2.0.192.z.example TXT "see " "example"')
        self.dns.fail(b"7.z.example", "TXT")
        self.dns.hold(b"8.z.example", "TXT")
        until = self.asker.until()
        for name, text in (
            (NAME, "see example"),
            (b"9.z.example", ""),
            (b"7.z.example", ""),
        ):
            self.assertEqual(self.successResultOf(self.asker.text(name, until)), text)
        slow = self.asker.text(b"8.z.example", until)
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(slow), "")
        self.assertEqual(self.told, [])

    def test_operatorIsWarned(self) -> None:
        """Where nobody else is to be told, the log is."""
        warn(ZONE, "no answer")
