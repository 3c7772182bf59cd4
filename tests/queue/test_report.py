"""Tests for L{smtpx.queue.report}."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.addresstable import AddressTable
from smtpx.core.envelope import Envelope, Stamp
from smtpx.core.hooks import Action, ReportWish
from smtpx.core.interfaces import IQueueBuilder
from smtpx.core.queueprofile import ORIGIN, QueueProfile
from smtpx.core.reply import Reply, reply
from smtpx.extensions.dsn import ENVID, NOTIFY, ORCPT, RET
from smtpx.extensions.eightbitmime import EIGHTBIT
from smtpx.extensions.requiretls import REQUIRED
from smtpx.extensions.smtputf8 import UTF8
from smtpx.mime import Plan, Survey, Wire
from smtpx.queue import report
from smtpx.queue.account import Account
from smtpx.queue.author import Author
from smtpx.queue.deliverystatus import Heading, deliveryStatus
from smtpx.queue.multipart import Part
from smtpx.queue.report import Diagnostic, Manner, Reporter, Returned
from smtpx.queue.told import Told
from smtpx.queue.wording import Template
from smtpx.queue.wordings import ENGLISH, Wordings
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.via import Cause, Via
from smtpx.testing.spool import MemoryBody
from tests.core.made import MadeQueue

from .reports import (
    HEADER,
    MESSAGE,
    NAME,
    NOW,
    Read,
    failures,
    messageOf,
    read,
    refused,
    reporter,
)


class Written(SynchronousTestCase):
    """Makes reports."""

    def report(
        self,
        message: SpooledMessage,
        *outcomes: Outcome,
        body: bytes = MESSAGE,
        manner: Manner | None = None,
        name: str = NAME,
    ) -> Report:
        """The one report of these failures."""
        failed = outcomes or (refused(),)
        [report] = reporter(manner, name).reports(
            message, failures(failed), MemoryBody(body)
        )
        return report

    def read(
        self,
        message: SpooledMessage,
        *outcomes: Outcome,
        body: bytes = MESSAGE,
        manner: Manner | None = None,
    ) -> Read:
        """The same, as a mail program reads it."""
        made = self.report(message, *outcomes, body=body, manner=manner)
        return read(self, made)


class ReportTests(Written):
    """What stands in a report."""

    def test_header(self) -> None:
        """From a mail system that answers nobody, to the sender, about his message."""
        message = messageOf()
        found = self.read(message).message
        self.assertEqual(
            {name: found[name] for name in found.keys() if name != "Date"},
            {
                "From": "Mail Delivery System <MAILER-DAEMON@mail.example.org>",
                "To": "ann@client.example",
                "Subject": "Mail could not be delivered",
                "Message-ID": f"<{message.id}.failed.0@mail.example.org>",
                "In-Reply-To": "<1@client.example>",
                "References": "<1@client.example>",
                "Auto-Submitted": "auto-replied",
                "MIME-Version": "1.0",
                "Content-Type": found["Content-Type"],
                "Content-Transfer-Encoding": "7bit",
            },
        )
        self.assertEqual(found["Date"].datetime.timestamp(), NOW)

    def test_aboutNoID(self) -> None:
        """A message without an id is not referred to."""
        found = self.read(messageOf(), body=b"\r\nHello\r\n").message
        self.assertNotIn("In-Reply-To", found)
        self.assertNotIn("References", found)

    def test_parts(self) -> None:
        """A text for people, fields for programs, and the header."""
        message = messageOf()
        message.envelope.stamps[ENVID] = b"QQ+2B1"
        message.envelope.recipients[0].stamps[ORCPT] = b"rfc822;Bob+2Bx@Example.NET"
        found = self.read(message)
        self.assertIn("550 5.1.1 No such user", found.words)
        self.assertIn("    Subject: Hello\n", found.words)
        self.assertEqual(found.fields["Original-Envelope-Id"], "QQ+1")
        self.assertEqual(found.fields["Reporting-MTA"], "dns; mail.example.org")
        [recipient] = found.recipients
        self.assertEqual(recipient["Original-Recipient"], "rfc822;Bob+x@Example.NET")
        self.assertEqual(recipient["Final-Recipient"], "rfc822;bob@example.net")
        self.assertEqual(recipient["Action"], "failed")
        self.assertEqual(recipient["Status"], "5.1.1")
        self.assertEqual(recipient["Remote-MTA"], "dns; mx.example.net")
        self.assertEqual(recipient["Diagnostic-Code"], "smtp; 550 5.1.1 No such user")
        self.assertEqual(found.returned.get_content_type(), "text/rfc822-headers")
        self.assertEqual(
            found.returned.get_payload(decode=True), message.prefix + HEADER
        )

    def test_aliases(self) -> None:
        """Where an alias leads is told only if that is wished."""
        message = messageOf(b"boss@home.example")
        message.envelope.recipients[0].stamps[ORIGIN] = b"sales@example.net"
        said = refused(said=reply(550, None, b"<boss@home.example>: unknown"))
        self.assertNotIn(b"boss@home", self.report(message, said).body)
        shown = self.read(message, said, manner=Manner(aliases=True))
        self.assertIn("sent on to <boss@home.example>", shown.words)
        [recipient] = shown.recipients
        self.assertEqual(recipient["Final-Recipient"], "rfc822;sales@example.net")

    def test_deadlineOfTheSender(self) -> None:
        """5.4.7 where the sender's own time is over (RFC 2852 section 4.1.3)."""
        told = refused(cause=Cause.EXPIRED)
        [report] = reporter().reports(
            messageOf(), [Told(told, late=True)], MemoryBody(MESSAGE)
        )
        self.assertEqual(read(self, report).recipients[0]["Status"], "5.4.7")
        [recipient] = self.read(messageOf(), told).recipients
        self.assertEqual(recipient["Status"], "4.4.7")

    def test_otherNews(self) -> None:
        """Every kind of news has its subject, and a report may have several."""
        message = messageOf(*[b"%d@example.net" % number for number in range(5)])
        for each in message.envelope.recipients:
            each.stamps[NOTIFY] = b"SUCCESS,FAILURE,DELAY"
        subjects = set()
        for index, action in enumerate(Action):
            told = [Told(refused(index), action)]
            [report] = reporter().reports(message, told, MemoryBody(MESSAGE))
            found = read(self, report)
            subjects.add(found.message["Subject"])
            self.assertEqual(found.recipients[0]["Action"], action.value)
            self.assertIn(f".{action.value}.{index}@", found.message["Message-ID"])
        self.assertEqual(len(subjects), 4)
        all = [Told(refused(i), action) for i, action in enumerate(Action)]
        [report] = reporter().reports(message, all, MemoryBody(MESSAGE))
        found = read(self, report)
        self.assertEqual(found.message["Subject"], "What became of your mail")
        self.assertEqual(len(found.recipients), 5)

    def test_asTheOperatorWishes(self) -> None:
        """Whom it is from, in which language, and Exim's name for a field."""
        late = Template("Zu sp\xe4t", "Hier:\n$recipients", "Hier:\n$recipients")
        german = evolve(ENGLISH, language="de", news={Action.FAILED: late})
        manner = Manner(
            author=Author("P\xf6st", "p@example.org"),
            diagnostic=Diagnostic.EXIM,
            wordings=Wordings(senders=AddressTable([("client.example", german)])),
        )
        made = self.read(messageOf(), refused(), manner=manner)
        self.assertEqual(made.message["From"], "P\xf6st <p@example.org>")
        self.assertEqual(made.message["Subject"], "Zu sp\xe4t")
        self.assertIn("Hier:\n<bob@example.net>\n", made.words)
        words = next(made.message.iter_parts())
        self.assertEqual(words["Content-Language"], "de")
        self.assertIn("X-Exim-Diagnostic", made.recipients[0])
        other = self.read(messageOf(sender=b"x@other.example"), manner=manner)
        self.assertEqual(other.message["Subject"], "Mail could not be delivered")

    def test_stampers(self) -> None:
        """
        What the message needs, its report needs (RFC 8689 section 5): it goes with
        REQUIRETLS, and without the text, whatever was asked for.
        """
        message = messageOf()
        message.envelope.stamps[REQUIRED] = True
        message.envelope.stamps[RET] = b"FULL"
        made = self.report(message)
        self.assertIs(made.envelope.stamps[REQUIRED], True)
        self.assertNotIn(b"How are you?", made.body)
        self.assertNotIn(REQUIRED, self.report(messageOf()).envelope.stamps)


