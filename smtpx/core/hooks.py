"""
What an extension hands to a builder: plain values, made once, read often.

The menu of hooks is L{smtpx.core.interfaces.IServerBuilder} and its two
siblings; the values that those hooks take and give are here.
"""

from __future__ import annotations

from enum import Enum, Flag, IntEnum, auto
from typing import TYPE_CHECKING, Any, Callable, Generic, Mapping, TypeVar

from attrs import field, frozen

from .envelope import Bearer, Envelope, Recipient, Stamp
from .flaw import Flaw
from .grammar import Grammar
from .reply import Reply
from .stapled import Stapled, StapleWish
from .target import (
    Dialect as Dialect,
    Forecast as Forecast,
    Hello as Hello,
    Target as Target,
)
from .tlsa import DANE
from .tlssession import Resumption, TLSSession
from .tlsterms import USUAL, TLSTerms
from .wholebody import WholeBody

if TYPE_CHECKING:
    from .demands import Demand
    from .dialogue import BodyDialogue, ServerDialogue
    from .interfaces import IBody, IClientSession, IServerSession

W = TypeVar("W")


class Where(Enum):
    """On which command a parameter stands."""

    __hash__ = object.__hash__

    MAIL = "MAIL"
    RCPT = "RCPT"
    VRFY = "VRFY"
    EXPN = "EXPN"


class Stage(Enum):
    """The moments of a server transaction at which it can be reviewed."""

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    MESSAGE = auto()


class Phase(Enum):
    """The order of the client's steps between EHLO and the first MAIL."""

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    SECURE = 1
    IDENTIFY = 2
    AUTHENTICATE = 3


class Ending(Enum):
    """
    How a session of a server ended.

    @cvar QUIT: the client said so.
    @cvar LOST: it was gone between two commands.
    @cvar LOST_IN_TRANSACTION: the same, but MAIL had been said.
    @cvar LOST_IN_BODY: it was gone in the middle of a message.
    @cvar HANDSHAKE: a TLS handshake did not succeed.
    @cvar TIMEOUT: no command came for too long.
    @cvar TIMEOUT_IN_BODY: no more of a message came for too long.
    @cvar REFUSED: we would have no more of it.
    @cvar SHUTDOWN: the server was about to stop.
    """

    QUIT = "quit"
    LOST = "lost"
    LOST_IN_TRANSACTION = "lost in transaction"
    LOST_IN_BODY = "lost in body"
    HANDSHAKE = "handshake"
    TIMEOUT = "timeout"
    TIMEOUT_IN_BODY = "timeout in body"
    REFUSED = "refused"
    SHUTDOWN = "shutdown"


class SyncPoint(Flag):
    """Places where RFC 5321 makes the client wait for the reply."""

    NONE = 0
    GREETING = auto()
    EHLO = auto()
    TRANSACTION = auto()


@frozen(eq=False)
class Capability(Generic[W]):
    """
    An EHLO keyword with the grammar of what follows it.

    @ivar aliases: older spellings that a client takes for it as well.
    """

    keyword: bytes
    grammar: Grammar[W]
    aliases: tuple[bytes, ...] = ()


@frozen(eq=False)
class Parameter(Generic[W]):
    """
    An ESMTP parameter of MAIL or RCPT, both directions in one place.

    @ivar value: claim only C{keyword=value}, so that two extensions can share
        a keyword (BODY=8BITMIME and BODY=BINARYMIME).
    @ivar receive: the server read it: stamp the bearer, or refuse.
    @ivar send: the client is to write it: its value, or L{None} for "leave it
        out".  Asked only of a peer that offered C{under}.
    @ivar of: the stamps without which there is nothing to write, so
        C{send} is not asked where the bearer has none of them; empty: it is always
        asked.
    @ivar foreign: the stamps without which there is nothing to write where all
        addresses of the envelope are of ASCII, so that C{send} need not be asked then;
        L{None}: there may be.
    @ivar loggedIn: likewise, where the peer does not know who we are?
    """

    keyword: bytes
    where: Where
    grammar: Grammar[W]
    receive: Callable[["IServerSession", Bearer, W], Reply | None]
    send: Callable[["IClientSession", Bearer], W | None]
    value: bytes | None = None
    of: tuple[Stamp[Any], ...] = ()
    foreign: tuple[Stamp[Any], ...] | None = None
    loggedIn: bool = False


