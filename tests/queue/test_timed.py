"""
Messages whose senders said when they are to go, or by when to arrive (RFC 4865, RFC
2852), on their whole way through spool and queue.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.deliverby import DEADLINE, Deadline, DeliverBy, Mode
from smtpx.extensions.futurerelease import HOLD, FutureRelease, Hold
from smtpx.queue.delivery import Bounds, Delivery
from smtpx.queue.interfaces import OUT_OF_TIME, Attempt
from smtpx.queue.report import Reporter
from smtpx.queue.retry import Lifetimes, RetryRules
from smtpx.queue.routes import RouteRule, Routes
from smtpx.queue.settlement import Settlements
from smtpx.spool.format import Fate, SpooledMessage
from smtpx.spool.via import Via
from smtpx.testing.spool import MemorySpool
from tests.spool.rig import NOW, Rig, SpoolTestCase

from .doubles import RecordedJournal, ScriptedRelay, ScriptedTransport

HOUR = 3600.0
DAY = 24 * HOUR

#: How often the queue looks for what is due, in seconds.
POLL = 15.0


class TimedCase(SpoolTestCase):
    """A queue whose spool asks extensions when messages are to go."""

    def setUp(self) -> None:
        """Nothing is started yet; the time is that of the spool's tests."""
        super().setUp()
        self.clock = Clock()
        self.clock.advance(NOW)
        self.profile = QueueProfile().load([DeliverBy(), FutureRelease()])
        self.journal = RecordedJournal()
        self.transport = ScriptedTransport()
        self.spool = self.memory()

    def memory(self) -> MemorySpool:
        """A spool that asks."""
        return MemorySpool(
            self.clock.seconds, self.profile.stamps, self.profile.scheduleFor
        )

    def start(self) -> Delivery:
        """Deliver everything to the one transport; who sends is told."""
        now = self.clock.seconds
        delivery = Delivery(
            self.spool,
            Routes([RouteRule("*", "scripted")], [self.transport]),
            self.journal,
            self.clock,
            now,
            RetryRules(lifetimes=Lifetimes(usualSeconds=2 * DAY)),
            Reporter("mx.example.org", self.profile, now),
            self.profile,
            Bounds(pollSeconds=POLL),
        )
        delivery.start()
        return delivery

    def put(self, envelope: Envelope) -> str:
        """Commit a message."""
        incoming = self.spool.begin()
        incoming.write(b"hello\r\n")
        self.successResultOf(incoming.commit(envelope, b"", False))
        return incoming.id

    def envelope(
        self,
        hold: Hold | None = None,
        deadline: Deadline | None = None,
        to: Sequence[bytes] = (b"b@d.example",),
    ) -> Envelope:
        """An envelope with these notes."""
        recipients = [Recipient(path) for path in to]
        envelope = Envelope(b"a@c.example", self.clock.seconds(), recipients)
        if hold is not None:
            envelope.stamps[HOLD] = hold
        if deadline is not None:
            envelope.stamps[DEADLINE] = deadline
        return envelope

    def tried(self) -> list[bytes]:
        """The sender of each message that was tried, in order."""
        return [each.message.envelope.sender for each in self.transport.attempts]

    def pass_(self, seconds: float) -> None:
        """Let time pass, a poll at a time."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(POLL, end - self.clock.seconds()))


class ReleaseTests(TimedCase):
    """What is to go later (RFC 4865)."""

    def test_itWaits(self) -> None:
        """Not a poll before its time it goes, and then at once."""
        self.start()
        self.put(self.envelope(Hold(NOW + HOUR, 3600)))
        self.pass_(HOUR - 1)
        self.assertEqual(self.tried(), [])
        self.pass_(POLL)
        self.assertEqual(self.tried(), [b"a@c.example"])

    def test_others(self) -> None:
        """Others do not wait for it."""
        self.start()
        self.put(self.envelope(Hold(NOW + HOUR, 3600)))
        self.put(self.envelope())
        self.assertEqual(len(self.tried()), 1)

    def test_whoeverWakesIt(self) -> None:
        """
        Held and released by an operator, or hastened: it does not go before its
        time, and the log says why.
        """
        self.start()
        id = self.put(self.envelope(Hold(NOW + HOUR, 3600)))
        self.successResultOf(self.spool.hold([id], "to look at it"))
        self.successResultOf(self.spool.release([id]))
        self.pass_(POLL)
        self.successResultOf(self.spool.hasten([id]))
        self.pass_(POLL)
        self.assertEqual(self.tried(), [])
        [told] = set(self.journal.take())
        why = "its sender wants it to go later"
        self.assertEqual(told, ("deferred", id, 0, "", "", why, NOW + HOUR))
        self.pass_(HOUR)
        self.assertEqual(self.tried(), [b"a@c.example"])

    def test_itHasNotGrownOld(self) -> None:
        """It is tried for as long as others, from its release on."""
        self.transport.fates[b"b@d.example"] = Fate.WAITING
        self.start()
        id = self.put(self.envelope(Hold(NOW + 30 * DAY)))
        self.pass_(30 * DAY + POLL)
        self.assertEqual(len(self.tried()), 1)
        self.clock.advance(1.9 * DAY)
        self.assertIn(id, self.spool.kept)
        self.clock.advance(0.2 * DAY)
        self.clock.advance(POLL)
        self.assertNotIn(id, self.spool.kept)

    def test_afterARestart(self) -> None:
        """What the file has is waited for by the next process as well."""
        envelope = self.envelope(Hold(NOW + HOUR, 3600))
        rig = self.rig(scheduleFor=self.profile.scheduleFor)
        incoming = rig.spool.begin()
        incoming.write(b"hello\r\n")
        rig.wait(incoming.commit(envelope, b"", False))
        rig.close()
        again = Rig(
            self.folder,
            stamps=self.profile.stamps,
            scheduleFor=self.profile.scheduleFor,
        ).open()
        again.now = NOW + HOUR - 1
        self.assertEqual(again.wait(again.spool.ready(again.now, 9)), [])
        again.now += 1
        [message] = again.wait(again.spool.ready(again.now, 9))
        self.assertEqual(message.envelope.stamp(HOLD), Hold(NOW + HOUR, 3600))


class DeadlineTests(TimedCase):
    """What is to arrive in time (RFC 2852)."""

    def report(self) -> SpooledMessage:
        """The report that is left, and nothing else is."""
        [message] = self.spool.kept.values()
        self.assertEqual(message.envelope.sender, b"")
        return message

    def test_inTime(self) -> None:
        """Nothing comes of it."""
        self.start()
        self.put(self.envelope(deadline=Deadline(NOW + 60, Mode.RETURN)))
        self.pass_(120)
        self.assertEqual(self.spool.kept, {})
        self.assertEqual(self.tried(), [b"a@c.example"])

    def test_returnedThen(self) -> None:
        """
        It is returned when the time is over, not when it would have been tried next,
        and it is not tried then.
        """
        self.transport.fates[b"b@d.example"] = Fate.WAITING
        self.transport.fates[b"a@c.example"] = Fate.WAITING
        self.start()
        id = self.put(self.envelope(deadline=Deadline(NOW + 120, Mode.RETURN)))
        self.pass_(119)
        self.assertEqual(self.tried(), [b"a@c.example"])
        self.pass_(POLL)
        self.assertEqual(self.tried(), [b"a@c.example", b""])
        report = self.report()
        assert report.content is not None
        for line in (
            b"Action: failed\r\nStatus: 5.4.7\r\n",
            b"Deliver-By-Date: ",
            b"Arrival-Date: ",
        ):
            self.assertIn(line, report.content)
        failed = [told for told in self.journal.take() if told[0] == "failed"]
        text = "b@d.example waiting" + OUT_OF_TIME
        self.assertEqual(failed, [("failed", id, 0, "", "", text)])

    def test_parked(self) -> None:
        """It waits for no lane for longer than that."""
        self.transport.fates[b"a@c.example"] = Fate.WAITING
        self.put(self.envelope(deadline=Deadline(NOW + 120, Mode.RETURN)))
        [message] = self.successResultOf(self.spool.ready(NOW, 9))
        self.start()
        self.pass_(POLL)
        self.successResultOf(self.spool.park(message, b"busy", (), NOW + 120))
        self.pass_(120 - 2 * POLL)
        self.assertEqual(self.tried(), [])
        self.pass_(2 * POLL)
        self.assertEqual(self.tried(), [b""])
        self.report()

    def test_parkedByTheQueue(self) -> None:
        """The queue says so when it has a message wait for a lane."""
        id = self.put(self.envelope(deadline=Deadline(NOW + 120, Mode.RETURN)))
        settlements = Settlements(
            self.spool,
            self.journal,
            RetryRules(),
            self.clock.seconds,
            profile=self.profile,
        )
        for key, wake in (id, NOW + 120), (self.put(self.envelope()), None):
            message = self.spool.kept[key]
            settlement = settlements.conclude(message, [], b"busy")
            self.assertEqual((settlement.lane, settlement.due), (b"busy", wake))

    def test_onlyThoseWhoWait(self) -> None:
        """Who has it by then has it."""
        self.transport.fates[b"x@d.example"] = Fate.WAITING
        self.transport.fates[b"a@c.example"] = Fate.WAITING
        self.start()
        to = (b"b@d.example", b"x@d.example")
        self.put(self.envelope(None, Deadline(NOW + 120, Mode.RETURN), to))
        self.pass_(120 + POLL)
        content = self.report().content
        assert content is not None
        self.assertIn(b"Final-Recipient: rfc822;x@d.example", content)
        self.assertNotIn(b"Final-Recipient: rfc822;b@d.example", content)

    def test_overBeforeItWasTried(self) -> None:
        """Nothing is tried of what nobody got round to in time."""
        self.transport.fates[b"a@c.example"] = Fate.WAITING
        id = self.put(self.envelope(deadline=Deadline(NOW + 1, Mode.RETURN)))
        self.clock.advance(2)
        self.start()
        self.assertEqual(self.tried(), [b""])
        self.report()
        failed = [told for told in self.journal.take() if told[0] == "failed"]
        self.assertEqual(failed, [("failed", id, 0, "", "", OUT_OF_TIME[2:])])

    def test_toldThen(self) -> None:
        """In mode N its sender is told once, at that time, and it is tried on."""
        self.transport.fates[b"b@d.example"] = Fate.WAITING
        self.start()
        id = self.put(self.envelope(deadline=Deadline(NOW + 120, Mode.NOTIFY)))
        self.pass_(119)
        self.assertEqual(self.tried(), [b"a@c.example"])
        self.pass_(POLL)
        [report] = [each for each in self.transport.attempts if self.isReport(each)]
        content = report.message.content
        assert content is not None
        for line in (
            b"Action: delayed\r\nStatus: 4.4.7\r\n",
            b"Deliver-By-Date: ",
        ):
            self.assertIn(line, content)
        self.pass_(HOUR)
        self.assertIn(id, self.spool.kept)
        self.assertEqual(self.tried().count(b""), 1)
        self.assertGreater(self.tried().count(b"a@c.example"), 2)

    def test_overAlready(self) -> None:
        """A time that was over when it came is told of, if it has to wait."""
        self.transport.fates[b"b@d.example"] = Fate.WAITING
        self.start()
        self.put(self.envelope(deadline=Deadline(NOW - 60, Mode.NOTIFY)))
        self.assertEqual(self.tried(), [b"a@c.example", b""])

    def isReport(self, attempt: Attempt) -> bool:
        """Is this what a sender is told?"""
        return not attempt.message.envelope.sender

    def test_relayed(self) -> None:
        """
        Whom a host has that does not know of the time, the sender is told of, and all
        who are traced (section 4.1.4).
        """
        for offers, mode, trace, told in (
            (frozenset(), Mode.NOTIFY, False, True),
            (frozenset({b"DELIVERBY"}), Mode.NOTIFY, False, False),
            (frozenset({b"DELIVERBY"}), Mode.RETURN, False, False),
            (frozenset({b"DELIVERBY"}), Mode.RETURN, True, True),
        ):
            relay = ScriptedRelay("scripted")
            relay.via = Via(b"mx.d.example", b"192.0.2.25", offers=offers)
            self.transport = relay
            self.spool = self.memory()
            delivery = self.start()
            now = self.clock.seconds()
            self.put(self.envelope(deadline=Deadline(now + 60, mode, trace)))
            reports = [each for each in relay.attempts if self.isReport(each)]
            self.assertEqual(len(reports), told, (offers, mode, trace))
            for report in reports:
                content = report.message.content
                assert content is not None
                self.assertIn(b"Action: relayed\r\n", content)
            self.successResultOf(Deferred.fromCoroutine(delivery.stop()))
