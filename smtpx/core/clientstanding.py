"""
How one envelope stands with a peer: who was refused at what, what became of the
message, and who is left for another transaction.

What is done about it is L{smtpx.core.clienttransaction}.

An envelope may have more recipients than the peer takes at a time: more than it
said (RFC 9422), or than it turns out to take, where it refuses the last of them as
too many (RFC 5321 section 4.5.3.1.10).  To those, the I{rest}, the message may go at
once in another transaction.

Behind the message, some peers answer for each recipient by itself
(L{smtpx.core.clientverdict}).
"""

from __future__ import annotations

from collections.abc import Iterator

from .clientreplies import BROKEN, UNSURE, isTooMany, softened
from .clientsession import ClientSession
from .clientverdict import Verdict
from .dialogue import Slot
from .effects import Awaited, Settled
from .envelope import Envelope, Recipient
from .hooks import Scope, Stage
from .reply import Reply

_NONE: frozenset[int] = frozenset()


class Standing:
    """
    What is known of one envelope.

    @ivar envelope: the envelope.
    @ivar carrying: has the body begun to go out?
    @ivar guessed: was it begun on the strength of a forecast?
    @ivar final: what became of it for those recipients who were not refused by
        themselves; L{None}: nothing yet.
    @ivar scope: how far C{final} reaches.
    @ivar stage: at what C{final} came about; L{None}: at nothing the peer said.
    @ivar verdict: what the peer said to the end of the message, which may be a
        reply for each recipient; L{None}: it has not ended.
    """

    __slots__ = (
        "_barred",
        "_mail",
        "_over",
        "_pending",
        "_session",
        "_slots",
        "_unsent",
        "_wholeCommand",
        "carrying",
        "envelope",
        "final",
        "guessed",
        "own",
        "scope",
        "stage",
        "verdict",
    )

    def __init__(self, session: ClientSession, envelope: Envelope) -> None:
        self._session = session
        self.envelope = envelope
        self.guessed = False
        #: Did we ourselves refuse it, before the peer was asked?
        self.own = False
        self.final: Reply | None = None
        self.scope = Scope.MESSAGE
        self.stage: Stage | None = None
        self.verdict: Verdict | None = None
        self._mail = Slot()
        #: The replies to RCPT, by the recipient's place in the envelope, and
        #: our own for those to whom no RCPT goes: whose address is none, and who
        #: are too many.
        self._slots: dict[int, Slot] = {}
        self._barred: dict[int, Reply] = {}
        self._over: dict[int, Reply] = {}
        #: Is there, for all we know, a transaction open at the peer?
        self._pending = False
        self.carrying = False
        #: For all we know, does the next octet that goes out begin a command?
        self._wholeCommand = True
        #: How many octets of the body have not gone out; commands between them
        #: count as if they were some.
        self._unsent = 0

    # --- how it stands ----------------------------------------------------------

    @property
    def awaited(self) -> Awaited:
        """What it waits for, unless for room to send or an answer from here."""
        if self._mail.reply is None:
            return Awaited.MAIL
        if None in [slot.reply for slot in self._slots.values()]:
            return Awaited.RCPT
        return Awaited.FINAL if self.carrying else Awaited.DATA

    @property
    def whole(self) -> bool:
        """
        Has all of the message been sent, to somebody who was not refused?  Then the
        peer may have taken it, whether it says so or not.
        """
        return (
            self.carrying
            and self._wholeCommand
            and self._unsent <= 0
            and self._wanted()
        )

    @property
    def unanimous(self) -> bool:
        """
        Does the same hold for all recipients: was nobody refused, answered for or left
        out by itself?  It is mostly so.
        """
        if self._barred or self._over or self._each:
            return False
        for slot in (self._mail, *self._slots.values()):
            if slot.reply is not None and slot.reply.code >= 400:
                return False
        return True

    # --- how it ended -----------------------------------------------------------

    def settled(
        self,
        blame: Reply,
        scope: Scope,
        rest: tuple[Recipient, ...] = (),
        unsure: bool = False,
    ) -> Settled:
        """
        What became of it.

        @param blame: see L{outcomes}.
        @param scope: how far that reaches, where somebody was refused.
        @param rest: see L{Settled}, as for C{unsure}.
        """
        envelope, recipients = self.envelope, self.envelope.recipients
        if self.unanimous:
            final = self.final or blame
            outcomes = tuple([(each, final) for each in recipients])
            refused = final.refuses
            stages: tuple[Stage | None, ...] = (self.stage,) * len(outcomes)
        else:
            outcomes, stages = self.outcomes(blame), self.stages()
            refused = any(said.refuses for _, said in outcomes)
        if not refused:
            scope = Scope.MESSAGE
        return Settled(envelope, outcomes, scope, rest, stages, unsure, self.ours())

    def outcomes(self, blame: Reply) -> tuple[tuple[Recipient, Reply], ...]:
        """
        One reply a recipient.

        @param blame: what those get who were not refused, where the transaction
            did not come to its end.
        """
        final = self.final or blame
        mail = self._mail.reply
        if mail is not None and mail.refuses:
            # Without a MAIL any RCPT is refused; that says nothing of it.
            replies = [mail for _ in self.envelope.recipients]
        else:
            replies = list(self._answers(final))
            if not self._putOff:
                for index, why in self._over.items():
                    replies[index] = why
        for index, why in self._barred.items():
            replies[index] = why
        return tuple(zip(self.envelope.recipients, replies, strict=True))

    def stages(self) -> tuple[Stage | None, ...]:
        """At what each of L{outcomes} came about."""
        mail = self._mail.reply
        refused = mail is not None and mail.refuses
        return tuple(
            self._stageOf(index, refused)
            for index in range(len(self.envelope.recipients))
        )

    def ours(self) -> frozenset[int]:
        """Which of L{outcomes} are our own words, of a message that was not tried."""
        if self.own:
            return frozenset(range(len(self.envelope.recipients)))
        return frozenset(self._barred) if self._barred else _NONE

    def _stageOf(self, index: int, refused: bool) -> Stage | None:
        if index in self._barred:
            return Stage.RCPT
        if refused:
            return Stage.MAIL
        slot = self._slots.get(index)
        if slot is not None and slot.reply is not None and slot.reply.refuses:
            return Stage.RCPT
        if index in self._over and not self._putOff:
            return Stage.RCPT
        return Stage.MESSAGE if index in self._each else self.stage

    @property
    def _each(self) -> dict[int, Reply]:
        """What was said for recipients by themselves, behind the message."""
        return {} if self.verdict is None else self.verdict.each

    def accepted(self) -> list[int]:
        """The places of those whom the peer has accepted, in order."""
        replies = ((index, slot.reply) for index, slot in self._slots.items())
        return [i for i, got in replies if got is not None and not got.refuses]

    def awaitVerdict(self) -> Verdict:
        """The end of the message goes out."""
        verdict = Verdict(self._session, self.accepted, self._served)
        self.verdict = verdict
        return verdict

    def _served(self, index: int, got: Reply) -> None:
        self._session.served(self.envelope.recipients[index], got)

    def rest(self) -> tuple[Recipient, ...]:
        """
        Those who were too many, in order, if another transaction may follow at
        once.  Since somebody was asked for in this one, there are ever fewer.
        """
        mail = self._mail.reply
        if mail is None or mail.refuses or self.unanimous or self._putOff:
            return ()
        places = sorted((*self._over, *self._excess()))
        return tuple(self.envelope.recipients[index] for index in places)

    @property
    def _putOff(self) -> bool:
        """
        Is the message put off, whoever it is for?  Then those who were too many
        had better wait with the others.
        """
        final = self.final
        return final is not None and final.refuses and not final.permanent

    def _excess(self) -> list[int]:
        """
        The places of those whom the peer refused as too many: it accepted some,
        and nobody behind them.
        """
        found: list[int] = []
        for index, slot in reversed(self._slots.items()):
            got = slot.reply
            if got is None or not got.refuses:
                return found
            if isTooMany(got):
                found.append(index)
        return []

    def _answers(self, final: Reply) -> Iterator[Reply]:
        accepted, each = False, self._each
        for index in range(len(self.envelope.recipients)):
            slot = self._slots.get(index)
            got = None if slot is None else slot.reply
            if got is None or not got.refuses:
                accepted = accepted or got is not None
                yield each.get(index, final)
            else:
                yield softened(got) if accepted else got

    def reach(self) -> Scope:
        """
        How far the outcome reaches.  What a peer refused that was forecast
        wrongly says nothing of the message; nor does what it refused of a flight
        that left on the strength of what it had said in the clear.
        """
        session = self._session
        if self.guessed and (session.forecastWrong or session.presumed):
            return Scope.SESSION
        return self.scope

    def _fitting(self) -> int | None:
        """How many recipients this peer takes at a time, as far as is known."""
        if self.unanimous or not self._excess():
            return self._session.fits
        replies = [slot.reply for slot in self._slots.values()]
        return sum(1 for got in replies if got is not None and not got.refuses)

    @property
    def pending(self) -> bool:
        """Is there a transaction open at the peer that has to be reset?"""
        if not self._pending:
            return False
        mail = self._mail.reply
        refused = mail is not None and mail.refuses
        return self.carrying or not refused

    def end(
        self, why: Reply, scope: Scope = Scope.MESSAGE, stage: Stage | None = None
    ) -> None:
        """What became of it is known, and whoever was not refused gets that."""
        self.final = why
        self.scope = scope
        self.stage = stage

    def _wanted(self) -> bool:
        """Is there still somebody who may get the message?"""
        mail = self._mail.reply
        if mail is not None and mail.refuses:
            return False
        for slot in self._slots.values():
            if slot.reply is None or slot.reply.code < 400:
                return True
        return False

    def brokenOff(self, said: Reply | None, blame: Reply, early: bool) -> bool:
        """
        The connection has ended, perhaps before anything became of the message.

        @param said: what the peer said, or in our own words why it had to end; or
            L{None}: it was lost.
        @param blame: what those get who are not settled.
        @param early: was the forecast not confirmed yet?  What was begun on a guess
            is to be tried again without one: nothing that ends it may count as the
            host's fault.
        @return: may the peer have taken what it did not answer for?
        """
        if self.final is not None:
            self.scope = self.reach()
            return False
        unsure = not early and self.whole and said in (None, BROKEN)
        if early:
            scope = Scope.SESSION
        elif unsure:
            # RFC 1047: no other host is to have it as well, if that can be helped.
            # What it said that makes no sense may have meant anything.
            scope, blame = Scope.MESSAGE, said or UNSURE
        else:
            scope = Scope.SESSION if self.guessed else Scope.HOST
        self.end(blame, scope)
        return unsure