# --- verbs ---------------------------------------------------------------

#: Does a command: at once (a L{Reply}), or by a dialogue.  It is given what
#: stands behind the verb; L{None}: the answer comes later, or has been written.
Run = Callable[["IServerSession", bytes], "Reply | ServerDialogue | None"]


@frozen(eq=False)
class Verb:
    """
    A command.

    @ivar name: upper case.
    @ivar run: does it, at once (a L{Reply}) or by a dialogue.
    @ivar alone: nothing may be pipelined behind it; where something is, the
        answer is 554 and the connection ends (RFC 3207 section 4.2,
        CVE-2011-0411).
    @ivar last: ends a pipelined group (RFC 2920 section 3.1); more input behind
        it is allowed only where L{SyncPoint.EHLO} is relaxed.
    @ivar progress: does it move mail along?  Others are counted, and only so
        many are taken between two messages.
    @ivar secret: is what stands behind it never to be seen in a log?
    @ivar help: its syntax, for HELP.
    @ivar counted: do counted octets stand behind it (BDAT)?  They are its own,
        and no sign of pipelining.  It is run even where a gate refuses it, to
        take them off the wire, and answers with C{session.gated} then.
    @ivar between: may it stand between the pieces of a body that comes in
        pieces?  Any other command ends the transaction there.
    @ivar gates: asked before it; the profile's to fill.
    """

    name: bytes
    run: Run
    alone: bool = False
    last: bool = False
    progress: bool = False
    secret: bool = False
    help: bytes = b""
    counted: bool = False
    between: bool = False
    gates: tuple[Callable[["IServerSession", bytes], Reply | None], ...] = ()


# --- TLS, routing, scheduling and reports as values ----------------------


@frozen
class TLSOptions:
    """
    What the TLS room is to do in one handshake.

    @ivar serverName: the name to send as SNI and to verify; L{None} on the
        server side.
    @ivar verified: must the peer's certificate be good?
    @ivar names: where it must, it has to be for one name out of each of these sets;
        empty: for C{serverName}.
    @ivar dane: what TLSA records ask of it, instead of a trusted chain; L{None}:
        nothing.
    @ivar watched: is it to be found out whether it is good, even where it need not be?
    @ivar staple: is the server asked for an OCSP response (RFC 6066 section 8), and has
        it to have a good one?  The latter counts where its certificate has to be good.
        Of no account on the server side.
    @ivar asked: is a client asked for its certificate, where there is anybody
        who could have signed it?  Of no account on the client side.
    @ivar tickets: may sessions be resumed?
    @ivar session: the session to resume; L{None}: none.  Of no account on the server
        side.
    @ivar ticketKey: what C{session} was found under; on the server side, whose tickets
        are taken: those that were given under the same.
    @ivar ticketless: is no ticket to be sent at all, not even one that is of no use?
        TLS 1.2 is the newest version then, for under TLS 1.3 OpenSSL always sends some.
        Of no account on the client side.
    @ivar terms: what the operator wants of it.
    @ivar early: may a server's first words leave with its first flight, before the
        client has proved anything?  Of no account on the client side.
    @ivar room: how many octets a client's first flight may have, to ride on a SYN
        (RFC 7413); L{None}: any number.  Of no account on the server side.
    @ivar share: where there is C{room}: the group that the server has asked for a key
        share of, before; L{None}: none.
    """

    serverName: bytes | None = None
    verified: bool = False
    names: frozenset[frozenset[bytes]] = frozenset()
    dane: DANE | None = None
    watched: bool = False
    staple: StapleWish = StapleWish.NONE
    asked: bool = True
    tickets: bool = False
    session: TLSSession | None = None
    ticketKey: tuple[bytes, ...] = ()
    ticketless: bool = False
    terms: TLSTerms = USUAL
    early: bool = False
    room: int | None = None
    share: str | None = None


