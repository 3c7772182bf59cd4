"""
The house's doors: what an extension provides, and what it is handed.

An extension is one object in one file.  It provides one to three doors
(L{IServerExtension}, L{IClientExtension}, L{IQueueExtension}); each has one
method, called once a factory with a builder; the builder's methods are the
whole menu of hooks.  Hooks get a session (L{IServerSession},
L{IClientSession}), which says what they may see and do.

Extension objects are shared by all connections and do not change after
loading.  State goes on C{session.stamps}, C{envelope.stamps}, or behind a port
that the extension declares.

This file is long, as the whole menu stands in one place.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, TypeVar

from zope.interface import Attribute, Interface

from .dialogue import (
    Answered,
    ClientDialogue,
    Recognition,
    ServerDialogue,
    Transformation,
    Verdict,
)
from .envelope import Envelope, Recipient, Stamp, Stamps
from .hooks import (
    BatchLimits,
    Capability,
    Carrier,
    Dialect,
    Ending,
    Forecast,
    Framing,
    Hello,
    LogFields,
    News,
    Parameter,
    Phase,
    Refusal,
    ReportWish,
    RoutePolicy,
    Run,
    Schedule,
    Stage,
    SyncPoint,
    Target,
    TLSInfo,
    TLSOptions,
    TraceClauses,
    Verb,
)
from .reply import Reply
from .standing import Standing
from .tlssession import TLSSession

W = TypeVar("W")
T = TypeVar("T")

#: Changes a body on its way to one peer.  The envelope is the one whose parameters
#: are sent; what a transform notes on it is for this transaction only.
Transform = Callable[[Envelope, "IBody"], "IBody | Refusal | Transformation"]


#: Keeps a TLS session: the options of the handshake, what that came to, the session.
Ticketing = Callable[[TLSOptions, TLSInfo | None, TLSSession | None], None]


class IExtension(Interface):
    """One SMTP service extension."""

    name: str = Attribute("Its registered name, for logs and configuration.")
    requires: tuple[str, ...] = Attribute("Names that must be loaded as well.")
    settings: type[Any] | None = Attribute(
        """
        An attrs class with one attribute an option, each with a default, a type
        and C{metadata={"help": ...}}; L{None}: it has no options.
        """
    )

    def configured(settings: Any) -> IExtension:
        """
        The same extension under other settings.

        @param settings: an instance of C{settings}.
        """


class IServerExtension(IExtension):
    """An extension with a server side."""

    def extendServer(server: IServerBuilder) -> None:
        """Called once per factory; register hooks on C{server}."""


class IClientExtension(IExtension):
    """An extension with a client side."""

    def extendClient(client: IClientBuilder) -> None:
        """Called once per factory; register hooks on C{client}."""


class IQueueExtension(IExtension):
    """An extension that outlives the session: in spool, route or report."""

    def extendQueue(queue: IQueueBuilder) -> None:
        """Called once per queue; register hooks on C{queue}."""


class IServerSession(Interface):
    """
    What a server-side hook sees of the connection.

    A hook may set the facts C{utf8Addresses}, C{obliged}, C{tellEach} and
    C{standing}, all of which hold for the transaction; one that
    knows better who the client is, those that say so as well: C{peer} to
    C{localPort}, C{helo}, C{extended}, C{secured}, C{identity} and C{mechanism}.
    Everything else is for reading.
    """

    id: str = Attribute("The session's id, in every event of it.")
    peer: bytes = Attribute("The client's address; an extension may override it.")
    peerPort: int = Attribute("The client's port; 0: not known.")
    peerName: bytes | None = Attribute("The client's verified host name, if known.")
    peerNameKnown: bool = Attribute(
        "Is that all there is to know?  Not where it could not be looked up."
    )
    fastOpen: str = Attribute(
        """
        How the connection was opened, for logs: C{TFO}, by TCP Fast Open (RFC 7413);
        C{TFO*}, by a SYN with something in it; empty: as ever.
        """
    )
    proxy: bytes | None = Attribute(
        """
        The address of the proxy that has brought the client, and said who it is;
        empty: it came over a UNIX socket; L{None}: no proxy has.
        """
    )
    local: bytes = Attribute("Our address of this connection.")
    localPort: int = Attribute("Our port of this connection; 0: not known.")
    name: bytes = Attribute("What we call ourselves.")
    helo: bytes | None = Attribute("What the client called itself.")
    extended: bool = Attribute("Did it say so by EHLO?")
    secured: TLSInfo | None = Attribute("The handshake, or None in the clear.")
    identity: bytes | None = Attribute("Who authenticated.")
    mechanism: str | None = Attribute("How: the SASL mechanism, in lower case.")
    envelope: Envelope | None = Attribute("The transaction, from MAIL on.")
    ended: Envelope | None = Attribute(
        """
        The transaction that was refused after its body, while the shell is told of
        that; L{None}: what it is told of is another refusal.
        """
    )
    messageOctets: int | None = Attribute("The most a message may have.")
    recipientsMax: int | None = Attribute("The most recipients.")
    transactionsMax: int | None = Attribute("The most transactions.")
    chunksMax: int | None = Attribute("The most chunks of one message.")
    gated: Reply | None = Attribute(
        "What a gate has against the command in work; for verbs with octets."
    )
    bodyBegun: bool = Attribute("Has the body of the transaction begun?")
    carried: bool = Attribute("Was there a command for a body already?")
    hasty: bytes = Attribute(
        """
        What the client said too soon, while the shell is told that it was refused for
        that: at most a line, and of one that may be a password nothing but its
        command.  Empty: what it is told of is another refusal.
        """
    )
    utf8Addresses: bool = Attribute("May addresses be UTF-8 in this transaction?")
    obliged: bool = Attribute("Is this transaction to stay under TLS all the way?")
    tellEach: Framing | None = Attribute(
        """
        Makes what is said behind a message of replies one a recipient, where the
        client takes several; None: it takes one for all.
        """
    )
    standing: Standing = Attribute("How it is with the transaction.")
    dialect: Dialect = Attribute("What is spoken: SMTP or LMTP.")
    tlsReady: bool = Attribute("Is there a certificate?")
    transactions: int = Attribute("How many MAIL commands there were.")
    pipelined: bool = Attribute("Does it know that it may pipeline?")
    batched: bool = Attribute("Did it?")
    earlyHello: bool = Attribute("Need it not wait for the reply to EHLO?")
    early: bool = Attribute("Did it talk before it was greeted?")
    began: float = Attribute("When the client connected, in seconds since the epoch.")
    ending: Ending | None = Attribute("How it ended; None: it has not.")
    idle: bool = Attribute("Does the client owe us the next word, not we it?")
    stamps: Stamps = Attribute("What extensions note for the whole session.")

    def now() -> float:
        """Seconds since the epoch, from the profile's clock."""

    def overhear(
        outcome: Reply | ServerDialogue | None, told: Callable[[Answered], None]
    ) -> Reply | ServerDialogue | None:
        """
        For who wraps a command: have C{told} called with the reply, if any, that it
        comes to, now or later.

        @param outcome: what it gave when it was run.
        @return: what is to be given back in its place.
        """

    def foretell(final: Reply) -> tuple[Reply, ...]:
        """
        What the client will be told if the shell answers C{TakeMessage} so: one
        reply, or where it takes several, one for each recipient that was accepted.
        To be asked while that question is open.
        """

    def evict(why: Reply) -> None:
        """Have the session ended soon by this reply; not for the own one."""

    def openBody() -> Verdict:
        """
        Begin the message body unless it has begun; yields, returns a refusal
        or None.
        """

    def closeBody() -> ServerDialogue:
        """End the message body and hand it over; yields, returns the replies."""

    def refuseAll(refusal: Reply) -> Answered:
        """
        A refusal of the whole message, as the client is told of it behind the end:
        one reply, or one a recipient.  For verbs that take bodies, before
        C{abortBody}.
        """

    def abortBody() -> None:
        """Forget the body and the transaction."""

    def regreet() -> ServerDialogue:
        """Back to the greeting state; yields, returns the greeting or a refusal."""

    def reset() -> None:
        """RSET."""

    def forget() -> None:
        """Discard all that the client said (RFC 3207 section 4.2)."""

    def variable(name: str) -> object:
        """
        The value of an extension's variable.

        @raise KeyError: no extension has it.
        """

    def holds(condition: str) -> bool:
        """
        Does an extension's condition hold?

        @raise KeyError: no extension has it.
        """

    def control(name: str) -> None:
        """
        Apply an extension's control to this session or transaction.

        @raise KeyError: no extension has it.
        """

    def clauses() -> TraceClauses:
        """What extensions add to the Received field (C{trace})."""

    def logFields() -> LogFields:
        """What extensions say of this transaction, for the logs (C{record})."""


