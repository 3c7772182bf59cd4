"""
The facts of a server session: who the client is, what it said, and what we take.

Hooks read them (L{smtpx.core.interfaces.IServerSession}); what is done with them
is L{smtpx.core.session}.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from .body import HeaderWatch, LineMeter
from .dialogue import Answered
from .effects import IDirectPort, IServerPort
from .envelope import Envelope, Stamps
from .errors import HookTrouble
from .hooks import Dialect, Ending, Framing, TLSInfo
from .judgement import Judged
from .profile import ServerProfile
from .reply import BAD_SEQUENCE, LOCAL_ERROR, Reply
from .standing import Standing

#: What the next octets are.
COMMAND, LINE, DOTTED, OCTETS, BLOCKED, HANDSHAKE = range(6)

#: Replies that say "you do not speak SMTP well".
_SYNTAX = frozenset({500, 501, 502, 503, 504, 555})


class _IDs:
    """Where ids of sessions come from."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew, under a name that no other process has."""
        self._prefix = secrets.token_hex(4)
        self._numbers = count(1)

    def next(self) -> str:
        """The next one."""
        return f"{self._prefix}-{next(self._numbers):x}"


_ids = _IDs()
# Two processes that were forked off one would go on alike.
os.register_at_fork(after_in_child=_ids.begin)


def freshID() -> str:
    """An id for a session; no other has it, nor had in another process."""
    return _ids.next()


