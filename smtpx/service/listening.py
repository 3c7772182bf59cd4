"""
Doors: the ports that clients come to.

A door is bound while the process still may (C{twistd --uid} gives up its
privileges after that), but lets nobody in before the house behind it stands.  Until
then its port is silent: it is taken, and whoever tries it is refused at once, as where
no server runs.  So neither a client nor a health check takes for a server what is not
one yet.  Behind an endpoint that Twisted or systemd has a name for, connections wait in
the kernel's queue instead.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Protocol

from twisted.internet.defer import Deferred, execute, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IReactorSocket,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

from ..net.factory import SMTPServerFactory
from ..net.fastopen import takeFast
from .inherited import PREFIX, inheritedEndpoint
from .problems import Problem
from .tables import Listener, ListenerProtocol, ListenerTLS, Role

#: What the endpoint of a UNIX socket begins with.
UNIX_PREFIX = "unix:"

_log = Logger()

#: How many connections the kernel keeps for us until we accept them.
BACKLOG = 1024


class Place(Protocol):
    """Where something listens: an address and a port, or an endpoint."""

    @property
    def port(self) -> int | None:
        """The TCP port; L{None}: it is an endpoint."""

    @property
    def address(self) -> str:
        """The address of ours, beside the port."""

    @property
    def endpoint(self) -> str | None:
        """Twisted's description of it; L{None}: it is a port."""


def endpointFor(
    reactor: Any, listener: Place, silent: bool = False
) -> IStreamServerEndpoint:
    """
    The endpoint of a listener.

    @param reactor: provides what the endpoint wants of it.
    @param silent: is a port to be taken only, for a L{Door} that listens at it later?
    @raise smtpx.service.inherited.NotHandedOver: it is a socket that this process
        should have been given, and was not.
    @raise ValueError: there is no such endpoint; the message is not always of
        use, for it is Twisted's.
    """
    if listener.endpoint is not None:
        if listener.endpoint.startswith(PREFIX):
            return inheritedEndpoint(reactor, listener.endpoint)
        named: IStreamServerEndpoint = serverFromString(reactor, listener.endpoint)
        return named
    assert listener.port is not None, "a listener has a port or an endpoint"
    if silent and isinstance(reactor, PosixReactorBase):
        return SilentEndpoint(reactor, listener.port, listener.address)
    if ip_address(listener.address).version == 6:
        return IPv6Endpoint(reactor, listener.port, listener.address)
    return TCP4ServerEndpoint(reactor, listener.port, BACKLOG, listener.address)


def listeningSocket(address: str, port: int) -> socket.socket:
    """
    A socket that listens on IPv6 and nothing else.

    @raise OSError: the address or port is not to be had.
    """
    made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def boundSocket(address: str, port: int) -> socket.socket:
    """
    A socket that has its port, and does not listen yet.

    @raise OSError: the address or port is not to be had.
    """
    isIPv6 = ":" in address
    made = socket.socket(socket.AF_INET6 if isIPv6 else socket.AF_INET)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if isIPv6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
    except BaseException:
        made.close()
        raise
    return made


@implementer(IStreamServerEndpoint)
class SilentEndpoint:
    """
    An address and port that are taken, and not listened at until whoever has the port
    says so.  Twisted's own endpoints bind nothing without that they listen.
    """

    def __init__(
        self,
        reactor: Any,
        port: int,
        address: str,
        binding: Callable[[str, int], socket.socket] = boundSocket,
    ) -> None:
        self._reactor: IReactorSocket = reactor
        self._port = port
        self._address = address
        self._binding = binding

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint}."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: Any) -> IListeningPort:
        try:
            made = self._binding(self._address, self._port)
        except OSError as error:
            raise CannotListenError(self._address, self._port, error) from error
        # The reactor has a descriptor of its own from then on.
        with made:
            return self._reactor.adoptStreamPort(made.fileno(), made.family, factory)


@implementer(IStreamServerEndpoint)
class IPv6Endpoint:
    """
    An IPv6 address and port.  Twisted's own takes IPv4 clients as well where the
    system does, who then seem to come from C{::ffff:192.0.2.1}: in logs, in
    Received fields, and beside an IPv4 listener on the same port there is no room
    for it.
    """

    def __init__(
        self,
        reactor: Any,
        port: int,
        address: str,
        listening: Callable[[str, int], socket.socket] = listeningSocket,
    ) -> None:
        self._reactor: IReactorSocket = reactor
        self._port = port
        self._address = address
        self._listening = listening

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint}."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: Any) -> IListeningPort:
        try:
            made = self._listening(self._address, self._port)
        except OSError as error:
            raise CannotListenError(self._address, self._port, error) from error
        # The reactor has a descriptor of its own from then on.
        with made:
            return self._reactor.adoptStreamPort(
                made.fileno(), socket.AF_INET6, factory
            )


