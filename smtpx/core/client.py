"""
The client side of an SMTP connection, without any I/O.

The shell connects, calls L{ClientConnection.start}, feeds what comes in, and
does the effects that it gets back (L{smtpx.core.effects}).  After
L{smtpx.core.effects.Ready} it delivers envelopes, one at a time; each ends in one
L{smtpx.core.effects.Settled}, whatever happens::

    effects = connection.start()
    effects = connection.feed(octets)
    effects = connection.deliver(envelope, body)
    effects = connection.quit()

What takes more than one step is a dialogue: the opening here (greeting, EHLO or
HELO, the steps of extensions), and L{smtpx.core.clienttransaction}.  One dialogue
is in work at a time.  Replies are counted: each belongs to the oldest command
that has none yet, and a reply that comes before its command has left ends the
connection, since everything behind it would be taken for the answer to something
else.  The same holds for whatever is no reply at all (L{PeerError}); no exception
comes out of L{ClientConnection.feed}.

Early pipelining.  With a forecast of what the peer will answer to EHLO
(C{hooks.Forecast}), EHLO goes out before the greeting has come, and what follows
is planned on the forecast.  While it is not confirmed C{guessed} is true; a
dialogue that must know waits by L{smtpx.core.dialogue.sync}.  Where the forecast
was wrong, C{forecastWrong} is true, and what was refused on its account is
settled with C{Scope.SESSION}: to be tried again at the same host without one.
"""

from __future__ import annotations

from typing import Callable

from .bounds import BareLines
from .claims import attributed, ownerOf
from .clienthello import parseHello
from .clientmachine import Part, State
from .clientreplies import (
    BROKEN,
    LOST,
    NO_EHLO,
    NO_LMTP,
    NO_LOGIN,
    NO_TLS,
    UNFIT,
    completed,
)
from .clientsession import GivingUp, unspeakable
from .clienttransaction import Transaction
from .clientusual import UsualMachine
from .dialogue import Ask, Establish, Flow, Secure, Step, emit, send, settle, sync
from .effects import Awaited, ClientEffect, Close, GaveUp, Ready
from .envelope import Envelope, Recipient
from .errors import HookTrouble, PeerError, UsageError
from .hooks import (
    Dialect,
    Forecast,
    Hello,
    Phase,
    RoutePolicy,
    Scope,
    Stage,
    Target,
    TLSInfo,
)
from .interfaces import IBody
from .profile import ClientProfile
from .reply import LOCAL_ERROR, Reply

_ANY_ROUTE = RoutePolicy()
_READY = State.READY