class ServerFacts:
    """
    What is true of a client, and of the transaction it has begun.

    @ivar profile: what is the same for all connections.
    @ivar mode: what the next octets are; from L{BLOCKED} on, they have to wait.
    @ivar port: the shell.
    @ivar direct: the same, where it can be asked directly; L{None}: it cannot.
    @ivar plain: which commands are the core's alone.
    @ivar transactions: how many MAIL commands there were.
    @ivar closed: it is over: close it when everything is written.
    @ivar received: how many octets were fed.
    @ivar farewell: the reply that ended it; L{None}: there was none.
    @ivar progress: how many commands and lines were taken.
    @ivar bodyBegun: has the body of the transaction begun?
    @ivar carried: was there a command for a body already (DATA, BDAT)?
    @ivar hasty: what came too soon, of which the client is told now; empty: nothing.
    @ivar fastOpen: C{TFO} or C{TFO*}, see L{IServerSession}; empty: neither.
    """

    __slots__ = (
        "_discarded",
        "_earlyHello",
        "_errors",
        "_header",
        "_id",
        "_idle",
        "_instead",
        "_judged",
        "_line",
        "_meter",
        "_pipelined",
        "_putOff",
        "_refusals",
        "_spoiled",
        "_stamps",
        "_then",
        "batched",
        "began",
        "bodyBegun",
        "carried",
        "closed",
        "direct",
        "early",
        "ended",
        "ending",
        "envelope",
        "extended",
        "farewell",
        "fastOpen",
        "gated",
        "hasty",
        "helo",
        "identity",
        "local",
        "localPort",
        "mechanism",
        "mode",
        "obliged",
        "peer",
        "peerName",
        "peerNameKnown",
        "peerPort",
        "plain",
        "port",
        "profile",
        "progress",
        "proxy",
        "received",
        "secured",
        "standing",
        "tellEach",
        "transactions",
        "utf8Addresses",
    )

    def __init__(
        self,
        profile: ServerProfile,
        port: IServerPort,
        peer: bytes = b"",
        peerPort: int = 0,
        local: bytes = b"",
        localPort: int = 0,
        secured: TLSInfo | None = None,
    ) -> None:
        """
        @param secured: the handshake, where TLS began with the connection.
        """
        self.profile = profile
        self.port = port
        self.direct: IDirectPort | None = None
        self.plain = profile.plain
        self.peer = peer
        self.peerPort = peerPort
        self.peerName: bytes | None = None
        self.peerNameKnown = True
        self.proxy: bytes | None = None
        self.local = local
        self.localPort = localPort
        self.secured = secured
        self.helo: bytes | None = None
        self.extended = False
        self.identity: bytes | None = None
        self.mechanism: str | None = None
        self.envelope: Envelope | None = None
        self.ended: Envelope | None = None
        self.utf8Addresses = False
        self.obliged = False
        self.tellEach: Framing | None = profile.framing
        self.standing = Standing.USUAL
        self.gated: Reply | None = None
        self.bodyBegun = self.carried = False
        self.hasty = b""
        self.transactions = 0
        self.began = profile.clock()
        self.closed = False
        self.farewell: Reply | None = None
        self.fastOpen = ""
        self.ending: Ending | None = None
        self.batched = self.early = False
        self.received = self.progress = 0
        self._id: str | None = None
        self._stamps: Stamps | None = None
        self.mode = COMMAND
        self._then: Callable[[Any], Answered] | None = None
        self._header: HeaderWatch | None = None
        self._meter: LineMeter | None = None
        self._spoiled: Reply | None = None
        self._judged: Sequence[Judged] = ()
        self._instead: Reply | None = None
        self._earlyHello = False
        self._pipelined = False
        self._idle = 0
        self._errors = 0
        self._refusals = 0
        self._putOff = 0
        self._line = b""
        self._discarded = 0

    @property
    def id(self) -> str:
        """The session's id; made when first wanted."""
        found = self._id
        if found is None:
            found = self._id = freshID()
        return found

    @property
    def stamps(self) -> Stamps:
        """What extensions noted on the session; made when first wanted."""
        found = self._stamps
        if found is None:
            found = self._stamps = Stamps()
        return found

    @property
    def pipelined(self) -> bool:
        """Does it know that it may pipeline?"""
        return self._pipelined

    @property
    def earlyHello(self) -> bool:
        """Need it not wait for the reply to EHLO?"""
        return self._earlyHello

    @property
    def idle(self) -> bool:
        """Is no answer under way, so that a peer which has ended may be let go?"""
        return self.mode < BLOCKED

    @property
    def name(self) -> bytes:
        """What we call ourselves."""
        return self.profile.name

    @property
    def dialect(self) -> Dialect:
        """What is spoken."""
        return self.profile.dialect

    @property
    def messageOctets(self) -> int | None:
        """The most a message may have, in octets; L{None}: no limit."""
        return self.profile.bounds.messageOctets

    @property
    def recipientsMax(self) -> int | None:
        """The most recipients of a transaction."""
        return self.profile.bounds.recipientsMax

    @property
    def transactionsMax(self) -> int | None:
        """The most transactions of a session; L{None}: no limit."""
        return self.profile.bounds.transactionsMax

    @property
    def chunksMax(self) -> int | None:
        """The most chunks of a message."""
        return self.profile.bounds.chunksMax

    @property
    def tlsReady(self) -> bool:
        """Is there a certificate?"""
        return self.profile.tlsReady

    def stamped(self, envelope: Envelope) -> bool:
        """Is there a stamp on an envelope that makes commands more than plain?"""
        stamps = envelope._stamps
        return stamps is not None and not self.plain.of.isdisjoint(envelope.borne())

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.profile.clock()

    def evict(self, why: Reply) -> None:
        """See L{smtpx.core.interfaces.IServerSession}."""
        self.port.evict(why)

    # --- what is held against it, and what went wrong -------------------------------

    def counts(self, refusal: Reply) -> bool:
        """
        A command was refused: tell the shell.

        @return: were there too many by now?
        """
        self.port.refused(self._line, refusal)
        self.ended = None
        if refusal.closes:
            return False
        bounds = self.profile.bounds
        # Who pipelines learns too late that what it builds on was refused.
        late = refusal.code == BAD_SEQUENCE.code and self._pipelined
        if refusal.code in _SYNTAX and not late:
            self._errors += 1
        elif self._line[:4].upper() != b"RCPT":
            self._idle += 1
        elif refusal.permanent and not late:
            self._refusals += 1
        else:
            self._putOff += 1
        return (
            self._errors > bounds.errorsMax
            or self._refusals > bounds.refusalsMax
            or self._putOff > bounds.putOffMax
            or self._idle > bounds.idleCommandsMax
        )

    def trouble(self, error: BaseException, owner: str) -> Reply:
        """An exception came out of a hook, or out of ourselves."""
        if isinstance(error, HookTrouble):
            cause = error.__cause__
            self.port.trouble(error.owner, error if cause is None else cause)
        else:
            self.port.trouble(owner, error)
        return LOCAL_ERROR
