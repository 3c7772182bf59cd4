"""
From the spool into a Maildir, with a crash at any moment: no message is lost, and
none is there twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue import mailbox
from smtpx.queue.delivery import Bounds, Delivery
from smtpx.queue.maildir import Maildir
from smtpx.queue.mailpath import MailboxPath
from smtpx.queue.routes import RouteRule, Routes
from smtpx.spool.format import Outcome
from smtpx.testing.spool import MemorySpool

from .doubles import RecordedJournal

#: The calls that change the disk.
CALLS = ("open", "write", "fsync", "close", "rename", "mkdir")

RECIPIENTS = [b"ann@x.example", b"bob@x.example"]
BODY = b"Subject: x\r\n\r\nHello.\r\n"


class Killed(BaseException):
    """The process is killed."""


def work(job: Callable[[], Sequence[Outcome]]) -> Deferred[Sequence[Outcome]]:
    """Do a job at once; of one that was killed nobody hears again."""
    try:
        return succeed(job())
    except Killed:
        return Deferred()


class Process:
    """
    A server that delivers, and can be killed.
    """

    def __init__(self, spool: MemorySpool, root: Path, clock: Clock) -> None:
        path = MailboxPath(str(root / "{user}"))
        maildir = Maildir("maildir", path, "mx", work, clock.seconds)
        routes = Routes([RouteRule("*", "maildir")], [maildir])
        self.journal = RecordedJournal()
        self.delivery = Delivery(
            spool,
            routes,
            self.journal,
            clock,
            clock.seconds,
            bounds=Bounds(pollSeconds=5),
        )


class CrashTests(SynchronousTestCase):
    """A kill at any moment."""

    def setUp(self) -> None:
        """A message for two is in the spool."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.spool = MemorySpool(self.clock.seconds)
        self.root = Path(self.mktemp())
        # A kill loses nothing that was written, so the disk need not hurry.
        self.patch(os, "fsync", lambda descriptor: None)

    def start(self) -> Process:
        """Start a server, as after a boot: leases of the one before are over."""
        self.spool.close()
        self.clock.advance(1)
        process = Process(self.spool, self.root, self.clock)
        process.delivery.start()
        return process

    def whatIsThere(self) -> dict[str, list[bytes]]:
        """The files of each mailbox that a reader sees."""
        found: dict[str, list[bytes]] = {}
        for box in sorted(self.root.iterdir()):
            seen = [*(box / "new").iterdir(), *(box / "cur").iterdir()]
            found[box.name] = [file.read_bytes() for file in seen]
        return found

    def assertDelivered(self) -> None:
        """Both have the message, whole, and once."""
        there = self.whatIsThere()
        for name, files in there.items():
            head = b"Return-Path: <s@x>\r\nDelivered-To: %b@x.example\r\n"
            self.assertEqual(files, [head % name.encode() + BODY])
        self.assertEqual(list(there), ["ann", "bob"])
        self.assertEqual(self.spool.kept, {})

    def killAt(self, number: int) -> list[str]:
        """
        Let the process be killed before the call C{number} that changes the
        disk; nothing changes it after that.

        @return: the calls that were made, filled as they are.
        """
        made: list[str] = []
        for name in CALLS:
            real = getattr(os, name)

            def call(*args: Any, _real: Any = real, _name: str = name) -> Any:
                if len(made) >= number:
                    raise Killed
                made.append(_name)
                return _real(*args)

            patched = self.patch(os, name, call)
            self.patches.append(patched)
        self.patches.append(self.patch(mailbox, "_remove", lambda file: False))
        return made

    def test_killedAtAnyStep(self) -> None:
        """
        Whatever was done when the process was killed, the next one delivers what
        is missing and nothing else.
        """
        number = 0
        while True:
            self.setUp()
            self.patches: list[Any] = []
            self.spool.add(b"s@x", RECIPIENTS, BODY)
            made = self.killAt(number)
            self.start()
            for patched in self.patches:
                patched.restore()
            killed = bool(self.spool.kept)
            self.start()
            self.assertDelivered()
            if not killed:
                break
            number += 1
        self.assertEqual(len(made), number)
        self.assertGreater(number, 20)

    def test_killedBeforeTheSpoolKnew(self) -> None:
        """What was delivered and read meanwhile is not delivered again."""
        id = self.spool.add(b"s@x", RECIPIENTS, BODY)
        self.spool.settle = lambda *args: Deferred()  # type: ignore[method-assign]  # killed in it
        self.start()
        self.assertIn(id, self.spool.kept)
        for box in ("ann", "bob"):
            [file] = (self.root / box / "new").iterdir()
            file.rename(self.root / box / "cur" / f"{file.name}:2,S")
        del self.spool.settle
        process = self.start()
        self.assertDelivered()
        self.assertEqual(
            [(told[0], told[-1]) for told in process.journal.take()],
            [
                ("delivered", "was there already"),
                ("delivered", "was there already"),
                ("completed", id),
            ],
        )
