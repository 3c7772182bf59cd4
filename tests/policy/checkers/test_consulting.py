"""
Tests for L{smtpx.policy.checkers.consulting}, L{smtpx.policy.checkers.consultation} and
L{smtpx.policy.checkers.desk}.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionRefusedError

from smtpx.core.envelope import Envelope
from smtpx.core.errors import Malformed
from smtpx.core.reply import OK, reply
from smtpx.core.standing import Standing
from smtpx.core.trace import LOCAL
from smtpx.extensions.checkpointserver import CutShort, begun
from smtpx.net.submission import SubmissionReceiver
from smtpx.policy.checkers import consulting
from smtpx.policy.checkers.consultation import (
    CONSULTATION,
    SKIPPED,
    STALL_SECONDS,
)
from smtpx.policy.checkers.consulting import ConsultingReceiver
from smtpx.policy.checkers.desk import Desk
from smtpx.policy.checkers.interfaces import (
    NOT_ASKED,
    State,
    Terms,
)
from tests.net.made import RememberingReceiver

from ..doubles import sessionFrom
from .asked import GOOD, LONG, SHORT, ConsultingTestCase, KeptArrival
from .made import MadeChecker


class ConsultingReceiverTests(ConsultingTestCase):
    """Checkers get messages, and nothing else changes."""

    def test_shortMessagesAreHandedOverAtTheEnd(self) -> None:
        """A short message is given to a checker when somebody asks, with its size."""
        checker = MadeChecker(answers=[GOOD])
        arrival = self.begin(checker)
        self.write(arrival, [SHORT[:10], SHORT[10:]])
        self.assertEqual([], checker.checks)
        self.assertEqual(GOOD, self.opinion())
        (check,) = checker.checks
        self.assertEqual(SHORT, check.octets)
        self.assertEqual(len(SHORT), check.message.octets)
        self.assertEqual("1abcde-000000-01", check.message.id)
        self.assertEqual([("made", GOOD, 0.0)], self.told)
        self.assertEqual(OK, arrival.finish(self.session, self.envelope))
        self.assertEqual(SHORT, self.behind.arrivals[0].octets)
        self.assertNotIn(CONSULTATION, self.envelope.stamps)

    def test_whatIsKeptCounts(self) -> None:
        """
        The size is that of what the checker gets, also where that is not all that the
        client has sent: it would wait for the rest, or not see the end.
        """
        for came in (len(SHORT) - 10, len(SHORT) + 10):
            checker = MadeChecker(answers=[GOOD])
            self.write(self.begin(checker), [SHORT])
            self.envelope.octets = came
            self.opinion()
            self.assertEqual(len(SHORT), checker.checks[0].message.octets)

    def test_nobodyAskedNothingDone(self) -> None:
        """A message of which no rule asks is not checked."""
        checker = MadeChecker()
        arrival = self.begin(checker)
        self.write(arrival, [SHORT])
        self.assertEqual(OK, arrival.finish(self.session, self.envelope))
        self.assertEqual([], checker.checks)
        self.assertEqual([], self.told)

    def test_nobodyAskedOfALongOne(self) -> None:
        """A long one that was given to a checker is taken back."""
        checker = MadeChecker()
        arrival = self.begin(checker)
        self.write(arrival, LONG)
        arrival.finish(self.session, self.envelope)
        self.assertTrue(checker.checks[0].aborted)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_longMessagesAreHandedOverAsTheyCome(self) -> None:
        """A long message reaches a checker as it comes, from its beginning."""
        checker = MadeChecker(answers=[GOOD])
        arrival = self.begin(checker)
        self.write(arrival, LONG[:-1])
        (check,) = checker.checks
        self.assertEqual(b"".join(LONG[:-1]), check.octets)
        self.assertIsNone(check.message.octets)
        self.write(arrival, LONG[-1:])
        self.assertEqual(GOOD, self.opinion())
        self.assertEqual(b"".join(LONG), check.octets)
        self.assertEqual(1, len(checker.checks))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_sideBySide(self) -> None:
        """Several checkers are asked at the same time."""
        first, second = MadeChecker("first"), MadeChecker("second")
        arrival = self.begin(first, second)
        self.write(arrival, [SHORT])
        asked = self.ask()
        for each in (second, first):
            self.assertNoResult(asked)
            outcome = each.checks[0].outcome
            assert outcome is not None
            outcome.callback(GOOD)
        self.assertEqual({"first": GOOD, "second": GOOD}, self.successResultOf(asked))
        again = self.envelope.stamps[CONSULTATION].opinions()
        self.assertEqual(2, len(self.successResultOf(again)))
        self.assertEqual(1, len(first.checks))

    def test_theClientIsHeldUp(self) -> None:
        """A checker that does not keep up pauses the client."""
        checker = MadeChecker(pausesAt=100_000)
        arrival = self.begin(checker)
        self.write(arrival, LONG[:9])
        self.assertEqual("producing", self.client.producerState)
        self.write(arrival, LONG[9:14])
        self.assertEqual("paused", self.client.producerState)
        producer = checker.checks[0].producer
        assert producer is not None
        producer.resumeProducing()
        self.assertEqual("producing", self.client.producerState)

    def test_twoHoldTheClientUp(self) -> None:
        """It goes on when the spool and the checker can both go on."""
        checker = MadeChecker(pausesAt=100_000)
        arrival = self.begin(checker)
        self.write(arrival, LONG[:14])
        spool = self.behind.arrivals[0].producer
        spool.pauseProducing()
        producer = checker.checks[0].producer
        assert producer is not None
        producer.resumeProducing()
        self.assertEqual("paused", self.client.producerState)
        spool.resumeProducing()
        self.assertEqual("producing", self.client.producerState)

    def test_stallingCheckersAreGivenUp(self) -> None:
        """
        A client is not held up for long: a checker that stalls gets the message when it
        is there.
        """
        checker = MadeChecker(pausesAt=100_000)
        arrival = self.begin(checker)
        self.write(arrival, LONG[:14])
        self.clock.advance(STALL_SECONDS)
        self.assertEqual("producing", self.client.producerState)
        self.assertTrue(checker.checks[0].aborted)
        self.write(arrival, LONG[14:])
        checker.pausesAt, checker.answers = None, [GOOD]
        self.assertEqual(GOOD, self.opinion())
        self.assertEqual(b"".join(LONG), checker.checks[1].octets)
        self.assertIsNone(checker.checks[1].message.octets)

    def test_slowClientsDoNotKeepACheckerBusy(self) -> None:
        """A message that takes its time is given to the checker when it is there."""
        checker = MadeChecker(terms=Terms(seconds=60.0))
        arrival = self.begin(checker)
        self.write(arrival, LONG[:10])
        self.clock.advance(60.0)
        self.assertTrue(checker.checks[0].aborted)
        self.write(arrival, LONG[10:])
        checker.answers = [GOOD]
        self.assertEqual(GOOD, self.opinion())

    def test_halfOfTheRoomIsForWhatIsThere(self) -> None:
        """Long messages take no more than half of the room while they come."""
        checker = MadeChecker(terms=Terms(atOnce=2))
        desk = Desk(checker, self.clock, self.trouble)
        receiver = ConsultingReceiver(self.behind, [desk])
        for _ in range(3):
            self.envelope = Envelope(b"ann@example.org", 0.0)
            self.write(self.opened(receiver), LONG)
        self.assertEqual(1, len(checker.checks))

    def test_neverMoreAtOnce(self) -> None:
        """Those that began early count among those that a checker is given at once."""
        checker = MadeChecker(terms=Terms(atOnce=2))
        desk = Desk(checker, self.clock, self.trouble)
        receiver = ConsultingReceiver(self.behind, [desk])
        asked = []
        for number, message in enumerate((LONG, [SHORT], [SHORT])):
            self.session = sessionFrom(b"192.0.2.%d" % number)
            self.envelope = Envelope(b"ann@example.org", 0.0)
            self.write(self.opened(receiver), message)
            asked.append(self.ask())
        self.assertEqual(2, len(checker.checks))
        outcome = checker.checks[0].outcome
        assert outcome is not None
        outcome.callback(GOOD)
        self.assertEqual(GOOD, self.successResultOf(asked[0])["made"])
        self.assertEqual(3, len(checker.checks))
        for each in (1, 2):
            self.assertNoResult(asked[each])

    def test_oneAtOnce(self) -> None:
        """Where it is given one at once, that is one that is there."""
        checker = MadeChecker(terms=Terms(atOnce=1), answers=[GOOD])
        self.write(self.begin(checker), LONG)
        self.assertEqual([], checker.checks)
        self.assertEqual(GOOD, self.opinion())

    def test_whatItSaysIsNoAnswer(self) -> None:
        """Nonsense is the checker's, and no mistake of ours."""
        checker = MadeChecker(answers=[Malformed("no answer")])
        self.write(self.begin(checker), [SHORT])
        self.assertIs(State.BROKEN, self.opinion().state)
        self.assertEqual([], self.troubles)

    def test_cutShortBefore(self) -> None:
        """Of a message that goes on (RFC 1845) a checker gets what came before."""
        self.session = sessionFrom(b"192.0.2.1")
        envelope = Envelope(b"ann@example.org", 0.0)
        self.session.envelope = envelope
        transaction = begun(self.session, b"<1@client.example>")
        transaction.before = CutShort(len(LONG[0]), envelope, ())
        self.session.standing = Standing.NAMED
        self.patch(consulting, "transactionOf", lambda session: transaction)
        checker = MadeChecker(answers=[GOOD])
        arrival = self.begin(checker)
        # The spool has the beginning.
        self.behind.arrivals[0].octets = LONG[0]
        self.envelope.octets = len(LONG[0])
        self.write(arrival, LONG[1:])
        self.assertEqual([], checker.checks)
        self.assertEqual(GOOD, self.opinion())
        self.assertEqual(b"".join(LONG), checker.checks[0].octets)
        self.assertIsNone(checker.checks[0].message.octets)

    def test_slowCheckers(self) -> None:
        """A checker that says nothing is given up, and the message is not harmed."""
        checker = MadeChecker(terms=Terms(seconds=30.0))
        arrival = self.begin(checker)
        self.write(arrival, [SHORT])
        asked = self.ask()
        self.clock.advance(29.0)
        self.assertNoResult(asked)
        self.clock.advance(1.0)
        self.assertIs(State.SLOW, self.successResultOf(asked)["made"].state)
        self.assertTrue(checker.checks[0].aborted)
        self.assertEqual(OK, arrival.finish(self.session, self.envelope))

    def test_slowCheckersOfLongMessages(self) -> None:
        """So is one that was given the message as it came."""
        checker = MadeChecker(terms=Terms(seconds=30.0))
        arrival = self.begin(checker)
        self.write(arrival, LONG)
        asked = self.ask()
        self.clock.advance(30.0)
        self.assertIs(State.SLOW, self.successResultOf(asked)["made"].state)
        self.assertTrue(checker.checks[0].aborted)

    def test_tooManyAtOnce(self) -> None:
        """What has to wait for others too long is not checked."""
        checker = MadeChecker(terms=Terms(atOnce=1, seconds=10.0))
        desk = Desk(checker, self.clock, self.trouble)
        receiver = ConsultingReceiver(self.behind, [desk])
        asked = []
        for last in range(2):
            self.session = sessionFrom(b"192.0.2.%d" % last)
            self.envelope = Envelope(b"ann@example.org", 0.0)
            self.write(self.opened(receiver), [SHORT])
            asked.append(self.ask())
            self.clock.advance(1.0)
        self.assertEqual(1, len(checker.checks))
        self.clock.advance(7.0)
        outcome = checker.checks[0].outcome
        assert outcome is not None
        outcome.callback(GOOD)
        self.assertEqual(GOOD, self.successResultOf(asked[0])["made"])
        self.clock.advance(2.0)
        self.assertIs(State.SLOW, self.successResultOf(asked[1])["made"].state)
        self.assertTrue(checker.checks[1].aborted)

    def test_checkersThatAreAway(self) -> None:
        """A checker that cannot be reached has no opinion, and that is no mistake."""
        for error in (ConnectionRefusedError(), OSError(2, "No such file")):
            checker = MadeChecker(answers=[error])
            self.write(self.begin(checker), [SHORT])
            found = self.opinion()
            self.assertIs(State.AWAY, found.state)
            self.assertTrue(found.why)
        self.assertEqual([], self.troubles)

    def test_mistakes(self) -> None:
        """What goes wrong in a checker is told, and harms nothing."""
        answering = MadeChecker(answers=[ValueError("no answer")])
        beginning = MadeChecker(error=KeyError("name"))
        for checker in (answering, beginning):
            self.write(self.begin(checker), [SHORT])
            self.assertIs(State.BROKEN, self.opinion().state)
        self.assertEqual(
            ["checker made: no answer", "checker made: 'name'"], self.troubles
        )

    def test_checkersThatCameBack(self) -> None:
        """One that broke off while a message came gets it again when it is there."""
        checker = MadeChecker(answers=[OSError("gone"), GOOD])
        self.write(self.begin(checker), LONG)
        self.assertEqual(GOOD, self.opinion())
        self.assertEqual(b"".join(LONG), checker.checks[1].octets)

    def test_withoutASpool(self) -> None:
        """Where nobody keeps a message, a long one is given on as it comes."""
        self.behind = RememberingReceiver()
        busy = MadeChecker("busy", Terms(atOnce=1), pausesAt=70_000)
        arrival = self.begin(busy)
        self.write(arrival, LONG)
        self.clock.advance(STALL_SECONDS)
        self.assertIs(State.SLOW, self.opinion().state)
        checker = MadeChecker(answers=[OSError("gone")])
        self.write(self.begin(checker), LONG)
        self.assertIs(State.AWAY, self.opinion().state)

    def test_whoIsNotForIt(self) -> None:
        """Clients that a checker is not for cost it nothing."""
        nobody = MadeChecker("nobody", Terms(wanted=lambda session: False))
        absent = MadeChecker("absent", absent=True)
        arrival = self.begin(nobody, absent)
        self.write(arrival, LONG)
        found = self.successResultOf(self.ask())
        self.assertEqual({"nobody": NOT_ASKED, "absent": NOT_ASKED}, found)
        self.assertEqual([], self.told)

    def test_tooLarge(self) -> None:
        """A message above the size that an operator has set is not given on."""
        checker = MadeChecker(terms=Terms(octetsMax=len(SHORT)))
        self.write(self.begin(checker), [SHORT])
        asked = self.ask()
        self.assertNoResult(asked)
        self.write(self.begin(checker), [SHORT, b"!\r\n"])
        self.assertIs(State.TOO_LARGE, self.opinion().state)
        self.assertEqual(1, len(checker.checks))

    def test_tooLargeAsItComes(self) -> None:
        """What turns out to be too large is taken back at once."""
        checker = MadeChecker(terms=Terms(octetsMax=100_000))
        self.write(self.begin(checker), LONG)
        self.assertTrue(checker.checks[0].aborted)
        self.assertLessEqual(len(checker.checks[0].octets), 100_000)
        self.assertIs(State.TOO_LARGE, self.opinion().state)
        self.assertEqual(1, len(checker.checks))

    def test_controls(self) -> None:
        """What a rule has switched off for a message is not asked."""
        checker = MadeChecker()
        self.begin(checker)
        self.envelope = Envelope(b"ann@example.org", 0.0)
        self.envelope.stamps[SKIPPED] = frozenset({"made"})
        arrival = self.opened(self.receiver)
        self.assertIs(self.behind.arrivals[-1], arrival)
        self.assertNotIn(CONSULTATION, self.envelope.stamps)

    def test_usersOfThisMachine(self) -> None:
        """What they send is not checked."""
        self.session.mechanism = LOCAL
        arrival = self.begin(MadeChecker())
        self.assertIs(self.behind.arrivals[-1], arrival)

    def test_refusalsComeThrough(self) -> None:
        """Where messages cannot be taken now, the client is told so."""
        full = reply(452, "4.3.1", b"No room")
        receiver = ConsultingReceiver(RememberingReceiver(refusal=full), [])
        envelope = Envelope(b"", 0.0)
        self.assertIs(full, receiver.begin(self.session, envelope))

    def test_abortedMessages(self) -> None:
        """A message that does not come to its end is forgotten, by checkers as well."""
        checker = MadeChecker()
        arrival = self.begin(checker)
        self.write(arrival, LONG)
        arrival.unregisterProducer()
        arrival.abort()
        self.assertTrue(checker.checks[0].aborted)
        self.assertTrue(self.behind.arrivals[0].aborted)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_abortedWhileAsked(self) -> None:
        """So is one whose client leaves before there is an opinion."""
        checker = MadeChecker()
        arrival = self.begin(checker)
        self.write(arrival, [SHORT])
        asked = self.ask()
        arrival.abort()
        self.assertTrue(checker.checks[0].aborted)
        self.failureResultOf(asked)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_unreadable(self) -> None:
        """Where the spool cannot be read, there is no opinion."""
        checker = MadeChecker(answers=[OSError("gone"), GOOD])
        arrival = self.begin(checker)
        kept = self.behind.arrivals[0]
        self.write(arrival, LONG)
        assert isinstance(kept, KeptArrival)
        kept.readable = False
        self.assertIs(State.AWAY, self.opinion().state)
        self.assertTrue(checker.checks[1].aborted)

    def test_messagesWithoutABody(self) -> None:
        """What another receiver holds back is there when checkers are asked."""
        checker = MadeChecker(answers=[GOOD])
        self.begin(checker)
        self.envelope = Envelope(b"ann@example.org", 0.0)
        arrival = self.opened(SubmissionReceiver(self.receiver))
        self.write(arrival, [b"Subject: no body\r\n"])
        self.assertEqual(GOOD, self.opinion())
        self.assertIn(b"Subject: no body\r\n", checker.checks[0].octets)
        self.assertIn(b"Message-ID: <", checker.checks[0].octets)
