"""
What hooks see of a client connection, and what is asked of them.

L{ClientSession} has the facts (L{smtpx.core.interfaces.IClientSession}) and puts
the questions that a transaction has to the profile's hooks.  The machine is
L{smtpx.core.client}.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from types import GeneratorType
from typing import Any, Callable, TypeVar

from attrs import evolve
from zope.interface import implementer

from .bounds import BareLines
from .claims import attributed, owned, ownerOf
from .clientparameters import written
from .dialogue import ClientNeed, Question, ask
from .effects import ClientEffect, Served, Trouble
from .envelope import Envelope, Recipient, Stamps
from .errors import HookTrouble, Malformed, SMTPXError
from .hooks import (
    BatchLimits,
    Capability,
    Carrier,
    Forecast,
    Hello,
    LogFields,
    Phase,
    Refusal,
    RoutePolicy,
    SyncPoint,
    Target,
    TLSInfo,
    TLSLevel,
    TLSOptions,
)
from .interfaces import IBody, IClientSession
from .profile import ClientProfile
from .repeatable import Progress, Repeatable
from .reply import Reply
from .sessionkeeper import SessionKeeper

W = TypeVar("W")

#: What no command may have in it (RFC 5321 section 4.1.2; all of C0 and DEL).
UNSAFE = re.compile(rb"[\x00-\x1f\x7f]")

#: A quoted string (RFC 5321 section 4.1.2), and what may stand in a path in one only.
_QUOTED = re.compile(rb'"(?>(?:[^"\\]|\\.)*)"', re.DOTALL)
_UNSAFE_PATH = re.compile(rb'[ <>"]')


class GivingUp(SMTPXError):
    """
    The session cannot go on; raised by the machine's own dialogues.

    @ivar reply: see L{smtpx.core.effects.GaveUp}.
    @ivar polite: may the peer be told?
    @ivar phase: see L{smtpx.core.effects.GaveUp}.
    """

    def __init__(
        self, reply: Reply | None, polite: bool = True, phase: Phase | None = None
    ) -> None:
        SMTPXError.__init__(self, "the session cannot go on")
        self.reply = reply
        self.polite = polite
        self.phase = phase


def unspeakable(name: bytes) -> bool:
    """Is it no name for EHLO?"""
    return not name or UNSAFE.search(name) is not None or b" " in name


def unsafePath(path: bytes) -> bool:
    """
    Would C{path} end its command, or bring parameters into it?

    @param path: a mailbox, without angle brackets.
    """
    if UNSAFE.search(path):
        return True
    # Each character is somewhere outside of quotes, or in a quoted string.
    return _UNSAFE_PATH.search(_QUOTED.sub(b"", path)) is not None


#: What a peer takes that has not said how much.
_UNLIMITED = BatchLimits()


def _least(values: list[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


@implementer(IClientSession)
class ClientSession:
    """
    One connection, as hooks see it.

    @ivar profile: what is the same for all connections.
    @ivar name: what we call ourselves.
    @ivar naming: who knows better what that is; L{None}: nobody.
    @ivar forecast: what the peer was expected to answer, if anything.
    @ivar forecastWrong: it answered something else, or not at all.  Then the
        same host may be tried again at once, without a forecast.
    @ivar presumed: was what it answers under TLS presumed from what it said in the
        clear, and is a flight under way that left on the strength of that?
    @ivar transactions: how many MAIL commands there were.
    @ivar spent: does the peer take no more of them in this session?
    @ivar domains: the recipients' domains that the peer has seen.
    @ivar fits: how many recipients it turned out to take at a time; L{None}: it
        has never had too many.
    @ivar bareLines: what becomes of a bare CR or LF in a body.
    @ivar ignored: keywords of EHLO that the peer is not believed.
    @ivar offers: the keywords of all that is C{offered}.
    @ivar greeting: the peer's greeting; L{None}: it has not come.
    @ivar greeted: its answer to EHLO or HELO, the last one; L{None} likewise.
    @ivar sessions: has the TLS session.
    """

    def __init__(
        self,
        profile: ClientProfile,
        target: Target,
        policy: RoutePolicy,
        secured: TLSInfo | None,
        forecast: Forecast | None,
        bareLines: BareLines,
        ignored: frozenset[bytes],
    ) -> None:
        self.profile = profile
        self.name = profile.name
        self.naming: Question[bytes | None] | None = None
        self.target = target
        self.policy = policy
        self.secured = secured
        self.forecast = forecast
        self.forecastWrong = False
        self.presumed = False
        self.peer: Hello | None = None
        self.guessed = False
        self.authenticated = False
        self.early = False
        self.stamps = Stamps()
        self.transactions = 0
        self.spent = False
        self.domains: set[bytes] = set()
        self.fits: int | None = None
        self.bareLines = bareLines
        self.ignored = ignored
        self.greeting: Reply | None = None
        self.greeted: Reply | None = None
        self.sessions = SessionKeeper(profile.ticketKeepers, self.report)
        self._effects: list[ClientEffect] = []
        self._offers: dict[bytes, object] = {}
        self.offers: frozenset[bytes] = frozenset()
        #: Those that have something to say to this peer.
        self._hooks = profile.hooksFor(self.offers)
        #: What L{logFields} are, as long as the hooks are these; L{None}: not known.
        self._fields: LogFields | None = None

    # --- facts ------------------------------------------------------------------

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.profile.clock()

    def offered(self, capability: Capability[W]) -> W | None:
        """See L{IClientSession}."""
        found: Any = self._offers.get(capability.keyword)
        value: W | None = found
        return value

    @property
    def unsafeToGuess(self) -> bool:
        """
        Is C{peer} a guess that is not enough for a MAIL?  In the clear a MAIL goes
        early only where TLS is not wanted.  Under TLS it may: whether the connection
        is as the route demands was decided on the handshake, not on what the peer
        said once; what is decided on EHLO waits for it by itself.
        """
        if not self.guessed or self.policy.tls is TLSLevel.UNWANTED:
            return False
        return self.secured is None

    @property
    def protected(self) -> bool:
        """Is the connection as well protected as its route has to be?"""
        level = self.policy.tls
        if self.policy.lenient or level < TLSLevel.ENCRYPTED:
            return True
        if self.secured is None:
            return False
        if self.policy.dane is not None and not self.secured.dane:
            # RFC 7672 section 2.2: where there are TLSA records, nothing else will do.
            return False
        return self.secured.verified or level is not TLSLevel.VERIFIED

    def introduced(self) -> Generator[ClientNeed, Any, bytes]:
        """What we call ourselves (RFC 5321 section 4.1.4)."""
        naming, self.naming = self.naming, None
        if naming is not None:
            found = yield from ask(naming)
            if found and not unspeakable(found):
                self.name = found
        return self.name

    # --- what the peer says of itself -------------------------------------------

    def assume(self, hello: Hello) -> None:
        """
        The peer offers what C{hello} says, and nothing else; and of that, nothing
        that is C{ignored}.
        """
        self.peer = hello
        self._offers = {}
        for keyword, raw in hello.keywords:
            capability = self.profile.capabilities.get(keyword)
            if capability is None or capability.keyword in self.ignored:
                continue
            parse = owned(self.profile.owners[keyword], capability.grammar.parse)
            try:
                self._offers[capability.keyword] = parse(raw)
            except HookTrouble as trouble:
                # As good as not offered (RFC 9422 section 3.7 says so of its own).
                if not isinstance(trouble.__cause__, Malformed):
                    self.report(trouble)
        self._choose()

    def _choose(self) -> None:
        """Which hooks have something to say depends on what is offered."""
        self._fields = None
        self.offers = frozenset(self._offers)
        self._hooks = self.profile.hooksFor(self.offers)

    def forget(self) -> None:
        """
        Discard what the peer said before TLS (RFC 3207 section 4.2).
        """
        self.peer = None
        self.authenticated = False
        self._offers = {}
        self._choose()

    def tell(self, hello: Hello | None) -> None:
        """Tell those who learn what the peer answered to EHLO."""
        if hello is not None and self.secured is not None:
            self.secured = self.sessions.keep(self.secured)
        for learn in self.profile.learners:
            try:
                learn(self, hello)
            except HookTrouble as trouble:
                self.report(trouble)

    def recall(self) -> None:
        """Ask for a forecast, where none was given."""
        for forecast in self.profile.forecasters:
            if self.forecast is not None:
                return
            try:
                self.forecast = forecast(self)
            except HookTrouble as trouble:
                self.report(trouble)

    def presume(self, hello: Hello) -> None:
        """
        See L{IClientSession}.  One transaction leaves on the strength of it, and if
        anything of that is refused, it is tried again at the same host without.
        """
        known = self.forecast
        if known is None or (known.clear is not None and known.secured is None):
            clear = None if known is None else known.clear
            self.forecast = Forecast(clear, hello)
            self.presumed = True

    def guess(self) -> Hello | None:
        """What the peer will answer to EHLO, if that is good enough to go on."""
        if self.forecast is None or self.forecastWrong or self.peer is not None:
            return None
        return self.forecast.clear if self.secured is None else self.forecast.secured

    def isOther(self, hello: Hello, guess: Hello) -> bool:
        """
        Is the peer's answer to EHLO not the one that was expected?  What was presumed
        from the clear may have more in it under TLS, such as AUTH.
        """
        if self.presumed and self.secured is not None:
            words = {word for word, _ in hello.keywords}
            return any(word not in words for word, _ in guess.keywords)
        return set(hello.keywords) != set(guess.keywords)

    # --- what a transaction asks ------------------------------------------------

    def grouped(self) -> bool:
        """May the commands of a transaction go without a wait in between?"""
        return any(
            SyncPoint.TRANSACTION in relax(self) for relax in self._hooks.relaxers
        )

    def limits(self) -> BatchLimits:
        """How much this peer takes: the strictest of all opinions."""
        found = [batch(self) for batch in self._hooks.batchers]
        known = [limits for limits in found if limits is not None]
        if self.fits is None and len(known) < 2:
            return known[0] if known else _UNLIMITED
        return BatchLimits(
            _least([self.fits, *(limits.recipients for limits in known)]),
            _least([limits.transactions for limits in known]),
            _least([limits.domains for limits in known]),
        )

    def announced(self, got: Reply) -> bool:
        """
        Does a 3yz to the end of a message say that there is a reply for each
        recipient to come, and one for all?
        """
        return any(announces(self, got) for announces in self.profile.announcers)

    def served(self, recipient: Recipient, got: Reply) -> None:
        """A recipient has the message; see L{Served}."""
        self._effects.append(Served(recipient, got))

    def full(self, transactionsMax: int | None) -> bool:
        """
        Were there so many transactions?

        @param transactionsMax: L{None}: there cannot be.
        """
        return transactionsMax is not None and self.transactions >= transactionsMax

    def refused(self, envelope: Envelope) -> Refusal | dict[Recipient, Reply]:
        """
        Is there somebody who will not have C{envelope} go from here?

        @return: if so; else those who do not get it with the others, and why.
        """
        apart: dict[Recipient, Reply] = {}
        marks = envelope.allBorne()
        for stamps, admit in self._hooks.admitters:
            if stamps and stamps.isdisjoint(marks):
                continue
            refusal = admit(self, envelope)
            if refusal is None:
                continue
            held = refusal.recipients
            if not held or len(held) == len(envelope.recipients):
                return refusal
            for recipient in held:
                apart.setdefault(recipient, refusal.reply)
        return apart

    @property
    def transforms(self) -> bool:
        """Is there somebody who may have to change what this peer gets?"""
        return bool(self._hooks.transforms)

    def transformed(
        self, envelope: Envelope, body: IBody
    ) -> Generator[ClientNeed, Any, tuple[Envelope, IBody] | Refusal]:
        """
        C{body}, as this peer needs it.

        @return: with the envelope that goes with it, which is C{envelope} where
            nobody had anything to change; or why it cannot be had.
        """
        whole = envelope
        marks = envelope.allBorne()
        for stamps, choose in self._hooks.transforms:
            if stamps and stamps.isdisjoint(marks):
                continue
            transform = choose(self, envelope)
            if transform is None:
                continue
            if envelope is whole:
                envelope = envelope.copied()
            owner = ownerOf(choose)
            changed = owned(owner, transform)(envelope, body)
            if type(changed) is GeneratorType or isinstance(changed, Generator):
                changed = yield from attributed(owner, changed)
            if isinstance(changed, Refusal):
                return changed
            if changed is not body:
                body = changed
                envelope.octets = body.octets
            marks = envelope.allBorne()
        return envelope, body

    @property
    def recognises(self) -> bool:
        """Is there somebody by whom the peer may know a transaction again?"""
        return bool(self._hooks.recognisers)

    def recognised(
        self, envelope: Envelope, body: IBody
    ) -> Generator[ClientNeed, Any, Repeatable | None]:
        """
        How the peer will know a transaction again; L{None}: it will not.

        @param envelope: its own.
        """
        for recognise in self._hooks.recognisers:
            owner = ownerOf(recognise)
            found = yield from attributed(owner, recognise(self, envelope, body))
            if found is not None:
                return evolve(found, read=_reading(owner, found.read))
        return None

    def carrier(self, envelope: Envelope) -> tuple[str, Carrier] | None:
        """
        The best way to move the body, and whose it is; L{None}: by DATA, whose
        preference is 0.
        """
        best: tuple[str, Carrier] | None = None
        for choose in self._hooks.carriers:
            carrier = choose(self, envelope)
            if carrier is None or carrier.preference < 0:
                continue
            if best is None or carrier.preference > best[1].preference:
                best = ownerOf(choose), carrier
        return best

    def mail(self, envelope: Envelope) -> bytes:
        """The MAIL command, with its CRLF."""
        return b"MAIL FROM:<%b>%b\r\n" % (
            envelope.sender,
            written(self, self._hooks.mail, envelope),
        )

    def rcpt(self, recipient: Recipient) -> bytes:
        """A RCPT command, with its CRLF."""
        return b"RCPT TO:<%b>%b\r\n" % (
            recipient.path,
            written(self, self._hooks.rcpt, recipient),
        )

    def tlsOptions(self) -> TLSOptions:
        """How the next handshake is to be made."""
        policy = self.policy
        options = TLSOptions(
            serverName=self.target.host,
            verified=policy.tls is TLSLevel.VERIFIED and not policy.lenient,
            names=policy.names,
            dane=policy.dane,
            watched=policy.watched,
            staple=policy.staple,
            terms=policy.terms,
        )
        for tune in (*self.profile.tlsTuners, *self.profile.lastTuners):
            options = tune(self, options)
        self.sessions.options = options
        return options

    def logFields(self) -> LogFields:
        """What extensions say of this session, for the logs (C{record})."""
        fields = self._fields
        if fields is not None:
            return fields
        fields, lasting = (), self._hooks.recordsLast
        for record in self._hooks.recorders:
            try:
                fields += record(self)
            except HookTrouble as trouble:
                self.report(trouble)
                lasting = False
        if lasting:
            self._fields = fields
        return fields

    def report(self, trouble: HookTrouble) -> None:
        """An exception came out of a hook."""
        self._effects.append(Trouble(trouble.owner, trouble.__cause__ or trouble))


def _reading(
    owner: str, read: Callable[[Reply], Progress]
) -> Callable[[Reply], Progress]:
    """C{read}, of which only what the peer did wrong is the peer's fault."""
    mine = owned(owner, read)

    def call(said: Reply) -> Progress:
        try:
            return mine(said)
        except HookTrouble as trouble:
            if isinstance(trouble.__cause__, Malformed):
                raise trouble.__cause__ from None
            raise

    return call
