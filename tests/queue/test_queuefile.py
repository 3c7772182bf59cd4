"""Tests for L{smtpx.queue.queuefile}."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.extensions.dsn import NOTIFY
from smtpx.extensions.eightbitmimeconversion import BINARY
from smtpx.extensions.requiretls import REQUIRED
from smtpx.queue.interfaces import LANE_OCTETS, Attempt, IRelay
from smtpx.queue.mailpath import MailboxPath
from smtpx.queue.queuefile import QueueFile
from smtpx.queue.queuefolder import QueueFolder
from smtpx.spool.eximreader import parseHeaderFile
from smtpx.spool.eximspool import EximField, EximMessage, EximRecipient
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.via import Cause
from smtpx.testing.spool import MemoryBody

from .doubles import messageFor

PREFIX = b"Received: from c.example ([192.0.2.1])\r\n\tby s with esmtp\r\n\tid x\r\n"
BODY = b"From: ann@c.example\r\nSubject: x\r\n\ty\r\n\r\n.\r\n8 bit: \xe9\0\r\nend"


def here(job: Callable[[], Sequence[Outcome]]) -> Deferred[Sequence[Outcome]]:
    """Do it at once."""
    return maybeDeferred(job)


class QueueFileTests(SynchronousTestCase):
    """Messages in Exim's spool format."""

    def setUp(self) -> None:
        """A folder that is there, and a transport to it."""
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir(parents=True)
        self.transport = QueueFile("queuefile", MailboxPath(str(self.root)), here)

    def deliver(
        self, message: SpooledMessage, body: bytes = BODY, again: bool = False
    ) -> list[Outcome]:
        """Deliver to all, and say what became of them."""
        located = self.successResultOf(self.transport.locate(message, message.waiting))
        outcomes = list(located.outcomes)
        for leg in located.legs:
            attempt = Attempt(message, MemoryBody(body), leg.indices, again, leg.where)
            done = self.transport.deliver(attempt)
            some: Sequence[Outcome] = self.successResultOf(done)
            outcomes += some
        return sorted(outcomes, key=lambda each: each.index)

    def header(
        self, message: SpooledMessage, folder: Path | None = None
    ) -> EximMessage:
        """What its header file says."""
        path = (folder or self.root) / f"{message.id}-H"
        return parseHeaderFile(path.read_bytes())

    def data(self, message: SpooledMessage) -> bytes:
        """What its data file has, without its first line."""
        name = f"{message.id}-D"
        text = (self.root / name).read_bytes()
        self.assertTrue(text.startswith(name.encode() + b"\n"))
        return text[len(name) + 1 :]

    def assertFailed(self, outcome: Outcome, code: str, said: str) -> None:
        """It is refused for good, and the sender can be told why."""
        self.assertIs(outcome.fate, Fate.FAILED)
        assert outcome.reply is not None and outcome.reply.status is not None
        self.assertEqual(".".join(map(str, outcome.reply.status)), code)
        self.assertIn(said, outcome.text)

    def test_interface(self) -> None:
        """It is a relay, which can tell what came before from what did not."""
        verifyObject(IRelay, self.transport)

    def test_message(self) -> None:
        """One pair of files for all recipients, lines ended as Exim has them."""
        message = messageFor(b"a@d.example", b"b@e.example", prefix=PREFIX)
        self.assertEqual(
            self.deliver(message),
            [Outcome(0, Fate.DELIVERED), Outcome(1, Fate.DELIVERED)],
        )
        names = [f"{message.id}-D", f"{message.id}-H"]
        self.assertEqual(sorted(os.listdir(self.root)), names)
        self.assertEqual(self.data(message), b".\n8 bit: \xe9\0\nend")
        found = self.header(message)
        self.assertEqual(found.sender, b"sender@example.net")
        self.assertEqual(
            found.recipients,
            (EximRecipient(b"a@d.example"), EximRecipient(b"b@e.example")),
        )
        self.assertEqual(
            found.fields,
            (
                EximField(b"P", PREFIX.replace(b"\r\n", b"\n")),
                EximField(b"F", b"From: ann@c.example\n"),
                EximField(b" ", b"Subject: x\n\ty\n"),
            ),
        )
        self.assertEqual(found.uid, os.geteuid())
        for name, value in (
            (b"body_linecount", b"2"),
            (b"max_received_linelength", b"38"),
            (b"body_zerocount", b"1"),
            (b"helo_name", b"c.example"),
        ):
            self.assertEqual(found.value(name), value, name)

    def test_longestLineOfAllTogether(self) -> None:
        """A line is as long as it is without its end, which Exim has a limit for."""
        message = messageFor(b"a@d.example")
        for octets in (1000, 65536):
            body = b"Subject: x\r\n\r\n" + b"x" * 998 + b"\r\n" + b"\r\n" * octets
            self.deliver(message, body)
            value = self.header(message).value(b"max_received_linelength")
            self.assertEqual(value, b"998")
            for name in os.listdir(self.root):
                (self.root / name).unlink()

    def test_bareLineFeed(self) -> None:
        """A body that would not survive Exim's usual form goes in its wire format."""
        message = messageFor(b"a@d.example")
        body = b"A: 1\r\n\r\nbare\nline\r\n" + b"x" * 70_000 + b"\r\n\r.\r\n"
        self.deliver(message, body)
        self.assertEqual(self.data(message), body[8:])
        found = self.header(message)
        self.assertTrue(found.has(b"spool_file_wireformat"))
        self.assertFalse(found.has(b"body_linecount"))
        self.assertEqual(found.value(b"max_received_linelength"), b"70000")

    def test_lineEndBetweenTwoPieces(self) -> None:
        """A CRLF that comes in two pieces is one all the same."""
        message = messageFor(b"a@d.example")
        head = b"A: 1\r\n\r\n"
        for octets in range(65533, 65538):
            body = head + b"x" * (octets - len(head)) + b"\r\ny\r\n\r"
            self.deliver(message, body)
            wanted = body[len(head) :].replace(b"\r\n", b"\n")
            self.assertEqual(self.data(message), wanted)
            self.assertEqual(self.header(message).value(b"body_linecount"), b"2")
            for name in os.listdir(self.root):
                (self.root / name).unlink()

    def test_noBody(self) -> None:
        """A message may have a header only, or neither."""
        for body in (b"A: 1\r\n", b""):
            message = messageFor(b"a@d.example")
            self.deliver(message, body)
            self.assertEqual(self.data(message), b"")
            self.assertEqual(len(self.header(message).fields), body.count(b"\n"))
            for name in os.listdir(self.root):
                (self.root / name).unlink()

    def test_foldersOfTheirOwn(self) -> None:
        """Recipients whose folder is another get a pair of files there."""
        template = str(self.root / "{domain}" / "{sender_domain}")
        path = MailboxPath(template, senders=True)
        self.transport = QueueFile("queuefile", path, here)
        message = messageFor(b"a@d.example", b"b@e.example", b"c@d.example")
        folder = self.root / "d.example" / "example.net"
        folder.mkdir(parents=True)
        first, second, third = self.deliver(message)
        self.assertEqual((first.fate, third.fate), (Fate.DELIVERED,) * 2)
        self.assertIs(second.fate, Fate.WAITING)
        self.assertEqual(
            second.text, f"{self.root}/e.example/example.net: there is no such folder"
        )
        self.assertIs(second.cause, Cause.LOCAL)
        self.assertEqual(
            [each.path for each in self.header(message, folder).recipients],
            [b"a@d.example", b"c@d.example"],
        )

    def test_lanes(self) -> None:
        """Each folder is a lane of its own, so that one keeps no other waiting."""
        path = MailboxPath(str(self.root / ("x" * 200) / "{local}"))
        self.transport = QueueFile("queuefile", path, here)
        message = messageFor(b"a@d", b"b@d", b"A@e", b"%b@d" % (b"long" * 40))
        located = self.successResultOf(self.transport.locate(message, (0, 1, 2, 3)))
        self.assertEqual([leg.indices for leg in located.legs], [(0, 2), (1,), (3,)])
        lanes = {leg.lane for leg in located.legs}
        self.assertEqual(len(lanes), 3)
        self.assertTrue(all(len(lane) <= LANE_OCTETS for lane in lanes))
        again = self.successResultOf(self.transport.locate(message, (3,)))
        self.assertEqual(again.legs[0].lane, located.legs[2].lane)

    def test_requireTLS(self) -> None:
        """What Exim cannot be obliged to is refused, not forgotten."""
        message = messageFor(b"a@d.example")
        message.envelope.stamps[REQUIRED] = True
        [outcome] = self.deliver(message)
        self.assertFailed(outcome, "5.7.30", "no words for requiretls")
        self.assertEqual(os.listdir(self.root), [])

    def test_otherDemands(self) -> None:
        """Neither is what any other extension says must be heeded."""
        message = messageFor(b"a@d.example", b"b@d.example")
        message.envelope.recipients[0].stamps.unknown["!future"] = "x"
        first, second = self.deliver(message)
        self.assertFailed(first, "5.7.0", "no words for future")
        self.assertIs(second.fate, Fate.DELIVERED)
        message.envelope.stamps[BINARY] = True
        self.assertFailed(self.deliver(message)[1], "5.7.0", "binarymime")

    def test_tooManyRecipients(self) -> None:
        """Exim could not read them."""
        message = messageFor(*[b"a%d@d" % number for number in range(16_385)])
        outcomes = self.deliver(message)
        self.assertEqual(len(outcomes), 16_385)
        self.assertFailed(outcomes[7], "5.5.3", "more than 16384 recipients")

    def test_headerThatCannotBe(self) -> None:
        """A header that Exim cannot have is refused, and nothing is left."""
        message = messageFor(b"a@d.example")
        [long] = self.deliver(message, b"A: x\r\n" * 200_000)
        self.assertFailed(long, "5.3.4", "longer than Exim takes")
        [bare] = self.deliver(message, b"A: x\ny\r\n\r\n")
        self.assertFailed(bare, "5.6.0", "an octet in the field")
        self.assertEqual(os.listdir(self.root), [])

    def test_addressThatCannotBe(self) -> None:
        """Nothing in an envelope becomes a line of its own in the header file."""
        message = messageFor(b"a@d.example", sender=b'"a\n-N"@d.example')
        [outcome] = self.deliver(message)
        self.assertFailed(outcome, "5.6.0", "a line end in")
        self.assertEqual(os.listdir(self.root), [])

    def test_again(self) -> None:
        """What an attempt before a crash wrote is found, and stays as it is."""
        message = messageFor(b"a@d.example")
        self.deliver(message)
        before = (self.root / f"{message.id}-H").stat().st_ino
        for again in (True, False):
            [outcome] = self.deliver(message, again=again)
            self.assertEqual(outcome, Outcome(0, Fate.DELIVERED, "was there already"))
        self.assertEqual((self.root / f"{message.id}-H").stat().st_ino, before)

    def test_againForOthers(self) -> None:
        """Whoever is not in what is there waits until that was taken."""
        message = messageFor(b"a@d.example", b"b@d.example")
        self.deliver(evolve(message, waiting=(0,)))
        first, second = self.deliver(message)
        self.assertIs(first.fate, Fate.DELIVERED)
        self.assertIs(second.fate, Fate.WAITING)
        self.assertIn("for others, has not been taken yet", second.text)
        for name in os.listdir(self.root):
            (self.root / name).unlink()
        [outcome] = self.deliver(evolve(message, waiting=(1,)))
        self.assertIs(outcome.fate, Fate.DELIVERED)

    def test_anotherOfTheName(self) -> None:
        """Another message of that name is not overwritten."""
        message = messageFor(b"a@d.example")
        other = Envelope(b"", message.arrived, [Recipient(b"a@d.example")])
        self.deliver(evolve(message, envelope=other))
        [outcome] = self.deliver(message, again=True)
        self.assertIs(outcome.fate, Fate.WAITING)
        self.assertIn("-H is another message", outcome.text)
        self.assertEqual(self.header(message).sender, b"")

    def test_fullDisk(self) -> None:
        """The message waits, and the operator reads why."""

        def full(*arguments: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        self.patch(os, "write", full)
        [outcome] = self.deliver(messageFor(b"a@d.example"))
        self.assertEqual(
            outcome,
            Outcome(
                0,
                Fate.WAITING,
                f"{self.root}: No space left on device",
                cause=Cause.LOCAL,
            ),
        )
        self.assertEqual(os.listdir(self.root), [])

    def test_noAccount(self) -> None:
        """A user without an account is a number."""
        self.patch(os, "geteuid", lambda: 2_000_000_000)
        message = messageFor(b"a@d.example")
        self.deliver(message)
        self.assertEqual(self.header(message).login, b"2000000000")

    def test_wishesOfTheSender(self) -> None:
        """What is wished of reports goes along: they are Exim's to write."""
        message = messageFor(b"a@d.example")
        message.envelope.recipients[0].stamps[NOTIFY] = b"DELAY"
        self.deliver(message)
        self.assertEqual(self.header(message).recipients[0].flags, 0x10)
        self.assertIsNone(self.transport.reports)

    def test_folderOfALeg(self) -> None:
        """What a leg has is its folder."""
        message = messageFor(b"a@d.example")
        located = self.successResultOf(self.transport.locate(message, (0,)))
        self.assertEqual(located.legs[0].where, QueueFolder(self.root))
