"""
Profiles of servers and clients: all hooks of all extensions, resolved once.

A profile is the builder that extensions register with, and afterwards the
tables that connections read.  Two owners of one thing, and a requirement that
is not there, are a
L{smtpx.core.errors.Conflict} with both names.  Each hook is kept with its
owner, so that an exception out of it can name the extension
(L{smtpx.core.errors.HookTrouble}), and so that a profile can print itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Callable, TypeVar

from attrs import define, evolve, field
from zope.interface import implementer

from .bounds import Bounds
from .claims import CORE, Register, owned, ownerOf
from .clienthooks import ClientHooks
from .dialogue import ClientDialogue, Recognition
from .envelope import Envelope, Stamp
from .errors import HookTrouble
from .hooks import (
    BatchLimits,
    Capability,
    Carrier,
    Dialect,
    Forecast,
    Framing,
    Hello,
    LogFields,
    Parameter,
    Phase,
    Refusal,
    Stage,
    SyncPoint,
    TLSOptions,
    TraceClauses,
    Verb,
    Where,
)
from .interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
    Ticketing,
    Transform,
)
from .plain import Plain, Wrapper, plainly, wrapped
from .reply import NO_RECIPIENTS, NO_RECIPIENTS_LMTP, Reply
from .reviews import Check
from .tlsterms import USUAL, TLSTerms
from .verbs import LMTP_VERBS, VERBS

W = TypeVar("W")
T = TypeVar("T")

#: The most EHLO responses that are kept rendered, and so many of peers.
_HELLOS = 64


def _plainly(replies: tuple[Reply, ...]) -> tuple[Reply, ...]:
    """RFC 2033 section 4.2: the replies, in order, and no others."""
    return replies


@implementer(IServerBuilder)
@define(eq=False)
class ServerProfile(Register):
    """
    Everything a server connection needs that is the same for all of them.

    @ivar name: what the server calls itself, in greeting, EHLO and Received.
    @ivar clock: seconds since the epoch.
    @ivar tlsReady: is there a certificate?
    @ivar greeting: what stands behind the name in the greeting.
    @ivar dialect: what is spoken.
    @ivar judges: is there anybody who has a say for each recipient, once a message
        is there (L{smtpx.core.effects.MayDeliver})?
    @ivar terms: what the operator wants of handshakes.
    """

    name: bytes = b"localhost"
    clock: Callable[[], float] = time.time
    bounds: Bounds = field(factory=Bounds)
    tlsReady: bool = False
    dialect: Dialect = Dialect.SMTP
    greeting: bytes = field()
    judges: bool = False
    terms: TLSTerms = USUAL
    #: See C{tellEach} of L{IServerSession}, unless an extension sets it.
    framing: Framing | None = field(default=None, init=False)
    #: What a message for nobody is told.
    nobody: Reply = field(default=NO_RECIPIENTS, init=False)

    capabilities: list[tuple[Capability[Any], Callable[[IServerSession], Any]]] = field(
        factory=list, init=False
    )
    table: dict[bytes, Verb] = field(factory=dict, init=False)
    parameters: dict[tuple[Where, bytes, bytes | None], Parameter[Any]] = field(
        factory=dict, init=False
    )
    reviews: dict[Stage, tuple[Check, ...]] = field(init=False)
    gates: tuple[Callable[[IServerSession, bytes], Reply | None], ...] = field(
        default=(), init=False
    )
    relaxers: tuple[Callable[[IServerSession], SyncPoint], ...] = field(
        default=(), init=False
    )
    mourners: tuple[Callable[[IServerSession, Reply], None], ...] = field(
        default=(), init=False
    )
    headers: dict[bytes, tuple[Callable[[IServerSession, bytes], None], ...]] = field(
        factory=dict, init=False
    )
    tracers: tuple[Callable[[IServerSession], TraceClauses], ...] = field(
        default=(), init=False
    )
    tlsTuners: tuple[Callable[[IServerSession, TLSOptions], TLSOptions], ...] = field(
        default=(), init=False
    )
    recorders: tuple[Callable[[IServerSession], LogFields], ...] = field(
        default=(), init=False
    )
    variables: dict[str, Callable[[IServerSession], object]] = field(
        factory=dict, init=False
    )
    conditions: dict[str, Callable[[IServerSession], bool]] = field(
        factory=dict, init=False
    )
    controls: dict[str, Callable[[IServerSession], None]] = field(
        factory=dict, init=False
    )
    _guards: list[tuple[bytes, Callable[[IServerSession, bytes], Reply | None]]] = (
        field(factory=list, init=False)
    )
    _wrappers: list[tuple[bytes, Wrapper]] = field(factory=list, init=False)
    _hellos: dict[tuple[object, ...], Reply] = field(factory=dict, init=False)
    _plain: Plain | None = field(default=None, init=False)
    _plainly: int = field(default=-1, init=False)

    @greeting.default
    def _usualGreeting(self) -> bytes:
        return b"LMTP" if self.dialect is Dialect.LMTP else b"ESMTP"

    def __attrs_post_init__(self) -> None:
        self.reviews = dict.fromkeys(Stage, ())
        lmtp = self.dialect is Dialect.LMTP
        if lmtp:
            self.framing, self.nobody = _plainly, NO_RECIPIENTS_LMTP
        for verb in LMTP_VERBS if lmtp else VERBS:
            self._claims.claim("verb", verb.name, CORE)
            self.table[verb.name] = verb

    def load(self, extensions: Iterable[IExtension]) -> ServerProfile:
        """
        Let each extension with a server side register its hooks, in order.

        @raise smtpx.core.errors.Conflict: see L{checkRequirements}, or two
            claims to one thing.
        """
        for extension in self._turns(extensions):
            if IServerExtension.providedBy(extension):
                extension.extendServer(self)
        for name, guard in self._guards:
            verb = self._verbFor(name)
            if verb is not None:
                self.table[verb.name] = evolve(verb, gates=(*verb.gates, guard))
        for name, wrapper in self._wrappers:
            verb = self._verbFor(name)
            if verb is not None:
                run = wrapped(wrapper, verb.run)
                self.table[verb.name] = evolve(verb, run=run)
        return self

    def _verbFor(self, name: bytes) -> Verb | None:
        """The command that a hook is about: what is said of EHLO holds for LHLO."""
        hello = Dialect.SMTP.value
        return self.table.get(self.dialect.value if name == hello else name)

    # --- the menu -------------------------------------------------------------

    def capability(
        self, capability: Capability[W], advertise: Callable[[IServerSession], W | None]
    ) -> None:
        """See L{IServerBuilder}."""
        owner = self._claim("capability", capability.keyword)
        self.capabilities.append((capability, owned(owner, advertise)))

    def verb(self, verb: Verb) -> None:
        """See L{IServerBuilder}."""
        owner = self._claim("verb", verb.name)
        self.table[verb.name] = evolve(verb, run=owned(owner, verb.run))

    def wrap(
        self, verb: bytes, wrapper: Wrapper, of: Iterable[Stamp[Any]] = ()
    ) -> None:
        """See L{IServerBuilder}."""
        self._wrappers.append((verb, owned(self._note("wrap", verb), wrapper, of)))

    def parameter(self, parameter: Parameter[W]) -> None:
        """See L{IServerBuilder}."""
        key = (parameter.where, parameter.keyword, parameter.value)
        owner = self._claimParameter(key)
        receive = owned(owner, parameter.receive)
        self.parameters[key] = evolve(parameter, receive=receive)

    def review(self, stage: Stage, check: Check, of: Iterable[Stamp[Any]] = ()) -> None:
        """See L{IServerBuilder}."""
        self.reviews[stage] += (owned(self._note("review", stage), check, of),)

    def gate(
        self,
        gate: Callable[[IServerSession, bytes], Reply | None],
        verb: bytes | None = None,
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """See L{IServerBuilder}."""
        guard = owned(self._note("gate", verb or ""), gate, of)
        if verb is None:
            self.gates += (guard,)
        else:
            self._guards.append((verb, guard))

    def turnedDown(self, told: Callable[[IServerSession, Reply], None]) -> None:
        """See L{IServerBuilder}."""
        self.mourners += (owned(self._note("turnedDown"), told),)

    def relax(self, relax: Callable[[IServerSession], SyncPoint]) -> None:
        """See L{IServerBuilder}."""
        self.relaxers += (owned(self._note("relax"), relax),)

    def header(
        self, name: bytes, watch: Callable[[IServerSession, bytes], None]
    ) -> None:
        """See L{IServerBuilder}."""
        key = name.lower()
        watch = owned(self._note("header", name), watch)
        self.headers[key] = (*self.headers.get(key, ()), watch)

    def trace(self, trace: Callable[[IServerSession], TraceClauses]) -> None:
        """See L{IServerBuilder}."""
        self.tracers += (owned(self._note("trace"), trace),)

    def tls(self, tune: Callable[[IServerSession, TLSOptions], TLSOptions]) -> None:
        """See L{IServerBuilder}."""
        self.tlsTuners += (owned(self._note("tls"), tune),)

    def record(
        self,
        record: Callable[[IServerSession], LogFields],
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """See L{IServerBuilder}."""
        self.recorders += (owned(self._note("record"), record, of),)

    def variable(self, name: str, read: Callable[[IServerSession], object]) -> None:
        """See L{IServerBuilder}."""
        self.variables[name] = owned(self._claim("variable", name), read)

    def condition(self, name: str, test: Callable[[IServerSession], bool]) -> None:
        """See L{IServerBuilder}."""
        self.conditions[name] = owned(self._claim("condition", name), test)

    def control(self, name: str, apply: Callable[[IServerSession], None]) -> None:
        """See L{IServerBuilder}."""
        self.controls[name] = owned(self._claim("control", name), apply)

    # --- what is read ----------------------------------------------------------

    @property
    def plain(self) -> Plain:
        """Which commands are the core's alone; found out once."""
        found = self._plain
        if found is None or self._plainly != len(self.hooks):
            found = self._plain = plainly(
                self.table, self.gates, self.reviews, self.bounds.commandOctets
            )
            self._plainly = len(self.hooks)
        return found

    def hello(self, values: list[object]) -> Reply:
        """
        The EHLO response.

        @param values: what each of C{capabilities} advertises to this client;
            L{None}: nothing.
        """
        key = tuple(values)
        try:
            known = self._hellos.get(key)
        except TypeError:  # a value that cannot be hashed is rendered each time
            return self._renderHello(values)
        if known is None:
            known = self._renderHello(values)
            if len(self._hellos) < _HELLOS:
                self._hellos[key] = known
        return known

    def _renderHello(self, values: list[object]) -> Reply:
        lines = [self.name]
        for (capability, hook), value in zip(self.capabilities, values, strict=True):
            if value is None:
                continue
            try:
                text = capability.grammar.render(value)
            except Exception as error:
                raise HookTrouble(ownerOf(hook)) from error
            word = capability.keyword
            lines.append(word if text is None else word + b" " + text)
        return Reply(250, None, tuple(lines))