class ClientConnection(UsualMachine):
    """
    One connection.  See L{smtpx.core.interfaces.IClientSession} for what hooks
    see of it.

    Each method of the shell's side answers with a list of effects, to be done in
    this order.  What can go out in one flight is one L{smtpx.core.effects.Write}.
    """

    def __init__(
        self,
        profile: ClientProfile,
        target: Target,
        policy: RoutePolicy = _ANY_ROUTE,
        secured: TLSInfo | None = None,
        forecast: Forecast | None = None,
        bareLines: BareLines = BareLines.NORMALISE,
        ignored: frozenset[bytes] = frozenset(),
    ) -> None:
        """
        @param profile: what is the same for all connections.
        @param target: where it goes.
        @param policy: what the route has to be at least.
        @param secured: the handshake, where TLS began with the connection.
        @param forecast: what the peer is expected to answer to EHLO; L{None}:
            whatever extensions know of it.
        @param bareLines: what becomes of a CR or LF that stands alone in a
            body.  It is never sent as it is (RFC 5321 section 2.3.8): it becomes
            a CRLF, or the message is refused.
        @param ignored: keywords of EHLO, in upper case, that the peer is not
            believed; one stands for its older spellings, too.
        @raise UsageError: the profile's name cannot be said in EHLO.
        """
        UsualMachine.__init__(
            self, profile, target, policy, secured, forecast, bareLines, ignored
        )
        if unspeakable(profile.name):
            raise UsageError(f"not a name for EHLO: {profile.name!r}")
        self._state = State.NEW
        #: Has QUIT gone out, behind which there is nothing more to say?
        self.saidAll = False
        #: Has the EHLO that counts now been answered?
        self._heard = False

    # --- the shell's side -------------------------------------------------------

    @property
    def ready(self) -> bool:
        """May an envelope be delivered now?"""
        return self._state is _READY

    @property
    def over(self) -> bool:
        """Is there nothing more to come?"""
        return self._state is State.OVER

    @property
    def awaited(self) -> Awaited:
        """
        What is waited for now.  It goes on when this changes, or C{replies}; octets
        that come without a reply that is whole are no progress.
        """
        if (usual := self._usual) is not None:
            return usual.awaited
        state, waiting = self._state, self._waiting
        if isinstance(waiting, Secure):
            return Awaited.HANDSHAKE
        if isinstance(waiting, Ask):
            return Awaited.ANSWER
        if isinstance(waiting, Flow):
            return Awaited.BODY
        if state is State.OPENING:
            if self.greeting is None:
                return Awaited.GREETING
            return Awaited.COMMAND if self._heard else Awaited.HELLO
        if state is State.LEAVING:
            return Awaited.GOODBYE
        if self._transaction is not None:
            return self._transaction.awaited
        return Awaited.COMMAND if self._expected else Awaited.NOTHING

    def start(self) -> list[ClientEffect]:
        """
        The connection is made (and under TLS, where it begins so).

        @raise UsageError: it was started before.
        """
        self._mustBe(State.NEW)
        self._state = State.OPENING
        self.recall()
        return self._do(self._begin, self._opening())

    def opened(self) -> list[ClientEffect]:
        """The peer has answered the SYN, so nothing more is heard twice."""
        self.opening = False
        return self._goOn(Establish)

    def feed(self, octets: bytes) -> list[ClientEffect]:
        """
        Octets have come.

        @raise UsageError: it was not started.
        """
        if (usual := self._usual) is not None:
            if (effects := self._hearUsual(usual, octets)) is not None:
                return effects
        if self._state is State.NEW:
            raise UsageError("octets before the start")
        if self._state is State.OVER:
            return []
        return self._do(self._hear, octets)

    def answer(self, value: object) -> list[ClientEffect]:
        """
        The answer to the L{Pose} or L{Handshake} that is open.

        @param value: to a handshake: L{TLSInfo}.  Where it failed the connection
            is of no use: call L{lost}.
        @raise UsageError: nothing is open, or no answer to it.
        """
        if self.over:
            return []
        if isinstance(self._waiting, Secure):
            if not isinstance(value, TLSInfo):
                raise UsageError("a handshake is answered with TLSInfo")
            return self._do(self._secured, value)
        if not isinstance(self._waiting, Ask):
            raise UsageError("nothing was asked")
        return self._do(self._advance, value)

    def resume(self) -> list[ClientEffect]:
        """The transport wants more; without effect where nothing waits for it."""
        return self._goOn(Flow)

    def _goOn(self, need: type[Establish | Flow]) -> list[ClientEffect]:
        if not isinstance(self._waiting, need):
            return []
        return self._do(self._advance, None)

    def deliver(self, envelope: Envelope, body: IBody | None) -> list[ClientEffect]:
        """
        Send one envelope; without a body, only ask whom the peer takes it for.

        @raise UsageError: not L{Ready}, or another one is not settled yet.
        """
        if self._state is not _READY:
            self._mustBe(_READY)
        if body is not None and self.straight:
            effects = self._deliverUsual(envelope, body)
            if effects is not None:
                return effects
        self._state = State.BUSY
        # It is only the first flight that leaves on the strength of that.
        self.presumed = self.presumed and self.guessed
        transaction = self._transaction = Transaction(self, envelope, body)
        return self._do(self._begin, self._delivery(transaction))

    def quit(self) -> list[ClientEffect]:
        """
        Say goodbye; L{Close} comes when the peer has said so too.

        @raise UsageError: an envelope is not settled yet, or it was not ready.
        """
        if self.over:
            return []
        self._mustBe(State.READY)
        return self._do(self._leave)

    def lost(self, why: Reply = LOST) -> list[ClientEffect]:
        """
        The connection is gone, for whatever reason.

        @param why: what those get whose message is not settled.
        """
        return self._do(lambda: self._end(None, close=False, blame=why))

    def _mustBe(self, state: State) -> None:
        if self._state is not state:
            raise UsageError(f"the connection is {self._state.name}, not {state.name}")

    def _do(self, act: Callable[..., None], *what: object) -> list[ClientEffect]:
        """
        What goes wrong, in the peer or in an extension, ends the session: here,
        and nowhere else.
        """
        try:
            if (usual := self._usual) is not None:
                self._takeUp(usual)
            act(*what)
        except GivingUp as end:
            self._end(end.reply, polite=end.polite, phase=end.phase)
        except HookTrouble as trouble:
            self.report(trouble)
            self._end(LOCAL_ERROR, polite=True)
        except PeerError:
            self._end(BROKEN)
        return self._finish()

    # --- replies ----------------------------------------------------------------

    def _hear(self, octets: bytes) -> None:
        if isinstance(self._waiting, Secure):
            raise PeerError("clear text where only TLS may be")
        self._buffer.feed(octets)
        self._owed = len(self._expected)
        while self._state is not State.OVER:
            got = self._nextReply()
            if got is None:
                return
            if got.code >= 400:
                self._refusal = got
            if got.code == 421:
                # RFC 5321 section 3.8: at any time, and the connection ends.
                self._end(got)
            elif self._owed > 0 and self._expected:
                self._replied(got)
            else:
                self._unexpected(got)

    def _unexpected(self, got: Reply) -> None:
        transaction = self._transaction
        if transaction is None or not transaction.carrying or not got.refuses:
            raise PeerError("a reply to nothing")
        # It will not have the rest of the body.
        transaction.end(got, stage=Stage.MESSAGE)
        self._end(got)

    def _secured(self, info: TLSInfo) -> None:
        self.secured = info
        self.forget()
        self._heard = False
        if not self.protected:
            raise GivingUp(NO_TLS, phase=Phase.SECURE)
        self._advance(info)

    # --- the opening ------------------------------------------------------------

    def _opening(self) -> Part:
        """
        All that comes before the first MAIL.

        @raise GivingUp: the session will not do.
        """
        if self.secured is not None and not self.protected:
            raise GivingUp(NO_TLS, polite=False, phase=Phase.SECURE)
        guess = self.guess()
        if guess is None:
            self.greeting = yield from settle(self._expect())
            greeting = completed(self.greeting)
            if greeting.refuses:
                raise GivingUp(greeting)
        else:
            self.early = True
            self._expected.append(self._greeted)
        yield from self._hello(guess)
        for phase, step in self.profile.steps:
            self._refusal = None
            dialogue = step(self)
            if dialogue is None:
                continue
            ended = yield from attributed(ownerOf(step), dialogue)
            if isinstance(ended, Reply):
                raise GivingUp(ended, phase=phase)
            if ended is Step.GIVE_UP:
                raise GivingUp(self._refusal or self._missing(phase), phase=phase)
            if ended is Step.GREET_AGAIN:
                yield from self._hello(self.guess())
        if not self.protected:
            raise GivingUp(NO_TLS, phase=Phase.SECURE)
        self._state, self._fields = _READY, None
        self._effect(Ready())

    def _missing(self, phase: Phase) -> Reply:
        """Why a step gave up, where the peer has not refused anything."""
        if not self.protected:
            return NO_TLS
        return NO_LOGIN if phase is Phase.AUTHENTICATE else UNFIT

    def _greeted(self, greeting: Reply) -> None:
        """The greeting has come, behind our EHLO."""
        self.greeting = greeting
        if completed(greeting).refuses:
            self._end(greeting)

    def _hello(self, guess: Hello | None) -> Part:
        """
        Say EHLO (RFC 5321 section 4.1.1.1), or HELO to a peer that knows no
        EHLO (section 3.2); LHLO in LMTP (RFC 2033 section 4.1), where there is no
        other.
        """
        line = self.target.dialect.value + b" " + (yield from self.introduced())
        if guess is not None:
            self.assume(guess)
            self.guessed = True
            self._write(line + b"\r\n")
            self._expected.append(self._helloCame)
            return
        got = completed((yield from send(line)))
        if got.code in NO_EHLO:
            if self.target.dialect is Dialect.LMTP:
                # Whoever set it up was mistaken; no mail is to be lost by that.
                raise GivingUp(NO_LMTP)
            got = completed((yield from send(b"HELO " + self.name)))
            hello = Hello(parseHello(got).name)
        else:
            hello = parseHello(got)
        self.greeted = got
        if got.refuses:
            raise GivingUp(got)
        self._learn(hello)

    def _helloCame(self, got: Reply) -> None:
        """What was guessed can be compared with the truth."""
        self.greeted = got
        if completed(got).refuses:
            self._end(got)
            return
        hello, guess = parseHello(got), self.peer
        if guess is None or self.isOther(hello, guess):
            self.forecastWrong = True
        self._learn(hello)

    def _learn(self, hello: Hello) -> None:
        self.guessed = False
        self._heard = True
        self.assume(hello)
        self.tell(hello)

    # --- a transaction ----------------------------------------------------------

    def _delivery(self, transaction: Transaction, attempt: Part | None = None) -> Part:
        yield from transaction.run(attempt)
        if transaction.pending:
            # Nobody waits for the reply; the next envelope can go right behind.
            self._write(b"RSET\r\n")
            self._expected.append(self._wasReset)
        scope = transaction.reach()
        rest = transaction.rest() if scope is Scope.MESSAGE else ()
        self._settle(transaction, LOCAL_ERROR, scope, rest)
        self._state = State.READY

    def _wasReset(self, got: Reply) -> None:
        if completed(got).refuses:
            # Of whatever is under way by now it says nothing.
            self._end(got, blame=LOST)

    def _settle(
        self,
        transaction: Transaction,
        blame: Reply,
        scope: Scope,
        rest: tuple[Recipient, ...] = (),
        unsure: bool = False,
    ) -> None:
        self._transaction = None
        self._effect(transaction.settled(blame, scope, rest, unsure))

    # --- the end ----------------------------------------------------------------

    def _leave(self) -> None:
        self._state = State.LEAVING
        self._begin(self._farewell())

    def _farewell(self) -> Part:
        yield from sync()
        said = yield from emit(b"QUIT\r\n")
        self.saidAll = True
        yield from settle(said)
        self._over()
        self._effect(Close())

    def _over(self) -> None:
        self._state = State.OVER
        self._waiting = None
        self._expected.clear()
        self._buffer.clear()

    def _end(
        self,
        said: Reply | None,
        polite: bool = False,
        close: bool = True,
        blame: Reply | None = None,
        phase: Phase | None = None,
    ) -> None:
        """
        The session cannot go on.

        @param said: why, for L{GaveUp}; L{None}: the connection is lost.
        @param polite: may the peer be told?
        @param close: is there still a connection?
        @param blame: what those get whose message is not settled; L{None}: C{said},
            or that the connection is lost.
        @param phase: see L{GaveUp}.
        """
        if self.over:
            return
        leaving = self._state is State.LEAVING
        self._stop()
        self.sessions.drop()
        early = self.guessed
        self.forecastWrong = self.forecastWrong or early
        if not leaving:
            if not (self._heard or self.opening or self.abandoned):
                self.tell(None)
            transaction, blame = self._transaction, blame or said or LOST
            if transaction is not None:
                unsure = transaction.brokenOff(said, blame, early)
                self._settle(transaction, blame, transaction.scope, unsure=unsure)
            self._effect(GaveUp(said, phase))
            if polite:
                self._leave()
                return
        self._over()
        if close:
            self._effect(Close())

    def _stop(self) -> None:
        """The dialogue in work will not go on."""
        script, self._script = self._script, None
        if script is not None:
            try:
                script.close()
            except HookTrouble as trouble:
                self.report(trouble)
