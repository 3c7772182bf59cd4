"""Tests for L{smtpx.queue.maildir}."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.interfaces import IBody
from smtpx.core.queueprofile import ORIGIN
from smtpx.core.reply import reply
from smtpx.extensions.bmi import BMI_VERDICT, BMIDelivery, BMIVerdict
from smtpx.queue.addedfields import AddedFields
from smtpx.queue.errorkind import ErrorKind, kindOf
from smtpx.queue.interfaces import Attempt, ITransport
from smtpx.queue.mailbox import STALE_SECONDS, LineEnds
from smtpx.queue.maildir import SWEEP_SECONDS, Maildir, fields, fileName
from smtpx.queue.mailpath import MailboxPath
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause
from smtpx.testing.spool import MemoryBody, memoryID

from .doubles import messageFor

RECEIVED = b"Received: from c.example by s.example;\r\n\tdate\r\n"
BODY = b"Subject: x\r\n\r\n.\r\n8 bit: \xe9\0\r\nno final line end"


@implementer(IBody)
@frozen
class BrokenBody:
    """A body that cannot be read to its end."""

    octets: int = 100

    def pieces(self) -> Iterator[bytes]:
        """One piece, then trouble."""
        yield b"Subject: x\r\n"
        raise EOFError("88 octets short")


class FileNameTests(SynchronousTestCase):
    """Names of files."""

    def test_sameInEachAttempt(self) -> None:
        """It has the time of arrival, the id, the recipient, and our name."""
        message = messageFor(b"a@example.org", arrived=1_700_000_000.75)
        self.assertEqual(
            fileName(message, 3, "mx.example.org"),
            f"1700000000.{memoryID(1)}R3.mx.example.org",
        )

    def test_hostWithOddCharacters(self) -> None:
        """What a Maildir cannot have in a name is written as it prescribes."""
        name = fileName(messageFor(b"a@x", arrived=1.0), 0, "a/b:c")
        self.assertEqual(name, f"1.{memoryID(1)}R0.a\\057b\\072c")


class MaildirTests(SynchronousTestCase):
    """Messages into Maildirs."""

    def setUp(self) -> None:
        """A place for Maildirs, and a clock."""
        self.root = Path(self.mktemp())
        self.clock = Clock()
        self.clock.advance(1_000_000)

    def maildir(self, lineEnds: LineEnds = LineEnds.CRLF) -> Maildir:
        """A transport whose work is done at once."""

        def work(job: Callable[[], Sequence[Outcome]]) -> Deferred[Sequence[Outcome]]:
            return maybeDeferred(job)

        path = MailboxPath(str(self.root / "{domain}" / "{local}"))
        return Maildir("mail", path, "mx", work, self.clock.seconds, lineEnds)

    def read(self, address: str) -> list[bytes]:
        """What is in the new folder of an address."""
        local, _, domain = address.partition("@")
        new = self.root / domain / local / "new"
        return [(new / name).read_bytes() for name in sorted(os.listdir(new))]

    def deliver(self, maildir: Maildir, attempt: Attempt) -> Sequence[Outcome]:
        """The outcomes of an attempt."""
        return self.successResultOf(maildir.deliver(attempt))

    def test_isATransport(self) -> None:
        """The queue can use it."""
        self.assertTrue(verifyObject(ITransport, self.maildir()))

    def test_octetForOctet(self) -> None:
        """The file is three fields and the body as it came."""
        message = messageFor(b"Ann@example.org", sender=b"s@x", prefix=RECEIVED)
        attempt = Attempt(message, MemoryBody(BODY), (0,))
        self.assertEqual(
            self.deliver(self.maildir(), attempt), [Outcome(0, Fate.DELIVERED)]
        )
        self.assertEqual(
            self.read("ann@example.org"),
            [
                b"Return-Path: <s@x>\r\nDelivered-To: Ann@example.org\r\n"
                + RECEIVED
                + BODY
            ],
        )

    def test_nullSenderAndPostmaster(self) -> None:
        """The null path is written as SMTP writes it."""
        self.assertEqual(
            fields(messageFor(b"Postmaster", sender=b""), 0),
            b"Return-Path: <>\r\nDelivered-To: Postmaster\r\n",
        )

    def test_aliased(self) -> None:
        """Whose alias led here stands above the message as well."""
        message = messageFor(b"ann@example.org")
        message.envelope.recipients[0].stamps[ORIGIN] = b"sales@example.org"
        self.assertEqual(
            fields(message, 0),
            b"Return-Path: <sender@example.net>\r\n"
            b"X-Original-To: sales@example.org\r\n"
            b"Delivered-To: ann@example.org\r\n",
        )

    def test_emptyBody(self) -> None:
        """A message of nothing has its fields."""
        attempt = Attempt(messageFor(b"ann@x", sender=b"s@x"), MemoryBody(b""), (0,))
        self.deliver(self.maildir(), attempt)
        self.assertEqual(
            self.read("ann@x"), [b"Return-Path: <s@x>\r\nDelivered-To: ann@x\r\n"]
        )

    def test_longBody(self) -> None:
        """A body of many pieces is put together in their order."""
        body = b"".join(b"%08d\r\n" % n for n in range(20_000))
        attempt = Attempt(messageFor(b"ann@x"), MemoryBody(body), (0,))
        self.deliver(self.maildir(), attempt)
        self.assertTrue(self.read("ann@x")[0].endswith(b"ann@x\r\n" + body))

    def test_unixLineEnds(self) -> None:
        """Where it is wished, every line of the file ends in LF."""
        body = b"a\r\n" * 30_000
        message = messageFor(b"ann@x", sender=b"s@x", prefix=RECEIVED)
        attempt = Attempt(message, MemoryBody(body), (0,))
        self.deliver(self.maildir(LineEnds.LF), attempt)
        head = b"Return-Path: <s@x>\r\nDelivered-To: ann@x\r\n" + RECEIVED
        self.assertEqual(self.read("ann@x"), [(head + body).replace(b"\r\n", b"\n")])

    def test_onlyTheOnesAskedFor(self) -> None:
        """Each recipient of the attempt has a copy of their own, others none."""
        message = messageFor(b"ann@x", b"bob@x", b"ann@x")
        attempt = Attempt(message, MemoryBody(BODY), (0, 2))
        self.assertEqual(
            self.deliver(self.maildir(), attempt),
            [Outcome(0, Fate.DELIVERED), Outcome(2, Fate.DELIVERED)],
        )
        self.assertEqual(len(self.read("ann@x")), 2)
        self.assertFalse((self.root / "x" / "bob").exists())

    def test_notTwice(self) -> None:
        """An attempt that a crash made the spool forget is not repeated."""
        message = messageFor(b"ann@x")
        self.deliver(self.maildir(), Attempt(message, MemoryBody(BODY), (0,)))
        again = Attempt(message, MemoryBody(BODY), (0,), again=True)
        self.assertEqual(
            self.deliver(self.maildir(), again),
            [Outcome(0, Fate.DELIVERED, "was there already")],
        )
        self.assertEqual(len(self.read("ann@x")), 1)

    def test_oneMailboxIsBroken(self) -> None:
        """It keeps its own recipient waiting, not the others."""
        (self.root / "x").mkdir(parents=True)
        (self.root / "x" / "ann").write_bytes(b"a file, not a folder")
        attempt = Attempt(messageFor(b"ann@x", b"bob@x"), MemoryBody(BODY), (0, 1))
        first, second = self.deliver(self.maildir(), attempt)
        self.assertEqual((first.index, first.fate), (0, Fate.WAITING))
        self.assertIn("Not a directory", first.text)
        self.assertEqual(second, Outcome(1, Fate.DELIVERED))
        self.assertEqual(len(self.read("bob@x")), 1)

    def trouble(self, name: str, number: int) -> tuple[Outcome, list[str]]:
        """
        Have a call of the system fail.

        @return: what comes of it, and what is left of the message in the Maildir.
        """
        maildir = self.maildir()
        attempt = Attempt(messageFor(b"ann@x"), MemoryBody(BODY), (0,))

        def fails(*arguments: object, **more: object) -> None:
            raise OSError(number, os.strerror(number))

        patch = self.patch(os, name, fails)
        [outcome] = self.deliver(maildir, attempt)
        patch.restore()
        left = [p.name for p in self.root.rglob("*") if p.is_file()]
        [again] = self.deliver(maildir, evolve(attempt, again=True))
        self.assertEqual((again.fate, len(self.read("ann@x"))), (Fate.DELIVERED, 1))
        return outcome, left

    def test_troubleOfOurs(self) -> None:
        """
        Whatever is wrong with the disk, the message waits, nobody sees a part of it,
        and it is delivered when all is well again.
        """
        for number in (errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES, errno.ELOOP):
            for name in ("open", "mkdir", "write", "fsync", "rename"):
                self.root = Path(self.mktemp())
                outcome, left = self.trouble(name, number)
                why = f"[Errno {number}] {os.strerror(number)}"
                expected = Outcome(0, Fate.WAITING, why, cause=Cause.LOCAL)
                self.assertEqual((outcome, left), (expected, []), name)

    def test_overQuota(self) -> None:
        """That is the recipient's: it has retry rules of its own."""
        outcome, left = self.trouble("write", errno.EDQUOT)
        self.assertEqual((outcome.fate, left), (Fate.WAITING, []))
        self.assertEqual(outcome.reply, reply(452, "4.2.2", b"The mailbox is full"))
        self.assertIs(kindOf(outcome), ErrorKind.QUOTA)

    def test_verdict(self) -> None:
        """A copy can go where a scanner says, and tell what it has found."""
        template = str(self.root / "{domain}" / "{local}" / "{bmi_alt_location}")
        path = MailboxPath(template, alternates=True)
        added = AddedFields(("X-Verdict: $bmi_base64_verdict",))
        maildir = Maildir(
            "mail", path, "mx", maybeDeferred, self.clock.seconds, added=added
        )
        message = messageFor(b"ann@x", b"bob@x", prefix=RECEIVED)
        for recipient, location in zip(
            message.envelope.recipients, ("Spam", "Bulk"), strict=True
        ):
            verdict = BMIVerdict(BMIDelivery.ALTERNATE, location, verdict=b"v")
            recipient.stamps[BMI_VERDICT] = verdict
        self.deliver(maildir, Attempt(message, MemoryBody(BODY), (0, 1)))
        for name, folder in (("ann", "spam"), ("bob", "bulk")):
            new = self.root / "x" / name / folder / "new"
            (copy,) = [(new / each).read_bytes() for each in os.listdir(new)]
            self.assertEqual(
                copy,
                b"Return-Path: <sender@example.net>\r\n"
                b"Delivered-To: %b@x\r\n"
                % name.encode()
                + b"X-Verdict: dg==\r\n"
                + RECEIVED
                + BODY,
            )

    def test_bodyIsBroken(self) -> None:
        """Trouble of the spool is not taken for trouble of the mailbox."""
        attempt = Attempt(messageFor(b"ann@x"), BrokenBody(), (0,))
        self.failureResultOf(self.maildir().deliver(attempt), EOFError)
        self.assertEqual(self.read("ann@x"), [])

    def test_leavingsAreSwept(self) -> None:
        """Old files in tmp go with a delivery, but we do not look each time."""
        maildir = self.maildir()
        attempt = Attempt(messageFor(b"ann@x"), MemoryBody(BODY), (0,))
        tmp = self.root / "x" / "ann" / "tmp"

        def leave() -> None:
            tmp.mkdir(parents=True, exist_ok=True)
            (tmp / "old").write_bytes(b"x")
            then = self.clock.seconds() - STALE_SECONDS
            os.utime(tmp / "old", (then, then))

        leave()
        self.deliver(maildir, attempt)
        self.assertEqual(os.listdir(tmp), [])
        leave()
        self.clock.advance(SWEEP_SECONDS - 1)
        self.deliver(maildir, attempt)
        self.assertEqual(os.listdir(tmp), ["old"])
        self.clock.advance(1)
        self.deliver(maildir, attempt)
        self.assertEqual(os.listdir(tmp), [])

    def test_manyMailboxes(self) -> None:
        """What is remembered of mailboxes is bounded."""

        def work(job: object) -> Deferred[Sequence[Outcome]]:
            return succeed([])

        maildir = Maildir("m", MailboxPath("/{local}"), "mx", work, self.clock.seconds)
        for number in range(10_100):
            message = messageFor(b"%d@x" % number)
            maildir.deliver(Attempt(message, MemoryBody(BODY), (0,)))
        self.assertEqual(len(maildir._swept), 100)
