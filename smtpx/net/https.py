"""
One request by HTTPS to a host that somebody else named: a policy that is fetched (RFC
8461 section 3.3), a report that is handed in (RFC 8460 section 5.4).

Whoever controls a domain controls where such a request goes, and what comes back.  So
there are bounds to all of it: the certificate has to be good for the name that was
asked for, no redirect is followed and nothing is taken from a cache; connections go
to addresses of the Internet only, and never to this machine or its neighbours, unless
the operator allows their networks; and there is an end to what is read, headers and
handshake included, and to the time that it takes.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from attrs import define, field, frozen
from attrs.validators import gt
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import (
    IConsumer,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import Interface, implementer

from ..core.errors import SMTPXError
from ..core.hooks import TLSOptions
from ..core.hostlist import HostList
from ..dns.interfaces import IResolver, LookupFailed, LookupPutOff, NoSuchDomain
from ..dns.together import together
from ..tls.client import UntrustedPeer
from ..tls.interfaces import IClientTLS
from .dialling import explained, familyOf
from .internet import isGlobal
from .sending import Family

HTTPS_PORT = 443

#: What a handshake and the headers of an answer may take, in octets, beside its body.
_AROUND_OCTETS = 64 << 10

_AGENT = b"smtpx"

#: What the system says when it has no more room for another connection.
_EXHAUSTED = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
)


class Fault(Enum):
    """
    Why a request came to nothing.

    @cvar UNREACHABLE: the host is not in the DNS, cannot be connected to, takes too
        long, or has no address that we connect to.
    @cvar CERTIFICATE: its certificate is not good for its name.
    @cvar ANSWER: it says something else than what was asked for.
    @cvar BUSY: we have too much to do, or too many open files, to ask it.
    """

    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    ANSWER = "answer"
    BUSY = "busy"


class WebFailure(SMTPXError):
    """
    A request came to nothing; the message says why, for the operator.

    @ivar fault: what kind of thing that is.
    """

    def __init__(self, fault: Fault, text: str) -> None:
        SMTPXError.__init__(self, text)
        self.fault = fault


@frozen
class Page:
    """
    An answer.

    @ivar status: of HTTP.
    @ivar kind: its C{Content-Type}, without parameters, in lower case; empty: it has
        none.
    @ivar body: empty where the status is none of success.
    """

    status: int
    kind: bytes
    body: bytes


@frozen
class WebBounds:
    """
    How long a request may take.

    @ivar seconds: in all.
    @ivar connectSeconds: for each address.
    @ivar addresses: how many of them are tried.
    """

    seconds: float = field(default=60.0, validator=gt(0))
    connectSeconds: float = field(default=10.0, validator=gt(0))
    addresses: int = field(default=4, validator=gt(0))


_BOUNDS = WebBounds()


class IWeb(Interface):
    """Asks hosts by HTTPS."""

    def get(host: bytes, path: bytes, most: int) -> Deferred[Page]:
        """
        Fetch something, at port 443.

        @param host: in A-labels.
        @param most: how long it may be, in octets.
        @return: fails with L{WebFailure}.  It may be cancelled.
        """

    def post(
        host: bytes, path: bytes, kind: bytes, body: bytes, port: int = HTTPS_PORT
    ) -> Deferred[Page]:
        """
        Hand something in.

        @param kind: its C{Content-Type}.
        @return: the answer, whose body does not count; as of C{get}.
        """


@implementer(IWeb)
class SecureWeb:
    """Asks hosts by HTTPS."""

    def __init__(
        self,
        reactor: Any,
        resolver: IResolver,
        tls: IClientTLS,
        allowed: HostList | None = None,
        bounds: WebBounds = _BOUNDS,
    ) -> None:
        """
        @param reactor: connects by TCP, and has time.
        @param tls: whom we trust.
        @param allowed: networks that we connect to though they are not of the
            Internet; L{None}: none.
        """
        self._reactor = reactor
        self._resolver = resolver
        self._tls = tls
        self._allowed = allowed or HostList()
        self._bounds = bounds

    def get(self, host: bytes, path: bytes, most: int) -> Deferred[Page]:
        """See L{IWeb}."""
        return self._ask(_Visit(host, HTTPS_PORT, path, most))

    def post(
        self, host: bytes, path: bytes, kind: bytes, body: bytes, port: int = HTTPS_PORT
    ) -> Deferred[Page]:
        """See L{IWeb}."""
        return self._ask(_Visit(host, port, path, 0, kind, body))

    def _ask(self, visit: _Visit) -> Deferred[Page]:
        seconds = self._bounds.seconds

        def late(result: object, timeout: float) -> object:
            if isinstance(result, Failure) and result.check(CancelledError):
                raise WebFailure(
                    Fault.UNREACHABLE, f"it took longer than {seconds:g} seconds"
                )
            return result

        asked = Deferred.fromCoroutine(self._answer(visit))
        asked.addTimeout(seconds, self._reactor, late)
        return asked

    async def _answer(self, visit: _Visit) -> Page:
        addresses = await self._addresses(visit.host)
        options = TLSOptions(serverName=visit.host, verified=True)
        endpoint = wrapClientTLS(
            self._tls.creator(options),
            _Addresses(self._reactor, addresses, visit, self._bounds.connectSeconds),
            self._reactor,
        )
        agent = Agent.usingEndpointFactory(
            self._reactor, _Always(endpoint), HTTPConnectionPool(self._reactor, False)
        )
        try:
            return await visit.pay(agent)
        except (WebFailure, CancelledError):
            raise
        except Exception as error:
            raise visit.failure(Failure(error)) from error
        finally:
            visit.leave()

    async def _addresses(self, host: bytes) -> list[bytes]:
        """
        Where the host is, in the order in which that is tried.

        @raise WebFailure: nowhere, nobody knows, or where we do not go.
        """
        answers = await together(self._found(host, kind) for kind in ("AAAA", "A"))
        found = [each for some in answers if isinstance(some, list) for each in some]
        if not found:
            text = f"{host.decode('ascii')} has no address"
            unknown = [each for each in answers if isinstance(each, LookupFailed)]
            busy = [each for each in unknown if isinstance(each, LookupPutOff)]
            fault = Fault.BUSY if busy else Fault.UNREACHABLE
            raise WebFailure(fault, str(next(iter(busy or unknown), text)))
        good = [each for each in found if self._mayTry(each)]
        if not good:
            raise WebFailure(
                Fault.UNREACHABLE,
                f"{found[0].decode('ascii')} is no address of the Internet",
            )
        return good[: self._bounds.addresses]

    async def _found(self, host: bytes, kind: str) -> list[bytes] | LookupFailed:
        """Addresses of a kind, or why nobody knows any."""
        try:
            answer = await self._resolver.lookUp(host, kind)
        except NoSuchDomain:
            return []
        except LookupFailed as error:
            return error
        return list(answer.of(bytes))

    def _mayTry(self, address: bytes) -> bool:
        return isGlobal(address) or self._allowed.matches(address)


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
@frozen
class _Always:
    """The way to the one host that is asked, of which no log tells by itself."""

    endpoint: IStreamClientEndpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See L{IAgentEndpointFactory}."""
        return self

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}; it says no "Starting factory"."""
        if isinstance(factory, Factory):
            factory.noisy = False
        return self.endpoint.connect(factory)


@implementer(IStreamClientEndpoint)
@frozen
class _Addresses:
    """The addresses of a host, of which the first that answers is taken."""

    reactor: Any
    addresses: Sequence[bytes]
    visit: _Visit
    connectSeconds: float

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        counted = WrappingFactory(factory)
        counted.noisy = False
        counted.protocol = self._counting
        reasons, fault = [], Fault.UNREACHABLE
        for address in self.addresses:
            six = familyOf(address) is Family.IPV6
            make = TCP6ClientEndpoint if six else TCP4ClientEndpoint
            host = address.decode("ascii")
            endpoint = make(self.reactor, host, self.visit.port, self.connectSeconds)
            try:
                line = await endpoint.connect(counted)
            except CancelledError:
                raise
            except Exception as error:
                # Whatever keeps us from this one, there may be others.
                reasons.append(f"{host}: {explained(Failure(error))}")
                if getattr(error, "osError", None) in _EXHAUSTED:
                    fault = Fault.BUSY
                continue
            assert isinstance(line, _Counting)
            inner: IProtocol = line.wrappedProtocol
            return inner
        raise WebFailure(fault, "; ".join(reasons))

    def _counting(self, factory: Any, protocol: Any) -> _Counting:
        return _Counting(factory, protocol, self.visit)


class _Counting(ProtocolWrapper):
    """A connection that is cut off when too much has come over it."""

    def __init__(self, factory: Any, protocol: Any, visit: _Visit) -> None:
        ProtocolWrapper.__init__(self, factory, protocol)
        self._visit = visit
        self._left = visit.most + _AROUND_OCTETS
        visit.leave = self._leave

    def dataReceived(self, data: bytes) -> None:
        """Octets have come."""
        self._left -= len(data)
        if self._left < 0:
            self._visit.tooMuch = True
            self._leave()
            return
        ProtocolWrapper.dataReceived(self, data)

    def _leave(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()


def _notThere() -> None:
    """There is no connection to cut off."""


@define(eq=False)
class _Visit:
    """
    One request.

    @ivar most: how long the body of the answer may be.
    @ivar kind: of what is handed in.
    @ivar body: what is handed in; L{None}: something is asked for.
    @ivar leave: cuts the connection off.
    @ivar tooMuch: was it cut off because there was too much to read?
    """

    host: bytes
    port: int
    path: bytes
    most: int
    kind: bytes = b""
    body: bytes | None = None
    leave: Callable[[], None] = _notThere
    tooMuch: bool = False

    async def pay(self, agent: Agent) -> Page:
        """
        Ask, and read what is answered.

        @raise WebFailure: it is not what was asked for.
        """
        headers = {b"User-Agent": [_AGENT]}
        place = self.host
        if self.port != HTTPS_PORT:
            place = b"%b:%d" % (place, self.port)
        body = None
        if self.body is not None:
            headers[b"Content-Type"] = [self.kind]
            body = _Given(self.body)
        response: IResponse = await agent.request(
            b"GET" if body is None else b"POST",
            b"https://%b%b" % (place, self.path),
            Headers(headers),
            body,
        )
        kinds = response.headers.getRawHeaders(b"Content-Type") or [b""]
        kind = kinds[0].partition(b";")[0].strip().lower()
        status = response.code
        if not self.most or not 200 <= status < 300:
            return Page(status, kind, b"")
        reading = _Reading(self.most)
        response.deliverBody(reading)
        return Page(status, kind, await reading.done)

    def failure(self, failure: Failure) -> WebFailure:
        """Why it came to nothing, of what Twisted says of that."""
        if self.tooMuch:
            return WebFailure(Fault.ANSWER, "there is no end to what it answers")
        reason = _innermost(failure)
        if reason.check(WebFailure):
            error = reason.value
            assert isinstance(error, WebFailure)
            return error
        if reason.check(UntrustedPeer):
            return WebFailure(Fault.CERTIFICATE, str(reason.value))
        return WebFailure(Fault.UNREACHABLE, explained(reason) or "no reason")


@implementer(IBodyProducer)
class _Given:
    """What is handed in: it is short, and goes out at once."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See L{IBodyProducer}."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """There is no more to come."""

    def resumeProducing(self) -> None:
        """Nor now."""

    def stopProducing(self) -> None:
        """Nor then."""