@implementer(IClientBuilder)
@define(eq=False)
class ClientProfile(Register):
    """
    Everything a client connection needs that is the same for all of them.

    @ivar name: what the client calls itself in EHLO.
    @ivar clock: seconds since the epoch.
    """

    name: bytes = b"localhost"
    clock: Callable[[], float] = time.time

    capabilities: dict[bytes, Capability[Any]] = field(factory=dict, init=False)
    #: Whose each keyword is.
    owners: dict[bytes, str] = field(factory=dict, init=False)
    parameters: tuple[tuple[Parameter[Any], Capability[Any]], ...] = field(
        default=(), init=False
    )
    steps: list[tuple[Phase, Callable[[IClientSession], ClientDialogue | None]]] = (
        field(factory=list, init=False)
    )
    admitters: tuple[Callable[[IClientSession, Envelope], Refusal | None], ...] = field(
        default=(), init=False
    )
    carriers: tuple[Callable[[IClientSession, Envelope], Carrier | None], ...] = field(
        default=(), init=False
    )
    transforms: tuple[Callable[[IClientSession, Envelope], Transform | None], ...] = (
        field(default=(), init=False)
    )
    recognisers: tuple[
        Callable[[IClientSession, Envelope, IBody], Recognition], ...
    ] = field(default=(), init=False)
    batchers: tuple[Callable[[IClientSession], BatchLimits | None], ...] = field(
        default=(), init=False
    )
    announcers: tuple[Callable[[IClientSession, Reply], bool], ...] = field(
        default=(), init=False
    )
    forecasters: tuple[Callable[[IClientSession], Forecast | None], ...] = field(
        default=(), init=False
    )
    learners: tuple[Callable[[IClientSession, Hello | None], None], ...] = field(
        default=(), init=False
    )
    tlsTuners: tuple[Callable[[IClientSession, TLSOptions], TLSOptions], ...] = field(
        default=(), init=False
    )
    lastTuners: tuple[Callable[[IClientSession, TLSOptions], TLSOptions], ...] = field(
        default=(), init=False
    )
    ticketKeepers: tuple[Ticketing, ...] = field(default=(), init=False)
    recorders: tuple[Callable[[IClientSession], LogFields], ...] = field(
        default=(), init=False
    )
    relaxers: tuple[Callable[[IClientSession], SyncPoint], ...] = field(
        default=(), init=False
    )
    _chosen: dict[frozenset[bytes], ClientHooks] = field(factory=dict, init=False)

    def load(self, extensions: Iterable[IExtension]) -> ClientProfile:
        """
        Let each extension with a client side register its hooks, in order.

        @raise smtpx.core.errors.Conflict: see L{checkRequirements}, or two
            claims to one thing.
        """
        for extension in self._turns(extensions):
            if IClientExtension.providedBy(extension):
                extension.extendClient(self)
        self.steps.sort(key=lambda pair: pair[0].value)
        self._chosen.clear()
        return self

    def hooksFor(self, offers: frozenset[bytes]) -> ClientHooks:
        """
        The hooks that have something to say to a peer.

        @param offers: the keywords of what it offers.
        """
        found = self._chosen.get(offers)
        if found is None:
            if len(self._chosen) >= _HELLOS:
                self._chosen.clear()
            found = self._chosen[offers] = ClientHooks.chosen(self, offers)
        return found

    # --- the menu -------------------------------------------------------------

    def capability(self, capability: Capability[W]) -> None:
        """See L{IClientBuilder}."""
        for word in (capability.keyword, *capability.aliases):
            self.owners[word] = self._claim("capability", word)
            self.capabilities[word] = capability

    def parameter(self, parameter: Parameter[W], under: Capability[T]) -> None:
        """See L{IClientBuilder}."""
        key = (parameter.where, parameter.keyword, parameter.value)
        owner = self._claimParameter(key)
        send = owned(owner, parameter.send)
        self.parameters += ((evolve(parameter, send=send), under),)

    def step(
        self, phase: Phase, step: Callable[[IClientSession], ClientDialogue | None]
    ) -> None:
        """See L{IClientBuilder}."""
        self.steps.append((phase, owned(self._note("step", phase), step)))

    def admit(
        self, admit: Callable[[IClientSession, Envelope], Refusal | None]
    ) -> None:
        """See L{IClientBuilder}."""
        self.admitters += (owned(self._note("admit"), admit),)

    def carrier(
        self, choose: Callable[[IClientSession, Envelope], Carrier | None]
    ) -> None:
        """See L{IClientBuilder}."""
        self.carriers += (owned(self._note("carrier"), choose),)

    def transform(
        self, choose: Callable[[IClientSession, Envelope], Transform | None]
    ) -> None:
        """See L{IClientBuilder}."""
        self.transforms += (owned(self._note("transform"), choose),)

    def recognise(
        self, recognise: Callable[[IClientSession, Envelope, IBody], Recognition]
    ) -> None:
        """See L{IClientBuilder}."""
        self.recognisers += (owned(self._note("recognise"), recognise),)

    def batch(self, batch: Callable[[IClientSession], BatchLimits | None]) -> None:
        """See L{IClientBuilder}."""
        self.batchers += (owned(self._note("batch"), batch),)

    def announce(self, announces: Callable[[IClientSession, Reply], bool]) -> None:
        """See L{IClientBuilder}."""
        self.announcers += (owned(self._note("announce"), announces),)

    def forecast(self, forecast: Callable[[IClientSession], Forecast | None]) -> None:
        """See L{IClientBuilder}."""
        self.forecasters += (owned(self._note("forecast"), forecast),)

    def learn(self, learn: Callable[[IClientSession, Hello | None], None]) -> None:
        """See L{IClientBuilder}."""
        self.learners += (owned(self._note("learn"), learn),)

    def tls(
        self,
        tune: Callable[[IClientSession, TLSOptions], TLSOptions],
        last: bool = False,
    ) -> None:
        """See L{IClientBuilder}."""
        tuners = (owned(self._note("tls"), tune),)
        if last:
            self.lastTuners += tuners
        else:
            self.tlsTuners += tuners

    def ticket(self, keep: Ticketing) -> None:
        """See L{IClientBuilder}."""
        self.ticketKeepers += (owned(self._note("ticket"), keep),)

    def record(self, record: Callable[[IClientSession], LogFields]) -> None:
        """See L{IClientBuilder}."""
        self.recorders += (owned(self._note("record"), record),)

    def relax(self, relax: Callable[[IClientSession], SyncPoint]) -> None:
        """See L{IClientBuilder}."""
        self.relaxers += (owned(self._note("relax"), relax),)
