"""
Delivery reports: who has sent a message is told what became of it (RFC 3461, RFC
3464, RFC 6522, RFC 6533).

A report is an ordinary message of three parts, from the null sender: a text for
people (L{smtpx.queue.explanation}), fields for programs
(L{smtpx.queue.deliverystatus}), and the header of the message or all of it
(L{smtpx.queue.returned}).

There is none about a message from the null sender, and none for a recipient whose
NOTIFY does not ask for it; nor one of a delay about mail that programs sent
(L{smtpx.queue.returned.isBulk}), unless the sender asked for that.

A report that would be very long becomes several; none tells of a recipient that it is
not due for (RFC 3461 section 5.2.8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from attrs import frozen
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.hooks import Action, ReportWish
from ..core.interfaces import IBody
from ..core.queueprofile import DISCARDED, QueueProfile
from ..extensions.eightbitmime import EIGHTBIT
from ..extensions.smtputf8 import UTF8
from ..spool.format import Report, SpooledMessage
from .account import Account, accountOf, messageFields
from .author import Author, usualAuthor
from .deliverystatus import DIAGNOSTIC, Heading, date, deliveryStatus
from .explanation import Explanation, Original
from .interfaces import IReporter
from .multipart import Part, joined
from .returned import MESSAGE, Message, isBulk, readMessage, returned
from .told import Told
from .veil import Veil
from .wording import Wording
from .wordings import Wordings

#: The most octets of a report that L{smtpx.spool.format.Report} takes.
REPORT_OCTETS = 64 << 10

#: Of these the most that are the message's.
RETURNED_OCTETS = 48 << 10

#: The most that are, where there is too much else to tell.
SHORT_OCTETS = 4 << 10


class Returned(Enum):
    """What a report returns of a message, where its sender did not say (RET)."""

    HEADER = "header"
    MESSAGE = "message"


class Diagnostic(Enum):
    """The name of the field of what went wrong and where."""

    OURS = DIAGNOSTIC
    EXIM = "X-Exim-Diagnostic"


@frozen
class Manner:
    """
    How reports are made.

    @ivar returned: what they return where the sender did not say.
    @ivar mostOctets: a longer message is not returned whole, and of a longer header
        only the beginning.
    @ivar aliases: are senders told where aliases lead?
    @ivar diagnostic: the name of the field of what went wrong and where.
    @ivar author: whom they are from; L{None}: C{MAILER-DAEMON} of this server.
    @ivar wordings: in which language.
    """

    returned: Returned = Returned.HEADER
    mostOctets: int = RETURNED_OCTETS
    aliases: bool = False
    diagnostic: Diagnostic = Diagnostic.OURS
    author: Author | None = None
    wordings: Wordings = Wordings()


_USUAL = _FAILED, _DELAYED = (Action.FAILED, Action.DELAYED)

#: Addresses come from the grammar of SMTP; this is for the spool of a broken disk.
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@implementer(IReporter)
class Reporter:
    """
    Writes reports.  It touches nothing, and may be called in a thread, which is
    where to read long messages.
    """

    def __init__(
        self,
        name: str,
        profile: QueueProfile,
        now: Callable[[], float],
        manner: Manner | None = None,
    ) -> None:
        """
        @param name: ours, in ASCII.
        @param profile: knows what extensions wish of reports.
        @param now: seconds since the epoch.
        @param manner: how they are made; L{None}: as usual.
        """
        self._name = name
        self._profile = profile
        self._now = now
        self._manner = manner or Manner()

    def owed(self, message: SpooledMessage, news: Iterable[Told]) -> tuple[Told, ...]:
        """
        Of whom a report is due.

        @param news: what became of recipients, each at most once.
        """
        return tuple([each for each in news if self._wish(message, each)])

    def mayOwe(self, message: SpooledMessage, action: Action) -> bool:
        """See L{IReporter}."""
        envelope = message.envelope
        if not envelope.sender:
            return False
        if action is _FAILED or action is _DELAYED:
            return True
        return self._profile.mayWish(envelope)

    def reports(
        self, message: SpooledMessage, told: Iterable[Told], body: IBody
    ) -> tuple[Report, ...]:
        """
        Reports of what became of recipients.

        @param told: each recipient at most once; those of whom none is due are left
            out.
        @param body: the message's, from the spool.
        @return: empty: none is due.
        """
        now = self._now()
        due = [(each, wish) for each in told if (wish := self._wish(message, each))]
        if not due:
            return ()
        most = min(self._manner.mostOctets, RETURNED_OCTETS)
        original = readMessage(message.prefix, body, most)
        if isBulk(original.fields):
            due = [each for each in due if not _isUsualDelay(*each)]
        if not due:
            return ()
        veil = None if self._manner.aliases else Veil.over(message.envelope)
        accounts = [accountOf(message, each, self._profile, veil) for each, _ in due]
        writing = _Writing(
            message=message,
            heading=Heading(
                name=self._name,
                id=message.id,
                arrived=message.arrived,
                attempted=now,
                fields=messageFields(message, self._profile),
                diagnostic=self._manner.diagnostic.value,
            ),
            original=original,
            full=self._isFull(due),
            wishes=tuple(wish for _, wish in due),
            wording=self._manner.wordings.of(message.envelope.sender),
            author=self._manner.author,
        )
        return tuple(writing.reports(accounts))

    def _wish(self, message: SpooledMessage, told: Told) -> ReportWish | None:
        """
        @return: L{None}: no report is due.
        """
        envelope = message.envelope
        recipient = envelope.recipients[told.outcome.index]
        if not envelope.sender or recipient.stamp(DISCARDED):
            return None
        wish = self._profile.wishFor(envelope, recipient, told.news)
        send = told.action in _USUAL if wish.send is None else wish.send
        return wish if send else None

    def _isFull(self, due: Sequence[tuple[Told, ReportWish]]) -> bool:
        """
        Is the whole message wished?  Only where something failed (RFC 3461 section
        6.2).
        """
        if all(told.action is not Action.FAILED for told, _ in due):
            return False
        wishes = {wish.full for _, wish in due}
        if False in wishes:
            return False
        return True in wishes or self._manner.returned is Returned.MESSAGE


def _isUsualDelay(told: Told, wish: ReportWish) -> bool:
    """Is it a delay that nobody has asked to hear of?"""
    return told.action is Action.DELAYED and wish.send is None and not told.late


@frozen
class _Writing:
    """
    The reports of one message.

    @ivar full: is the whole message wished?
    @ivar wishes: what extensions wish.
    @ivar wording: the sender's language.
    @ivar author: whom the reports are from; L{None}: as usual.
    """

    message: SpooledMessage
    heading: Heading
    original: Message
    full: bool
    wishes: tuple[ReportWish, ...]
    wording: Wording
    author: Author | None

    def reports(self, accounts: Sequence[Account]) -> list[Report]:
        """One report, or as many as it takes."""
        made = self._report(accounts, RETURNED_OCTETS)
        if len(made.body) <= REPORT_OCTETS:
            return [made]
        if len(accounts) == 1:
            # A host had very much to say.
            return [self._report(accounts, SHORT_OCTETS)]
        # As many as there will be, rather than two halves: all of it is written twice
        # or three times then, however many recipients there are.
        parts = min(len(accounts), max(2, -(-len(made.body) // REPORT_OCTETS)))
        step = -(-len(accounts) // parts)
        found: list[Report] = []
        for start in range(0, len(accounts), step):
            found += self.reports(accounts[start : start + step])
        return found

    def _report(self, accounts: Sequence[Account], room: int) -> Report:
        """
        @param room: for what is returned, in octets.
        """
        sender = self.message.envelope.sender
        utf8 = not sender.isascii()
        last = self._returned(utf8, room)
        attached = "message" if last.description == MESSAGE else "header"
        words = Explanation(
            self.heading, Original(self.original.subject, attached), self.wording
        )
        parts = [
            words.part(accounts),
            deliveryStatus(self.heading, accounts, utf8),
            last,
        ]
        boundary, content = joined(parts)
        eight = any(part.encoding == b"8bit" for part in parts)
        subject = words.subject(accounts, utf8)
        header = self._header(accounts, subject, boundary, utf8, eight)
        body = header + b"\r\n" + content
        envelope = Envelope(b"", self.heading.attempted, [Recipient(sender)], len(body))
        for wish in self.wishes:
            for stamper in wish.stampers:
                stamper(envelope)
        if utf8:
            envelope.stamps[UTF8] = True
        if eight:
            envelope.stamps[EIGHTBIT] = True
        return Report(envelope, b"", body)

    def _returned(self, utf8: bool, room: int) -> Part:
        """What is returned: what is wished, or what of it there is room for."""
        sent = self.message.envelope.stamp(UTF8) is True
        original = self.original
        made = returned(original, self.full, utf8, sent)
        while len(made.content) > room:
            if made.description != MESSAGE:
                half = original.fields[: len(original.fields) // 2]
                original = Message(half, None)
            made = returned(original, False, utf8, sent)
        return made

    def _header(
        self,
        accounts: Sequence[Account],
        subject: bytes,
        boundary: bytes,
        utf8: bool,
        eight: bool,
    ) -> bytes:
        """The report's own header (RFC 5322, RFC 3834, RFC 6522 section 3)."""
        name = self.heading.name
        # The same for the same news, however often it is written.
        first = accounts[0]
        id = self.message.id
        if any(each.action is Action.DELAYED for each in accounts):
            # It may be news again tomorrow.
            id += f".{int(self.heading.attempted)}"
        id += f".{first.action.value}.{first.index}"
        lines = [
            b"From: " + (self.author or usualAuthor(name)).field,
            b"To: <%b>" % _CONTROL.sub(b"?", self.message.envelope.sender),
            subject,
            f"Date: {date(self.heading.attempted)}".encode("ascii"),
            f"Message-ID: <{id}@{name}>".encode("ascii"),
        ]
        about = self.original.messageID
        if about is not None:
            # RFC 3834 section 3.1.5 and section 3.1.6.
            lines += [b"In-Reply-To: " + about, b"References: " + about]
        lines += [
            b"Auto-Submitted: auto-replied",
            b"MIME-Version: 1.0",
            # RFC 6522 section 3: the subtype of the second part.
            b"Content-Type: multipart/report; report-type=%bdelivery-status;"
            % (b"global-" if utf8 else b""),
            b'\tboundary="%b"' % boundary,
            b"Content-Transfer-Encoding: " + (b"8bit" if eight else b"7bit"),
        ]
        return b"".join(line + b"\r\n" for line in lines)


__all__ = [
    "REPORT_OCTETS",
    "RETURNED_OCTETS",
    "Diagnostic",
    "Manner",
    "Reporter",
    "Returned",
]
