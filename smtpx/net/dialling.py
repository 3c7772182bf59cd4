"""
Connecting to a host that has more than one address (RFC 8305, "happy eyeballs"); or
to a UNIX socket, whose path is an address by itself.

Addresses are tried in turn, the kinds alternating; the next one is tried as well as
soon as one has failed, or has not answered for a quarter of a second.  The first
connection counts, and the others are given up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import Enum
from itertools import zip_longest
from typing import Any, Generic, TypeVar

from OpenSSL.SSL import Error as TLSError
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, TimeoutError
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from ..core.flaw import Flaw
from ..spool.via import Cause
from ..tls.verdict import UntrustedPeer
from .fastopen import connectFast
from .sending import Family, Way
from .times import ClientTimes

P = TypeVar("P", bound=Protocol)


class Dial(Enum):
    """
    What becomes of one address.

    @cvar BEGUN: it is tried.
    @cvar ANSWERED: it is the one.
    @cvar FAILED: it did not answer.
    @cvar GIVEN_UP: another was faster, or nobody waits any more.
    """

    BEGUN = "begun"
    ANSWERED = "answered"
    FAILED = "failed"
    GIVEN_UP = "given up"


def _nobody(address: bytes, what: Dial, why: str) -> None:
    """Nobody looks on."""


def arranged(addresses: Iterable[bytes], way: Way) -> list[bytes]:
    """
    The addresses to try, in order: the kinds alternate, and within a kind the order
    stays.

    @param addresses: of IP, or the path of a UNIX socket, alone.
    """
    addresses = list(addresses)
    if any(map(isPath, addresses)):
        return addresses
    kinds: dict[Family, list[bytes]] = {Family.IPV6: [], Family.IPV4: []}
    for address in addresses:
        kinds[familyOf(address)].append(address)
    first = way.prefer or Family.IPV6
    second = Family.IPV4 if first is Family.IPV6 else Family.IPV6
    wanted = [way.only] if way.only is not None else [first, second]
    rows = zip_longest(*(kinds[family] for family in wanted))
    return [address for row in rows for address in row if address is not None]


def familyOf(address: bytes) -> Family:
    """The kind of an IP address."""
    return Family.IPV6 if b":" in address else Family.IPV4


def isPath(address: bytes) -> bool:
    """Is it the path of a UNIX socket?"""
    return address.startswith(b"/")


class Unanswered(Exception):
    """
    No address of a host could be connected to; the message has each with its reason,
    or the reason where there was one address.

    @ivar address: the one that was tried last.
    """

    def __init__(self, text: str, address: bytes) -> None:
        Exception.__init__(self, text)
        self.address = address


class _Attempt(ClientFactory):
    """One address."""

    noisy = False
    #: Is it not known yet what comes of it?
    pending = True

    def __init__(self, dialling: Dialling[Any], address: bytes) -> None:
        self.address = address
        self._dialling = dialling

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """It answered; L{None}: another was faster, so close it."""
        self.pending = False
        protocol: Protocol | None = self._dialling.answered(self)
        return protocol

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """It did not."""
        self.pending = False
        self._dialling.failed(self, reason)


class Dialling(Generic[P]):
    """
    One attempt to connect to a host.

    @ivar done: fires with the protocol, just before it is connected; fails with
        L{Unanswered}.  May be cancelled.
    """

    def __init__(
        self,
        reactor: Any,
        addresses: Iterable[bytes],
        port: int,
        way: Way,
        times: ClientTimes,
        build: Callable[[bytes], P],
        told: Callable[[bytes, Dial, str], None] | None = None,
        fast: Callable[[bytes], bool] = lambda address: False,
    ) -> None:
        """
        @param reactor: connects by TCP, to UNIX sockets where one is wanted, and has
            time.
        @param addresses: in the order in which they are to be tried.
        @param build: makes the protocol for a connection to an address; called
            once at most.
        @param told: told what becomes of each address, and why it failed; must not
            raise.
        @param fast: is the connection to an address to be opened fast?  Then it may
            count before it has come about.
        """
        self.done: Deferred[P] = Deferred(lambda done: self._end())
        self._reactor = reactor
        self._left = list(reversed(list(addresses)))
        self._port = port
        self._way = way
        self._times = times
        self._build = build
        self._tell = told or _nobody
        self._fast = fast
        self._connectors: dict[_Attempt, IConnector] = {}
        self._reasons: list[tuple[bytes, str]] = []
        self._last = b""
        self._over = False
        self._timer: IDelayedCall | None = None

    def begin(self) -> Deferred[P]:
        """Try the first."""
        self._next()
        return self.done

    def _next(self) -> None:
        """Try one address more, or find that all have failed."""
        self._stopTimer()
        if not self._left:
            if not self._connectors:
                self._end()
                self.done.errback(Unanswered(self._told(), self._last))
            return
        address = self._last = self._left.pop()
        if self._left:
            self._timer = self._reactor.callLater(self._times.apartSeconds, self._next)
        attempt = _Attempt(self, address)
        self._tell(address, Dial.BEGUN, "")
        connector = self._connect(attempt, address)
        if attempt.pending:
            self._connectors[attempt] = connector

    def _connect(self, attempt: _Attempt, address: bytes) -> IConnector:
        limit = self._times.connectSeconds
        connector: IConnector
        if isPath(address):
            path = os.fsdecode(address)
            connector = self._reactor.connectUNIX(path, attempt, timeout=limit)
            return connector
        place = (address.decode("ascii"), self._port, attempt)
        source = self._source(address)
        if self._fast(address):
            return connectFast(self._reactor, *place, limit, source)
        connector = self._reactor.connectTCP(*place, timeout=limit, bindAddress=source)
        return connector

    def _source(self, address: bytes) -> tuple[str, int] | None:
        source = self._way.source(address)
        return None if source is None else (source.decode("ascii"), 0)

    def answered(self, attempt: _Attempt) -> P | None:
        """An address has answered."""
        if self._over:
            return None
        self._connectors.pop(attempt, None)
        self._end()
        self._tell(attempt.address, Dial.ANSWERED, "")
        protocol = self._build(attempt.address)
        self.done.callback(protocol)
        return protocol

    def failed(self, attempt: _Attempt, reason: Failure) -> None:
        """An address has not."""
        if self._over:
            return
        self._connectors.pop(attempt, None)
        why = explained(reason)
        self._tell(attempt.address, Dial.FAILED, why)
        self._reasons.append((attempt.address, why))
        self._next()

    def _told(self) -> str:
        """Why nothing came of it; of a single address, all who hear it know which."""
        if len(self._reasons) == 1:
            return self._reasons[0][1]
        told = [f"{address.decode('ascii')}: {why}" for address, why in self._reasons]
        return "; ".join(told) or "no address of a kind that is tried"

    def _end(self) -> None:
        self._over = True
        self._stopTimer()
        connectors, self._connectors = self._connectors, {}
        for attempt, connector in connectors.items():
            self._tell(attempt.address, Dial.GIVEN_UP, "")
            connector.disconnect()

    def _stopTimer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def explained(reason: Failure) -> str:
    """
    Why a connection did not come about or ended, in the words of whoever knows: the
    system, or OpenSSL.
    """
    error = reason.value
    if isinstance(error, TimeoutError):
        return "Connection timed out"
    if isinstance(error, ConnectError) and isinstance(error.osError, int):
        return os.strerror(error.osError)
    if isinstance(error, TLSError):
        # A list of OpenSSL's errors, where it has any.
        errors = error.args[0] if error.args else ()
        found = [entry[-1] for entry in errors] if isinstance(errors, list) else []
        return ", ".join(found) or "no reason"
    return reason.getErrorMessage()


def brokenTLS(reason: Failure) -> tuple[str, Cause, None, Flaw]:
    """
    Why a TLS handshake failed, as L{smtpx.net.sending.Unreached} has it: in words, by
    its kind, without a reply, and in one word.
    """
    error = reason.value
    flaw = error.flaw if isinstance(error, UntrustedPeer) else Flaw.HANDSHAKE
    return f"TLS handshake failed: {explained(reason)}", Cause.TLS, None, flaw


__all__ = [
    "Dial",
    "Dialling",
    "Unanswered",
    "arranged",
    "brokenTLS",
    "explained",
    "familyOf",
    "isPath",
]
