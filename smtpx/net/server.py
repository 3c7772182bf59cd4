"""
The Twisted side of a server connection: octets in, octets out, no SMTP.

All SMTP is in L{smtpx.core.server.ServerConnection}, and what it asks is answered in
L{smtpx.net.serverport}.  Here are the socket, the TLS handshake, and time:
one sweep of the factory looks at all connections once a second, so that a
command costs no timer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from attrs import evolve
from OpenSSL.SSL import Connection as TLSConnection, Error as TLSError
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.effects import Waiting
from ..core.facts import BLOCKED
from ..core.hooks import TLSOptions
from ..core.server import ServerConnection
from .direct import Stall
from .ends import Ends
from .fastopen import openedOf
from .proxy import beginsHeader
from .serverport import ServerPort
from .upgrade import hasSpoken, startTLS

if TYPE_CHECKING:
    from .factory import SMTPServerFactory

T = TypeVar("T")


@implementer(IHandshakeListener)
class ServerProtocol(ServerPort):
    """
    One TCP connection of a server.

    @ivar core: the SMTP of it.
    @ivar entrant: the address that was counted when it came in; C{core.peer} may
        be changed by an extension.
    """

    entrant = b""

    #: What a proxy says of the connection; L{None}: no proxy brought it.
    forwarded: Ends | None = None
    #: Has a proxy brought octets of the client, too, which come at once?
    talks = False

    _first = b""
    #: Is the handshake with which the connection begins under way?
    _securing = False
    #: What is said as soon as it is through, or before.
    _held = b""
    _leaving = False
    _closing = False
    _started = False
    _waiting: Waiting | None = None
    _mark = 0
    _since = 0.0

    def __init__(self, factory: SMTPServerFactory, core: ServerConnection) -> None:
        """
        @param core: made with this as its port by C{factory}.
        """
        self.factory = factory
        self.core = core
        core.direct = self
        # What is looked at for each command is found faster here than at the class.
        self.ended = self._queued = self._leaving = self._securing = False
        self._stalled = 0
        self._options = None

    # --- Twisted's side -------------------------------------------------------------

    def connectionMade(self) -> None:
        """Greet, unless TLS comes first or the client is talking already."""
        factory = self.factory
        factory.entered(self)
        if self._socket is not None:
            self._opened = openedOf(self._socket)
            self.core.fastOpen = self._opened.value
        self._since = factory.seconds()
        if factory.journal.enabled:
            factory.journal.connected(self.core)
        if factory.implicitTLS:
            options = self.core.tlsOptions()
            self._securing = True
            if options.early:
                self._greet()
            self._startTLS(options)
        elif not (self.talks or self.pending()):
            self._greet()

    def _greet(self) -> None:
        self._started = True
        self._tell(self.core.start())

    def dataReceived(self, data: bytes) -> None:
        """Octets have come."""
        core = self.core
        if not core.received:
            data = self._beginning(data)
            if not data:
                return
        octets = core.feed(data)
        if not self._started:
            # It talks early: greeting and replies leave as one write.
            self._started = True
            octets += core.start()
        if octets:
            self.send(octets)
        if self._options is not None:
            self._startTLS(self._options)
        elif core.closed:
            self._close()
        elif core.mode >= BLOCKED and core.holdsMore(self.factory.bounds.heldOctets):
            self.stall(Stall.WORKING)

    def _beginning(self, data: bytes) -> bytes:
        """
        See whether the first octets are a PROXY header: who is no listed proxy,
        and says whom it brings, is let down rather than misunderstood.

        @return: all that has come; empty: it is over, or more has to come, which
            is not waited for behind a line.
        """
        if self._closing:
            return b""
        first = self._first + data
        begins = beginsHeader(first)
        if begins is None and not first.endswith(b"\n"):
            self._first = first
            return b""
        self._first = b""
        if begins:
            core = self.core
            ends = Ends(core.peer, core.peerPort, core.local, core.localPort)
            self.factory.journal.proxyRefused(ends, "not a listed proxy")
            core.lost()
            self._close()
            return b""
        return first

    def inputEnded(self) -> None:
        """The client has closed its half; it gets what it is still owed."""
        if not self._started:
            self._greet()
        self._settle()

    def handshakeCompleted(self) -> None:
        """TLS is up."""
        factory, core = self.factory, self.core
        assert factory.tls is not None
        connection = cast(TLSConnection, self.transport.getHandle())
        info = factory.tls.info(connection)
        if self._securing:
            self._securing = False
            core.secured = evolve(info, onConnect=True)
            self._secured()
            if self._started:
                held, self._held = self._held, b""
                self._tell(held)
            elif not hasSpoken(connection):
                self._greet()
        else:
            octets = core.answer(info)
            self._secured()
            self._tell(octets)

    def _speak(self, say: Callable[[bytes], bool]) -> None:
        """
        The greeting can leave with the first flight of the handshake.  A refusal, or
        what has to be waited for, leaves behind it.
        """
        core = self.core
        if self._held and core.idle and not core.closed and say(self._held):
            self._held = b""

    def _secured(self) -> None:
        if self.factory.journal.enabled:
            self.factory.journal.secured(self.core)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        journal, tracer = self.factory.journal, self.factory.tracer
        told = journal.enabled or tracer is not None
        why = self._why(reason) if told else ""
        securing = self._securing and not self._leftAtOnce(reason)
        self._connection = self._socket = self.transport = None
        self._closing = True
        self.core.lost(securing)
        self.factory.left(self)
        if journal.enabled:
            journal.closed(self.core, why)
        if tracer is not None:
            tracer.ended(self.core, why)
        asked, self._asked = self._asked, None
        if asked is not None and not self._commits:
            asked.cancel()

    def _leftAtOnce(self, reason: Failure) -> bool:
        """
        Has the client closed without a word of a handshake?  The health checks of
        balancers do, and nothing has failed then.
        """
        if isinstance(reason.value, TLSError | ConnectionAborted):
            return False
        handle = self.transport.getHandle()
        # There is a session from the ClientHello on, and a nonce of the client's.
        return isinstance(handle, TLSConnection) and handle.client_random() is None

    def _why(self, reason: Failure) -> str:
        """The reason for the end, in words."""
        error, tls = reason.value, self.factory.tls
        if tls is None or not isinstance(error, TLSError):
            return reason.getErrorMessage()
        return tls.failure(cast(TLSConnection, self.transport.getHandle()), error)

    def _answered(self, value: object) -> None:
        self._asked = None
        if self.transport is None:
            return
        core = self.core
        octets = core.answer(value)
        if (
            octets
            and not (core.closed or self._stalled or self._leaving or self.ended)
            and self._options is None
            and not self._securing
        ):
            # There is nothing to be settled.
            self.send(octets)
        else:
            self._tell(octets)

    # --- out ------------------------------------------------------------------------

    def _tell(self, octets: bytes) -> None:
        if self._securing:
            self._held += octets
            return
        if octets:
            self.send(octets)
        if self._options is not None:
            self._startTLS(self._options)
        else:
            self._settle()

    def _settle(self) -> None:
        core = self.core
        if core.closed:
            self._close()
            return
        if self._stalled & Stall.WORKING:
            if not core.holdsMore(self.factory.bounds.heldOctets):
                self.unstall(Stall.WORKING)
        if core.idle:
            if self._leaving:
                self._leaving = False
                self._tell(core.shutDown())
            elif self.ended:
                self._close()

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            self._since = self.factory.seconds()
            self.finish()

    def _startTLS(self, options: TLSOptions) -> None:
        self._options = None
        tls = self.factory.tls
        assert tls is not None
        creator = tls.creator(options, self._speak)
        startTLS(self, creator, self.factory.reactor)
        self.secured()

    # --- time -----------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """
        Has a time limit passed?  Called once a second.

        @param now: seconds of the reactor's clock.
        """
        core, bounds = self.core, self.factory.bounds
        if self.transport is None:
            return
        if self._closing:
            if now - self._since > self.factory.lingerSeconds:
                self.transport.abortConnection()
            return
        waiting = Waiting.HANDSHAKE if self._securing else core.waiting
        mark = core.progress
        if waiting is Waiting.BODY:
            mark += core.received // bounds.bodyBlockOctets
        if mark != self._mark or waiting is not self._waiting:
            self._mark, self._waiting, self._since = mark, waiting, now
            return
        waited = now - self._since
        if waiting is Waiting.ANSWER:
            # A commit is not given up: told 451, the client would send again
            # what we may have by then (RFC 1047).
            asked = self._asked
            if waited > bounds.answerSeconds and not self._commits:
                self._since = now
                if asked is not None:
                    asked.cancel()
        elif waiting is Waiting.BODY:
            if self._stalled & Stall.BODY:
                # What we ourselves hold up is not the client's fault.
                self._since = now
            elif waited > bounds.bodySeconds:
                self._tell(core.expire())
        elif waiting is Waiting.COMMAND:
            if waited > bounds.commandSeconds:
                self._tell(core.expire())
        elif waited > bounds.handshakeSeconds:
            self.transport.abortConnection()

    def shutDown(self) -> None:
        """Say goodbye as soon as no answer is under way."""
        if self._securing:
            self._held = b""
            self.core.lost()
            self._close()
        elif self.core.idle:
            self._tell(self.core.shutDown())
        else:
            self._leaving = True
