"""Tests for L{smtpx.queue.attempt}."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Stamp, dumpFlag, loadFlag
from smtpx.core.queueprofile import DISCARDED
from smtpx.queue.attempt import Attempts, Settlement
from smtpx.queue.hold import Hold
from smtpx.queue.interfaces import Attempt
from smtpx.queue.retry import Retries
from smtpx.queue.routes import LocalRoute, Routes
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.testing.spool import MemorySpool

from .doubles import RecordedJournal, ScriptedTransport

DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED
CRITICAL = Stamp("precious", dumpFlag, loadFlag, critical=True)


class AttemptsTests(SynchronousTestCase):
    """One message, tried once."""

    def setUp(self) -> None:
        """Two transports and one that holds; C{z.example} has no route."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.spool = MemorySpool(self.clock.seconds)
        self.journal = RecordedJournal()
        self.one = ScriptedTransport("one")
        self.two = ScriptedTransport("two")
        self.routes = Routes(
            [
                LocalRoute("a.example", "one"),
                LocalRoute("b.example", "two"),
                LocalRoute("h.example", "hold"),
            ],
            [self.one, self.two, Hold()],
        )
        self.attempts = Attempts(
            self.spool, self.routes, self.journal, Retries(), self.clock.seconds
        )

    def message(self, *recipients: bytes) -> SpooledMessage:
        """A message in the spool."""
        id = self.spool.add(b"s@x", recipients)
        return self.spool.kept[id]

    def make(self, message: SpooledMessage, again: bool = False) -> Settlement:
        """Try it."""
        made = Deferred.fromCoroutine(self.attempts.make(message, again))
        return self.successResultOf(made)

    def test_thrownAway(self) -> None:
        """What an alias throws away no route gets, not even one that holds."""
        message = self.message(b"x@a.example", b"y@h.example", b"z@z.example")
        for recipient in message.envelope.recipients[1:]:
            recipient.stamps[DISCARDED] = True
        settlement = self.make(message)
        self.assertEqual(
            {(each.index, each.fate) for each in settlement.outcomes},
            {(0, DELIVERED), (1, DELIVERED), (2, DELIVERED)},
        )
        self.assertIsNone(settlement.held)
        self.assertEqual([each.indices for each in self.one.attempts], [(0,)])
        self.assertIn(
            ("delivered", message.id, 2, ":blackhole:", "discard", "discarded"),
            self.journal.told,
        )

    def test_everybodyHasIt(self) -> None:
        """Then nobody waits any more."""
        message = self.message(b"x@a.example", b"y@b.example", b"z@a.example")
        settlement = self.make(message)
        self.assertEqual(
            settlement,
            Settlement(
                message,
                (
                    Outcome(0, DELIVERED, "x@a.example delivered"),
                    Outcome(2, DELIVERED, "z@a.example delivered"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
            ),
        )
        self.assertEqual(
            self.journal.take(),
            [
                ("delivered", message.id, i, f"{d}.example", t, f"{p} delivered")
                for i, d, t, p in [
                    (0, "a", "one", "x@a.example"),
                    (2, "a", "one", "z@a.example"),
                    (1, "b", "two", "y@b.example"),
                ]
            ],
        )

    def test_howLongItTook(self) -> None:
        """Each transport's time is told with its own recipients."""
        message = self.message(b"x@a.example", b"y@b.example", b"z@a.example")
        self.one.patient = True
        made = Deferred.fromCoroutine(self.attempts.make(message, False))
        self.clock.advance(2.5)
        self.one.finish()
        self.successResultOf(made)
        self.assertEqual(self.journal.took, [2.5, 2.5, 0.0])

    def test_whatATransportIsGiven(self) -> None:
        """All its recipients at once, of those who wait, and the body."""
        message = self.message(b"x@a.example", b"y@b.example", b"z@a.example")
        waiting = evolve(message, waiting=(1, 2))
        self.make(waiting, again=True)
        [attempt] = self.one.attempts
        self.assertEqual(attempt, Attempt(waiting, attempt.body, (2,), again=True))
        self.assertEqual(b"".join(attempt.body.pieces()), self.spool.whole(message.id))

    def test_someoneHasToWait(self) -> None:
        """Who could not have it now is tried again later."""
        self.one.fates[b"x@a.example"] = WAITING
        message = self.message(b"x@a.example", b"y@b.example")
        settlement = self.make(message)
        self.assertEqual(
            settlement,
            Settlement(
                message,
                (
                    Outcome(0, WAITING, "x@a.example waiting"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
                due=1060.0,
            ),
        )
        self.assertEqual(
            self.journal.take()[0],
            (
                "deferred",
                message.id,
                0,
                "a.example",
                "one",
                "x@a.example waiting",
                1060.0,
            ),
        )

    def test_laterAndLater(self) -> None:
        """The pause grows with the attempts that were made."""
        self.one.fates[b"x@a.example"] = WAITING
        message = evolve(self.message(b"x@a.example"), attempts=3)
        self.assertEqual(self.make(message).due, 1000.0 + 8 * 60.0)

    def test_tooLong(self) -> None:
        """What was tried for days is put on hold; nothing is dropped."""
        self.one.fates[b"x@a.example"] = WAITING
        message = self.message(b"x@a.example")
        self.clock.advance(4 * 24 * 3600)
        why = "x@a.example waiting; tried for too long"
        self.assertEqual(
            self.make(message),
            Settlement(message, (Outcome(0, WAITING, why),), held=why),
        )
        self.assertEqual(
            self.journal.take(),
            [("failed", message.id, 0, "a.example", "one", why)],
        )

    def test_failedForGood(self) -> None:
        """As nobody would hear of it, it is put on hold and not dropped."""
        self.one.fates[b"x@a.example"] = FAILED
        message = self.message(b"x@a.example", b"y@b.example")
        settlement = self.make(message)
        self.assertEqual(
            settlement,
            Settlement(
                message,
                (
                    Outcome(0, WAITING, "x@a.example failed"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
                held="x@a.example failed",
            ),
        )
        self.assertEqual(self.journal.take()[0][0], "failed")

    def test_noRoute(self) -> None:
        """A recipient whose route was taken away waits for an operator."""
        message = self.message(b"x@z.example", b"y@b.example")
        self.assertEqual(
            self.make(message),
            Settlement(
                message,
                (
                    Outcome(0, WAITING, "no route"),
                    Outcome(1, DELIVERED, "y@b.example delivered"),
                ),
                held="no route",
            ),
        )
        self.assertEqual(
            self.journal.take()[0], ("failed", message.id, 0, "", "", "no route")
        )

    def test_onHoldByRoute(self) -> None:
        """What is to be held is held once the others have it."""
        message = self.message(b"x@h.example", b"y@b.example")
        on = Outcome(0, WAITING, "its route is to hold")
        self.assertEqual(
            self.make(message),
            Settlement(
                message,
                (on, Outcome(1, DELIVERED, "y@b.example delivered")),
                held="its route is to hold",
                wished=True,
            ),
        )
        self.two.fates[b"y@b.example"] = WAITING
        self.assertEqual(
            self.make(message),
            Settlement(
                message, (on, Outcome(1, WAITING, "y@b.example waiting")), due=1060.0
            ),
        )

    def test_transportFails(self) -> None:
        """An exception is told of, keeps its recipients, and no others."""
        self.one.error = OSError(28, "No space left on device")
        message = self.message(b"x@a.example", b"y@b.example")
        settlement = self.make(message)
        why = "OSError: [Errno 28] No space left on device"
        self.assertEqual(
            settlement.outcomes,
            (
                Outcome(0, WAITING, why),
                Outcome(1, DELIVERED, "y@b.example delivered"),
            ),
        )
        self.assertEqual(settlement.due, 1060.0)
        self.assertEqual(
            self.journal.take()[0],
            ("trouble", message.id, "one", "[Errno 28] No space left on device"),
        )

    def test_bodyIsGone(self) -> None:
        """So is one that comes out of the spool."""
        message = evolve(self.message(b"x@a.example"), id="gone")
        settlement = self.make(message)
        self.assertEqual(settlement.due, 1060.0)
        self.assertEqual(
            self.journal.take()[0],
            ("trouble", "gone", "one", "there is no message gone"),
        )

    def test_routesFail(self) -> None:
        """An exception where nobody expects one keeps the message too."""

        def find(path: bytes, sender: bytes) -> None:
            raise LookupError("no table")

        self.patch(self.routes, "find", find)
        message = self.message(b"x@a.example")
        self.assertEqual(self.make(message), Settlement(message, due=1060.0))
        self.assertEqual(
            self.journal.take(), [("trouble", message.id, "queue", "no table")]
        )
        self.clock.advance(4 * 24 * 3600)
        self.assertEqual(
            self.make(message), Settlement(message, held="LookupError: no table")
        )

    def test_silentTransport(self) -> None:
        """Of whom a transport says nothing, it is not assumed that all is well."""
        self.one.fates[b"x@a.example"] = None
        message = self.message(b"x@a.example")
        self.assertEqual(
            self.make(message).outcomes,
            (Outcome(0, WAITING, "the transport did not say what became of it"),),
        )

    def test_unknownPromise(self) -> None:
        """A critical stamp that nobody knows keeps the whole message here."""
        message = self.message(b"x@a.example")
        message.envelope.stamps.load({}, {"!precious": "yes"})
        recipient = message.envelope.recipients[0]
        recipient.stamps.load({}, {"!other": "yes", "harmless": "yes"})
        self.assertEqual(
            self.make(message),
            Settlement(message, held="no extension is loaded for !precious, !other"),
        )
        self.assertEqual(self.one.attempts, [])

    def test_knownPromise(self) -> None:
        """A critical stamp that somebody knows is their business."""
        message = self.message(b"x@a.example")
        message.envelope.stamps[CRITICAL] = True
        self.assertIsNone(self.make(message).held)
