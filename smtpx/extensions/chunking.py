"""
CHUNKING (RFC 3030 section 2): BDAT, the body in counted octets instead of lines.

Server.  The octets of a chunk come whatever we say to it, so a refusal is decided
first and said last, when they have been taken off the wire (section 2).  A size
that cannot be read leaves nothing to count, and no way to tell a body from
commands, so the connection ends.  The grammar is that of the section and no
more::

    bdat-cmd = "BDAT" SP 1*18DIGIT [ SP "LAST" ]

After a chunk that failed the transaction is gone: whatever was pipelined behind
it is taken and answered 503 until the next MAIL.  Between two chunks only BDAT,
NOOP, RSET and QUIT make sense; anything else ends the transaction with 503, for
the state would be I{indeterminate} (section 2).

Client.  The body goes in chunks of a fixed size with a bounded number of them
unanswered, and stops after the first that is refused.  The first chunk may leave in
the same flight as MAIL and RCPT (section 4.2), and is no larger than what may be sent
for nothing; for a small body it is the only one.  The others wait until it is known
that somebody gets the message.  Hosts that offer it and cannot do it are remembered
behind a port, L{IChunkMemory}; who connects asks there, and then the keyword counts as
not offered.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

from attrs import field, frozen
from attrs.validators import and_, ge, le
from zope.interface import Interface, implementer

from ..core.dialogue import (
    Answered,
    BodyDialogue,
    ClientNeed,
    ServerDialogue,
    Slot,
    emit,
    flow,
    octets,
    pour,
    settle,
    wanted,
)
from ..core.envelope import Envelope, Stamp
from ..core.errors import UsageError
from ..core.grammar import KEYWORD
from ..core.hooks import Capability, Carrier, Dialect, LogFields, Target, Verb
from ..core.hostlist import HostList, clientNames
from ..core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.occasion import when
from ..core.reply import BAD_SEQUENCE, Reply, reply
from ..core.wholebody import WholeBody

CAPABILITY = Capability[bool](b"CHUNKING", KEYWORD)

#: How many chunks of the message there were.
_CHUNKS = Stamp[int]("chunking-chunks", None, int)

#: On a client's session: did the last message go in chunks?
_CHUNKED = Stamp[bool]("chunking-chunked", None, bool)

#: Likewise: did the peer answer all chunks of a message?
_ANSWERED = Stamp[bool]("chunking-answered", None, bool)

#: How the size and the end-marker stand behind the verb.
_ARGUMENT = re.compile(rb"([0-9]{1,18})( LAST)?\Z", re.IGNORECASE)

_NO_SIZE = reply(501, "5.5.4", b"BDAT wants a size; closing", closes=True)
_TOO_BIG = reply(552, "5.3.4", b"Message size exceeds fixed maximum message size")
_TOO_MANY = reply(552, "5.3.4", b"Message has too many chunks")

#: So many octets of a body may go before MAIL was answered: if the peer refuses all
#: recipients, no more than this was sent for nothing.
EARLY_OCTETS = 65_536

#: What one chunk with all of it is.
_ONE_CHUNK = WholeBody(EARLY_OCTETS, b"BDAT %d LAST\r\n", _CHUNKED, _ANSWERED)


@frozen
class ChunkingSettings:
    """What an operator may set of CHUNKING."""

    chunkOctets: int = field(
        default=262_144,
        validator=and_(ge(65_536), le(1_048_576)),
        metadata={
            "help": "The size of the chunks that are sent, in octets.",
            "least": 65_536,
            "most": 1_048_576,
        },
    )
    chunksInFlight: int = field(
        default=8,
        validator=and_(ge(1), le(64)),
        metadata={
            "help": "How many chunks are sent before the first is answered.",
            "least": 1,
            "most": 64,
        },
    )
    chunkingAdvertiseHosts: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "chunking_advertise_hosts",
            "help": "The clients that may send in chunks; they are offered BINARYMIME"
            " too, where that is on.",
        },
    )


class IChunkMemory(Interface):
    """
    Which hosts cannot do what they offer.  Its methods answer at once; a store that
    is locked or broken trusts everybody.
    """

    def trusted(target: Target) -> bool:
        """Is C{target} sent chunks?"""

    def failed(target: Target) -> None:
        """C{target} has stalled or gone away in the middle of chunks."""

    def succeeded(target: Target) -> None:
        """C{target} has answered to chunks in a session that did not break in any."""


def chunked(session: IClientSession) -> bool:
    """Did the last message of a client's session go in chunks?"""
    return session.stamps.get(_CHUNKED) is True


def answeredChunks(session: IClientSession) -> bool:
    """Has the peer of a client's session answered to all chunks of a message?"""
    return _ANSWERED in session.stamps


class IChunking(IServerExtension, IClientExtension):
    """CHUNKING (RFC 3030)."""


