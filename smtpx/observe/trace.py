"""
Traces of single sessions, as values.

A L{SessionTrace} is what an operator looks at when one peer, or mail for one
recipient, does not come through: the session as a ladder of flights.  A
I{flight} is what one side sent before the other did, with the time, so that one
sees who waited for whom, and how long.

There is nothing in a trace that is not for an operator's eyes: what belongs to a
login is C{*}, a message is a count of octets.  Every string is printable ASCII on
one line, however the peer chose it (L{smtpx.observe.harmless}).

Who makes them is L{smtpx.observe.tracer}; as text they are drawn by
L{smtpx.observe.ladder}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from attrs import field, frozen

from .jsonlines import timestamp


class Direction(Enum):
    """Who sent a flight."""

    CLIENT = "client"
    SERVER = "server"


@frozen
class Flight:
    """
    What one side sent before the other did.

    @ivar seconds: when it began, in seconds since the connection was made.
    @ivar untilSeconds: when the last of it came or went.
    @ivar direction: who sent it.
    @ivar octets: how many; those inside TLS, without its own.
    @ivar secured: was it inside TLS?
    @ivar lines: the commands or replies in it, without what is secret; a message
        is one line that counts its octets.
    @ivar moments: when each of C{lines} came or went, in seconds since the connection
        was made; of a message, when it began to.  Empty: it is not known.
    """

    seconds: float
    untilSeconds: float
    direction: Direction
    octets: int
    secured: bool = False
    lines: tuple[str, ...] = ()
    moments: tuple[float, ...] = field(default=(), eq=False)

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {
            "kind": "flight",
            "seconds": self.seconds,
            "untilSeconds": self.untilSeconds,
            "direction": self.direction.value,
            "octets": self.octets,
            "secured": self.secured,
            "lines": list(self.lines),
            "moments": list(self.moments),
        }


@frozen
class HandshakeStep:
    """
    A TLS handshake.

    @ivar seconds: when it began, in seconds since the connection was made.
    @ivar untilSeconds: when it was complete, or the connection was lost.
    @ivar version: as OpenSSL spells it; empty: it was never complete.
    @ivar cipher: the cipher suite, as OpenSSL spells it.
    @ivar bits: the strength of the cipher, in bits.
    @ivar resumed: was it a session from before?
    @ivar serverName: the name that the client asked for (SNI); L{None}: none.
    @ivar verified: was the client's certificate good?
    @ivar subject: of the client's certificate; L{None}: it sent none.
    @ivar problem: what is wrong with that certificate; L{None}: nothing that we
        know of.
    """

    seconds: float
    untilSeconds: float
    version: str = ""
    cipher: str = ""
    bits: int = 0
    resumed: bool = False
    serverName: str | None = None
    verified: bool = False
    subject: str | None = None
    problem: str | None = None

    @property
    def complete(self) -> bool:
        """Did it succeed?"""
        return self.version != ""

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {
            "kind": "handshake",
            "seconds": self.seconds,
            "untilSeconds": self.untilSeconds,
            "version": self.version,
            "cipher": self.cipher,
            "bits": self.bits,
            "resumed": self.resumed,
            "serverName": self.serverName,
            "verified": self.verified,
            "subject": self.subject,
            "problem": self.problem,
        }


@frozen
class Remark:
    """
    Something that happened beside the wire, such as an exception.

    @ivar seconds: when, in seconds since the connection was made.
    @ivar text: what.
    """

    seconds: float
    text: str

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {"kind": "remark", "seconds": self.seconds, "text": self.text}


#: A rung of the ladder.
Step = Flight | HandshakeStep | Remark


@frozen
class SessionTrace:
    """
    One session, from the connection to its end.

    @ivar session: the session's id, as in the logs.
    @ivar began: when the connection was made, in seconds since the epoch.
    @ivar seconds: how long it lasted.
    @ivar address: the peer's, who is the client unless C{outgoing}.
    @ivar port: the peer's; 0: not known.
    @ivar name: the client's verified host name, or that of the server that we are
        the client of; L{None}: not known.
    @ivar local: our address.
    @ivar localPort: our port.
    @ivar why: what it is traced for, a host or a recipient.
    @ivar end: how it ended.
    @ivar steps: the rungs of the ladder, in order.
    @ivar omitted: how many lines are not here, because there were too many.
    @ivar outgoing: were we the client?
    """

    session: str
    began: float
    seconds: float
    address: str
    port: int
    name: str | None
    local: str
    localPort: int
    why: str
    end: str
    steps: tuple[Step, ...] = field(repr=False)
    omitted: int = 0
    outgoing: bool = False

    @property
    def octetsIn(self) -> int:
        """How many octets the peer sent."""
        return self._octets(Direction.SERVER if self.outgoing else Direction.CLIENT)

    @property
    def octetsOut(self) -> int:
        """How many octets we sent."""
        return self._octets(Direction.CLIENT if self.outgoing else Direction.SERVER)

    def _octets(self, direction: Direction) -> int:
        return sum(
            step.octets
            for step in self.steps
            if isinstance(step, Flight) and step.direction is direction
        )

    def asJSON(self) -> dict[str, object]:
        """What C{json} can write."""
        return {
            "session": self.session,
            "outgoing": self.outgoing,
            "began": timestamp(self.began),
            "seconds": self.seconds,
            "address": self.address,
            "port": self.port,
            "name": self.name,
            "local": self.local,
            "localPort": self.localPort,
            "why": self.why,
            "end": self.end,
            "omitted": self.omitted,
            "steps": [step.asJSON() for step in self.steps],
        }


@frozen
class TraceLine:
    """
    A L{SessionTrace} without what was said, for a list of them.

    @ivar worker: who has it; L{None}: the server is one process.
    """

    session: str
    began: float
    seconds: float
    address: str
    port: int
    name: str | None
    why: str
    end: str
    octetsIn: int
    octetsOut: int
    outgoing: bool
    worker: int | None = None

    @classmethod
    def of(cls, trace: SessionTrace, worker: int | None = None) -> TraceLine:
        """The line of a trace."""
        return cls(
            session=trace.session,
            began=trace.began,
            seconds=trace.seconds,
            address=trace.address,
            port=trace.port,
            name=trace.name,
            why=trace.why,
            end=trace.end,
            octetsIn=trace.octetsIn,
            octetsOut=trace.octetsOut,
            outgoing=trace.outgoing,
            worker=worker,
        )


class TraceStore:
    """
    The newest traces, for who looks at them in this process.

    @ivar kept: how many there were since the start, those that are gone
        included.
    @ivar dropped: how many were not kept, because there were too many at once.
    """

    def __init__(
        self,
        most: int = 100,
        save: Callable[[SessionTrace], None] = lambda trace: None,
    ) -> None:
        """
        @param most: how many there are at once; an old one goes for a new one.
        @param save: given each, to keep it longer; must not raise.
        """
        self._traces: deque[SessionTrace] = deque(maxlen=most)
        self._save = save
        self.kept = 0
        self.dropped = 0

    def add(self, trace: SessionTrace) -> None:
        """There is a new one."""
        self._traces.append(trace)
        self.kept += 1
        self._save(trace)

    def recent(self) -> tuple[SessionTrace, ...]:
        """All that there are, the newest first."""
        return tuple(reversed(self._traces))

    def find(self, session: str) -> SessionTrace | None:
        """
        The trace of a session.

        @param session: its id.
        @return: L{None}: there is none, or not any more.
        """
        for trace in self._traces:
            if trace.session == session:
                return trace
        return None
