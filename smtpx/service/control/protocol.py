"""
The server's end of the control socket (L{smtpx.service.control.wire} has what is said).

Each client's requests are answered one after the other.  A client that does not read
is waited for and holds up nobody else; one that says nothing for long, or does not
read for long, is put out.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping, Set
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from ...core.errors import Malformed, SMTPXError
from .exchange import Exchange, Refused, Verb
from .wire import PROTOCOL, REQUEST_OCTETS, Kind, parse, render, smtpxVersion

#: How long a client may say nothing, or not read, in seconds.
IDLE_SECONDS = 600.0

#: How many clients there may be at once, unless somebody says otherwise.
CLIENTS = 32

#: How many requests of one client may wait for their turn, and their octets.
_WAITING, _WAITING_OCTETS = 16, 2 << 20

#: How often progress is told, in seconds.
_PROGRESS_SECONDS = 0.5

_CREDENTIALS = struct.Struct("3i")


@frozen
class Caller:
    """
    Who is at the other end.

    @ivar uid: the user's number; L{None}: the system does not say.
    """

    uid: int | None

    @property
    def name(self) -> str:
        """The user's name; a number where there is none."""
        if self.uid is None:
            return "somebody"
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def callerOf(transport: Any) -> Caller:
    """Who is at the other end of a UNIX socket, as the system knows it."""
    option = getattr(socket, "SO_PEERCRED", None)
    handle = getattr(transport, "getHandle", None)
    if option is None or handle is None:
        return Caller(None)
    found = handle().getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(found)
    return Caller(uid)


class ControlFactory(Factory):
    """
    Answers whoever controls a server.

    @ivar clients: how many there are.
    """

    noisy = False

    def __init__(
        self,
        verbs: Mapping[str, Verb],
        clock: IReactorTime,
        name: str,
        shared: bool = False,
        callerOf: Callable[[Any], Caller] = callerOf,
        clientsMost: int = CLIENTS,
    ) -> None:
        """
        @param verbs: who answers what.
        @param name: what the server calls itself.
        @param shared: does the socket let in a group?  Otherwise only root and the
            user that we run as are.
        @param callerOf: says who is at the other end of a transport.
        @param clientsMost: how many clients there may be at once.
        """
        self.verbs = verbs
        self.clock = clock
        self.callerOf = callerOf
        self._name = name
        self._shared = shared
        self._most = clientsMost
        self._clients: set[ControlProtocol] = set()

    @property
    def clients(self) -> int:
        """How many there are."""
        return len(self._clients)

    def buildProtocol(self, addr: IAddress | None) -> ControlProtocol:
        """Somebody comes."""
        return ControlProtocol(self)

    def hello(self) -> Mapping[str, object]:
        """What each is told first."""
        return {
            "smtpx": smtpxVersion(),
            "protocol": PROTOCOL,
            "name": self._name,
            "pid": os.getpid(),
        }

    def admit(self, protocol: ControlProtocol, caller: Caller) -> None:
        """
        See whether somebody may come in.

        @raise Refused: he may not.
        """
        known: Set[int | None] = {0, os.geteuid()}
        if caller.uid not in known and caller.uid is not None and not self._shared:
            text = f"{caller.name} may not; be root or {Caller(os.geteuid()).name}"
            raise Refused(Kind.RIGHTS, text)
        if len(self._clients) >= self._most:
            raise Refused(Kind.BUSY, f"{self._most} others are at it; try again later")
        self._clients.add(protocol)

    def gone(self, protocol: ControlProtocol) -> None:
        """Somebody is not there any more."""
        self._clients.discard(protocol)

    def shutDown(self) -> None:
        """The server ends: see everybody out, whatever is under way."""
        for each in [*self._clients]:
            each.end()