def _innermost(failure: Failure) -> Failure:
    """The reason behind the reasons that L{twisted.web} has."""
    for _ in range(8):
        reasons = getattr(failure.value, "reasons", None)
        if not reasons:
            break
        failure = reasons[0]
    return failure


class _Reading(Protocol):
    """
    Reads the body of an answer.

    @ivar done: fires with it, or fails with L{WebFailure}.
    """

    def __init__(self, most: int) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._most = most
        self._pieces: list[bytes] = []
        self._octets = 0

    def dataReceived(self, data: bytes) -> None:
        """There is more of it."""
        self._octets += len(data)
        if self._octets <= self._most:
            self._pieces.append(data)
        else:
            self._end(f"what it answers is longer than {self._most} octets")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """That is all, or there will not be more."""
        if reason.check(ResponseDone) and not self.done.called:
            self.done.callback(b"".join(self._pieces))
        elif reason.check(PotentialDataLoss):
            self._end("it does not say where its answer ends")
        else:
            self._end("its answer was cut off")

    def _end(self, why: str) -> None:
        self._pieces.clear()
        if not self.done.called:
            self.done.errback(WebFailure(Fault.ANSWER, why))


__all__ = [
    "HTTPS_PORT",
    "Fault",
    "IWeb",
    "Page",
    "SecureWeb",
    "WebBounds",
    "WebFailure",
]