@frozen
class TLSInfo:
    """
    What a handshake came to.

    @ivar version: as OpenSSL spells it, C{TLSv1.3}.
    @ivar cipher: the cipher suite, as OpenSSL spells it.
    @ivar bits: the strength of the cipher, in bits.
    @ivar verified: was the peer's certificate good?
    @ivar resumed: was it a session from before?
    @ivar subject: the peer certificate's subject (RFC 4514), or L{None} where
        it sent none.
    @ivar serverName: the SNI that was asked for, or L{None}.
    @ivar bindings: channel bindings by their registered name (RFC 5056), such
        as C{tls-exporter} (RFC 9266).
    @ivar suite: the cipher suite, as IANA registers it (RFC 8314 section 4.3);
        empty: not known.
    @ivar problem: what was wrong with the peer's certificate, for the log;
        L{None}: nothing, it sent none, or nobody looked.
    @ivar flaw: on the client side, the same in one word.
    @ivar dane: was it good by a TLSA record (RFC 7672), not by a chain that is trusted?
    @ivar proof: by what it was good, for people; L{None}: it was not, or that is not
        known.
    @ivar stapled: what the client was told of the standing of the server's
        certificate.
    @ivar stapleProblem: on the client side, why this handshake did not tell that it is
        good; L{None}: it did, or was not to, or that is not known.
    @ivar stapleEnds: until when what was learnt of the peer's certificate by a staple
        holds, in seconds since the epoch; L{None}: nothing was.
    @ivar onConnect: did it begin with the connection (RFC 8314)?
    @ivar resumption: what it had to do with sessions from before.
    @ivar group: the group of the key exchange, as OpenSSL spells it; empty: not known.
    @ivar repeated: on the client side, did the server ask for another ClientHello (RFC
        8446 section 4.1.4), which costs a round trip?
    """

    version: str = "TLSv1.3"
    cipher: str = ""
    bits: int = 0
    verified: bool = False
    resumed: bool = False
    subject: str | None = None
    serverName: bytes | None = None
    bindings: Mapping[str, bytes] = field(factory=dict, repr=False)
    suite: str = ""
    problem: str | None = None
    flaw: Flaw | None = None
    dane: bool = False
    proof: str | None = None
    stapled: Stapled = Stapled.NOT_ASKED
    stapleProblem: str | None = None
    stapleEnds: float | None = None
    onConnect: bool = False
    resumption: Resumption = Resumption.SUPPORTED
    group: str = ""
    repeated: bool = False


class Scope(Enum):
    """
    How far a client-side failure reaches: this session only (try the same
    host again, without a forecast), this host (try the next), the message.
    """

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    SESSION = auto()
    HOST = auto()
    MESSAGE = auto()


@frozen
class Refusal:
    """
    This envelope is not to go over this session, and why.

    @ivar recipients: for whom that holds; empty: for everybody.  Where it holds for
        some, the message goes to the others first.
    """

    reply: Reply
    scope: Scope
    recipients: tuple[Recipient, ...] = ()


@frozen
class Carrier:
    """
    A way to move the body; the highest C{preference} is taken.

    @ivar carry: moves it, by needs of L{smtpx.core.dialogue}; returns the final
        reply.  It waits for replies, or by L{smtpx.core.dialogue.wanted}, only between
        two commands: where everybody was refused meanwhile, it is stopped there.
    @ivar early: may it start in the same flight as MAIL and RCPT, before their
        replies (RFC 3030 section 4.2)?  It goes by C{Emit} then.
    @ivar whole: where it may: what C{carry} does with a small body; L{None}: that has
        to be asked.
    """

    preference: int
    carry: Callable[["IClientSession", "IBody"], "BodyDialogue"]
    early: bool = False
    whole: WholeBody | None = None


@frozen
class BatchLimits:
    """How much fits; L{None} is no limit."""

    recipients: int | None = None
    transactions: int | None = None
    domains: int | None = None