@implementer(IPushProducer, IHalfCloseableProtocol)
class ControlProtocol(LineOnlyReceiver):
    """One client."""

    delimiter = b"\n"
    MAX_LENGTH = REQUEST_OCTETS

    _log = Logger()

    def __init__(self, factory: ControlFactory) -> None:
        self._factory = factory
        self._timer: IDelayedCall | None = None
        self._caller = Caller(None)
        self._lines: deque[bytes] = deque()
        self._work: Deferred[None] | None = None
        self._paused: Deferred[None] | None = None
        self._ended = False
        self._toldAt = float("-inf")

    # --- what comes ----------------------------------------------------------------

    def connectionMade(self) -> None:
        """Say who we are, and see who it is."""
        factory, transport = self._factory, self._transport
        transport.registerProducer(self, True)
        hello = factory.hello()
        try:
            self._caller = factory.callerOf(transport)
            factory.admit(self, self._caller)
        except Refused as refused:
            self._say({**hello, "error": _error(refused.kind, str(refused))})
            self.end()
            return
        self._say(hello)
        self._limit(IDLE_SECONDS)

    def lineReceived(self, line: bytes) -> None:
        """A request: it has its turn."""
        waiting = self._lines
        if self._ended:
            return
        waiting.append(line)
        if len(waiting) > _WAITING or sum(map(len, waiting)) > _WAITING_OCTETS:
            self._refuse("too many requests at once")
        elif self._work is None:
            self._next()

    def lineLengthExceeded(self, line: bytes) -> None:
        """It is too long to be a request."""
        self._refuse(f"a request of more than {REQUEST_OCTETS} octets")

    def readConnectionLost(self) -> None:
        """The last request has come; there may be answers still to give."""
        self._ended = True
        if self._work is None:
            self.end()

    def writeConnectionLost(self) -> None:
        """Nobody reads any more."""
        self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody listens: what is under way for him is ended."""
        self._limit(None)
        self._ended = True
        self._lines.clear()
        self._factory.gone(self)
        work, self._work = self._work, None
        if work is not None:
            work.cancel()

    def _limit(self, seconds: float | None) -> None:
        """
        How long nothing may happen.

        @param seconds: L{None}: as long as it takes.
        """
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        if seconds is not None:
            clock = self._factory.clock
            self._timer = clock.callLater(seconds, self._transport.abortConnection)

    def end(self) -> None:
        """Say no more, and go."""
        self._ended = True
        self._limit(None)
        self._transport.unregisterProducer()
        self._transport.loseConnection()

    # --- what goes -------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The client reads slower than we write."""
        if self._paused is None:
            self._paused = Deferred()
            self._limit(IDLE_SECONDS)

    def resumeProducing(self) -> None:
        """It has read."""
        paused, self._paused = self._paused, None
        if paused is not None:
            self._limit(None if self._work is not None else IDLE_SECONDS)
            paused.callback(None)

    def stopProducing(self) -> None:
        """Nobody reads; C{connectionLost} comes."""

    @property
    def _transport(self) -> Any:
        # Twisted's types do not say which one it is.
        return self.transport

    def _say(self, said: Mapping[str, object]) -> None:
        self._transport.write(render(said))

    def _refuse(self, text: str) -> None:
        """This is nonsense: say so, and go."""
        self._lines.clear()
        self._say({"id": None, "error": _error(Kind.REQUEST, text)})
        self.end()

    # --- requests --------------------------------------------------------------------

    def _next(self) -> None:
        """Begin with the next request, if there is one."""
        while self._lines:
            work = Deferred.fromCoroutine(self._answer(self._lines.popleft()))
            if not work.called:
                # Who does not read is not waited for any longer for that.
                if self._paused is None:
                    self._limit(None)
                self._work = work
                work.addCallback(self._through)
                return
        if self._ended:
            self.end()
        else:
            self._limit(IDLE_SECONDS)

    def _through(self, result: None) -> None:
        # Cancelled, it is through as well, and there is nobody to go on for.
        if self._work is not None:
            self._work = None
            self._next()

    async def _answer(self, line: bytes) -> None:
        id: object = None
        try:
            fields = parse(line)
            id = _idOf(fields)
            done = await self._do(id, fields)
        except CancelledError:
            return
        except Malformed as error:
            self._say({"id": id, "error": _error(Kind.REQUEST, str(error))})
        except Refused as refused:
            self._say({"id": id, "error": _error(refused.kind, str(refused))})
        except (SMTPXError, OSError) as error:
            self._say({"id": id, "error": _error(Kind.FAILED, str(error))})
        except Exception:
            # The border: whoever has written that verb, the server goes on.
            self._log.failure("A request over the control socket failed")
            text = "something of the server is broken; its log says what"
            self._say({"id": id, "error": _error(Kind.BROKEN, text)})
        else:
            self._say({"id": id, "done": done})

    async def _do(self, id: object, fields: Mapping[str, object]) -> object:
        wanted = fields.get("do")
        verb = self._factory.verbs.get(wanted) if isinstance(wanted, str) else None
        if verb is None:
            known = ", ".join(sorted(self._factory.verbs))
            raise Refused(Kind.UNKNOWN, f"there is no request {wanted!r:.80}: {known}")

        self._toldAt = self._factory.clock.seconds()

        async def send(part: Mapping[str, object]) -> None:
            self._say({"id": id, "part": part})
            if self._paused is not None:
                await self._paused

        def progress(said: Mapping[str, object]) -> None:
            now = self._factory.clock.seconds()
            # It also finds out whether anybody is there still.
            if self._paused is None and now - self._toldAt >= _PROGRESS_SECONDS:
                self._toldAt = now
                self._say({"id": id, "progress": said})

        return await verb(Exchange(fields, self._caller.name, send, progress))


def _idOf(fields: Mapping[str, object]) -> object:
    """
    What a request is called in its answers.

    @raise Malformed: that cannot be a name.
    """
    found = fields.get("id")
    if found is not None and not isinstance(found, int | str):
        raise Malformed("the id of a request is a number or a text")
    return found


def _error(kind: Kind, text: str) -> Mapping[str, object]:
    return {"kind": kind.value, "text": text}


__all__ = ["CLIENTS", "Caller", "ControlFactory", "ControlProtocol", "IDLE_SECONDS"]
