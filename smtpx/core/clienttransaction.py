"""
One envelope on its way to a peer (RFC 5321 section 3.3, RFC 2920, RFC 3030).

A L{Transaction} is a dialogue like those of extensions: it says what it needs,
and the machine (L{smtpx.core.client}) does it.

Where commands may be grouped, MAIL, all RCPT and DATA leave as one write, and so
does the beginning of a body whose carrier may start early.  Replies are counted,
never guessed at from their codes (RFC 2920 section 3.1).  Where everybody is
refused while a carrier is on its way, it is stopped at its next wait, what it
emitted is waited for, and the peer is reset.

Where an extension knows how, the peer may know the transaction again
(L{smtpx.core.repeatable}).  Where it says so in its reply to MAIL, and that was waited
for, what it has is not said again: no RCPT, as it has the recipients, and only the
rest of the body.  Where it was not waited for, all is said again, and the peer answers
to it as it did before.

How its body goes is L{smtpx.core.clientconveyance}; how it stands meanwhile, and what
it comes to, L{smtpx.core.clientstanding}.
"""

from __future__ import annotations

from typing import Any, Generator

from attrs import evolve, frozen

from .bounds import BareLines
from .claims import CORE, attributed
from .clientconveyance import Conveyance
from .clientreplies import FinalSlot, completed
from .clientselection import TOO_MANY_DOMAINS, select
from .clientsession import ClientSession, GivingUp, unsafePath
from .dialogue import (
    ClientNeed,
    Flight,
    Slot,
    emit,
    flow,
    send,
    settle,
    sync,
)
from .envelope import Envelope, Recipient
from .errors import HookTrouble
from .hooks import Carrier, Refusal, Scope, Stage
from .interfaces import IBody
from .repeatable import Progress, Repeatable, restOf
from .reply import BAD_SEQUENCE, LOCAL_ERROR, Reply, reply
from .transparency import LineEnds

_BAD_SENDER = reply(553, "5.1.7", b"Sender address has an invalid character")
_BARE_LINES = reply(554, "5.6.0", b"Message has a bare CR or LF")
_NO_MORE_HERE = reply(452, "4.5.3", b"Peer takes no more messages in this session")
_WOULD_TAKE = reply(250, "2.1.5", b"Peer takes mail for this recipient")

#: What a peer has said to each recipient that it has from before.
_KNOWN = reply(250, "2.1.5", b"Known from before")

Part = Generator[ClientNeed, Any, None]

#: An envelope and its body as a peer takes them, and who does not get it with the
#: others.
_Fitted = tuple[Envelope, IBody | None, dict[Recipient, Reply]]


@frozen
class _Plan:
    """
    What is said in a transaction.

    @ivar mail: the MAIL command.
    @ivar commands: the RCPT commands, with the recipients' places in the envelope.
    @ivar body: see L{Transaction}.
    @ivar carrier: moves the body, and whose it is; L{None}: it goes by DATA.
    @ivar grouped: may the commands go without a wait in between?
    @ivar repeatable: how the peer knows it again; L{None}: it does not.
    """

    mail: bytes
    commands: list[tuple[int, bytes]]
    body: IBody | None
    carrier: tuple[str, Carrier] | None
    grouped: bool
    repeatable: Repeatable | None