class IBody(Interface):
    """
    A message body to be sent: a source that knows its length and can be read
    again from the start.  Line ends are CRLF; dots are not stuffed.
    """

    octets: int = Attribute("Its length, in octets.")

    def pieces() -> Iterator[bytes]:
        """
        The body from its start, in pieces of at most 64 KiB, none of them
        empty.  Each call begins anew.
        """


class IClientSession(Interface):
    """What a client-side hook sees of the connection."""

    name: bytes = Attribute("What we call ourselves.")
    target: Target = Attribute("Where it goes.")
    secured: TLSInfo | None = Attribute("The handshake, or None in the clear.")
    peer: Hello | None = Attribute("The EHLO response, forecast or real.")
    guessed: bool = Attribute("Is C{peer} a forecast, not yet confirmed?")
    policy: RoutePolicy = Attribute("What the route has to be.")
    authenticated: bool = Attribute("Does the peer know who we are?")
    early: bool = Attribute("Did we talk before we were greeted?")
    forecastWrong: bool = Attribute("Was the forecast of C{peer} another one?")
    ignored: frozenset[bytes] = Attribute("Keywords that the peer is not believed.")
    stamps: Stamps = Attribute("What extensions note for the whole session.")

    def offered(capability: Capability[W]) -> W | None:
        """What the peer says about C{capability}; None: not offered."""

    def presume(hello: Hello) -> None:
        """Before TLS: expect this, or more, under it, where nothing is known."""

    def now() -> float:
        """Seconds since the epoch."""


