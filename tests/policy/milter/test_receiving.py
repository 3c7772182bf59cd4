"""
Tests for L{smtpx.policy.milter.receiving}: messages that milters refuse and change.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope
from smtpx.core.errors import UsageError
from smtpx.core.hooks import Dialect
from smtpx.core.reply import reply
from smtpx.net.interfaces import IReceiver
from smtpx.policy.milter.bench import BENCH, Bench
from smtpx.policy.milter.negotiation import Action
from smtpx.policy.milter.packets import packet
from smtpx.policy.milter.receiving import MilterReceiver, ReadArrival
from smtpx.policy.milter.seat import unheard
from smtpx.policy.milter.terms import WhenAway
from smtpx.policy.rules.effects import isDiscarded, isDiscardedFor, isHeld
from tests.net.made import RememberingReceiver

from ..doubles import sessionFrom
from .made import (
    ACCEPT,
    DEFER,
    DISCARD,
    GO_ON,
    GONE,
    NOTHING,
    REFUSE,
    KeptArrival,
    MadeMilter,
    served,
)
from .sending import DEFERRED, HEADER, MESSAGE, OK, REFUSED, ReceivingTestCase

#: It only looks.
LOOKS = Action.ADD_RECIPIENT


def added(name: bytes, value: bytes) -> bytes:
    """A field at the end."""
    return packet(b"h", b"%b\0%b\0" % (name, value))


def inserted(at: int, name: bytes, value: bytes) -> bytes:
    """A field somewhere."""
    return packet(b"i", at.to_bytes(4) + b"%b\0%b\0" % (name, value))


def altered(nth: int, name: bytes, value: bytes) -> bytes:
    """A field with another value."""
    return packet(b"m", nth.to_bytes(4) + b"%b\0%b\0" % (name, value))


class VerdictTests(ReceivingTestCase):
    """What a milter says of a message."""

    def test_refuses(self) -> None:
        """At any point, and in its words; nothing is kept."""
        worded = packet(b"y", b"554 5.7.9 No\0")
        for at in (b"L", b"N", b"B", b"E"):
            for answer, told in (
                (REFUSE, REFUSED),
                (DEFER, DEFERRED),
                (worded, b"554 5.7.9 No\r\n"),
            ):
                milter = MadeMilter(answers={at: answer})
                self.assertEqual(self.send(milter), told)
                self.assertEqual(self.server.kept, [])
                [(_, stage, what, _)] = self.server.told
                self.assertEqual(what, "refused")
                self.assertTrue(milter.codes.endswith("A"), stage)

    def test_next(self) -> None:
        """The next message is another matter."""
        milter = MadeMilter(answers={b"E": REFUSE})
        server = served(milter)
        call = server.call()
        call.mail()
        self.assertEqual(call.send(), REFUSED)
        milter.answers = {}
        call.mail()
        self.assertEqual(call.send(), OK)

    def test_accepts(self) -> None:
        """It has seen enough."""
        for at in (b"L", b"N", b"B", b"E"):
            self.assertEqual(self.send(MadeMilter(answers={at: ACCEPT})), OK)
            self.assertEqual(self.server.message, MESSAGE)

    def test_discards(self) -> None:
        """The message is taken, and nobody gets it; others are not asked."""
        for at in (b"L", b"N", b"B", b"E"):
            other = MadeMilter("other")
            self.assertEqual(self.send(MadeMilter(answers={at: DISCARD}), other), OK)
            self.assertTrue(isDiscarded(self.server.envelope))
            self.assertTrue(other.codes.endswith("A"), other.codes)

    def test_progress(self) -> None:
        """Who is at work has more time; but not more than clients wait."""
        milter = MadeMilter(answers={b"E": packet(b"p")})
        server = served(milter)
        call = server.call()
        call.mail()
        self.assertEqual(call.send(), b"")
        for _ in range(2):
            server.clock.advance(239)
            milter.lines[0][1].dataReceived(packet(b"p"))
            self.assertEqual(call.said(), b"")
        server.clock.advance(62)
        server.settle()
        self.assertEqual(call.said(), DEFERRED)
        self.assertIn("longer than clients wait", server.told[0][3])

    def test_tooSlow(self) -> None:
        """And who is not has no more than its terms say."""
        server = served(MadeMilter(answers={b"E": NOTHING}))
        call = server.call()
        call.mail()
        call.send()
        server.clock.advance(240)
        server.settle()
        self.assertEqual(call.said(), DEFERRED)

    def test_each(self) -> None:
        """By LMTP each recipient is told."""
        server = served(MadeMilter(answers={b"E": REFUSE}), dialect=Dialect.LMTP)
        call = server.call()
        call.say(b"LHLO x.example\r\nMAIL FROM:<a@example.net>\r\n")
        call.say(b"RCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\n")
        self.assertEqual(call.send(), REFUSED * 2)


class ChangeTests(ReceivingTestCase):
    """What a milter changes."""

    def test_header(self) -> None:
        """Fields are put in, changed and taken out, where it says so."""
        found = self.changed(
            added(b"X-End", b"e\n f"),
            inserted(0, b"X-Top", b"t"),
            inserted(1, b"X-First", b"f"),
            altered(2, b"subject", b"changed"),
            altered(1, b"Received", b""),
            altered(3, b"Subject", b"new"),
        )
        self.assertEqual(
            found,
            b"X-Top: t\r\nX-First: f\r\nSubject: one\r\nsubject: changed\r\n"
            b"X-End: e\r\n f\r\nSubject: new\r\n\r\nHello\r\n",
        )
        [(_, stage, what, why)] = self.server.told
        self.assertEqual((stage, what), ("end of message", "changed"))
        self.assertEqual(why, "3 x add header, 3 x change header")

    def test_body(self) -> None:
        """In as many pieces as it likes."""
        found = self.changed(packet(b"b", b"New\r\n"), packet(b"b", b"body\r\n"))
        self.assertEqual(found, HEADER + b"\r\nNew\r\nbody\r\n")
        self.assertEqual(self.server.told[0][3], "body")

    def test_envelope(self) -> None:
        """Sender and recipients."""
        found = self.changed(
            packet(b"e", b"<x@example.net>\0"),
            packet(b"+", b"<new@example.org>\0"),
            packet(b"2", b"<more@example.org>\0NOTIFY=NEVER\0"),
            packet(b"-", b"<bob@example.org>\0"),
        )
        self.assertEqual(found, MESSAGE)
        envelope = self.server.envelope
        self.assertEqual(envelope.sender, b"x@example.net")
        self.assertEqual(
            [(each.path, isDiscardedFor(each)) for each in envelope.recipients],
            [
                (b"bob@example.org", True),
                (b"new@example.org", False),
                (b"more@example.org", False),
            ],
        )

    def test_quarantine(self) -> None:
        """It is put by."""
        self.changed(packet(b"q", b"looks bad\0"))
        self.assertTrue(isHeld(self.server.envelope))

    def test_notIfItRefuses(self) -> None:
        """What it wanted does not count then, nor if it goes away."""
        wishes = added(b"X-A", b"b") + packet(b"b", b"New\r\n")
        self.assertEqual(
            self.send(MadeMilter(answers={b"E": wishes + REFUSE})), REFUSED
        )
        for end in (packet(b"Z"), wishes[:-1]):
            server = served(
                MadeMilter(answers={b"E": wishes + end}),
                terms={"whenAway": WhenAway.ACCEPT},
            )
            call = server.call()
            call.mail()
            said = call.send(MESSAGE)
            if not said:
                server.clock.advance(240)
                server.settle()
                said = call.said()
            self.assertEqual(said, OK)
            self.assertEqual(server.message, MESSAGE)

    def test_tooMuch(self) -> None:
        """What cannot be done is not done in part."""
        many = added(b"X-A", b"b") * 1001
        self.assertEqual(self.send(MadeMilter(answers={b"E": many + ACCEPT})), DEFERRED)
        bounds = evolve(Bounds(), messageOctets=1000)
        long = packet(b"b", b"x" * 600) * 2
        server = served(MadeMilter(answers={b"E": long + ACCEPT}), bounds=bounds)
        call = server.call()
        call.mail()
        self.assertEqual(call.send(), DEFERRED)
        self.assertIn("larger than a message may be", server.told[0][3])

    def test_noRoom(self) -> None:
        """The client is told so."""
        full = reply(452, "4.3.1", b"Full")

        def answer() -> bytes:
            server.server.receiver.refusal = full
            return packet(b"b", b"x") * 2 + ACCEPT

        server = served(MadeMilter(answers={b"E": answer}))
        call = server.call()
        call.mail()
        self.assertEqual(call.send(), full.octets)


class SeveralTests(ReceivingTestCase):
    """Messages that several milters read."""

    def test_sideBySide(self) -> None:
        """As long as none can change what the next one reads."""
        first, second = MadeMilter("1", actions=LOOKS), MadeMilter("2")
        server = served(first, second)
        call = server.call()
        call.mail()
        call.say(b"DATA\r\n")
        call.say(b"Subject: x\r\n\r\nhi\r\n")
        self.assertEqual((first.codes, second.codes), ("OCHMRTLN", "OCHMRTLN"))
        self.assertEqual(call.say(b"hello\r\n.\r\n"), OK)
        self.assertEqual((first.codes[-2:], second.codes[-2:]), ("BE", "BE"))

    def test_oneBehindTheOther(self) -> None:
        """A signer sees what was changed before it."""
        first = MadeMilter(
            "1",
            answers={
                b"E": inserted(0, b"X-Top", b"t")
                + altered(1, b"Subject", b"")
                + added(b"X-End", b"e")
                + packet(b"b", b"New\r\n")
                + GO_ON
            },
        )
        second = MadeMilter("2")
        self.assertEqual(self.send(first, second), OK)
        self.assertEqual(
            second.said(b"L"),
            [
                b"X-Top\0t\0",
                b"Received\0from a\n\tby b\0",
                b"Subject\0two\0",
                b"X-End\0e\0",
            ],
        )
        self.assertEqual(second.said(b"B"), [b"New\r\n"])

    def test_numbers(self) -> None:
        """Each counts what it has seen."""
        first = MadeMilter("1", answers={b"E": altered(1, b"Subject", b"") + GO_ON})
        second = MadeMilter(
            "2",
            answers={
                b"E": altered(1, b"Subject", b"TWO")
                + inserted(3, b"X-Last", b"l")
                + GO_ON
            },
        )
        self.assertEqual(self.send(first, second), OK)
        self.assertEqual(
            self.server.message,
            b"Received: from a\r\n\tby b\r\nSubject: TWO\r\nX-Last: l\r\n\r\nHello\r\n",
        )

    def test_long(self) -> None:
        """A message that is there is given as fast as it is taken."""
        body = b"x" * 998 + b"\r\n"
        first, second = MadeMilter("1"), MadeMilter("2")
        self.assertEqual(self.send(first, second, message=b"\r\n" + body * 300), OK)
        self.assertEqual(b"".join(second.said(b"B")), body * 300)

    def test_firstRefuses(self) -> None:
        """The second is told that there is no message."""
        first = MadeMilter("1", answers={b"E": REFUSE})
        second = MadeMilter("2")
        self.assertEqual(self.send(first, second), REFUSED)
        self.assertEqual(second.codes, "OCHMRTA")

    def test_secondGoes(self) -> None:
        """While it reads what is there."""
        second = MadeMilter("2", answers={b"L": GONE})
        self.assertEqual(self.send(MadeMilter("1"), second), DEFERRED)
        self.assertEqual(self.server.kept, [])


class TroubleTests(ReceivingTestCase):
    """What goes wrong elsewhere."""

    def test_cannotBeReadAgain(self) -> None:
        """The milters that come later cannot be asked, then."""

        def gone(arrival: KeptArrival) -> None:
            raise OSError(5, "Input/output error")

        self.patch(KeptArrival, "reread", gone)
        self.assertEqual(self.send(MadeMilter("1"), MadeMilter("2")), DEFERRED)
        self.assertIn("cannot be read again", self.server.told[0][3])
        self.patch(KeptArrival, "reread", None)
        self.assertEqual(self.send(MadeMilter("1"), MadeMilter("2")), DEFERRED)
        self.assertIn("nobody keeps", self.server.told[0][3])

    def test_mistake(self) -> None:
        """Nothing is kept, and the client is to come again."""

        def wrong(self: object) -> None:
            raise RuntimeError("a mistake")

        self.patch(ReadArrival, "_heard", wrong)
        self.assertEqual(self.send(MadeMilter())[:4], b"451 ")
        [arrival] = self.server.server.receiver.arrivals
        self.assertTrue(arrival.aborted)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class WithoutTests(SynchronousTestCase):
    """Where there is nothing to be read."""

    def test_nobody(self) -> None:
        """A session without milters goes straight through."""
        behind = RememberingReceiver()
        receiver = MilterReceiver(behind)
        session = sessionFrom(b"192.0.2.1")
        arrival = receiver.begin(session, Envelope(b"", 0.0))
        self.assertIs(arrival, behind.arrivals[0])
        self.assertTrue(IReceiver.providedBy(receiver))

    def test_withoutEditor(self) -> None:
        """Whoever forgets that is told."""
        session = sessionFrom(b"192.0.2.1")
        session.stamps[BENCH] = Bench((), session, unheard)
        behind = RememberingReceiver()
        with self.assertRaises(UsageError):
            MilterReceiver(behind).begin(session, Envelope(b"", 0.0))
        self.assertTrue(behind.arrivals[0].aborted)
