"""
A server that does wrong what it is told to, and always in the same way.

It speaks plain SMTP with a few extensions, takes every message, remembers what it
was told, and has the faults that it was given (L{smtpx.testing.faults}).  It is for
tests of clients, ours and others'.  In memory, with a clock that the test moves::

    clock = Clock()
    server = ScriptedServer(answered(b"RCPT", b"451 4.2.0 Later", nth=2), clock=clock)
    protocol = server.buildProtocol(None)
    protocol.makeConnection(StringTransport())

On a port, for a client of any kind::

    port = reactor.listenTCP(0, ScriptedServer(reset(BODY), clock=reactor))

Its words are its own and not those of L{smtpx.extensions}: what is to show mistakes
should not share them.

L{ScriptedSession} is what it makes of the octets of one connection, without any
I/O: a list of L{Step}s.  Commands that come while an answer is late wait, so
replies keep their order.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from ..core.body import DotReader
from ..core.buffer import Buffer
from ..core.hooks import Dialect, TLSOptions
from ..net.upgrade import startTLS
from ..tls.interfaces import IServerTLS
from .faults import ANY, BODY, GREETING, End, Fault

#: What the server offers, if the test does not say.
KEYWORDS = (b"PIPELINING", b"8BITMIME", b"ENHANCEDSTATUSCODES")

#: The most octets of a line and of a message; a test that sends more is wrong.
_LINE_OCTETS = 1 << 16
_MESSAGE_OCTETS = 1 << 26

_PATH = re.compile(rb"[^<]*<([^>]*)>")

_NOT_TLS = b"This is not TLS\r\n"


@frozen
class Step:
    """
    What the server does next.

    @ivar seconds: how long it waits before.
    @ivar octets: what it says.
    @ivar end: what comes after that.
    @ivar startsTLS: does TLS begin after that?
    """

    octets: bytes = b""
    seconds: float = 0.0
    end: End = End.STAY
    startsTLS: bool = False


@define
class ScriptedMessage:
    """
    A message that the server took.

    @ivar sender: the reverse path, without brackets.
    @ivar recipients: the forward paths, likewise.
    @ivar body: the message, dots unstuffed.
    @ivar mail: the whole MAIL command, with its parameters.
    @ivar secured: did it come under TLS?
    """

    sender: bytes
    recipients: list[bytes] = field(factory=list)
    body: bytes = b""
    mail: bytes = b""
    secured: bool = False


@define(eq=False)
class ScriptedSession:
    """
    One connection, without I/O.

    @ivar number: which of the server's it is, from 1.
    @ivar dialect: what it speaks.
    @ivar commands: what the client said, a line each, in order.
    @ivar messages: what was taken of it.
    @ivar secured: has TLS begun?
    @ivar over: has the connection been ended by us?
    """

    number: int
    faults: Sequence[Fault]
    keywords: Sequence[bytes]
    tlsReady: bool
    messages: list[ScriptedMessage]
    dialect: Dialect = Dialect.SMTP
    commands: list[bytes] = field(factory=list)
    secured: bool = False
    over: bool = False
    _message: ScriptedMessage | None = None
    _buffer: Buffer = field(factory=Buffer)
    _counts: Counter[bytes] = field(factory=Counter)
    _reader: DotReader | None = None
    _left: int = 0
    _last: bool = False
    _mute: bool = False
    _broken: bool = False
    _login: bool = False

    def start(self) -> list[Step]:
        """The connection is made."""
        return self._answer(GREETING, b"220 scripted.example ESMTP\r\n")[1]

    def feed(self, octets: bytes) -> list[Step]:
        """
        The client said something.

        @return: what to do, in order.  Until that is done, nothing more is to be
            fed.
        @raise ValueError: there is more of it than any test can want.
        """
        if self.over or self._mute:
            return []
        if self._broken:
            return [Step(_NOT_TLS)]
        self._buffer.feed(octets)
        steps: list[Step] = []
        # What stands behind STARTTLS in one flight is nobody's.
        while len(self._buffer) and not (self.over or self._mute or self._broken):
            if self._reader is not None:
                more = self._dotted(self._reader)
            elif self._left:
                more = self._octets()
            else:
                more = self._line()
            if more is None:
                break
            steps += more
            if steps and steps[-1].startsTLS:
                break
        return steps

    def begun(self) -> None:
        """TLS has begun: what was said before is forgotten (RFC 3207)."""
        self.secured = True
        self._message = None
        self._buffer.clear()

    # --- input ------------------------------------------------------------------

    def _line(self) -> list[Step] | None:
        line = self._buffer.line()
        if line is None:
            if len(self._buffer) > _LINE_OCTETS:
                raise ValueError("a line that never ends")
            return None
        if self._login:
            self._login = False
            # The end of a login is a moment of the same command.
            return self._say(_AUTH, b"235 2.7.0 Welcome\r\n", None)[1]
        self.commands.append(line)
        verb, _, rest = line.partition(b" ")
        return self._command(verb.upper(), rest, line)

    def _dotted(self, reader: DotReader) -> list[Step] | None:
        buffer = self._buffer
        before = buffer.position
        buffer.position, piece, ended = reader.read(buffer.data, before)
        self._take(piece)
        if ended:
            self._reader = None
            return self._whole()
        return [] if buffer.position > before else None

    def _octets(self) -> list[Step]:
        piece = self._buffer.take(self._left)
        self._left -= len(piece)
        self._take(piece)
        return [] if self._left else self._chunk()

    def _take(self, piece: bytes) -> None:
        message = self._message
        if message is not None:
            if len(message.body) + len(piece) > _MESSAGE_OCTETS:
                raise ValueError("a message that never ends")
            message.body += piece

    # --- commands ---------------------------------------------------------------

    def _command(self, verb: bytes, rest: bytes, line: bytes) -> list[Step]:
        if verb == _BDAT:
            return self._bdat(rest)
        good, steps = self._answer(verb, self._usual(verb, rest))
        if not good:
            return steps
        if verb in (self.dialect.value, b"HELO", b"RSET"):
            self._message = None
        elif verb == b"MAIL":
            self._message = ScriptedMessage(
                _path(rest), mail=line, secured=self.secured
            )
        elif verb == b"RCPT" and self._message is not None:
            self._message.recipients.append(_path(rest))
        elif verb == b"DATA":
            self._reader = DotReader()
        elif verb == _AUTH:
            self._login = len(rest.split()) < 2
        return steps

    def _usual(self, verb: bytes, rest: bytes) -> bytes:
        """What is said to a command where nothing is wrong with it."""
        if verb == self.dialect.value:
            offered = [b"scripted.example", *self.keywords]
            if self.tlsReady and not self.secured:
                offered.append(_STARTTLS)
            return b"".join(
                b"250%b%b\r\n" % (b" " if index == len(offered) - 1 else b"-", word)
                for index, word in enumerate(offered)
            )
        if verb == _STARTTLS:
            return b"220 Go ahead\r\n" if self.tlsReady else b"454 4.7.0 No TLS\r\n"
        if verb == _AUTH:
            # Whatever it is, it is believed; a scripted server has no users.
            known = len(rest.split()) > 1
            return b"235 2.7.0 Welcome\r\n" if known else b"334 \r\n"
        message = self._message
        if verb == b"HELO" and self.dialect is Dialect.LMTP:
            return b"500 5.5.2 This is LMTP\r\n"
        if verb == b"MAIL" and message is not None:
            return b"503 5.5.1 A transaction has begun\r\n"
        if verb == b"RCPT" and message is None:
            return b"503 5.5.1 MAIL first\r\n"
        if verb == b"DATA" and (message is None or not message.recipients):
            return b"503 5.5.1 RCPT first\r\n"
        return _REPLIES.get(verb, b"500 5.5.2 Unknown command\r\n")

    def _bdat(self, rest: bytes) -> list[Step]:
        words = rest.split()
        if not words or not words[0].isdigit() or len(words[0]) > 12:
            # Where the next command begins cannot be known.
            return self._answer(_BDAT, b"501 5.5.4 Bad size\r\n", End.CLOSE)[1]
        self._left = int(words[0])
        self._last = len(words) > 1
        return [] if self._left else self._chunk()

    def _chunk(self) -> list[Step]:
        """A chunk is whole."""
        message = self._message
        if message is None or not message.recipients:
            return self._answer(_BDAT, b"503 5.5.1 RCPT first\r\n")[1]
        if self._last:
            # It is a command as well as the end of a message.
            self._count(_BDAT)
            return self._whole(self._fault(_BDAT))
        good, steps = self._answer(_BDAT, b"250 2.0.0 Go on\r\n")
        if not good:
            self._message = None
        return steps

    def _whole(self, fault: Fault | None = None) -> list[Step]:
        """
        A message is whole; in LMTP that is a moment for each recipient.

        @param fault: one of the command that ended it.
        """
        message, self._message = self._message, None
        paths = [b""] if message is None else message.recipients
        steps: list[Step] = []
        served: list[bytes] = []
        for path in paths if self.dialect is Dialect.LMTP else paths[:1]:
            self._count(BODY)
            found = fault or self._fault(BODY)
            good, said = self._say(BODY, b"250 2.0.0 Taken\r\n", found)
            served += [path] if good else []
            steps += said
            if self.over or self._mute:
                break
        if served and message is not None:
            if self.dialect is Dialect.LMTP:
                message.recipients = served
            self.messages.append(message)
        return steps

    # --- replies ----------------------------------------------------------------

    def _count(self, moment: bytes) -> None:
        self._counts[moment] += 1
        if moment not in (GREETING, BODY):
            self._counts[ANY] += 1

    def _fault(self, moment: bytes) -> Fault | None:
        """The first fault whose moment it is."""
        kinds = (moment,) if moment in (GREETING, BODY) else (moment, ANY)
        for each in self.faults:
            for kind in kinds:
                if each.meets(kind, self._counts[kind], self.number):
                    return each
        return None

    def _answer(
        self, moment: bytes, usual: bytes, end: End = End.STAY
    ) -> tuple[bool, list[Step]]:
        """Its moment has come: say what is to be said; see L{_say}."""
        self._count(moment)
        return self._say(moment, usual, self._fault(moment), end)

    def _say(
        self, moment: bytes, usual: bytes, fault: Fault | None, end: End = End.STAY
    ) -> tuple[bool, list[Step]]:
        """
        Say what is to be said.

        @param usual: what that would be without faults.
        @param end: likewise.
        @return: has the command its effect, and the steps.
        """
        found = fault or Fault(moment)
        octets = usual if found.reply is None else found.reply
        if moment == b"QUIT":
            end = End.CLOSE
        if found.end is not End.STAY:
            end = found.end
        self._mute = end is End.SILENCE
        self.over = end in (End.CLOSE, End.RESET)
        self._broken = found.breaksTLS
        good = octets[:1] in (b"2", b"3")
        startsTLS = (
            moment == _STARTTLS and good and end is End.STAY and found.reply is None
        )
        said = octets if found.octets is None else octets[: found.octets]
        return good, _steps(said, found, end, startsTLS)


def _steps(said: bytes, fault: Fault, end: End, startsTLS: bool) -> list[Step]:
    """A reply, perhaps late and in pieces, and what comes after it."""
    size = fault.pieceOctets or len(said) or 1
    pieces = [said[start : start + size] for start in range(0, len(said), size)]
    pieces = pieces or [b""]
    turn = 0.0 if fault.pieceOctets is None else _TURN_SECONDS
    steps = [Step(piece, turn) for piece in pieces]
    steps[0] = evolve(steps[0], seconds=fault.seconds + turn)
    steps[-1] = evolve(steps[-1], end=end, startsTLS=startsTLS)
    return steps


#: How long there is between two pieces of a reply.
_TURN_SECONDS = 0.001

_STARTTLS = b"STARTTLS"
_AUTH = b"AUTH"
_BDAT = b"BDAT"

_OK = b"250 2.0.0 OK\r\n"
_REPLIES = {
    b"HELO": b"250 scripted.example\r\n",
    b"MAIL": b"250 2.1.0 OK\r\n",
    b"RCPT": b"250 2.1.5 OK\r\n",
    b"DATA": b"354 Go ahead\r\n",
    b"RSET": _OK,
    b"NOOP": _OK,
    b"VRFY": b"252 2.5.0 Send it, and see\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


def _path(rest: bytes) -> bytes:
    found = _PATH.match(rest)
    return found[1] if found else rest


class ScriptedServer(Factory):
    """
    Makes scripted connections.

    @ivar faults: what it does wrong.
    @ivar keywords: what it offers in answer to EHLO.  C{STARTTLS} is offered where
        there is a certificate, and not again under TLS.
    @ivar sessions: all connections so far.
    @ivar messages: all messages so far, of all sessions.
    """

    noisy = False

    def __init__(
        self,
        *faults: Fault,
        clock: IReactorTime,
        keywords: Iterable[bytes] = KEYWORDS,
        tls: IServerTLS | None = None,
        dialect: Dialect = Dialect.SMTP,
    ) -> None:
        """
        @param clock: for answers that are late: the reactor, or a
            L{twisted.internet.task.Clock} that the test moves.
        @param tls: certificates; L{None}: no TLS.
        @param dialect: what it speaks.
        """
        self.faults = faults
        self.keywords = tuple(keywords)
        self.sessions: list[ScriptedSession] = []
        self.messages: list[ScriptedMessage] = []
        self._clock = clock
        self._tls = tls
        self._dialect = dialect

    def buildProtocol(self, addr: IAddress | None) -> ScriptedProtocol:
        """A client has connected."""
        session = ScriptedSession(
            len(self.sessions) + 1,
            self.faults,
            self.keywords,
            self._tls is not None,
            self.messages,
            self._dialect,
        )
        self.sessions.append(session)
        return ScriptedProtocol(session, self._clock, self._tls)


class ScriptedProtocol(Protocol):
    """
    One connection: does a session's steps, each when its time has come.

    @ivar session: the session.
    """

    transport: Any = None

    def __init__(
        self, session: ScriptedSession, clock: IReactorTime, tls: IServerTLS | None
    ) -> None:
        self.session = session
        self._clock = clock
        self._tls = tls
        self._steps: deque[Step] = deque()
        self._held = b""
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Greet."""
        self._do(self.session.start())

    def dataReceived(self, data: bytes) -> None:
        """The client said something; it waits while an answer is late."""
        if self._timer is not None:
            self._held += data
        else:
            self._do(self.session.feed(data))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._steps.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do(self, steps: list[Step]) -> None:
        self._steps.extend(steps)
        while self._steps:
            step = self._steps[0]
            if step.seconds:
                self._timer = self._clock.callLater(step.seconds, self._late)
                return
            self._perform(self._steps.popleft())

    def _late(self) -> None:
        self._timer = None
        self._perform(self._steps.popleft())
        self._do([])
        while self._held and self._timer is None:
            held, self._held = self._held, b""
            self._do(self.session.feed(held))

    def _perform(self, step: Step) -> None:
        if step.octets:
            self.transport.write(step.octets)
        if step.startsTLS:
            assert self._tls is not None, "offered where there is a certificate"
            self.session.begun()
            startTLS(self, self._tls.creator(TLSOptions()), self._clock)
        elif step.end is End.CLOSE:
            self.transport.loseConnection()
        elif step.end is End.RESET:
            self.transport.abortConnection()