class ReturnedTests(Written):
    """How much of the message is returned."""

    def whole(self, message: SpooledMessage, manner: Manner | None = None) -> bool:
        """Does the sender get it whole?"""
        return b"How are you?" in self.report(message, manner=manner).body

    def test_asTheSenderWishes(self) -> None:
        """RET decides, and a switch where there is none."""
        all = Manner(Returned.MESSAGE)
        for ret, usual, other in (
            (None, False, True),
            (b"FULL", True, True),
            (b"HDRS", False, False),
        ):
            message = messageOf()
            if ret is not None:
                message.envelope.stamps[RET] = ret
            self.assertEqual(self.whole(message), usual, ret)
            self.assertEqual(self.whole(message, all), other, ret)

    def test_message(self) -> None:
        """It is in the report as it came, with our trace."""
        message = messageOf()
        message.envelope.stamps[RET] = b"FULL"
        found = self.read(message)
        self.assertIn("The message is attached.", found.words)
        self.assertEqual(found.returned.get_content_type(), "message/rfc822")
        self.assertIn(message.prefix + MESSAGE, self.report(message).body)

    def test_eightBits(self) -> None:
        """A message with octets above 127 makes a report that has them."""
        message = messageOf()
        message.envelope.stamps[RET] = b"FULL"
        made = self.report(message, body=HEADER + b"\r\n\xc3\xbc\r\n")
        self.assertIs(made.envelope.stamps[EIGHTBIT], True)
        found = read(self, made)
        self.assertEqual(found.message["Content-Transfer-Encoding"], "8bit")
        self.assertEqual(found.returned["Content-Transfer-Encoding"], "8bit")
        # On its way it can be made fit for a host without 8BITMIME.
        survey = Survey(Wire(eightBit=False))
        survey.feed(made.body)
        plan = survey.end()
        assert isinstance(plan, Plan)
        self.assertTrue(plan.edits)
        self.assertNotIn(EIGHTBIT, self.report(message).envelope.stamps)

    def test_tooLong(self) -> None:
        """A long message is not returned whole."""
        message = messageOf()
        message.envelope.stamps[RET] = b"FULL"
        long = MESSAGE + b"x\r\n" * 20_000
        found = self.read(message, body=long)
        self.assertEqual(found.returned.get_content_type(), "text/rfc822-headers")
        self.assertIn("The header is attached.", found.words)
        found = self.read(message, manner=Manner(mostOctets=60))
        self.assertEqual(found.returned.get_content_type(), "text/rfc822-headers")

    def test_whatGrowsTooLong(self) -> None:
        """What is too long once it is encoded is not returned, or only in part."""
        message = messageOf()
        message.envelope.stamps[RET] = b"FULL"
        message.envelope.stamps[UTF8] = True
        header = "".join(f"A{number}: \xfc\r\n" for number in range(10)).encode()
        text = "\xfc\r\n".encode() * 10_000
        found = self.read(message, body=header + b"\r\n" + text)
        self.assertEqual(found.returned.get_content_type(), "message/global-headers")
        line = ": " + "\xfc" * 20 + "\r\n"
        header = "".join(f"A{number}{line}" for number in range(800)).encode()
        found = self.read(message, body=header + b"\r\n" + text)
        self.assertEqual(found.returned.get_content_type(), "message/global-headers")
        # Not even one field has room: nothing is left of it.
        found = self.read(message, body=b"A: " + "\xfc".encode() * 20_000 + b"\r\n\r\n")
        self.assertEqual(found.returned.get_payload(decode=True), message.prefix)

    def test_onlyFailures(self) -> None:
        """With good news comes the header only (RFC 3461 section 4.3)."""
        message = messageOf()
        message.envelope.stamps[RET] = b"FULL"
        message.envelope.recipients[0].stamps[NOTIFY] = b"SUCCESS"
        told = [Told(refused(), Action.DELIVERED)]
        for manner in (None, Manner(Returned.MESSAGE)):
            made = reporter(manner).reports(message, told, MemoryBody(MESSAGE))
            self.assertNotIn(b"How are you?", made[0].body)

    def test_oneWishAgainst(self) -> None:
        """An extension that is against it prevails."""
        stamp = Stamp[bool]("seen", str, bool)

        def mark(envelope: Envelope) -> None:
            envelope.stamps[stamp] = True

        def register(builder: IQueueBuilder) -> None:
            builder.report(
                lambda e, r, a: ReportWish(
                    send=True, full=r.path != b"bob@example.net", stampers=(mark,)
                )
            )

        profile = QueueProfile().load([MadeQueue(register, "E")])
        made = Reporter(NAME, profile, lambda: NOW)
        message = messageOf(b"bob@example.net", b"carol@example.net")
        body = MemoryBody(MESSAGE)
        [report] = made.reports(message, failures([refused(0), refused(1)]), body)
        self.assertNotIn(b"How are you?", report.body)
        self.assertTrue(report.envelope.stamp(stamp))
        [report] = made.reports(message, failures([refused(1)]), body)
        self.assertIn(b"How are you?", report.body)


