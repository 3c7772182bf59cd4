"""
Receiving messages that may be changed on their way.

L{EditingReceiver} stands right before the spool's, and only where somebody may want
something changed.  It holds back the header of a message, which is bounded, and what
comes behind it goes through as it comes.  When the message is taken, the header goes
down above it, as it is then (L{smtpx.core.trace.HEADER}): so whatever is changed in it,
no octet of the body is moved for that.  A new body is written to where it belongs as it
comes, and the one that came is given up once that is whole.

What is noted on the envelope (L{smtpx.policy.edits.EDITOR}) says what is to be changed;
what stands before this receiver, the checks of signatures among it, sees what came.

What is kept is not what came, octet by octet, so that a message that is cut short
comes again from its start (RFC 1845).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.errors import UsageError
from ..core.interfaces import IServerSession
from ..core.reply import LOCAL_ERROR, Reply
from ..core.submitted import headerEnd
from ..core.trace import ABOVE, HEADER
from ..extensions.checkpointserver import CutShort, transactionOf
from ..net.interfaces import IArrival, IReceiver, Taken
from ..net.receiving import MEMORY_OCTETS, Taker, receiverFor
from .checking import TOO_LONG
from .editedheader import EditedHeader
from .edits import (
    EDITOR,
    AddRecipient,
    ChangeSender,
    Editor,
    EnvelopeEdit,
    INewBody,
    Noted,
    Quarantine,
    RemoveRecipient,
)
from .rules.effects import discard, isDiscardedFor, quarantine
from .rules.removing import HeaderWishes, headerWishes

#: The most octets of a header, if nobody says otherwise.
HEADER_OCTETS = 1 << 18

#: What a line begins with that goes on with the field above it.
_BLANKS = (b" ", b"\t")


@implementer(IReceiver)
class EditingReceiver:
    """
    Lets messages be changed, and hands them on.

    @ivar headerOctets: the most octets of a header.
    """

    def __init__(
        self, receiver: IReceiver | Taker, headerOctets: int = HEADER_OCTETS
    ) -> None:
        """
        @param receiver: where messages go: a function, or one that writes what
            L{HEADER} says above what it is given, as the spool's does.
        @param headerOctets: the most octets of a header; a longer one is refused.
        """
        self._receiver = (
            receiver
            if IReceiver.providedBy(receiver)
            else receiverFor(_joined(receiver))
        )
        self.headerOctets = headerOctets

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        arrival = self._receiver.begin(session, envelope)
        if isinstance(arrival, Reply):
            return arrival
        transaction, resumed = transactionOf(session), False
        if transaction is not None:
            transaction.resumes = False
            resumed = isinstance(transaction.before, CutShort)
        again = None if resumed else lambda: self._receiver.begin(session, envelope)
        return EditedArrival(arrival, envelope, again, self.headerOctets)


def _joined(take: Taker) -> Taker:
    """A function that is called with all of a message in one file."""

    def taking(envelope: Envelope, body: IO[bytes]) -> Any:
        whole: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_OCTETS)
        whole.write(envelope.stamp(HEADER) or b"")
        shutil.copyfileobj(body, whole)
        whole.seek(0)
        return take(envelope, whole)

    return taking


@implementer(IArrival)
class EditedArrival:
    """
    A message that may be changed.

    @ivar write: takes a piece of it; once the header is there, it is that of who takes
        the body.
    """

    __slots__ = (
        "_again",
        "_arrival",
        "_editor",
        "_header",
        "_held",
        "_most",
        "_new",
        "_refusal",
        "_rest",
        "write",
    )

    def __init__(
        self,
        arrival: IArrival,
        envelope: Envelope,
        again: Callable[[], IArrival | Reply] | None,
        headerOctets: int,
    ) -> None:
        """
        @param again: begins another one; L{None}: what comes is the rest of a message
            of which the header came before this could be changed.
        """
        self._arrival = arrival
        self._again = again
        self._most = headerOctets
        self._new: _NewBody | None = None
        self._editor = envelope.stamps[EDITOR] = Editor(self._replace)
        #: The message so far; L{None}: its header is there.
        self._held: bytearray | None = None if again is None else bytearray()
        self._header = b""
        #: What came behind its fields without an empty line between: it is text.
        self._rest = b""
        self._refusal: Reply | None = None
        self.write: Callable[[bytes], None] = (
            arrival.write if again is None else self._hold
        )

    @property
    def id(self) -> str:
        """In the spool; that of another body is another."""
        return getattr(self._arrival, "id", "")

    @property
    def reread(self) -> Callable[[], Iterator[bytes]] | None:
        """Gives what there is of it, as it came; L{None}: nobody keeps it."""
        below: Callable[[], Iterator[bytes]] | None
        below = getattr(self._arrival, "reread", None)
        if below is None:
            return None

        def pieces() -> Iterator[bytes]:
            held = self._held
            above = self._header + self._rest if held is None else bytes(held)
            if above:
                yield above
            yield from below()

        return pieces

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """It is paused by whoever takes the message."""
        self._arrival.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self._arrival.unregisterProducer()

    # --- the header -----------------------------------------------------------------

    def _hold(self, data: bytes) -> None:
        held = self._held
        if held is None:
            # For who has taken this method before the header was there.
            self.write(data)
            return
        end = headerEnd(held, data)
        if end is not None:
            self._release(bytes(held), end)
        elif len(held) > self._most:
            self._refuse(TOO_LONG)

    def _release(self, held: bytes, end: int) -> None:
        """
        The header is there.

        @param end: how long it is; an empty line stands behind it, or nothing.
        """
        self._held = None
        if end > self._most:
            self._refuse(TOO_LONG)
            return
        fields = EditedHeader(held[:end])
        self._header, self._rest = fields.octets, fields.rest
        if self._rest.startswith(_BLANKS):
            # It would go on with the last field above it.
            self._rest = b"\r\n" + self._rest
        body = held[end:]
        self.write = self._arrival.write
        if body:
            self.write(body)

    def _refuse(self, why: Reply) -> None:
        self._held = None
        self._refusal = why
        self.write = self._drop

    def _drop(self, data: bytes) -> None:
        """It will be refused; what still comes is of no use."""

    # --- another body ---------------------------------------------------------------

    def _replace(self) -> INewBody | Reply:
        """See L{Editor.replaceBody}."""
        if self._again is None:
            return LOCAL_ERROR
        arrival = self._again()
        if isinstance(arrival, Reply):
            return arrival
        if self._new is not None:
            self._new.abort()
        made = self._new = _NewBody(arrival, self._replaced)
        return made

    def _replaced(self, arrival: IArrival) -> None:
        self._end()
        if self._header and not self._header.endswith(b"\r\n"):
            self._header += b"\r\n"
        self._rest = b""
        old, self._arrival, self._new = self._arrival, arrival, None
        self.write = self._drop
        # Nobody would let go on who has to wait for it.
        old.unregisterProducer()
        old.abort()

    # --- the end --------------------------------------------------------------------

    def _end(self) -> None:
        """The message is there; it may have ended within its header."""
        held = self._held
        if held is not None:
            self._release(bytes(held), len(held))

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        try:
            # Whoever comes now is too late; and the message in memory needs none.
            if EDITOR in envelope.stamps:
                del envelope.stamps[EDITOR]
            self._end()
            if self._refusal is not None:
                self.abort()
                return self._refusal
            if self._new is not None:
                # Whoever has begun it has let go of it.
                self._new.abort()
            noted, wishes = self._editor.noted, headerWishes(envelope)
            if self._again is None:
                if noted or wishes:
                    # Its header is with its body, so nothing can be changed there: the
                    # name is given up, and all of it comes again.
                    self.abort()
                    return LOCAL_ERROR
                return self._arrival.finish(session, envelope)
            self._settle(envelope, noted, wishes)
            given = changed(envelope, noted)
        except BaseException:
            self.abort()
            raise
        return self._arrival.finish(session, given)

    def _settle(
        self, envelope: Envelope, noted: Sequence[Noted], wishes: HeaderWishes | None
    ) -> None:
        """Change the header."""
        if not noted and not wishes:
            envelope.stamps[HEADER] = self._header + self._rest
            return
        header = EditedHeader(self._header)
        for each in noted:
            edit = each.edit
            if isinstance(edit, Quarantine):
                quarantine(envelope, edit.why)
            elif not isinstance(edit, EnvelopeEdit):
                header.apply(each.author, edit)
        if wishes:
            wishes.grant(header)
        rest = self._rest
        if rest and wishes and wishes.removed and not rest.startswith(b"\r\n"):
            # Some readers would go on in it as if it were header: what rules take out
            # there would be in it.
            rest = b"\r\n" + rest
        envelope.stamps[HEADER] = header.octets + rest
        above = header.above
        if above:
            ours = envelope.stamp(ABOVE)
            envelope.stamps[ABOVE] = above if ours is None else above + ours

    def abort(self) -> None:
        """See L{IArrival}."""
        if self._new is not None:
            self._new.abort()
        self._arrival.abort()


@implementer(INewBody)
class _NewBody:
    """
    A body that may take the place of the one that came.

    @ivar write: takes a piece of it.
    """

    def __init__(self, arrival: IArrival, whole: Callable[[IArrival], None]) -> None:
        """
        @param whole: told that it is whole.
        """
        self._arrival: IArrival | None = arrival
        self._whole = whole
        # The empty line stands above it: the header is held elsewhere.
        arrival.write(b"\r\n")
        self.write: Callable[[bytes], None] = arrival.write

    def _open(self) -> IArrival:
        if self._arrival is None:
            raise UsageError("this body is whole, or was given up")
        return self._arrival

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{INewBody}."""
        self._open().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See L{INewBody}."""
        if self._arrival is not None:
            self._arrival.unregisterProducer()

    def finish(self) -> None:
        """See L{INewBody}."""
        arrival = self._open()
        self._arrival = None
        self._whole(arrival)

    def abort(self) -> None:
        """See L{INewBody}."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.abort()


def changed(envelope: Envelope, noted: Sequence[Noted]) -> Envelope:
    """
    An envelope with what is to be changed in it; the same, if there is nothing.

    @return: its stamps are the same ones.
    """
    edits = [each.edit for each in noted if isinstance(each.edit, EnvelopeEdit)]
    if not edits:
        return envelope
    out = envelope.addressedTo(list(envelope.recipients))
    for edit in edits:
        if isinstance(edit, ChangeSender):
            out.sender = edit.path
        elif isinstance(edit, AddRecipient):
            if not any(_gets(each, edit.path) for each in out.recipients):
                out.recipients.append(Recipient(edit.path))
        else:
            out.recipients = [_without(each, edit) for each in out.recipients]
    return out


def _gets(recipient: Recipient, path: bytes) -> bool:
    return recipient.path == path and not isDiscardedFor(recipient)


def _without(recipient: Recipient, edit: RemoveRecipient) -> Recipient:
    """A recipient, who gets nothing if this is who is taken off."""
    if recipient.path.lower() != edit.path.lower():
        return recipient
    gone = recipient.redirected(recipient.path)
    discard(gone)
    return gone


__all__ = ["HEADER_OCTETS", "EditedArrival", "EditingReceiver", "changed"]
