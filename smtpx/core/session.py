"""
A server session: the facts that hooks see, and the life of one transaction.

L{smtpx.core.server.ServerConnection} is this, and the machine that reads octets.
Here is what becomes of an envelope from MAIL to the final reply, and what
extensions may do about it (L{smtpx.core.interfaces.IServerSession}); what is true
of the client is in L{smtpx.core.facts}.

An exception out of a hook becomes C{451 4.3.0} and is reported once, with the
name of the extension.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, cast

from zope.interface import implementer

from .bodytaker import BodyTaker
from .claims import CORE, apt
from .dialogue import Answered, Ask, ServerDialogue, ServerNeed, Verdict, ask
from .effects import (
    PENDING,
    MayConnect,
    MayDeliver,
    OpenBody,
    Pending,
    TakeMessage,
)
from .envelope import Envelope, Recipient
from .errors import UsageError
from .facts import BLOCKED
from .hearsay import overheard, toldOf
from .hooks import (
    Dialect,
    LogFields,
    Stage,
    SyncPoint,
    TLSOptions,
    TraceClauses,
)
from .interfaces import IServerSession
from .judgement import Judged, forAll, forEach
from .reply import BAD_SEQUENCE, LOCAL_ERROR, TOO_MANY_ERRORS, Reply, reply
from .reviews import review
from .standing import Standing

# A member is looked up at its class by a function of Enum's, each time.
_DATA, _MESSAGE = Stage.DATA, Stage.MESSAGE
_USUAL, _SETTLED = Standing.USUAL, Standing.SETTLED

#: "It has been asked already, and the answer is on its way."
ASKED: Ask[Any] = Ask(cast(Any, None))


@implementer(IServerSession)
class ServerSession(BodyTaker):
    """
    What one client is to us.  See L{smtpx.core.interfaces.IServerSession}.
    """

    __slots__ = ()

    # --- by name ----------------------------------------------------------------

    def variable(self, name: str) -> object:
        """See L{IServerSession}."""
        return self.profile.variables[name](self)

    def holds(self, condition: str) -> bool:
        """See L{IServerSession}."""
        return self.profile.conditions[condition](self)

    def control(self, name: str) -> None:
        """See L{IServerSession}."""
        self.profile.controls[name](self)

    def clauses(self) -> TraceClauses:
        """What extensions add to the Received field."""
        tracers = self.profile.tracers
        return tuple(c for trace in tracers for c in trace(self)) if tracers else ()

    def logFields(self) -> LogFields:
        """What extensions say of this transaction, for the logs."""
        recorders, envelope = self.profile.recorders, self.envelope
        fields: list[tuple[str, object]] = []
        for record in recorders if envelope is None else apt(recorders, envelope):
            fields += record(self)
        return tuple(fields)

    def tlsOptions(self) -> TLSOptions:
        """How the handshake of this client is to be made."""
        options = TLSOptions(terms=self.profile.terms)
        for tune in self.profile.tlsTuners:
            options = tune(self, options)
        return options

    # --- what hooks and verbs may do ---------------------------------------------

    def relaxAgain(self) -> bool:
        """
        Ask extensions again where this client need not wait.  Where that cannot
        be told, it has to.

        @return: may it talk before the greeting?
        """
        points = SyncPoint.NONE
        try:
            for relax in self.profile.relaxers:
                points |= relax(self)
        except Exception as error:
            points = SyncPoint.NONE
            self.trouble(error, CORE)
        self._earlyHello = SyncPoint.EHLO in points
        self._pipelined = self.extended and SyncPoint.TRANSACTION in points
        return SyncPoint.GREETING in points

    def introduce(self, name: bytes | None, *, extended: bool) -> None:
        """
        The client says who it is, and begins anew.

        @param name: L{None}: it has not said so after all.
        @param extended: did it say so by EHLO?
        """
        self.reset()
        self.helo = name
        self.extended = extended
        self.relaxAgain()

    def overhear(
        self, outcome: Reply | ServerDialogue | None, told: Callable[[Answered], None]
    ) -> Reply | ServerDialogue | None:
        """See L{IServerSession}."""
        if outcome is not None:
            return overheard(outcome, told)
        if self._then is not None:
            self._then = toldOf(self._then, told)
        return None

    def later(self, then: Callable[[Any], Answered]) -> None:
        """The port answers later; C{then} is called with what it says."""
        self._then = then
        self.mode = BLOCKED

    def regreet(self) -> ServerDialogue:
        """See L{IServerSession}."""
        pipelined = self._pipelined
        self.forget()
        # What is behind the command already was sent while that was agreed.
        self._pipelined = pipelined
        try:
            refusal = yield from ask(MayConnect(self))
        except Exception as error:
            # Who cannot be judged is not let in.
            refusal = self.trouble(error, CORE)
        if refusal is not None:
            self.closed = True
            self.farewell = refusal
            return refusal
        profile = self.profile
        return reply(220, None, profile.name + b" " + profile.greeting)

    def forget(self) -> None:
        """See L{IServerSession}."""
        self.reset()
        self.helo = None
        self.extended = self._pipelined = False
        self.identity = self.mechanism = None

    def reset(self) -> None:
        """See L{IServerSession}."""
        if self.bodyBegun:
            self.bodyBegun = False
            self._header = self._meter = None
            if self._spoiled is None:
                self.port.dropBody()
        self._spoiled = None
        self.envelope = None
        self.standing = _USUAL
        self.utf8Addresses = self.obliged = False
        self.tellEach = self.profile.framing

    abortBody = reset

    def tryOpen(self) -> Reply | None | Verdict:
        """
        Begin the body, at once if that can be: L{None} is done, a reply is a
        refusal, and a generator goes on.
        """
        self.carried = True
        envelope = self.envelope
        if envelope is None:
            return BAD_SEQUENCE
        if not envelope.recipients:
            return self.profile.nobody
        try:
            if not self.plain.data or self.stamped(envelope):
                checks = self.profile.reviews[_DATA]
                if self.standing is _SETTLED:
                    checks = ()
                verdict = review(self, checks, None) if checks else None
                if verdict is not None and type(verdict) is not Reply:
                    return self._openReviewed(cast(Verdict, verdict), envelope)
                if isinstance(verdict, Reply) and verdict.refuses:
                    return verdict
            direct = self.direct
            if direct is None:
                answer = self.port.ask(OpenBody(self, envelope))
            else:
                answer = direct.openBody(self, envelope)
        except Exception as error:
            # In here, so that a BDAT still takes its octets off the wire.
            return self.trouble(error, CORE)
        if answer is PENDING:
            return self._opened()
        self.bodyBegun = answer is None
        return answer

    def _openReviewed(self, review: Verdict, envelope: Envelope) -> Verdict:
        try:
            verdict = yield from review
            if verdict is not None and verdict.refuses:
                return verdict
            answer = yield from ask(OpenBody(self, envelope))
        except Exception as error:
            return self.trouble(error, CORE)
        self.bodyBegun = answer is None
        return answer

    def _opened(self) -> Verdict:
        answer: Reply | None
        try:
            answer = yield ASKED
        except Exception as error:
            return self.trouble(error, CORE)
        self.bodyBegun = answer is None
        return answer

    def openBody(self) -> Verdict:
        """See L{IServerSession}."""
        if self.bodyBegun:
            return None
        opened = self.tryOpen()
        if opened is None or type(opened) is Reply:
            return opened
        return (yield from cast(Verdict, opened))

    def tryClose(self) -> Answered | ServerDialogue:
        """
        End the body and hand it over, at once if that can be; a generator goes
        on.  L{None}: the port answers later.
        """
        if not self.bodyBegun or self._header is not None or self._spoiled is not None:
            refusal = self._objection()
            if refusal is not None:
                return self._turnedDown(refusal)
        profile = self.profile
        if profile.reviews[_MESSAGE] or profile.judges:
            return self.closeBody()
        final = self._hand()
        if final is PENDING:
            self._then = self._handed
            self.mode = BLOCKED
            return None
        return self._handed(final)

    def _objection(self) -> Reply | None:
        """The body has ended: what is to be said against it already?"""
        if not self.bodyBegun:
            # A hook gave it up, or there was none.
            return LOCAL_ERROR
        watch, self._header = self._header, None
        if watch is not None and self._spoiled is None:
            self._tell(watch.finish())
        return self._spoiled

    def _judge(self) -> Verdict:
        """Review the whole message."""
        try:
            found = review(self, self.profile.reviews[_MESSAGE], None)
            if found is not None and type(found) is not Reply:
                found = yield from cast(Verdict, found)
        except Exception as error:
            return self.trouble(error, CORE)
        return found

    def closeBody(self) -> ServerDialogue:
        """See L{IServerSession}."""
        verdict = self._objection()
        settled = self.standing is _SETTLED
        if verdict is None and not settled:
            verdict = yield from self._judge()
        if verdict is not None and verdict.refuses:
            return self._turnedDown(verdict)
        judged: list[Judged] = []
        if self.profile.judges and not settled:
            judged = yield from self._sift()
            if judged and all(no for _, no in judged):
                return self._nobody(judged)
        answer: Answered
        self._judged, self._instead = judged, verdict
        final = self._hand()
        if final is not PENDING:
            answer = final
        else:
            try:
                answer = yield ASKED
            except Exception as error:
                answer = self.trouble(error, CORE)
        self._judged, self._instead = (), None
        if verdict is not None and isinstance(answer, Reply) and not answer.refuses:
            answer = verdict
        return self._handed(answer, judged)

    def foretell(self, final: Reply) -> tuple[Reply, ...]:
        """See L{IServerSession}."""
        envelope = self.envelope
        assert envelope is not None
        said = self._instead or final
        if self.tellEach is None:
            return (said,)
        told = forEach(said, envelope.recipients, self._judged)
        return tuple([reply for _, reply in told])

    def _hand(self) -> Reply | tuple[Reply, ...] | Pending:
        envelope = self.envelope
        assert envelope is not None
        # From here on the body is the port's; a reset does not drop it.
        self.bodyBegun = False
        try:
            direct = self.direct
            if direct is None:
                return self.port.ask(TakeMessage(self, envelope))
            return direct.takeMessage(self, envelope)
        except Exception as error:
            self.port.dropBody()
            return self.trouble(error, CORE)

    def _handed(self, final: Answered, judged: Sequence[Judged] = ()) -> Answered:
        self._idle = 0
        if type(final) is Reply and not judged:
            if final.code >= 400:
                return self._turnedDown(final)
            if self.tellEach is None:
                self.reset()
                return final
        return self._answered(final, judged)

    def _turnedDown(self, refusal: Reply) -> Answered:
        """The message is refused; whose it was is known until that is told."""
        for mourn in self.profile.mourners:
            try:
                mourn(self, refusal)
            except Exception as error:
                self.trouble(error, CORE)
        self.ended = self.envelope
        told = self.refuseAll(refusal)
        self.reset()
        return told

    # --- one reply a recipient ----------------------------------------------------

    def refuseAll(self, refusal: Reply) -> Answered:
        """See L{IServerSession}."""
        envelope, tell = self.envelope, self.tellEach
        if tell is None or envelope is None:
            return refusal
        count = len(envelope.recipients)
        if not count and self.dialect is Dialect.SMTP:
            return refusal
        tired = self.counts(refusal)
        told = tell((refusal,) * count)
        return (*told, TOO_MANY_ERRORS) if tired else told

    def _sift(self) -> Generator[ServerNeed, Any, list[Judged]]:
        """
        Ask who is not to have the message.  They are taken off the envelope; where
        the client cannot be told, they get it, for it keeps no copy for some.

        @return: all of them, with a refusal or L{None}; empty: nobody is refused.
        """
        envelope = self.envelope
        assert envelope is not None
        whole = envelope.recipients
        try:
            found = yield from ask(MayDeliver(self, envelope))
            judged = list(zip(whole, found, strict=True))
        except Exception as error:
            later = self.trouble(error, CORE)
            judged = [(each, later) for each in whole]
        kept = [each for each, no in judged if no is None]
        if len(kept) == len(whole) or (kept and self.tellEach is None):
            return []
        if kept:
            envelope.recipients = kept
        return judged

    def _nobody(self, judged: Sequence[Judged]) -> Answered:
        """Nobody is to have the message."""
        if self.tellEach is None:
            return self._turnedDown(forAll(judged))
        return self._toldEach([(each, no) for each, no in judged if no is not None])

    def _answered(self, final: Answered, judged: Sequence[Judged]) -> Answered:
        """
        The message was handed over.

        @param final: what came of that, for all or for each.
        @param judged: who was refused before, and who was not; empty: nobody was.
        """
        envelope = self.envelope
        assert envelope is not None
        try:
            if self.tellEach is None:
                raise UsageError(f"one reply is wanted for all, not {final!r}")
            said = forEach(final, envelope.recipients, judged)
        except UsageError as wrong:
            later = self.trouble(wrong, CORE)
            if self.tellEach is None:
                return self._turnedDown(later)
            said = forEach(later, envelope.recipients, judged)
        return self._toldEach(said)

    def _toldEach(self, said: Sequence[tuple[Recipient, Reply]]) -> Answered:
        """Tell the shell who is refused, and the client what became of each."""
        tired, tell = False, self.tellEach
        assert tell is not None
        for recipient, one in said:
            if one.refuses:
                self._line = b"RCPT TO:<%b>" % recipient.path
                tired = self.counts(one) or tired
        self.reset()
        told = tell(tuple(one for _, one in said))
        return (*told, TOO_MANY_ERRORS) if tired else told