class IServerBuilder(Interface):
    """What a server-side extension can register.  Each call is one hook."""

    def capability(
        capability: Capability[W], advertise: Callable[[IServerSession], W | None]
    ) -> None:
        """A line of the EHLO response; asked at each EHLO."""

    def verb(verb: Verb) -> None:
        """A command."""

    def wrap(
        verb: bytes,
        wrapper: Callable[[IServerSession, bytes, Run], Reply | ServerDialogue | None],
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """
        Called in place of a command that somebody else has, the core's own
        among them, with what stands behind it and what does it; it may do so or
        answer by itself.  The last wrapper to be registered is called first.
        Where nobody has the command, nothing is done.

        @param of: the stamps without which it does no more than the command: it may
            be left out where none of them is on the envelope of the transaction, or
            there is no transaction.  Empty: it is always called.
        """

    def parameter(parameter: Parameter[W]) -> None:
        """A parameter of MAIL or RCPT."""

    def review(
        stage: Stage,
        check: Callable[[IServerSession, Recipient | None], Reply | None | Verdict],
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """
        A check once the core has found nothing wrong.  A 4yz or 5yz reply
        refuses; a 2yz reply stands in for the usual one (of C{Stage.DATA} that
        is no 2yz, and stays), and a 3yz to C{Stage.MAIL} for that; None: no opinion.
        A check that has to ask the world returns a generator.

        @param of: the stamps, of the envelope or of the recipient, without which it has
            no opinion; see L{wrap}.
        """

    def gate(
        gate: Callable[[IServerSession, bytes], Reply | None],
        verb: bytes | None = None,
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """
        Asked before every command, also one that is not known, or before
        C{verb} only; a reply refuses it.

        @param of: the stamps of the envelope without which it refuses nothing; see
            L{wrap}.
        """

    def relax(relax: Callable[[IServerSession], SyncPoint]) -> None:
        """Places where this client need not wait."""

    def turnedDown(told: Callable[[IServerSession, Reply], None]) -> None:
        """
        Told each refusal of a whole message behind its end, while the transaction
        is still there.
        """

    def header(name: bytes, watch: Callable[[IServerSession, bytes], None]) -> None:
        """Called for each such field of a message's header."""

    def trace(trace: Callable[[IServerSession], TraceClauses]) -> None:
        """Clauses for the Received field."""

    def tls(tune: Callable[[IServerSession, TLSOptions], TLSOptions]) -> None:
        """Change how this handshake is made."""

    def record(
        record: Callable[[IServerSession], LogFields], of: Iterable[Stamp[Any]] = ()
    ) -> None:
        """
        Fields for the events of each message, and for the main log where
        Exim has them: C{(("K", True),)} is written as the bare letter.

        @param of: the stamps without which it has nothing to say: it is not asked
            where none of them is on the envelope.  Empty: it is always asked.
        """

    def variable(name: str, read: Callable[[IServerSession], object]) -> None:
        """A value that policies and logs may ask for by name."""

    def condition(name: str, test: Callable[[IServerSession], bool]) -> None:
        """A yes or no that policies may ask for by name."""

    def control(name: str, apply: Callable[[IServerSession], None]) -> None:
        """Something that policies may switch on by name."""


class IClientBuilder(Interface):
    """One call is one hook; see L{smtpx.core.occasion.when} for when it is asked."""

    def capability(capability: Capability[W]) -> None:
        """Read this keyword of the peer's EHLO response."""

    def parameter(parameter: Parameter[W], under: Capability[T]) -> None:
        """A parameter to send to peers that offer C{under}."""

    def step(
        phase: Phase, step: Callable[[IClientSession], ClientDialogue | None]
    ) -> None:
        """A dialogue between EHLO and MAIL."""

    def admit(admit: Callable[[IClientSession, Envelope], Refusal | None]) -> None:
        """May this envelope go over this session?"""

    def carrier(choose: Callable[[IClientSession, Envelope], Carrier | None]) -> None:
        """Another way than DATA to move the body."""

    def transform(
        choose: Callable[[IClientSession, Envelope], Transform | None],
    ) -> None:
        """
        A change to the body that this peer needs, or why it cannot be had.  It goes
        from source to source, so that nothing is held whole in memory; one that has
        to read the body first returns a generator, and leaves room
        (L{smtpx.core.dialogue.flow}) between pieces.
        """

    def recognise(
        recognise: Callable[[IClientSession, Envelope, "IBody"], Recognition],
    ) -> None:
        """
        How this peer will know a transaction again; asked of each that comes from a
        queue, when all else of it is settled.  The envelope has those recipients
        that are asked for; what is noted on it is for this transaction only.
        """

    def batch(batch: Callable[[IClientSession], BatchLimits | None]) -> None:
        """How much this peer takes at a time."""

    def announce(announces: Callable[[IClientSession, Reply], bool]) -> None:
        """
        Does this 3yz, to the end of a message, say that a reply for each recipient
        that was accepted is to come, in their order, and then one for all?
        """

    def forecast(forecast: Callable[[IClientSession], Forecast | None]) -> None:
        """
        What this peer will answer to EHLO, if that is known.  Asked once, before
        anything was said.
        """

    def learn(learn: Callable[[IClientSession, Hello | None], None]) -> None:
        """Told each real EHLO response; None: refused before it, or lost."""

    def tls(
        tune: Callable[[IClientSession, TLSOptions], TLSOptions], last: bool = False
    ) -> None:
        """Change how this handshake is made; C{last}: once all others have."""

    def ticket(keep: Ticketing) -> None:
        """
        Told of the TLS session once the peer has answered EHLO under it, if it can be
        resumed, with its options and outcome; of none and no outcome, where it failed
        or that answer never came; of the options' and no outcome, where it had no room.
        """

    def record(record: Callable[[IClientSession], LogFields]) -> None:
        """Fields for the log line of each delivery."""

    def relax(relax: Callable[[IClientSession], SyncPoint]) -> None:
        """Places where this peer lets us go on without waiting."""


class IQueueBuilder(Interface):
    """
    What a queue-side extension can register.  Each call is one hook.

    C{of} are the stamps without which a hook has nothing to say: where none of them
    is on the envelope, or on the recipient that it is asked of, it is not asked.  That
    is most of what goes through a queue.  Empty: it is always asked.
    """

    def stamp(stamp: Stamp[T]) -> None:
        """A stamp to keep in the spool."""

    def constrain(
        constrain: Callable[[Envelope, RoutePolicy], RoutePolicy],
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """What this envelope's route has to be."""

    def schedule(
        schedule: Callable[[Envelope, Schedule], Schedule],
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """When this envelope is to go."""

    def redirect(redirect: Callable[[Recipient, Recipient, bool], None]) -> None:
        """
        What becomes of stamps where an alias puts others in the place of a
        recipient: called with the one that was accepted, with one of the others,
        which has all its stamps, and with whether there are several others.
        """

    def report(
        wish: Callable[[Envelope, Recipient, News], ReportWish | None],
        of: Iterable[Stamp[Any]] = (),
        sends: bool = True,
    ) -> None:
        """
        Whether and how to report what became of a recipient.  It is asked of each
        that is delivered, handed on, delayed or given up, if a report may be due.

        @param sends: may it wish that one is sent which would not be?  Otherwise it
            says only how one is, or that there is to be none.
        """

    def fields(
        fields: Callable[[Envelope, Recipient | None], Iterable[tuple[str, str]]],
    ) -> None:
        """Fields for the delivery report, of the message or a recipient."""
