"""
The server side of an SMTP connection, without any I/O.

The shell feeds octets and gets octets to write; whatever else is to be done
goes through the port (L{smtpx.core.effects.IServerPort}).  One command is in
work at a time: while a question is open, input waits in the buffer, and so
replies keep the order of their commands.

A command is looked up in the profile's one table and run.  It gives a reply at
once, or a generator (a I{dialogue}) that says what it needs; or it puts a
question that the port answers later, and C{_then} is called with the answer.

Places where the client has to wait are guarded in C{_mayFollow} and before each
prompt: input that is there too early is answered 554, and the connection ends.

How octets become commands is L{smtpx.core.servermachine}; what hooks see of the
client, and the life of a transaction, L{smtpx.core.session}.
"""

from __future__ import annotations

from .claims import CORE
from .dialogue import ServerDialogue
from .effects import Waiting
from .facts import BLOCKED, COMMAND, DOTTED, HANDSHAKE, LINE, OCTETS
from .hooks import Ending, TLSInfo, Verb
from .ordinary import OrdinaryServer
from .reply import (
    BAD_SEQUENCE,
    OUT_OF_SYNC,
    SHUTTING_DOWN,
    TIMED_OUT,
    TOO_MANY_ERRORS,
    UNKNOWN_COMMAND,
    Reply,
    reply,
)

#: What a browser says first, if somebody leads one here.
_FOREIGN = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"})
_NOT_HERE = reply(421, "4.7.0", b"This is an SMTP server", closes=True)

#: The most octets that are shown of what came too soon.
_HASTY_OCTETS = 128

_WAITING = {
    COMMAND: Waiting.COMMAND,
    LINE: Waiting.COMMAND,
    DOTTED: Waiting.BODY,
    OCTETS: Waiting.BODY,
    BLOCKED: Waiting.ANSWER,
    HANDSHAKE: Waiting.HANDSHAKE,
}


def _shown(word: bytes) -> bytes:
    """
    What is told of a command that nobody knows.  It may be the rest of a login
    that nobody wants: a password in base64, which is hardly ever in one case.
    """
    plain = word.isalpha() and (word.isupper() or word.islower())
    return word if plain else b""


