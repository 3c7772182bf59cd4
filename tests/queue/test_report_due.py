"""Tests for L{smtpx.queue.report}: whether there is a report, and of whom."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Stamp
from smtpx.core.hooks import Action
from smtpx.core.queueprofile import DISCARDED, ORIGIN, QueueProfile
from smtpx.extensions.deliverby import DEADLINE, Deadline, Mode
from smtpx.extensions.dsn import NOTIFY, RET
from smtpx.extensions.mtpriority import PRIORITY
from smtpx.extensions.requiretls import OPTIONAL, REQUIRED
from smtpx.extensions.standard import standard
from smtpx.queue.report import Reporter
from smtpx.queue.told import Told
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.via import Via
from smtpx.testing.spool import MemoryBody

from .reports import (
    MESSAGE,
    NAME,
    NOW,
    messageOf,
    read,
    refused,
    reporter,
)

#: What extensions may have noted, and what is nothing to reports.
Notes = list[tuple[Stamp[Any], Any]]
OF_RECIPIENTS: Notes = [
    (NOTIFY, b"SUCCESS"),
    (NOTIFY, b"NEVER"),
    (NOTIFY, b"FAILURE,DELAY"),
    (DISCARDED, True),
    (ORIGIN, b"x@example.net"),
]
OF_MESSAGES: Notes = [
    (RET, b"FULL"),
    (PRIORITY, 3),
    (REQUIRED, True),
    (OPTIONAL, True),
    (DEADLINE, Deadline(NOW, Mode.NOTIFY, True)),
]

#: What a server has that does everything.
PROFILE = QueueProfile().load(standard())


class DueTests(SynchronousTestCase):
    """Whether there is a report, and of whom."""

    def due(
        self, message: SpooledMessage, action: Action = Action.FAILED
    ) -> tuple[Report, ...]:
        """Reports of all its recipients."""
        told = [Told(refused(i), action) for i in message.waiting]
        return reporter().reports(message, told, MemoryBody(MESSAGE))

    def test_failure(self) -> None:
        """Who sent a message hears that it failed."""
        [report] = self.due(messageOf())
        self.assertEqual(
            [each.path for each in report.envelope.recipients], [b"ann@client.example"]
        )
        self.assertEqual(report.envelope.sender, b"")
        self.assertEqual(report.envelope.arrived, NOW)

    def test_nobody(self) -> None:
        """A message from nobody has no report, whatever it asks for."""
        message = messageOf(sender=b"")
        message.envelope.recipients[0].stamps[NOTIFY] = b"FAILURE"
        for action in Action:
            self.assertEqual(self.due(message, action), ())
            told = [Told(refused(), action)]
            # Without any extension, too.
            plain = Reporter(NAME, QueueProfile(), lambda: NOW)
            self.assertEqual(plain.reports(message, told, MemoryBody(MESSAGE)), ())

    def test_nothingHappened(self) -> None:
        """Where there is nothing to tell there is no report."""
        found = reporter().reports(messageOf(), [], MemoryBody(MESSAGE))
        self.assertEqual(found, ())

    def test_thrownAway(self) -> None:
        """What an alias throws away is nobody's business."""
        message = messageOf()
        message.envelope.recipients[0].stamps[DISCARDED] = True
        self.assertEqual(self.due(message), ())

    def test_withoutWishes(self) -> None:
        """Failures and delays are told, and good news is none."""
        for action in Action:
            told = action in (Action.FAILED, Action.DELAYED)
            self.assertEqual(len(self.due(messageOf(), action)), told, action)

    def test_owed(self) -> None:
        """Of whom a report is due is known without reading the message."""
        message = messageOf(b"a@example.net", b"b@example.net")
        message.envelope.recipients[1].stamps[NOTIFY] = b"SUCCESS"
        for action, indices in ((Action.FAILED, [0]), (Action.RELAYED, [1])):
            news = [Told(refused(i), action) for i in message.waiting]
            found = reporter().owed(message, news)
            self.assertEqual([each.outcome.index for each in found], indices)

    @given(
        st.sampled_from([b"", b"ann@client.example"]),
        st.lists(st.sampled_from(OF_MESSAGES), max_size=3),
        st.lists(st.lists(st.sampled_from(OF_RECIPIENTS), max_size=2), min_size=1),
        st.booleans(),
    )
    def test_mayOwe(
        self, sender: bytes, notes: Notes, others: list[Notes], offers: bool
    ) -> None:
        """
        Where no report may be due of anybody, none is; it is enough to ask that once.
        """
        paths = [b"%d@example.net" % number for number in range(len(others))]
        message = messageOf(*paths, sender=sender)
        envelope = message.envelope
        for bearer, found in (
            (envelope, notes),
            *zip(envelope.recipients, others, strict=True),
        ):
            for stamp, value in found:
                bearer.stamps[stamp] = value
        writer = Reporter(NAME, PROFILE, lambda: NOW)
        via = Via(b"mx", b"192.0.2.1", offers=frozenset([b"DSN"] if offers else ()))
        for action in Action:
            news = [
                Told(Outcome(each, Fate.DELIVERED, via=via), action)
                for each in message.waiting
            ]
            due = writer.owed(message, news)
            if not writer.mayOwe(message, action):
                self.assertEqual(due, (), action)
        if sender and not notes and not any(others):
            # So it mostly is.
            self.assertFalse(writer.mayOwe(message, Action.RELAYED))

    def test_delaysOfPrograms(self) -> None:
        """
        Mail that programs sent, or that went to a list, has no report of a delay, as
        with Exim, unless somebody asked for it; one of failure it has (RFC 3834
        section 2 is about answers, not reports).
        """
        for field in (
            b"List-Id: <x.example>",
            b"list-post: <mailto:x>",
            b"Precedence: Bulk",
            b"Precedence: junk",
            b"Auto-Submitted: auto-generated (cron)",
        ):
            body = MemoryBody(field + b"\r\n\r\nHello\r\n")
            for action, notify, late, reports in (
                (Action.DELAYED, None, False, 0),
                (Action.DELAYED, None, True, 1),
                (Action.DELAYED, b"DELAY", False, 1),
                (Action.FAILED, None, False, 1),
            ):
                message = messageOf()
                if notify is not None:
                    message.envelope.recipients[0].stamps[NOTIFY] = notify
                told = [Told(refused(), action, late=late)]
                found = reporter().reports(message, told, body)
                self.assertEqual(len(found), reports, (field, action, notify, late))
        for field in (b"List-Id:", b"Precedence: first-class", b"Auto-Submitted: no"):
            body = MemoryBody(field + b"\r\n\r\nHello\r\n")
            told = [Told(refused(), Action.DELAYED)]
            self.assertEqual(len(reporter().reports(messageOf(), told, body)), 1)

    def test_delaysAreNewsEachTime(self) -> None:
        """A report of a delay has another Message-ID the next day."""
        ids = set()
        whens = [NOW, NOW, NOW + 86400]
        while whens:
            made = Reporter(NAME, QueueProfile(), whens.pop)
            told = [Told(refused(), Action.DELAYED)]
            [report] = made.reports(messageOf(), told, MemoryBody(MESSAGE))
            ids.add(read(self, report).message["Message-ID"])
        self.assertEqual(len(ids), 2)

    def test_asWished(self) -> None:
        """NOTIFY says which (RFC 3461 section 4.1)."""
        for notify, actions in (
            (b"NEVER", set()),
            (b"SUCCESS", {Action.DELIVERED, Action.RELAYED, Action.EXPANDED}),
            (b"FAILURE", {Action.FAILED}),
            (b"DELAY", {Action.DELAYED}),
        ):
            message = messageOf()
            message.envelope.recipients[0].stamps[NOTIFY] = notify
            found = {action for action in Action if self.due(message, action)}
            self.assertEqual(found, actions)

    def test_othersAreNotNamed(self) -> None:
        """
        A report does not tell of recipients that it is not due for (RFC 3461
        section 5.2.8).
        """
        message = messageOf(b"bob@example.net", b"hidden@example.net")
        message.envelope.recipients[1].stamps[NOTIFY] = b"NEVER"
        [report] = self.due(message)
        self.assertNotIn(b"hidden", report.body)
        self.assertEqual(len(read(self, report).recipients), 1)
