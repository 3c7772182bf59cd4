"""
The server side of an SMTP connection, without any I/O.

The shell feeds octets and gets octets to write; whatever else is to be done
goes through the port (L{smtpx.core.effects.IServerPort}).  One command is in
work at a time: while a question is open, input waits in the buffer, and so
replies keep the order of their commands.

How it runs.  C{_mode} says what the next octets are: a command, a line that a
dialogue waits for, a dotted body, counted octets, or nothing that may be read
yet.  A command is looked up in the profile's one table and run.  It gives a
reply at once, or a generator (a I{dialogue}) that says what it needs; or it puts
a question that the port answers later, and C{_then} is called with the answer.

Places where the client has to wait are guarded in C{_mayFollow} and before each
prompt: input that is there too early is answered 554, and the connection ends.

What hooks see of it, and the life of a transaction, is L{smtpx.core.session}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from .body import DotReader
from .buffer import Buffer
from .claims import CORE, ownerOf
from .dialogue import Answered, Ask, Dotted, Line, Octets, Secure, ServerDialogue
from .effects import PENDING, IServerPort, Waiting
from .hooks import TLSInfo, Verb
from .profile import ServerProfile
from .reply import (
    BAD_CHARACTER,
    BAD_SEQUENCE,
    LINE_TOO_LONG,
    OUT_OF_SYNC,
    SHUTTING_DOWN,
    TIMED_OUT,
    TOO_MANY_ERRORS,
    UNKNOWN_COMMAND,
    Reply,
    reply,
)
from .session import (
    ASKED,
    BLOCKED,
    COMMAND,
    DOTTED,
    HANDSHAKE,
    LINE,
    OCTETS,
    ServerSession,
)

#: What a browser says first, if somebody leads one here.
_FOREIGN = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"})
_NOT_HERE = reply(421, "4.7.0", b"This is an SMTP server", closes=True)


_WAITING = {
    COMMAND: Waiting.COMMAND,
    LINE: Waiting.COMMAND,
    DOTTED: Waiting.BODY,
    OCTETS: Waiting.BODY,
    BLOCKED: Waiting.ANSWER,
    HANDSHAKE: Waiting.HANDSHAKE,
}


class ServerConnection(ServerSession):
    """
    One connection.  See L{IServerSession} for what hooks see of it.

    @ivar profile: what is the same for all connections.
    @ivar port: the shell.
    @ivar transactions: how many MAIL commands there were.
    @ivar closed: it is over: close it when everything is written.
    @ivar received: how many octets were fed.
    @ivar progress: how many commands and lines were taken.
    @ivar bodyBegun: has the body of the transaction begun?
    """

    __slots__ = (
        "_buffer",
        "_dialogue",
        "_greeted",
        "_left",
        "_lineLimit",
        "_out",
        "_owner",
        "_reader",
        "_skipping",
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
        ServerSession.__init__(
            self, profile, port, peer, peerPort, local, localPort, secured
        )
        self._buffer = Buffer()
        self._out = b""
        self._dialogue: ServerDialogue | None = None
        self._owner = CORE
        self._left = 0
        self._lineLimit = 0
        self._reader: DotReader | None = None
        self._greeted = False
        self._skipping = 0

    @property
    def waiting(self) -> Waiting:
        """What the connection waits for."""
        return _WAITING[self._mode] if self._greeted else Waiting.GREETING

    @property
    def idle(self) -> bool:
        """Is no answer under way, so that a peer which has ended may be let go?"""
        return self._mode < BLOCKED

    @property
    def held(self) -> int:
        """How many octets wait in the buffer."""
        return len(self._buffer)

    # --- the shell's side ---------------------------------------------------------

    def start(self) -> bytes:
        """
        Greet.  Octets fed before this are early talk (RFC 5321 section 4.3.1).
        """
        early = self.relaxAgain()
        self._greeted = True
        if self._buffer and not early:
            self._say(OUT_OF_SYNC)
        else:
            self._begin(self.regreet(), CORE)
            self._run()
        return self._flush()

    def feed(self, octets: bytes) -> bytes:
        """Octets have come."""
        self.received += len(octets)
        self._buffer.feed(octets)
        if self._greeted:
            self._run()
        elif len(self._buffer) > self.profile.bounds.earlyOctets:
            self._say(OUT_OF_SYNC)
        return self._flush()

    def answer(self, value: object) -> bytes:
        """The answer to the question or handshake that was open."""
        if self.closed:
            return b""
        if type(value) is TLSInfo:
            self.secured = value
            self.relaxAgain()
        self._mode = COMMAND
        then = self._then
        if then is None:
            self._advance(value)
        else:
            self._then = None
            self._guarded(then, value)
        self._run()
        return self._flush()

    def fail(self, error: BaseException) -> bytes:
        """An extension's question could not be answered."""
        if self.closed:
            return b""
        self._mode = COMMAND
        self._advance(None, error)
        self._run()
        return self._flush()

    def expire(self) -> bytes:
        """A time limit has passed."""
        return self._end(TIMED_OUT)

    def shutDown(self) -> bytes:
        """The server is about to stop."""
        return self._end(SHUTTING_DOWN)

    def _end(self, why: Reply) -> bytes:
        if self.closed:
            return b""
        if self._mode == COMMAND:
            self._line = b""
        self._say(why)
        self.lost()
        return self._flush()

    def lost(self) -> None:
        """The connection is gone; let go of everything."""
        self.closed = True
        self._then = None
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            dialogue.close()
        self.reset()
        self._buffer.clear()

    def _flush(self) -> bytes:
        out, self._out = self._out, b""
        if self.closed:
            self._buffer.clear()
            self.reset()
        return out

    # --- the machine ------------------------------------------------------------

    def _run(self) -> None:
        buffer = self._buffer
        while buffer.position < len(buffer.data) and not self.closed:
            mode = self._mode
            if mode == COMMAND:
                line = buffer.line()
                if line is not None:
                    self._wholeLine(line)
                elif not self._partialLine():
                    return
            elif mode == DOTTED:
                if not self._dotted():
                    return
            elif mode == OCTETS:
                self._octets()
            elif mode == LINE:
                if not self._takeLine():
                    return
            else:
                return

    def _wholeLine(self, line: bytes) -> None:
        """
        A command line has come.  One with a bare LF in it is several errors and
        no command; what is left of such a line is not looked at, for it may be
        what somebody smuggled into another's command.
        """
        skipped, self._skipping, self._line = self._skipping, 0, b""
        if b"\n" in line:
            for _ in range(line.count(b"\n")):
                self._say(BAD_CHARACTER)
        elif skipped == 2:
            pass
        elif skipped or len(line) + 2 > self.profile.bounds.commandOctets:
            self._say(LINE_TOO_LONG)
        elif b"\r" in line or b"\0" in line:
            self._say(BAD_CHARACTER)
        else:
            self._command(line)

    def _partialLine(self) -> bool:
        """
        There is no CRLF in the input.

        @return: is there anything left that can be taken?
        """
        buffer = self._buffer
        end = buffer.data.find(b"\n", buffer.position)
        if end >= 0:
            buffer.position = end + 1
            self._skipping, self._line = 2, b""
            self._say(BAD_CHARACTER)
            return True
        last = len(buffer.data) - buffer.data.endswith(b"\r", buffer.position)
        if last - buffer.position + 2 > self.profile.bounds.commandOctets:
            buffer.position = last
            self._skipping = self._skipping or 1
        elif self._skipping:
            buffer.position = last
        return False

    def _takeLine(self) -> bool:
        buffer = self._buffer
        line = buffer.line()
        if line is None:
            last = len(buffer.data) - buffer.data.endswith(b"\r", buffer.position)
            if self._skipping or last - buffer.position + 2 > self._lineLimit:
                buffer.position = last
                self._skipping = 1
            return False
        self.progress += 1
        self._mode = COMMAND
        long = self._skipping or len(line) + 2 > self._lineLimit
        self._skipping = 0
        self._advance(None if long else line)
        return True

    def _command(self, line: bytes) -> None:
        self.progress += 1
        if line.endswith((b" ", b"\t")):
            # RFC 5321 section 4.1.1: to be tolerated.
            line = line.rstrip(b" \t")
        self._line = line
        word, _, rest = line.partition(b" ")
        profile = self.profile
        verb = profile.table.get(word)
        if verb is None:
            word = word.upper()
            verb = profile.table.get(word)
        if verb is not None and verb.secret:
            self._line = word
        if self._buffer and not self._mayFollow(verb):
            self._say(OUT_OF_SYNC)
            return
        try:
            self.gated = self._gate(verb, word)
            if self.gated is not None and not (verb is not None and verb.counted):
                self._say(self.gated)
                return
            if verb is None:
                self._say(_NOT_HERE if word in _FOREIGN else UNKNOWN_COMMAND)
                return
            if not verb.progress:
                self._idle += 1
                if self._idle > profile.bounds.idleCommandsMax:
                    self._say(TOO_MANY_ERRORS)
                    return
            outcome = verb.run(self, rest)
        except Exception as error:
            self._say(self.trouble(error, CORE))
            return
        if type(outcome) is Reply:
            self._say(outcome)
        elif outcome is not None:
            self._begin(cast(ServerDialogue, outcome), ownerOf(verb.run))

    def _gate(self, verb: Verb | None, word: bytes) -> Reply | None:
        """What there is against a command before it is run."""
        if self.bodyBegun and (verb is None or not verb.between):
            # What becomes of the body would be indeterminate (RFC 3030 section
            # 2), so the transaction ends.
            self.reset()
            return BAD_SEQUENCE
        gates = self.profile.gates
        for gate in gates if verb is None else gates + verb.gates:
            refusal = gate(self, word)
            if refusal is not None:
                return refusal
        return None

    def _mayFollow(self, verb: Verb | None) -> bool:
        """
        May there be input behind this command already?  RFC 2920 section 3.1
        says where, and early pipelining loosens it.
        """
        if verb is None:
            return self._pipelined or not self.extended
        if verb.alone:
            return False
        if verb.last:
            return self._earlyHello
        return self._pipelined or verb.counted

    def _guarded(
        self, then: Callable[..., Answered | ServerDialogue], *values: object
    ) -> None:
        try:
            outcome = then(*values)
        except Exception as error:
            outcome = self.trouble(error, CORE)
        self._conclude(outcome)

    def _conclude(self, outcome: Any) -> None:
        if outcome is None:
            return
        if type(outcome) is Reply:
            self._say(outcome)
        elif type(outcome) is tuple:
            for one in outcome:
                self._say(one)
        else:
            self._begin(outcome, CORE)

    def _begin(self, dialogue: ServerDialogue, owner: str) -> None:
        self._dialogue = dialogue
        self._owner = owner
        self._advance(None)

    def _advance(self, value: object, error: BaseException | None = None) -> None:
        """Give the dialogue what it waited for, and do what it wants next."""
        dialogue = self._dialogue
        assert dialogue is not None
        while True:
            try:
                need = dialogue.send(value) if error is None else dialogue.throw(error)
            except StopIteration as stop:
                self._dialogue = None
                self._conclude(stop.value)
                return
            except Exception as trouble:
                self._dialogue = None
                self._say(self.trouble(trouble, self._owner))
                return
            error = None
            kind = type(need)
            if kind is Ask:
                value = self._pose(cast("Ask[Any]", need))
                if value is PENDING:
                    return
            elif kind is Octets:
                self._left = cast(Octets, need).count
                value = None
                if self._left:
                    self._mode = OCTETS
                    return
            else:
                self._await(cast("Line | Dotted | Secure", need))
                return

    def _pose(self, need: Ask[Any]) -> object:
        if need is ASKED:
            self._mode = BLOCKED
            return PENDING
        value = self.port.ask(need.question)
        if value is PENDING:
            self._mode = BLOCKED
        return value

    def _await(self, need: Line | Dotted | Secure) -> None:
        if isinstance(need, Secure):
            if need.before is not None:
                self._say(need.before)
            self._mode = HANDSHAKE
            self.port.handshake(self.tlsOptions())
        elif self._buffer:
            # An answer to a prompt that was not given yet.
            cast(ServerDialogue, self._dialogue).close()
            self._dialogue = None
            self._say(OUT_OF_SYNC)
        elif isinstance(need, Line):
            self._say(need.prompt)
            self._mode = LINE
            self._lineLimit = need.limit
            if need.secret:
                self._line = self._line.partition(b" ")[0]
        else:
            self.takeDotted(need.prompt)

    # --- what is said ---------------------------------------------------------------

    def _say(self, what: Reply) -> None:
        self._out += what.octets
        if what.code >= 400:
            if self.counts(what):
                self._say(TOO_MANY_ERRORS)
        if what.closes:
            self.closed = True

    # --- the body ---------------------------------------------------------------------

    def takeDotted(self, prompt: Reply) -> None:
        """Say C{prompt}; a dot-stuffed body follows."""
        self._say(prompt)
        self._reader = DotReader()
        self._mode = DOTTED

    def _dotted(self) -> bool:
        buffer, reader = self._buffer, self._reader
        assert reader is not None
        before = buffer.position
        buffer.position, piece, ended = reader.read(buffer.data, before)
        if piece:
            self.takeText(piece)
        if ended:
            self._reader = None
            self._mode = COMMAND
            if self._dialogue is None:
                self._guarded(self.tryClose)
            else:
                self._advance(None)
        return ended or buffer.position > before

    def _octets(self) -> None:
        piece = self._buffer.take(self._left)
        self._left -= len(piece)
        if self.bodyBegun:
            self.takeOctets(piece)
        else:
            # Refused, but it has to be read (RFC 3030 section 4.2).
            self._discarded += len(piece)
            if self._discarded > self.profile.bounds.discardedOctets:
                self._say(TOO_MANY_ERRORS)
                return
        if not self._left:
            self._mode = COMMAND
            self._advance(None)