class ServerConnection(OrdinaryServer):
    """
    One connection.  What the shell reads of it (C{closed}, C{received},
    C{progress}) is described in L{smtpx.core.facts.ServerFacts}.
    """

    __slots__ = ()

    @property
    def waiting(self) -> Waiting:
        """What the connection waits for."""
        return _WAITING[self.mode] if self._greeted else Waiting.GREETING

    @property
    def held(self) -> int:
        """How many octets wait in the buffer."""
        return len(self._buffer)

    def holdsMore(self, octets: int) -> bool:
        """
        Do more than so many octets wait behind a command in work?  Where none is, what
        waits is the beginning of a line, which has a bound of its own.
        """
        return self.mode >= BLOCKED and len(self._buffer) > octets

    # --- the shell's side ---------------------------------------------------------

    def start(self) -> bytes:
        """
        Greet.  Octets fed before this are early talk (RFC 5321 section 4.3.1).
        """
        if self.closed:
            return b""
        early = self.relaxAgain()
        self._greeted = True
        if self._buffer and not (early and self._introduces()):
            self._say(self._tooSoon())
        else:
            self._begin(self._greet(early), CORE)
            self._run()
        return self._flush()

    def _greet(self, early: bool) -> ServerDialogue:
        greeting = yield from self.regreet()
        if self._buffer and not self.closed:
            if not (early and self._introduces()):
                # It did not wait until we knew whether to let it in.
                return self._tooSoon()
            self.early = True
        return greeting

    def _introduces(self) -> bool:
        """
        Does what came before the greeting begin as a session does, as far as it has
        come?  Nothing but a client that knows early pipelining says anything
        then, and that says EHLO first.
        """
        words = self.profile.dialect.value + b" ", b"HELO "
        head = self._buffer.head(len(words[0])).upper()
        return any(word.startswith(head) for word in words)

    def _tooSoon(self) -> Reply:
        """See L{ServerMachine}."""
        line = self._buffer.head(_HASTY_OCTETS).partition(b"\r\n")[0]
        word = line.partition(b" ")[0]
        verb = self.profile.table.get(word.upper())
        if verb is None:
            line = _shown(word)
        elif verb.secret:
            line = word
        self.hasty = line or b"..."
        return OUT_OF_SYNC

    def feed(self, octets: bytes) -> bytes:
        """Octets have come."""
        self.received += len(octets)
        buffer = self._buffer
        if buffer.position == len(buffer.data):
            buffer.data = octets
            buffer.position = 0
        else:
            buffer.feed(octets)
        if self._greeted:
            self._goOn()
        elif len(buffer) > self.profile.bounds.earlyOctets and not self.closed:
            self._say(self._tooSoon())
        return self._flush()

    def answer(self, value: object) -> bytes:
        """The answer to the question or handshake that was open."""
        if self.closed:
            return b""
        if type(value) is TLSInfo:
            self.secured = value
            self.relaxAgain()
        self.mode = COMMAND
        then = self._then
        if then is None:
            self._advance(value)
        else:
            self._then = None
            self._guarded(then, value)
        self._goOn()
        return self._flush()

    def fail(self, error: BaseException) -> bytes:
        """The question that was open could not be answered."""
        if self.closed:
            return b""
        if self._then is not None:
            return self.answer(self.trouble(error, CORE))
        self.mode = COMMAND
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
        if self.mode == COMMAND:
            self._line = b""
        self._say(why)
        self.lost()
        return self._flush()

    def evicted(self, why: Reply) -> bytes:
        """
        Somebody else goes on in this client's place.

        @param why: what it is told.
        """
        return self._end(why)

    def lost(self, securing: bool = False) -> None:
        """
        The connection is gone; let go of everything.

        @param securing: was that in a handshake with which it began?
        """
        if self.ending is None:
            self.ending = Ending.HANDSHAKE if securing else self._howItEnds()
        self.closed = True
        self._then = None
        self._breakOff()
        self.reset()
        self._buffer.clear()

    def _howItEnds(self) -> Ending:
        said = self.farewell
        inBody = self.bodyBegun or self.mode == DOTTED
        if said is None:
            if self.mode == HANDSHAKE:
                return Ending.HANDSHAKE
            if inBody:
                return Ending.LOST_IN_BODY
            return Ending.LOST if self.envelope is None else Ending.LOST_IN_TRANSACTION
        if said is TIMED_OUT:
            return Ending.TIMEOUT_IN_BODY if inBody else Ending.TIMEOUT
        if said is SHUTTING_DOWN:
            return Ending.SHUTDOWN
        return Ending.REFUSED if said.refuses else Ending.QUIT

    # --- commands ---------------------------------------------------------------

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
        if verb is None:
            self._line = _shown(line[: len(word)])
        elif verb.secret:
            self._line = word
        if self._buffer.position < len(self._buffer.data):
            if not self._mayFollow(verb):
                self._say(self._tooSoon())
                return
            if verb is None or not verb.counted:
                self.batched = True
        try:
            self.gated = self._gate(verb, word)
        except Exception as error:
            self.gated = self.trouble(error, CORE)
        if self.gated is not None and (verb is None or not verb.counted):
            self._say(self.gated)
        elif verb is None:
            self._say(_NOT_HERE if word in _FOREIGN else UNKNOWN_COMMAND)
        elif not verb.progress and self._tires():
            self._say(TOO_MANY_ERRORS)
        else:
            try:
                outcome = verb.run(self, rest)
            except Exception as error:
                outcome = self.trouble(error, CORE)
            self._cameOf(outcome, verb.name)

    def _tires(self) -> bool:
        """One command more that brings no mail forward: are there too many?"""
        self._idle += 1
        return self._idle > self.profile.bounds.idleCommandsMax

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
            # Who has sent a message knows us by now, and need not guess.
            return self._earlyHello and not self.carried
        return self._pipelined or verb.counted