class Vestibule(Factory):
    """
    What a port has for a factory: the factory of the house, once it stands.

    @ivar inner: that factory.
    """

    noisy = False
    inner: Factory | None = None

    def logPrefix(self) -> str:
        """What Twisted calls it in its log."""
        return "smtpx"

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A client is let in; nobody is before the house stands."""
        return None if self.inner is None else self.inner.buildProtocol(addr)


class NoDoor(CannotListenError):
    """
    A listener cannot have its place.

    @ivar problem: where the configuration wants it, and why it cannot.
    """

    def __init__(self, problem: Problem, cause: CannotListenError) -> None:
        CannotListenError.__init__(self, cause.interface, cause.port, cause.socketError)
        self.problem = problem

    def __str__(self) -> str:
        return str(self.problem)


def nowhere(text: str) -> Problem:
    """What is wrong with a listener of which nobody knows where it stands."""
    return Problem("configuration", None, ("listener",), text)


class Door:
    """
    One listener.

    @ivar listener: its entry in the configuration.
    @ivar port: what listens; L{None}: not bound.
    @ivar privileged: may it take root to bind it?  Not for a UNIX socket, whose
        file is to be the server's own: root would change and remove files in a
        folder that may be somebody else's.
    """

    def __init__(
        self,
        listener: Listener,
        endpoint: IStreamServerEndpoint,
        problem: Callable[[str], Problem] = nowhere,
        wait: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        @param problem: makes a problem of what is wrong with it.
        @param wait: waits a moment where the port is in use, and says whether to ask
            for it again.
        """
        self.listener = listener
        self._problem = problem
        self.port: IListeningPort | None = None
        self.privileged = not (listener.endpoint or "").startswith(UNIX_PREFIX)
        self._endpoint = endpoint
        self._wait = wait
        self._vestibule = Vestibule()

    async def bind(self) -> None:
        """
        Take the port, and let nobody in yet.  Does nothing when it is bound.

        @raise NoDoor: somebody else has it, or it is not allowed.
        """
        if self.port is not None:
            return
        while self.port is None:
            try:
                self.port = await self._endpoint.listen(self._vestibule)
            except CannotListenError as error:
                if not (_isInUse(error) and self._wait()):
                    raise NoDoor(self._problem(str(error)), error) from error
        self._let(False)
        listening = self._socket
        if listening is not None and self.listener.fastOpen:
            takeFast(listening)

    def open(self, factory: SMTPServerFactory) -> None:
        """
        Let clients in, to C{factory}, which closes the door for a while when there
        are too many.

        @raise NoDoor: somebody else has taken the port while it was silent.
        """
        listening = self._socket
        if listening is not None and self.listener.port is not None:
            # Where it listens already, this changes nothing.
            self._listen(listening, self.listener.port)
        self._vestibule.inner = factory
        factory.doStart()  # type: ignore[no-untyped-call]  # Twisted's
        factory.listening(self.port)
        self._let(True)

    @property
    def _socket(self) -> socket.socket | None:
        listening = getattr(self.port, "socket", None)
        return listening if isinstance(listening, socket.socket) else None

    def _listen(self, listening: socket.socket, port: int) -> None:
        try:
            listening.listen(BACKLOG)
        except OSError as error:
            cause = CannotListenError(self.listener.address, port, error)
            raise NoDoor(self._problem(str(cause)), cause) from error

    def _let(self, inside: bool) -> None:
        port: object = self.port
        if IReadDescriptor.providedBy(port):
            # Twisted has no types for these two.
            descriptor: Any = port
            (descriptor.startReading if inside else descriptor.stopReading)()

    async def close(self) -> None:
        """Let nobody in any more; who is in stays."""
        port, self.port = self.port, None
        if port is not None:
            try:
                await maybeDeferred(port.stopListening)
            except OSError as error:
                # The file of a UNIX socket, in a folder that is not the server's
                # any more.
                _log.warn("{door} stays behind: {error}", door=str(self), error=error)
        if self._vestibule.inner is not None:
            self._vestibule.inner.doStop()
            self._vestibule.inner = None

    @property
    def isOpen(self) -> bool:
        """Are clients let in, as far as it is for the door to say?"""
        return self.port is not None and self._vestibule.inner is not None

    @property
    def tlsWords(self) -> str:
        """When TLS begins, for people."""
        return _WORDS[self.listener.tls]

    def __str__(self) -> str:
        """
        Where it is, for people: C{127.0.0.1:2525 (STARTTLS)}, C{127.0.0.1:587
        (STARTTLS, submission)}.
        """
        where = "" if self.port is None else spelled(self.port.getHost())
        words = self.tlsWords
        if self.listener.role is Role.SUBMISSION:
            words += ", submission"
        if self.listener.protocol is ListenerProtocol.LMTP:
            words += ", LMTP"
        return f"{where or self.listener.endpoint} ({words})"


def _isInUse(error: CannotListenError) -> bool:
    return getattr(error.socketError, "errno", None) == errno.EADDRINUSE


_WORDS = {
    ListenerTLS.NONE: "no TLS",
    ListenerTLS.STARTTLS: "STARTTLS",
    ListenerTLS.IMPLICIT: "implicit TLS",
}


def spelled(address: object) -> str:
    """An address as people write it; empty: it is not one of TCP."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if not isinstance(host, str) or not isinstance(port, int):
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
