"""
Receiving messages that milters read, and may change.

The first milter reads a message as it comes, and so does each behind it for as long as
those before it cannot change what it reads; the others read it when those have had
their say, from where it is kept.  What they want changed is noted with the editor of
the message (L{smtpx.policy.edits}), and a message is taken when none has anything
against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer, IPushProducer
from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.errors import Malformed, UsageError
from ...core.interfaces import IServerSession
from ...core.reply import LOCAL_ERROR, Reply
from ...core.standing import Standing
from ...core.submitted import headerEnd
from ...extensions.checkpointserver import CutShort, transactionOf
from ...net.interfaces import IArrival, IReceiver, Taken
from ..checkers.pump import Pump
from ..checkers.taps import Junction
from ..editedheader import EditedHeader
from ..edits import (
    AddRecipient,
    Change,
    ChangeSender,
    Edit,
    Editor,
    HeaderEdit,
    INewBody,
    Insert,
    Quarantine,
    Remove,
    RemoveRecipient,
    editorOf,
)
from ..rules.effects import discard
from .answers import Answer, NewBody, Verdict, Wish
from .bench import Bench, benchOf
from .commands import END_OF_MESSAGE
from .link import MilterAway
from .reading import Reading
from .seat import Seat

#: How long all milters together may take behind the end of a message: clients wait ten
#: minutes (RFC 5321 section 4.5.3.2.6).
CONTENT_SECONDS = 540.0

#: What changes are called in the log.
_WORDS: dict[type[Edit], str] = {
    Insert: "add header",
    Change: "change header",
    Remove: "remove header",
    AddRecipient: "add recipient",
    RemoveRecipient: "remove recipient",
    ChangeSender: "change sender",
    Quarantine: "quarantine",
}

#: Whose changes these are: each milter works on what those before it have left.
AUTHOR = "milters"


@implementer(IReceiver)
class MilterReceiver:
    """
    Has messages read by milters, and hands them on.
    """

    def __init__(self, receiver: IReceiver) -> None:
        """
        @param receiver: where messages go: one behind which they can be changed
            (L{smtpx.policy.editing.EditingReceiver}).
        """
        self.receiver = receiver

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        arrival = self.receiver.begin(session, envelope)
        bench = benchOf(session)
        if (
            isinstance(arrival, Reply)
            or bench is None
            or session.standing is Standing.SETTLED
        ):
            return arrival
        editor = editorOf(envelope)
        if editor is None:
            arrival.abort()
            raise UsageError("milters want an EditingReceiver behind them")
        transaction = transactionOf(session)
        resumed = transaction is not None and isinstance(transaction.before, CutShort)
        return ReadArrival(arrival, bench, session, envelope, editor, resumed)


@implementer(IArrival)
class ReadArrival:
    """
    A message that milters read.
    """

    def __init__(
        self,
        arrival: IArrival,
        bench: Bench,
        session: IServerSession,
        envelope: Envelope,
        editor: Editor,
        resumed: bool,
    ) -> None:
        """
        @param resumed: is it the rest of a message that was cut short?
        """
        self._arrival = arrival
        self._bench = bench
        self._session = session
        self._envelope = envelope
        self._editor = editor
        #: What was changed so far, and in the header as the milter in work has seen it;
        #: L{None}: it has seen what came.
        self._edits: list[HeaderEdit] = []
        self._header: EditedHeader | None = None
        self._junction: Junction | None = None
        self._readings: dict[Seat, Reading] = {}
        if not resumed:
            for seat in bench.seats:
                if seat.attends:
                    self._readings[seat] = self._reading(seat)
                    if seat.rewrites:
                        break

    def _reading(self, seat: Seat) -> Reading:
        assert seat.link is not None
        facts = seat.facts(self._envelope, self.id)
        seat.reading = Reading(seat.link, seat.milter.terms, facts)
        return seat.reading

    @property
    def id(self) -> str:
        """In the spool."""
        return getattr(self._arrival, "id", "")

    @property
    def reread(self) -> Callable[[], Iterator[bytes]] | None:
        """Gives what there is of it; L{None}: nobody keeps it."""
        found: Callable[[], Iterator[bytes]] | None
        found = getattr(self._arrival, "reread", None)
        return found

    def write(self, data: bytes) -> None:
        """Take a piece of it."""
        self._arrival.write(data)
        for each in self._readings.values():
            each.write(data)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """It is paused by whoever does not keep up."""
        assert IPushProducer.providedBy(producer)
        junction = self._junction = Junction(producer)
        self._arrival.registerProducer(junction.tap(), True)
        for each in self._readings.values():
            each.registerProducer(junction.tap(), True)

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self._arrival.unregisterProducer()
        for each in self._readings.values():
            each.unregisterProducer()
        if self._junction is not None:
            self._junction.close()

    # --- the end --------------------------------------------------------------------

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        concluded: Any = Deferred.fromCoroutine(self._conclude(session, envelope))
        answer: Taken = concluded
        return answer

    async def _conclude(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | tuple[Reply, ...]:
        clock = self._bench.seats[0].milter.clock
        self._late = clock.callLater(CONTENT_SECONDS, self._giveUp)
        try:
            refusal = await self._heard()
        except BaseException:
            self.abort()
            raise
        finally:
            if self._late.active():
                self._late.cancel()
        if refusal is None and session.ending is not None:
            # It has not waited, and will come again.
            refusal = LOCAL_ERROR
        if refusal is not None:
            self.abort()
            return refusal
        self._bench.settled()
        taken: Any = self._arrival.finish(session, envelope)
        said: Reply | tuple[Reply, ...]
        said = await taken if isinstance(taken, Deferred) else taken
        return said

    def _giveUp(self) -> None:
        """The client does not wait any longer: who has not answered yet is too slow."""
        for seat in self._bench.seats:
            if seat.link is not None and seat.attends:
                seat.link.giveUp("it takes longer than clients wait")

    async def _heard(self) -> Reply | None:
        """What the milters have against the message, one after the other."""
        for seat in self._bench.seats:
            if seat.attends:
                refusal = await self._ended(seat)
                if refusal is not None:
                    return refusal
            elif seat.refusal is not None:
                return seat.refusal
            if seat.discards:
                discard(self._envelope)
                self._bench.aborted()
                return None
        return None

    async def _ended(self, seat: Seat) -> Reply | None:
        """Have a milter read the message to its end."""
        changes = _Changes(self._editor, self._session, seat)
        reading = self._readings.get(seat)
        try:
            if reading is None:
                reading = await self._readAgain(seat)
            facts = seat.facts(self._envelope, self.id)
            try:
                answer = await reading.finish(facts, changes.note)
                self._keep(seat, changes, answer)
            except Malformed as error:
                raise MilterAway(str(error)) from None
        except MilterAway as away:
            changes.drop()
            stage = "header" if reading is None else reading.stage
            return seat.gone(stage, away) or changes.trouble
        return seat.heard(reading.stage, answer) or changes.trouble

    def _keep(self, seat: Seat, changes: _Changes, answer: Answer) -> None:
        """
        Note what is to be changed, if it is.

        @raise Malformed: it is more than one message can have.
        """
        if answer.verdict not in (Verdict.CONTINUE, Verdict.ACCEPT):
            changes.drop()
            return
        edits, header = changes.edits, self._header
        if header is not None:
            # It has counted what it has seen.
            edits = [
                header.counted(AUTHOR, each) if isinstance(each, HeaderEdit) else each
                for each in edits
            ]
        self._editor.edit(AUTHOR, edits)
        self._edits += [each for each in edits if isinstance(each, HeaderEdit)]
        changes.keep()
        if changes.summary:
            seat.changed(END_OF_MESSAGE.name, changes.summary)

    # --- a message that is there ----------------------------------------------------

    async def _readAgain(self, seat: Seat) -> Reading:
        """
        Give a milter the message as those before it have left it.

        @raise MilterAway: it cannot be read any more.
        """
        reading, reread = self._reading(seat), self.reread
        if reread is None:
            raise MilterAway("nobody keeps the message")
        try:
            pieces = reread()
            header, behind = _divided(pieces)
            for each in self._edits:
                header.apply(AUTHOR, each)
            self._header = header
            first = header.above + header.octets + header.rest + behind
            await Pump(reading, chain([first], pieces), seat.milter.clock).run()
        except OSError as error:
            raise MilterAway(f"the message cannot be read again: {error}") from error
        return reading

    def abort(self) -> None:
        """See L{IArrival}."""
        self._bench.aborted()
        self._arrival.abort()


class _Changes:
    """
    What a milter wants changed.

    @ivar edits: all but a new body.
    @ivar trouble: why a new body cannot be had now; L{None}: it can.
    """

    def __init__(self, editor: Editor, session: IServerSession, seat: Seat) -> None:
        self.edits: list[Edit] = []
        self.trouble: Reply | None = None
        self._editor = editor
        self._session = session
        self._seat = seat
        self._body: INewBody | None = None
        self._inflow: IPushProducer | None = None
        self._octets = 0

    def note(self, wish: Wish) -> None:
        """
        It wants something.

        @raise Malformed: it wants too much.
        """
        if not isinstance(wish, NewBody):
            self.edits.append(wish)
            return
        self._octets += len(wish.octets)
        most = self._session.messageOctets
        if most is not None and self._octets > most:
            raise Malformed("a new body that is larger than a message may be")
        body = self._body
        if body is None:
            if self.trouble is not None:
                return
            begun = self._editor.replaceBody()
            if isinstance(begun, Reply):
                self.trouble = begun
                return
            body = self._body = begun
            link = self._seat.link
            assert link is not None
            body.registerProducer(link.inflow, True)
            self._inflow = link.inflow
        body.write(wish.octets)

    @property
    def summary(self) -> str:
        """What it is, for the log; empty: nothing."""
        kinds = Counter(_WORDS[type(each)] for each in self.edits)
        if self._octets:
            kinds["body"] += 1
        return ", ".join(
            word if count == 1 else f"{count} x {word}" for word, count in kinds.items()
        )

    def keep(self) -> None:
        """It counts."""
        body = self._taken()
        if body is not None:
            body.finish()

    def drop(self) -> None:
        """It does not."""
        body = self._taken()
        if body is not None:
            body.abort()

    def _taken(self) -> INewBody | None:
        """The new body, to which nothing more is written."""
        body, self._body = self._body, None
        inflow, self._inflow = self._inflow, None
        if body is not None:
            body.unregisterProducer()
        if inflow is not None:
            inflow.resumeProducing()
        return body


def _divided(pieces: Iterator[bytes]) -> tuple[EditedHeader, bytes]:
    """
    Take the header off a message.

    @return: it, and what came behind it with its last piece.
    """
    held = bytearray()
    end: int | None = None
    for piece in pieces:
        end = headerEnd(held, piece)
        if end is not None:
            break
    whole = bytes(held)
    end = len(whole) if end is None else end
    return EditedHeader(whole[:end]), whole[end:]


__all__ = ["AUTHOR", "MilterReceiver", "ReadArrival"]
