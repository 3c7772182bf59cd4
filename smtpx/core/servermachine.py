"""
How a server connection runs: octets in, commands and needs of dialogues out.

C{mode} says what the next octets are: a command, a line that a dialogue waits
for, a dotted body, counted octets, or nothing that may be read yet.  What a
command is for is L{smtpx.core.server}'s business; here its line is cut out of the
input, the dialogue that it may begin (L{smtpx.core.dialogue}) is given what it
needs, and replies are gathered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, cast

from .body import DotReader
from .buffer import Buffer
from .claims import CORE
from .dialogue import (
    Answered,
    Ask,
    Dotted,
    Line,
    Octets,
    Secure,
    ServerDialogue,
    ServerNeed,
)
from .effects import PENDING, IServerPort
from .facts import BLOCKED, COMMAND, DOTTED, HANDSHAKE, LINE, OCTETS
from .hooks import TLSInfo
from .profile import ServerProfile
from .reply import (
    BAD_CHARACTER,
    LINE_TOO_LONG,
    TOO_MANY_ERRORS,
    Reply,
)
from .session import ASKED, ServerSession

# Numbers, since to look for octets in octets Python first finds out by an exception
# that they are none, which takes longer than to look.
_CR, _LF, _NUL = b"\r\n\0"


class ServerMachine(ServerSession, ABC):
    """
    The machine without a purpose.
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

    # --- input ------------------------------------------------------------------

    def _run(self) -> None:
        buffer = self._buffer
        while buffer.position < len(buffer.data) and not self.closed:
            mode = self.mode
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
        if _LF in line:
            for _ in range(line.count(b"\n")):
                self._say(BAD_CHARACTER)
                if self.closed:
                    return
        elif skipped == 2:
            pass
        elif skipped or len(line) + 2 > self.profile.bounds.commandOctets:
            self._say(LINE_TOO_LONG)
        elif _CR in line or _NUL in line:
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
        self.mode = COMMAND
        long = self._skipping or len(line) + 2 > self._lineLimit
        self._skipping = 0
        self._advance(None if long else line)
        return True

    @abstractmethod
    def _tooSoon(self) -> Reply:
        """There is input where the client had to wait: what it is told."""

    @abstractmethod
    def _command(self, line: bytes) -> None:
        """
        Do what a command says.

        @param line: without its CRLF, and without octets that no command has.
        """

    # --- dialogues --------------------------------------------------------------

    def _guarded(
        self, then: Callable[..., Answered | ServerDialogue], *values: object
    ) -> None:
        try:
            outcome = then(*values)
        except Exception as error:
            outcome = self.trouble(error, CORE)
        if type(outcome) is Reply:
            self._say(outcome)
        elif outcome is not None:
            self._conclude(outcome)

    def _conclude(self, outcome: Any) -> None:
        if outcome is None:
            return
        if type(outcome) is Reply:
            self._say(outcome)
        elif type(outcome) is tuple:
            self._sayEach(outcome)
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
                if self.bodyBegun:
                    # Half a message, and nobody knows which half.
                    self.reset()
                return
            error = None
            if type(need) is Octets:
                self._left = need.count
                value = None
                if self._left:
                    self.mode = OCTETS
                    return
                continue
            try:
                value = self._meet(need)
            except Exception as raised:
                error = raised  # the dialogue's own, as one that comes later is
                continue
            if value is PENDING:
                return

    def _meet(self, need: ServerNeed) -> object:
        """
        Do what the dialogue wants.

        @return: what comes of it; L{PENDING}: that comes later.
        """
        if isinstance(need, Ask):
            return self._pose(need)
        if self._buffer:
            # It was there before the prompt for it, or before TLS.
            self._say(self._tooSoon())
            self._breakOff()
        elif isinstance(need, Line):
            self._say(need.prompt)
            self.mode = LINE
            self._lineLimit = need.limit
            if need.secret:
                self._line = self._line.partition(b" ")[0]
        elif isinstance(need, Dotted):
            self.takeDotted(need.prompt)
        else:
            self._secure(cast(Secure, need))
        return PENDING

    def _pose(self, need: Ask[Any]) -> object:
        if need is ASKED:
            self.mode = BLOCKED
            return PENDING
        value = self.port.ask(need.question)
        if value is PENDING:
            self.mode = BLOCKED
        return value

    def _secure(self, need: Secure) -> None:
        options = self.tlsOptions()
        if need.before is not None:
            self._say(need.before)
        self.port.handshake(options)
        self.mode = HANDSHAKE

    def _breakOff(self) -> None:
        """The dialogue goes no further; it may tidy up."""
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            try:
                dialogue.close()
            except Exception as error:
                self.trouble(error, self._owner)

    # --- output -----------------------------------------------------------------

    def _flush(self) -> bytes:
        out = self._out
        self._out = b""
        if self.closed:
            self._buffer.clear()
            self.reset()
        return out

    def _say(self, what: Reply) -> None:
        self._out += what.octets
        if what.code >= 400 and self.counts(what):
            self._say(TOO_MANY_ERRORS)
        if what.closes:
            self.closed = True
            self.farewell = what

    def _sayEach(self, replies: tuple[Reply, ...]) -> None:
        """
        Say what belongs together; what is refused in it has been told to the shell,
        but for our having enough of the client.
        """
        for one in replies:
            if one is TOO_MANY_ERRORS:
                self._say(one)
            else:
                self._utter(one)

    def _utter(self, what: Reply) -> None:
        """Say it, and no more."""
        self._out += what.octets
        if what.closes:
            self.closed = True
            self.farewell = what

    # --- the body ---------------------------------------------------------------------

    def takeDotted(self, prompt: Reply) -> None:
        """Say C{prompt}; a dot-stuffed body follows."""
        self._say(prompt)
        self.mode = DOTTED

    def _dotted(self) -> bool:
        buffer, reader = self._buffer, self._reader
        if reader is None:
            reader = self._reader = DotReader()
        before = buffer.position
        buffer.position, piece, ended = reader.read(buffer.data, before)
        if piece and self.bodyBegun:
            self.takeText(piece)
        if ended:
            self._reader = None
            self._bodyEnded()
        return ended or buffer.position > before

    def _bodyEnded(self) -> None:
        self.mode = COMMAND
        if self._dialogue is None:
            self._guarded(self.tryClose)
        else:
            self._advance(None)

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
            self.mode = COMMAND
            self._advance(None)