class TLSLevel(IntEnum):
    """
    How well a route is to be protected.  UNWANTED is a local choice only and
    never comes from a peer or a record; OPPORTUNISTIC is the default.
    """

    UNWANTED = 0
    OPPORTUNISTIC = 1
    ENCRYPTED = 2
    VERIFIED = 3


class LookupLevel(IntEnum):
    """How well it is known that a host serves a domain."""

    PLAIN = 0
    MTASTS = 1
    DNSSEC = 2


@frozen(cache_hash=True)
class RoutePolicy:
    """
    What a route has to be at least; part of the connection pool's key.

    Who asks for what is added up in L{smtpx.core.demands}, and nowhere else.

    @ivar lenient: better delivered than secure (C{TLS-Required: No}).
    @ivar names: where the certificate has to be good, it has to be for one name out of
        each of these sets; empty: for the host's name.
    @ivar dane: what TLSA records ask of the certificate, instead of a chain that is
        trusted; L{None}: nothing.
    @ivar watched: is it to be found out whether the certificate is good, even where
        it need not be?
    @ivar staple: is the host asked for an OCSP response, and has it to have a good one?
        The latter counts where its certificate has to be good.
    @ivar demands: who asked for all this, and why, for logs and people; it makes no
        difference between two routes.
    @ivar resumes: may TLS sessions from before be resumed?
    @ivar terms: what the operator wants of a handshake.
    @ivar waived: what the message wants is waived where no host has it, for it is
        better sent without than not at all; it makes no difference between two routes.
    """

    tls: TLSLevel = TLSLevel.OPPORTUNISTIC
    lookup: LookupLevel = LookupLevel.PLAIN
    lenient: bool = False
    names: frozenset[frozenset[bytes]] = frozenset()
    dane: DANE | None = None
    watched: bool = False
    staple: StapleWish = StapleWish.NONE
    demands: tuple[Demand, ...] = field(default=(), eq=False, repr=False)
    resumes: bool = False
    terms: TLSTerms = USUAL
    waived: bool = field(default=False, eq=False, repr=False)


@frozen
class Schedule:
    """
    When and in what order; times in seconds since the epoch.

    @ivar priority: those with a higher one go first.
    @ivar notBefore: it does not go before.
    @ivar deadline: when it is given up at the latest; L{None}: that is the queue's
        to say.
    @ivar noticeAt: its sender is told once of a delay then, if somebody still
        waits, whatever the queue does otherwise; L{None}: that is the queue's to
        say.
    """

    priority: int = 0
    notBefore: float = 0.0
    deadline: float | None = None
    noticeAt: float | None = None


class Action(Enum):
    """RFC 3464 section 2.3.3."""

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"
    DELIVERED = "delivered"
    EXPANDED = "expanded"


@frozen
class News:
    """
    What there is to tell of a recipient.

    @ivar action: what became of it.
    @ivar offers: where a host has the message now, the keywords of what we know of
        what it offers (L{Capability}), so that what a message wants can be left to
        it; empty otherwise.
    """

    action: Action
    offers: frozenset[bytes] = frozenset()


@frozen
class ReportWish:
    """
    An opinion on one delivery report; L{None} is no opinion.  C{False} beats
    C{True} beats L{None}.

    @ivar send: is it to be sent?
    @ivar full: with the whole message, or its header only?
    @ivar stampers: put what the report needs on its own envelope.
    """

    send: bool | None = None
    full: bool | None = None
    stampers: tuple[Callable[[Envelope], None], ...] = ()


#: Fields for a log line: name and value.
LogFields = tuple[tuple[str, object], ...]

#: What is said behind a message, of replies one a recipient: just these (LMTP), or
#: with others around them (PRDR), or one that stands for all.
Framing = Callable[[tuple[Reply, ...]], tuple[Reply, ...]]

#: Clauses for the Received field (RFC 5321 section 4.4): name and value.
TraceClauses = tuple[tuple[str, str], ...]