@implementer(IChunking)
class Chunking:
    """
    The CHUNKING extension.

    @ivar options: the settings.
    """

    name = "CHUNKING"
    requires: tuple[str, ...] = ()
    settings = ChunkingSettings

    def __init__(self, settings: ChunkingSettings = ChunkingSettings()) -> None:
        self.options = settings
        self._early = Carrier(10, self._carry, True, _ONE_CHUNK)
        self._late = Carrier(10, self._carry)

    def configured(self, settings: ChunkingSettings) -> Chunking:
        """See L{smtpx.core.interfaces.IExtension}."""
        return Chunking(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: self._welcome(session) or None)
        server.condition("chunking", self._welcome)
        server.verb(
            Verb(
                b"BDAT",
                self._bdat,
                counted=True,
                between=True,
                progress=True,
                help=b"BDAT <octets> [LAST]",
            )
        )
        server.record(self._record, of=(_CHUNKS,))

    def _welcome(self, session: IServerSession) -> bool:
        hosts = self.options.chunkingAdvertiseHosts
        return hosts.matches(session.peer, clientNames(session))

    def _record(self, session: IServerSession) -> LogFields:
        envelope = session.envelope
        if envelope is not None and _CHUNKS in envelope.stamps:
            return (("K", True),)
        return ()

    def _bdat(self, session: IServerSession, rest: bytes) -> Reply | ServerDialogue:
        match = _ARGUMENT.match(rest)
        if match is None:
            return _NO_SIZE
        return self._chunk(session, int(match[1]), match[2] is not None)

    def _chunk(self, session: IServerSession, count: int, last: bool) -> ServerDialogue:
        refusal = self._refusal(session, count)
        if refusal is None:
            refusal = yield from session.openBody()
        told: Answered = refusal
        if refusal is not None:
            if last:
                told = session.refuseAll(refusal)
            # With the transaction gone, the octets go nowhere.
            session.abortBody()
        yield from octets(count)
        if refusal is not None:
            return told
        if last:
            return (yield from session.closeBody())
        return reply(250, "2.0.0", b"%d octets received" % count)

    def _refusal(self, session: IServerSession, count: int) -> Reply | None:
        """
        What can be said against a chunk before the core is asked.

        @param count: its size, in octets.
        """
        if session.gated is not None:
            return session.gated
        envelope = session.envelope
        if envelope is None or not session.extended or not self._welcome(session):
            return BAD_SEQUENCE
        limit = session.messageOctets
        if limit is not None and envelope.octets + count > limit:
            return _TOO_BIG
        chunks = (envelope.stamp(_CHUNKS) or 0) + 1
        envelope.stamps[_CHUNKS] = chunks
        if session.chunksMax is not None and chunks > session.chunksMax:
            return _TOO_MANY
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.carrier(when(self._carrier, offers=CAPABILITY))
        client.record(when(self._noteChunks, offers=CAPABILITY))

    def _carrier(self, session: IClientSession, envelope: Envelope) -> Carrier | None:
        # Asked for each message; whether it is taken is known when it carries.
        session.stamps[_CHUNKED] = False
        return self._early if envelope.octets > 0 else self._late

    def _noteChunks(self, session: IClientSession) -> LogFields:
        return (("K", True),) if chunked(session) else ()

    def _carry(self, session: IClientSession, body: IBody) -> BodyDialogue:
        session.stamps[_CHUNKED] = True
        outbound = _Outbound(body)
        unanswered: deque[Slot] = deque()
        refusal: Reply | None = None
        most = EARLY_OCTETS
        while refusal is None:
            count = min(most, outbound.left)
            unanswered.append((yield from outbound.chunk(count)))
            if not outbound.left:
                break
            yield from wanted()
            most = self.options.chunkOctets
            refusal = yield from self._watch(session, unanswered)
        # No more chunks (section 2), but each that was sent is answered.
        while unanswered:
            answer = yield from settle(unanswered.popleft())
            if refusal is None and (answer.refuses or not unanswered):
                refusal = answer
        assert refusal is not None
        session.stamps[_ANSWERED] = True
        return refusal

    def _watch(
        self, session: IClientSession, unanswered: deque[Slot]
    ) -> Generator[ClientNeed, Any, Reply | None]:
        """
        Take the answers that have come, and wait for one if too many have not.

        @return: the first refusal, or L{None}.
        """
        most = self.options.chunksInFlight
        if session.target.dialect is Dialect.LMTP:
            # Behind a chunk that failed nobody knows how many replies there are to
            # the last one (RFC 2033 section 4.3).
            most = 1
        while unanswered:
            full = len(unanswered) >= most
            if not full and unanswered[0].reply is None:
                break
            answer = yield from settle(unanswered.popleft())
            if answer.refuses:
                return answer
        return None


class _Outbound:
    """
    A body on its way out, in chunks of sizes that are known before.

    @ivar left: how many octets were not yet sent.
    """

    def __init__(self, body: IBody) -> None:
        self.left = body.octets
        self._pieces: Iterator[bytes] = body.pieces()
        self._rest = b""
        self._begun = False

    def chunk(self, count: int) -> Generator[ClientNeed, Any, Slot]:
        """
        Send the next C{count} octets, with their command.

        @return: where the reply to the chunk will be.
        @raise UsageError: the body has fewer or more than it promised.  The
            message is broken off inside of the chunk then, rather than accepted
            cut short.
        """
        if self._begun:
            yield from flow()
        self._begun = True
        self.left -= count
        yield from pour(b"BDAT %d%b\r\n" % (count, b"" if self.left else b" LAST"))
        # The reply belongs to the last octets of the chunk: before these are
        # out the peer is inside of it.
        while True:
            piece = self._take(count)
            count -= len(piece)
            if not count:
                if not self.left and (self._rest or any(self._pieces)):
                    raise UsageError("the body is longer than its length")
                return (yield from emit(piece, ends=not self.left))
            yield from pour(piece)
            yield from flow()

    def _take(self, most: int) -> bytes:
        """The next octets, at most C{most}; none if none are wanted."""
        if not most:
            return b""
        piece = self._rest or next(self._pieces, b"")
        if not piece:
            raise UsageError("the body is shorter than its length")
        self._rest = piece[most:]
        return piece[:most]