class Transaction(Conveyance):
    """
    One envelope and its body, from MAIL to the final reply.
    """

    __slots__ = ("_body", "_kept", "_mistaken")

    def __init__(
        self, session: ClientSession, envelope: Envelope, body: IBody | None
    ) -> None:
        """
        @param body: L{None}: nobody gets anything; it is only asked whom the peer
            takes mail for, and it is reset then.
        """
        Conveyance.__init__(self, session, envelope)
        self._body = body
        #: Does it go on from there, with the recipients that the peer has?
        self._kept = False
        #: Is it to go once more, as one that the peer does not know?
        self._mistaken = False

    # --- how it goes ------------------------------------------------------------

    def run(self, attempt: Part | None = None) -> Part:
        """
        Send it.

        @param attempt: sends it, from where it stands; L{None}: from the beginning.
        @raise GivingUp: it came to its end, but the connection cannot be used
            any more.
        @raise PeerError: a reply that its command cannot have.
        """
        try:
            yield from attempt or self._attempt()
            self._session.fits = self._fitting()
        except HookTrouble as trouble:
            self._session.report(trouble)
            self.end(LOCAL_ERROR)
            if self._wholeCommand:
                yield from sync()
        if not self._wholeCommand:
            # Inside of a body: whatever we said next would be part of it.
            raise GivingUp(self.final, polite=False)

    def _attempt(self) -> Part:
        """Find out whether and how it can go, and let it go."""
        session, envelope = self._session, self.envelope
        if session.unsafeToGuess:
            yield from sync()
        if unsafePath(envelope.sender):
            self.own = True
            return self.end(_BAD_SENDER, stage=Stage.MAIL)
        grouped = session.grouped() or (yield from self._grouping())
        self.guessed = session.guessed
        fitted = yield from self._fitted()
        if self.guessed and (isinstance(fitted, Refusal) or session.forecastWrong):
            # Nothing is refused on the strength of a guess, and no body is sent
            # that was made to fit a wrong one.
            yield from sync()
            self.guessed = False
            grouped = yield from self._grouping()
            fitted = yield from self._fitted()
        if isinstance(fitted, Refusal):
            self.own = True
            return self.end(fitted.reply, fitted.scope, Stage.MESSAGE)
        envelope, body, apart = fitted
        limits = session.limits()
        if session.full(limits.transactions):
            return self.end(_NO_MORE_HERE, Scope.SESSION)
        if body is not None and session.bareLines is BareLines.REFUSE:
            if (yield from attributed(CORE, _hasBareLines(body))):
                self.own = True
                return self.end(_BARE_LINES, stage=Stage.MESSAGE)
        selection = select(envelope.recipients, limits, session.domains, apart)
        self._barred, self._over = selection.barred, selection.over
        if not selection.chosen:
            if TOO_MANY_DOMAINS in self._over.values():
                # But not for the next session.
                self.scope = Scope.SESSION
            elif self._over:
                self.scope = Scope.HOST
            return
        yield from self._address(envelope, body, selection.chosen, grouped)
        session.spent = session.full(limits.transactions)

    def takenUp(
        self,
        body: IBody,
        carrier: tuple[str, Carrier] | None,
        sent: bool,
        transactionsMax: int | None,
    ) -> Part:
        """
        Go on with what has begun the usual way (L{smtpx.core.clientusual}): all
        commands left in one flight, for all recipients.

        @param carrier: see L{_Plan}.  If there is one, the body was in that flight.
        @param sent: where it goes by DATA: has it left, too?  Then the replies to all
            commands have come, and let it go.
        @param transactionsMax: how many the peer takes; L{None}: any number.
        """
        self._pending = True
        slots = [self._slotOfMail()]
        self._mail = slots[0]
        for index in range(len(self.envelope.recipients)):
            slot = self._slots[index] = FinalSlot()
            slots.append(slot)
        if carrier is None:
            slots.append(Slot())
        yield Flight(b"", slots)
        if carrier is not None:
            yield from self._byCarrier(*carrier, body, True)
        elif sent:
            yield from settle(slots[-1])
            self.carrying = True
            yield from self._judged((yield from emit(b"", ends=True)))
        else:
            yield from self._goAhead(slots[-1], body)
        self._session.spent = self._session.full(transactionsMax)

    def _address(
        self, envelope: Envelope, body: IBody | None, chosen: list[int], grouped: bool
    ) -> Part:
        """
        Say it to those who are chosen, by their places.

        @param envelope: as the peer needs it, like C{body}.
        @param grouped: as it was before the body was looked at.
        """
        session, named, repeatable = self._session, envelope, None
        recipients = [envelope.recipients[index] for index in chosen]
        if body is not None and session.recognises:
            named = envelope.addressedTo(recipients).copied()
            repeatable = yield from session.recognised(named, body)
        if self.guessed and not session.guessed:
            # The truth has come while the body was read.
            grouped = yield from self._grouping()
            self.guessed = False
        carrier = session.carrier(envelope)
        rcpts = [session.rcpt(each) for each in recipients]
        commands = list(zip(chosen, rcpts, strict=True))
        plan = _Plan(session.mail(named), commands, body, carrier, grouped, repeatable)
        yield from self._say(plan)
        if self._mistaken or self._outOfTurn:
            yield from self._forget()
            mail = session.mail(envelope)
            yield from self._say(evolve(plan, mail=mail, repeatable=None))

    def _say(self, plan: _Plan) -> Part:
        """From MAIL to the end."""
        self._repeatable = plan.repeatable
        asks = plan.repeatable is not None and plan.repeatable.asks
        self._session.transactions += 1
        self._pending = True
        if plan.grouped and not asks:
            yield from self._sayAtOnce(plan)
        else:
            yield from self._sayInTurn(plan)
        if self._kept and self.final is not None:
            # It knows nothing of it, after all.
            self._mistaken = self.final.code == BAD_SEQUENCE.code

    def _sayAtOnce(self, plan: _Plan) -> Part:
        """All commands in one flight, with DATA behind them where it goes by that."""
        body, carrier = plan.body, plan.carrier
        commands = [plan.mail]
        slots = [self._slotOfMail()]
        self._mail = slots[0]
        for index, command in plan.commands:
            commands.append(command)
            slot = self._slots[index] = FinalSlot()
            slots.append(slot)
        if body is None or carrier is not None:
            yield Flight(b"".join(commands), slots)
            yield from self._sayBody(plan, body)
            return
        commands.append(b"DATA\r\n")
        slots.append(Slot())
        yield Flight(b"".join(commands), slots)
        yield from self._goAhead(slots[-1], body)

    def _sayInTurn(self, plan: _Plan) -> Part:
        """One after the other."""
        mail = self._mail = self._slotOfMail()
        yield Flight(plan.mail, [mail])
        got = self._understood((yield from settle(mail)))
        if got.refuses:
            return
        body = plan.body
        if self._progress is not None and body is not None:
            body = yield from self._resumed(plan, body, self._progress)
            if self._mistaken:
                return
        else:
            yield from self._tellRecipients(plan)
        if plan.grouped or self._wanted():
            yield from self._sayBody(plan, body)

    def _sayBody(self, plan: _Plan, body: IBody | None) -> Part:
        """The rest, behind the last RCPT."""
        if body is None:
            yield from self._addressed()
            self.end(_WOULD_TAKE, stage=Stage.RCPT)
        elif plan.carrier is None:
            go = Slot()
            yield Flight(b"DATA\r\n", [go])
            yield from self._goAhead(go, body)
        else:
            yield from self._byCarrier(*plan.carrier, body, plan.grouped)

    def _slotOfMail(self) -> Slot:
        """The place of the reply to MAIL, see L{_understood}."""
        return FinalSlot() if self._repeatable is None else Slot()

    def _tellRecipients(self, plan: _Plan) -> Part:
        """RCPT, for each."""
        for index, command in plan.commands:
            slot = self._slots[index] = FinalSlot()
            yield Flight(command, [slot])
            if not plan.grouped:
                yield from settle(slot)

    # --- what the peer knows ------------------------------------------------------

    @property
    def _outOfTurn(self) -> bool:
        """
        Did the peer, which knows it, not want to hear of its recipients again?  That
        says nothing of them.
        """
        if self._progress is None or not self._wholeCommand:
            return False
        replies = [slot.reply for slot in self._slots.values()]
        return all(got is not None and got.code == BAD_SEQUENCE.code for got in replies)

    def _resumed(
        self, plan: _Plan, body: IBody, progress: Progress
    ) -> Generator[ClientNeed, Any, IBody]:
        """
        The peer knows it, and nothing more was said yet.

        @return: what of the body is to be sent.
        """
        had, byLines = progress.octets, plan.carrier is None
        rest = yield from attributed(CORE, restOf(body, had, byLines))
        if rest is None and had > body.octets:
            self._mistaken = True
        elif had and rest and len(plan.commands) in (1, progress.recipients):
            # As it has some of the body, it has taken some of the recipients; and
            # these can only be all.
            self._kept = True
            for index, _ in plan.commands:
                self._slots[index] = Slot(_KNOWN)
            return rest
        else:
            # From a RCPT it sees that all of it comes again.
            yield from self._tellRecipients(plan)
        return body

    def _forget(self) -> Part:
        """The peer is to forget it; and so do we."""
        self._mistaken = self._kept = self.carrying = False
        self._progress = self.final = self.stage = self.verdict = None
        self._slots = {}
        got = completed((yield from send(b"RSET")))
        if got.refuses:
            raise GivingUp(got)

    def _fitted(self) -> Generator[ClientNeed, Any, _Fitted | Refusal]:
        """
        The envelope and the body as this peer takes them.

        @return: with those who do not get it with the others, and why; or why
            nobody does.
        """
        session, envelope, body = self._session, self.envelope, self._body
        apart = session.refused(envelope)
        if isinstance(apart, Refusal) or body is None:
            return apart if isinstance(apart, Refusal) else (envelope, None, apart)
        if not session.transforms:
            return envelope, body, apart
        fitted = yield from session.transformed(envelope, body)
        return fitted if isinstance(fitted, Refusal) else (*fitted, apart)

    def _grouping(self) -> Generator[ClientNeed, Any, bool]:
        """May the commands go without a wait in between?"""
        grouped = self._session.grouped()
        if not grouped:
            # What was sent before, a RSET perhaps, may not have its reply yet.
            yield from sync()
            grouped = self._session.grouped()
        return grouped


def _hasBareLines(body: IBody) -> Generator[ClientNeed, Any, bool]:
    """Is there a CR or LF that stands alone?  Leaves room between pieces."""
    ends = LineEnds()
    for piece in body.pieces():
        ends.write(piece)
        if ends.found:
            return True
        yield from flow()
    ends.end()
    return ends.found
