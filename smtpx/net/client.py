"""
The Twisted side of a client connection: effects done, octets in and out, no SMTP.

All SMTP is in L{smtpx.core.client.ClientConnection}.  Here are the socket, the TLS
handshake, back-pressure while a message streams out, the questions of extensions,
and time.  What one input brings about leaves as one write.

A connection is used like this::

    yield protocol.whenReady()
    settled = yield protocol.deliver(envelope, body)
    protocol.quit()

Whoever holds connections for others (L{smtpx.net.pool}) is told once, by C{gone},
when nothing more can be delivered by this one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from attrs import evolve
from OpenSSL.SSL import Connection as TLSConnection
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.effects import (
    Awaited,
    ClientEffect,
    Close,
    Drain,
    GaveUp,
    Handshake,
    Pose,
    Ready,
    Served,
    Settled,
    Trouble,
    Write,
)
from ..core.envelope import Envelope
from ..core.errors import HookTrouble, UsageError
from ..core.flaw import Flaw
from ..core.hooks import Forecast, RoutePolicy
from ..core.interfaces import IBody
from ..core.reply import Reply, reply
from ..spool.via import Cause, Via
from .clientkit import ClientKit
from .clientopening import ClientOpening
from .dialling import brokenTLS, explained
from .ends import endsOf
from .fastopen import Opened
from .sending import PHASE_CAUSES, Unreached, Way
from .times import ClientTimer, tooLate
from .viaof import LastVia

#: How many pieces of a message go out before others get their turn, where the
#: kernel takes all of them at once.
_PIECES_A_TURN = 16

_LOST = reply(451, "4.4.2", b"Connection lost")


@implementer(IHandshakeListener)
class ClientProtocol(ClientOpening):
    """
    One connection to a host.

    @ivar host: the host's name, for TLS and logs; or an address literal.
    @ivar way: how it is talked to.
    @ivar count: how many envelopes were delivered by it, or tried.
    @ivar served: told of each L{Served}; L{None}: nobody is.
    """

    count = 0
    served: Callable[[Served], None] | None = None

    _source: tuple[bytes, int] | None = None
    _unreached: Unreached | None = None
    _settling: Callable[[Settled], object] | None = None
    _via: LastVia | None = None
    _asked: Deferred[Any] | None = None
    _doing = False
    _draining = False
    _told = False
    _again: IDelayedCall | None = None
    _replies = 0
    _turns = 0
    _why: Reply = _LOST

    def __init__(
        self,
        kit: ClientKit,
        host: bytes,
        way: Way,
        *,
        address: bytes = b"",
        port: int = 0,
        forecast: Forecast | None = None,
        gone: Callable[[ClientProtocol], None] = lambda line: None,
        ended: Callable[[ClientProtocol], None] = lambda line: None,
    ) -> None:
        """
        @param address: where it is to be connected to; empty: whatever the
            transport says, as with C{port} 0.
        @param forecast: what the host is expected to answer to EHLO; L{None}:
            what extensions know of it.
        @param gone: told once that nothing more can be delivered.
        @param ended: told that the connection is closed.
        """
        self.host = host
        self.way = way
        self._gone, self._ended, self.kit = gone, ended, kit
        self._timer = ClientTimer(kit.reactor, kit.times, self._awaits, self._late)
        self._address, self._port, self._forecast = address, port, forecast
        self._ready: list[Deferred[None]] = []
        self._effects: deque[ClientEffect] = deque()
        self._out = []

    # --- for whoever sends ------------------------------------------------------

    def whenReady(self) -> Deferred[None]:
        """
        When an envelope may be delivered.

        @return: fails with L{Unreached} where the session does not come about, or
            has ended.
        """
        if self._unreached is not None:
            return fail(self._unreached)
        if self.ready:
            return succeed(None)
        ready: Deferred[None] = Deferred()
        self._ready.append(ready)
        return ready

    @property
    def ready(self) -> bool:
        """May an envelope be delivered now?"""
        core = self.core
        return core is not None and self._settling is None and core.ready

    @property
    def spent(self) -> bool:
        """Does the host take no more messages in this session?"""
        return self.core is not None and self.core.spent

    @property
    def silent(self) -> bool:
        """
        Has the host answered nothing since the last envelope was begun, but perhaps
        that it is closing (421)?
        """
        return self.core is None or self.core.replies == self._replies

    def deliver(self, envelope: Envelope, body: IBody | None) -> Deferred[Settled]:
        """
        Send one envelope; without a body, only ask whom the host takes it for.

        @return: what became of it; never fails, but cancelled, which cuts it off.
        @raise UsageError: it is not ready, or not any more.
        """
        settling: Deferred[Settled] = Deferred(self._cancelled)
        self.begin(envelope, body, settling.callback)
        return settling

    def begin(
        self,
        envelope: Envelope,
        body: IBody | None,
        settled: Callable[[Settled], object],
    ) -> None:
        """
        The same as C{deliver}, for whoever sends one message after the other.

        @param settled: called with what became of it, perhaps before this returns; must
            not raise.
        @raise UsageError: it is not ready, or not any more.
        """
        core = self.core
        if core is None or self._settling is not None or not core.ready:
            raise UsageError("the connection is not ready for an envelope")
        self._settling = settled
        self.count += 1
        self._replies = core.replies
        self._timer.begun()
        self._do(core.deliver(envelope, body))

    def quit(self) -> None:
        """Say goodbye, unless it is over already, or has not begun."""
        core = self.core
        if core is None or not core.ready:
            self.abort()
        else:
            self._do(core.quit())

    def abort(self) -> None:
        """Cut the connection off, whatever it is doing."""
        self._lose(_LOST, ours=True)
        if self.transport is not None:
            self.transport.abortConnection()

    def via(self, policy: RoutePolicy | None = None) -> Via:
        """
        The host, as far as it is known; the same one for one message after the other,
        unless something has changed.

        @param policy: what was asked of the connection, to be told with it; L{None}: it
            is not told.
        """
        core, source = self.core, self._source
        if core is None:
            return Via(self.host, self._address, self._port, source=source)
        if self._via is None:
            self._via = LastVia(core, self.host, source)
        return self._via.now(self.count > 1, self._opened, policy)

    # --- Twisted's side ---------------------------------------------------------

    def connectionMade(self) -> None:
        """The host is there; begin."""
        self.listenForRoom()
        way, ends = self.way, endsOf(self.transport)
        self._address = self._address or ends.peer
        self._port = self._port or ends.peerPort
        if ends.local:
            self._source = ends.local, ends.localPort
        trust = self.kit.tls.mark
        target = way.target(self.host, self._address, self._port, trust)
        core = self.core = self.kit.connection(target, way, self._forecast, ends.local)
        core.opening = self.unopened = getattr(self.transport, "opening", False)
        core.roomInSYN = self.kit.roomInSYN(self.host, self._address)
        if not way.implicitTLS:
            self._do(core.start())
            return
        try:
            options = core.tlsOptions()
        except HookTrouble as trouble:
            self.kit.trouble(trouble.owner, trouble.__cause__ or trouble)
            self._fail("Local error in processing", Cause.LOCAL, None)
            self.abort()
            return
        self.startTLS(options)
        self._timer.moved()

    def connectionOpened(self, how: Opened) -> None:
        """The host has answered; what rode on the SYN is not heard again."""
        super().connectionOpened(how)
        core = self.core
        assert core is not None
        self._do(core.opened())

    def dataReceived(self, data: bytes) -> None:
        """Octets have come."""
        core = self.core
        if core is not None:
            replies = core.replies
            effects = core.feed(data)
            if effects or core.replies != replies:
                self._do(effects)

    def inputEnded(self) -> None:
        """The host has closed its half: there will be no more replies."""
        self._lose(_LOST)
        self._close()

    def handshakeCompleted(self) -> None:
        """TLS is up."""
        core, options = self.core, self._options
        assert core is not None and options is not None
        self.hurry(self.kit.reactor)
        connection = cast(TLSConnection, self.transport.getHandle())
        info = self.kit.secured(core, connection, options)
        self.handshaken(info)
        if self.way.implicitTLS:
            core.secured = evolve(info, onConnect=True)
            self._do(core.start())
        else:
            self._do(core.answer(info))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.released()
        if self.unopened:
            hosts = self.kit.fastOpen
            assert hosts is not None
            hosts.failed(self._address, self._port)
            self._fail(explained(reason), Cause.CONNECT, None)
        elif self._handshaking:
            self.failedTLS()
            self._fail(*brokenTLS(reason))
        elif self._unreached is None:
            self._fail(f"Connection lost: {explained(reason)}", Cause.LOST, None)
        self._lose(_LOST)
        self.transport = None
        self._timer.stop()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._tell()
        self.kit.ended(self.core, self._source, explained(reason))
        self._ended(self)

    # --- effects ------------------------------------------------------------------

    def _do(self, effects: list[ClientEffect]) -> None:
        """Do effects, and those that they bring about, in order."""
        if self._doing:
            self._effects.extend(effects)
            return
        if len(effects) == 1 and type(effects[0]) is Write:
            self.send(effects[0].octets)
        else:
            self._doAll(effects)
        core = self.core
        assert core is not None
        if core.saidAll and core.secured is None:
            # The host need not wait to see that there is nothing more.
            self.endOutput()
        if self.transport is not None:
            self._timer.moved()

    def _doAll(self, effects: list[ClientEffect]) -> None:
        """Do effects, and those that they bring about; what is written goes as one."""
        queue = self._effects
        queue.extend(effects)
        self._doing = True
        try:
            while queue:
                effect = queue.popleft()
                if type(effect) is Write:
                    self._out.append(effect.octets)
                elif type(effect) is Settled:
                    settling, self._settling = self._settling, None
                    if settling is not None:
                        settling(effect)
                    if self._ready:
                        self._wake()
                else:
                    self._perform(effect)
        finally:
            self._doing = False
        self.flush()

    def _perform(self, effect: ClientEffect) -> None:
        """Do one effect, of those that are none of each message."""
        if isinstance(effect, Drain):
            self._drain()
        elif isinstance(effect, Served) and self.served is not None:
            self.served(effect)
        elif isinstance(effect, Ready):
            self._wake()
        elif isinstance(effect, Pose):
            self._pose(effect)
        elif isinstance(effect, Handshake):
            self.flush()
            self.startTLS(effect.options)
        elif isinstance(effect, GaveUp):
            self._gaveUp(effect)
        elif isinstance(effect, Trouble):
            self.kit.trouble(effect.owner, effect.error)
        elif isinstance(effect, Close):
            self.flush()
            self._close()

    def _wake(self) -> None:
        while self._ready and self.ready:
            self._ready.pop(0).callback(None)

    def _close(self) -> None:
        """There is nothing more to come, from either side."""
        transport = self.transport
        if transport is None:
            return
        if self.full:
            # What it does not take is the rest of a message that it has refused.
            transport.abortConnection()
            return
        # Before the end: where our half is closed already, that is at once.
        self._timer.closing()
        self.finish()

    def _gaveUp(self, effect: GaveUp) -> None:
        said = effect.reply
        if said is not None:
            cause = PHASE_CAUSES.get(effect.phase, Cause.SESSION)
            self._fail(said.onOneLine, cause, said)
        else:
            text = self._why.lines[0].decode("ascii")
            self._fail(text, Cause.LOST, None)
        self._tell()

    def _fail(self, text: str, cause: Cause, said: Reply | None, *flaw: Flaw) -> None:
        """There is no session, or not any more; the first reason counts."""
        if self._unreached is None:
            self._unreached = Unreached(text, cause, self.via(), said, *flaw)
        ready, self._ready = self._ready, []
        for each in ready:
            each.errback(self._unreached)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._gone(self)

    def _lose(self, why: Reply, ours: bool = False) -> None:
        """Whatever is under way has come to nothing, by our doing or the host's."""
        self._why = why
        asked, self._asked = self._asked, None
        core = self.core
        if core is not None and not core.over:
            core.abandoned = ours
            if not ours:
                self.kit.chunks.broken(core)
            self._do(core.lost(why))
        if asked is not None:
            asked.cancel()

    def _cancelled(self, settling: Deferred[Settled]) -> None:
        """Whoever waited for an envelope does so no more."""
        self._settling = None
        self.abort()

    # --- questions ----------------------------------------------------------------

    def _pose(self, effect: Pose) -> None:
        try:
            answer = self.kit.answer(effect.question, self.way)
        except Exception as error:
            self._unanswered(error)
            return
        core = self.core
        assert core is not None
        if not isinstance(answer, Deferred):
            self._effects.extend(core.answer(answer))
            return
        self._asked = answer
        answer.addCallbacks(
            self._answered, lambda failure: self._unanswered(failure.value)
        )

    def _answered(self, value: object) -> None:
        self._asked = None
        core = self.core
        if core is not None and not core.over:
            self._do(core.answer(value))

    def _unanswered(self, error: BaseException) -> None:
        """Nobody here could tell; the session cannot go on."""
        asked, self._asked = self._asked, None
        if asked is None and isinstance(error, CancelledError):
            return
        self.kit.trouble("client", error)
        self._fail("Local error in processing", Cause.LOCAL, None)
        self.abort()

    # --- back-pressure --------------------------------------------------------------

    def _drain(self) -> None:
        """There is more of a message; is there room for it?"""
        self.flush()
        self._turns += 1
        if self.full:
            self._draining = True
        elif self._turns % _PIECES_A_TURN:
            core = self.core
            assert core is not None
            self._effects.extend(core.resume())
        else:
            self._again = self.kit.reactor.callLater(0, self._resume)

    def drained(self) -> None:
        """The host has taken everything."""
        if self._draining:
            self._resume()

    def _resume(self) -> None:
        self._again, self._draining = None, False
        core = self.core
        if core is not None:
            self._do(core.resume())

    # --- time -----------------------------------------------------------------------

    def _late(self, awaited: Awaited) -> None:
        """Nothing has come for too long."""
        # It is stopped where there is no transport any more.
        if awaited is Awaited.HANDSHAKE:
            self.failedTLS()
            self._fail("TLS handshake timed out", Cause.TLS, None)
        self._lose(tooLate(awaited))
        self.transport.abortConnection()


__all__ = ["ClientProtocol"]