class InternationalTests(Written):
    """Addresses and messages beyond ASCII (RFC 6533)."""

    SENDER = "\xe4nn@client.example".encode()
    BODY = "Subject: Gr\xfc\xdfe\r\n\r\nHallo\r\n".encode()

    def test_sender(self) -> None:
        """Who has such an address gets a report with SMTPUTF8."""
        message = messageOf("j\xf6rg@example.net".encode(), sender=self.SENDER)
        message.envelope.stamps[UTF8] = True
        made = self.report(message, body=self.BODY)
        self.assertIs(made.envelope.stamps[UTF8], True)
        self.assertIs(made.envelope.stamps[EIGHTBIT], True)
        found = read(self, made)
        self.assertIn(b"\r\nTo: <%b>\r\n" % self.SENDER, made.body)
        kind = found.message.get_param("report-type")
        self.assertEqual(kind, "global-delivery-status")
        self.assertEqual(found.returned.get_content_type(), "message/global-headers")
        self.assertIn(
            "Final-Recipient: utf-8;j\xf6rg@example.net\r\n".encode(), made.body
        )
        self.assertIn("Subject: Gr\xfc\xdfe\r\n".encode(), made.body)

    def test_message(self) -> None:
        """Who has an address in ASCII gets a report in ASCII, of whatever message."""
        message = messageOf("j\xf6rg@example.net".encode())
        message.envelope.stamps[UTF8] = True
        made = self.report(message, body=self.BODY)
        self.assertNotIn(UTF8, made.envelope.stamps)
        self.assertNotIn(EIGHTBIT, made.envelope.stamps)
        self.assertTrue(made.body.isascii())
        found = read(self, made)
        self.assertIn("<j\xf6rg@example.net>", found.words)
        self.assertIn("Subject: Gr\xfc\xdfe", found.words)
        [recipient] = found.recipients
        self.assertEqual(recipient["Final-Recipient"], r"utf-8;j\x{F6}rg@example.net")
        self.assertEqual(found.returned.get_content_type(), "message/global-headers")


