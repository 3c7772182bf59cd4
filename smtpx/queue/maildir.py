"""
The transport C{maildir}: a message into a Maildir for each recipient.

The file is the message as it was received, with fields above it (RFC 5321
section 4.4 wants the first of the server that makes final delivery)::

    Return-Path: <sender@example.net>
    Delivered-To: user@example.org
    Received: from ...

and, where an alias leads to the recipient, C{X-Original-To} with the address that
the client gave.  A route may have more of them.

Below them stands the body octet for octet; with L{LineEnds.LF} each CRLF of the
whole file is an LF.

The work blocks, so it is done in threads, C{work} says where and how many at a
time.  Trouble with the disk keeps the recipient waiting, and the message in the
spool, however bad it is: it is never the sender's fault.  Where it is the quota of
the mailbox, retry rules and reports are told so.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..core.envelope import Recipient
from ..core.hooks import Action
from ..core.queueprofile import ORIGIN
from ..core.reply import reply
from ..extensions.bmi import variable
from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.via import Cause
from .addedfields import NONE, AddedFields
from .interfaces import Attempt, ITransport
from .mailbox import LineEnds, Mailbox, unixLines
from .mailpath import MailboxPath

#: Runs a job somewhere where it may block.
Work = Callable[[Callable[[], Sequence[Outcome]]], "Deferred[Sequence[Outcome]]"]

# RFC 3463 section 3.3.
_FULL = reply(452, "4.2.2", b"The mailbox is full")

#: How long until a Maildir is looked through for leavings again, in seconds.
SWEEP_SECONDS = 12 * 3600.0

#: Of how many Maildirs it is remembered when that was.
_SWEPT_MOST = 10_000


def fileName(message: SpooledMessage, index: int, host: str) -> str:
    """
    The name of a recipient's copy: C{time.unique.host}, the same whenever it is
    asked for.  The unique part is the message's id and the recipient's number.

    @param host: our name; what Maildir cannot have in it becomes an octal
        escape, as the specification says.
    """
    host = host.replace("/", r"\057").replace(":", r"\072")
    return f"{int(message.arrived)}.{message.id}R{index}.{host}"


def fields(message: SpooledMessage, index: int) -> bytes:
    """The fields that final delivery puts above a message."""
    recipient = message.envelope.recipients[index]
    origin = recipient.stamp(ORIGIN)
    return b"Return-Path: <%b>\r\n%bDelivered-To: %b\r\n" % (
        message.envelope.sender,
        b"" if origin is None else b"X-Original-To: %b\r\n" % origin,
        recipient.path,
    )


@implementer(ITransport)
class Maildir:
    """
    Deliver into Maildirs.

    @ivar name: its name, in the configuration and in logs.
    """

    holds = False
    reports = Action.DELIVERED

    def __init__(
        self,
        name: str,
        path: MailboxPath,
        host: str,
        work: Work,
        now: Callable[[], float],
        lineEnds: LineEnds = LineEnds.CRLF,
        added: AddedFields = NONE,
    ) -> None:
        """
        @param path: where the Maildirs are; they are made when first needed.
        @param host: our name, for the names of files.
        @param work: runs a job in a thread.
        @param now: seconds since the epoch.
        @param lineEnds: how lines end in the files.
        @param added: more fields that each copy gets.
        """
        self._added = added
        self.name = name
        self._path = path
        self._host = host
        self._work = work
        self._now = now
        self._lineEnds = lineEnds
        self._swept: dict[Mailbox, float] = {}

    def folder(self, recipient: Recipient) -> Path:
        """
        Where a recipient's Maildir is.
        """
        if not self._path.alternates:
            return self._path.path(recipient.path)
        alternate = variable(recipient, "bmi_alt_location").encode("utf-8")
        return self._path.path(recipient.path, alternate=alternate)

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """Put a copy into each recipient's Maildir."""
        now = self._now()
        copies = []
        for index in attempt.indices:
            recipient = attempt.message.envelope.recipients[index]
            mailbox = Mailbox(self.folder(recipient))
            copies.append((index, mailbox, self._isToBeSwept(mailbox, now)))

        def job() -> list[Outcome]:
            outcomes = []
            for index, mailbox, sweep in copies:
                if sweep:
                    mailbox.sweep(now)
                outcomes.append(self._copy(attempt, index, mailbox))
            return outcomes

        return self._work(job)

    def _isToBeSwept(self, mailbox: Mailbox, now: float) -> bool:
        if now - self._swept.get(mailbox, -SWEEP_SECONDS) < SWEEP_SECONDS:
            return False
        if len(self._swept) >= _SWEPT_MOST:
            self._swept.clear()
        self._swept[mailbox] = now
        return True

    def _copy(self, attempt: Attempt, index: int, mailbox: Mailbox) -> Outcome:
        """In a thread: deliver one copy."""
        name = fileName(attempt.message, index, self._host)
        try:
            written = mailbox.deliver(name, self._pieces(attempt, index), attempt.again)
        except OSError as error:
            return _trouble(index, error)
        text = "" if written else "was there already"
        return Outcome(index, Fate.DELIVERED, text)

    def _pieces(self, attempt: Attempt, index: int) -> Iterable[bytes]:
        pieces = self._whole(attempt, index)
        return unixLines(pieces) if self._lineEnds is LineEnds.LF else pieces

    def _whole(self, attempt: Attempt, index: int) -> Iterator[bytes]:
        """The file of one recipient, in pieces."""
        message = attempt.message
        added = self._added.render(message.envelope.recipients[index])
        head = fields(message, index) + added + message.prefix
        for piece in attempt.body.pieces():
            # A small body is one write together with its head.
            yield head + piece if head else piece
            head = b""
        if head:
            yield head


def _trouble(index: int, error: OSError) -> Outcome:
    """Somebody waits: until there is room in the mailbox, or we are well again."""
    if error.errno == errno.EDQUOT:
        # The recipient's own doing, which a sender may know.
        return Outcome(index, Fate.WAITING, str(error), _FULL, cause=Cause.RECIPIENT)
    return Outcome(index, Fate.WAITING, str(error), cause=Cause.LOCAL)


__all__ = ["SWEEP_SECONDS", "Maildir", "Work", "fields", "fileName"]