class BoundTests(SynchronousTestCase):
    """Nobody can make a report too long, or put anything into it."""

    def test_manyRecipients(self) -> None:
        """Very many become several reports, which tell of each once."""
        paths = [b"recipient%04d@example.net" % number for number in range(1000)]
        message = messageOf(*paths)
        message.envelope.stamps[RET] = b"FULL"
        failed = [refused(number) for number in range(1000)]
        body = MemoryBody(MESSAGE + b"x\r\n" * 10_000)
        made = reporter().reports(message, failures(failed), body)
        self.assertGreater(len(made), 1)
        told: list[str] = []
        ids = set()
        for each in made:
            found = read(self, each)
            ids.add(found.message["Message-ID"])
            told += [one["Final-Recipient"] for one in found.recipients]
            for one in found.recipients:
                address = one["Final-Recipient"].removeprefix("rfc822;")
                self.assertIn(f"<{address}>", found.words)
        self.assertEqual(told, [f"rfc822;{path.decode()}" for path in paths])
        self.assertEqual(len(ids), len(made))

    def test_manyRecipientsOfATalkativeHost(self) -> None:
        """
        What is said of each is written down a few times at most, however many they
        are: nothing else goes on meanwhile.
        """
        written: list[int] = []

        def counted(heading: Heading, accounts: Sequence[Account], utf8: bool) -> Part:
            written.append(len(accounts))
            return deliveryStatus(heading, accounts, utf8)

        self.patch(report, "deliveryStatus", counted)
        message = messageOf(*(b"r%d@example.net" % each for each in range(500)))
        said = Reply(550, (5, 1, 1), (b"x" * 180,) * 10)
        failed = failures([refused(each, said) for each in range(500)])
        made = reporter().reports(message, failed, MemoryBody(MESSAGE))
        self.assertGreater(len(made), 20)
        self.assertLessEqual(sum(written), 3 * 500)

    def test_manyWords(self) -> None:
        """A host that says very much does not make a report too long."""
        letter = "\U0001f600".encode()
        said = Reply(550, (5, 1, 1), (letter * 1000,) * 50)
        message = messageOf(letter * 60 + b"@" + b"x" * 60 + b".example")
        recipient = message.envelope.recipients[0]
        recipient.stamps[ORIGIN] = letter * 60 + b"@" + b"y" * 60 + b".example"
        recipient.stamps[ORCPT] = b"utf-8;" + letter * 100
        header = b"".join(b"A%d: %b\r\n" % (i, b"x" * 70) for i in range(700))
        made = reporter(Manner(aliases=True)).reports(
            message, failures([refused(said=said)]), MemoryBody(header + b"\r\n")
        )
        [report] = made
        read(self, report)

    @settings(max_examples=100, deadline=None)
    @given(
        st.text("ab\r\n\t :\x00\x1b\u2028\xfc-<>@.;=\\{}", max_size=60),
        st.sampled_from(list(Cause)),
        st.sampled_from(list(Action)),
        st.booleans(),
    )
    def test_hostile(self, evil: str, cause: Cause, action: Action, utf8: bool) -> None:
        """
        Whatever hosts say, are called, and subjects and addresses have in them: the
        report is a good one, of one recipient, with no field that is not ours.
        """
        octets = evil.encode()
        sender = "\xe4nn@x.example" if utf8 else "ann@x.example"
        message = messageOf(
            octets + b"@example.net", sender=octets.strip() + sender.encode()
        )
        recipient = message.envelope.recipients[0]
        recipient.stamps[NOTIFY] = b"SUCCESS,FAILURE,DELAY"
        said = Reply(550, None, (octets, octets))
        via = Via(octets, octets, greeting=octets, hello=octets)
        outcome = Outcome(0, Fate.FAILED, evil, said, via, cause)
        header = b"Subject: " + octets + b"\r\nMessage-ID: <" + octets + b">\r\n"
        told = [Told(outcome, action, until=NOW)]
        [report] = reporter().reports(
            message, told, MemoryBody(header + b"\r\n" + octets)
        )
        # The sender's address is from SMTP's grammar, which is not the case here.
        to = report.body.partition(b"\r\nSubject:")[0].partition(b"\r\nTo:")[2]
        self.assertNotIn(b"\r", to)
        self.assertNotIn(b"\n", to)
        address = b"\r\nTo: <%b>\r\n" % sender.encode()
        cleaned = report.body.replace(b"\r\nTo:" + to + b"\r\n", address, 1)
        report.envelope.octets += len(cleaned) - len(report.body)
        found = read(self, Report(report.envelope, b"", cleaned))
        self.assertEqual(len(found.recipients), 1)
        allowed = {
            "Final-Recipient",
            "Action",
            "Status",
            "Remote-MTA",
            "X-Remote-MTA-smtp-greeting",
            "X-Remote-MTA-helo-response",
            "X-Smtpx-Diagnostic",
            "Diagnostic-Code",
            "Last-Attempt-Date",
            "Will-Retry-Until",
        }
        self.assertLessEqual(set(found.recipients[0].keys()), allowed)
        self.assertEqual(len(found.message.keys()), len(set(found.message.keys())))
