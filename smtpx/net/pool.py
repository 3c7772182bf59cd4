"""
Connections to hosts, used again for other messages.

A connection that has delivered its message waits for a moment for another one that
goes the same way.  One flight suffices then, where the host has PIPELINING and
CHUNKING.  Nothing is ever opened ahead of need, and how many connections there are
to a host is the business of whoever sends.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from attrs import field, frozen
from attrs.validators import ge, gt
from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.errors import UsageError
from ..core.hooks import Forecast
from ..core.interfaces import IBody
from ..dns.mailhosts import MailHost
from .client import ClientProtocol
from .clientkit import ClientKit
from .delivery import Delivery
from .dialling import Dialling, arranged
from .places import Place, Places
from .sending import Heard, IClientPool, Sent, Way


@frozen
class PoolBounds:
    """
    How long and how many connections are kept.

    @ivar idleSeconds: how long one waits for another message.
    @ivar idleMost: how many do so, all hosts together; above it, the one that has
        waited longest is ended.
    @ivar messagesMost: how many messages go over one, at most.
    """

    idleSeconds: float = field(default=2.0, validator=ge(0))
    idleMost: int = field(default=100, validator=ge(0))
    messagesMost: int = field(default=500, validator=gt(0))


_BOUNDS = PoolBounds()

#: A connection that was used so recently is taken for good; if it is not, the message
#: goes over another one all the same.
_FRESH_SECONDS = 0.02


@implementer(IClientPool)
class ClientPool:
    """
    See L{IClientPool}.

    @ivar kit: what all connections have in common.
    @ivar bounds: how long and how many are kept.
    """

    def __init__(self, kit: ClientKit, bounds: PoolBounds = _BOUNDS) -> None:
        """
        @param kit: its reactor connects by TCP.
        """
        self.kit = kit
        self.bounds = bounds
        self._reactor: Any = kit.reactor
        self._seconds = self._reactor.seconds
        self._places = Places()
        #: Those that are idle, by when they came to be so, the longest first.
        self._resting: dict[ClientProtocol, tuple[float, Place]] = {}
        self._lines: set[ClientProtocol] = set()
        #: Those that are saying goodbye, and who wants to know when they are closed.
        self._leaving: dict[ClientProtocol, tuple[Place, list[Deferred[None]]]] = {}
        #: How many messages are on their way.
        self._underway = 0
        self._sweeping: IDelayedCall | None = None
        self._closed: Deferred[None] | None = None

    # --- for whoever sends ------------------------------------------------------

    def send(
        self,
        host: MailHost,
        way: Way,
        envelope: Envelope,
        body: IBody | None,
        heard: Heard | None = None,
    ) -> Deferred[Sent]:
        """
        See L{IClientPool}.

        @param body: L{None}: as of C{verify}.
        """
        if self._closed is not None:
            return fail(UsageError("the pool is closed"))
        self._underway += 1
        place = self._places.enter(host, way)
        delivery = Delivery(self, place, host, way, envelope, body, heard)
        delivery.begin()
        return delivery.done

    def verify(self, host: MailHost, way: Way, path: bytes) -> Deferred[Sent]:
        """
        Ask a host whether it takes mail for a recipient, from the null sender; it
        gets none.

        @param path: the recipient's mailbox, as the envelope has it.
        @return: as of C{send}, but a 2yz only says that it would.
        """
        return self.send(host, way, Envelope(b"", 0.0, [Recipient(path)]), None)

    def cold(self, host: MailHost, way: Way) -> int:
        """See L{IClientPool}."""
        place = self._places.find(host, way)
        return 0 if place is None else len(place.idle)

    def retire(self, hosts: Sequence[MailHost], most: int) -> Deferred[None]:
        """See L{IClientPool}."""
        wanted = {_placeOf(host) for host in hosts}
        idle = [
            line
            for line, (_, place) in self._resting.items()
            if place.key[:3] in wanted
        ]
        for line in idle[:most]:
            self._end(line)
        gone: list[Deferred[None]] = []
        for place, told in self._leaving.values():
            if place.key[:3] in wanted:
                gone.append(Deferred())
                told.append(gone[-1])
        return DeferredList(gone).addCallback(lambda _: None)

    @property
    def closed(self) -> bool:
        """Was it closed, or is about to be?"""
        return self._closed is not None

    @property
    def open(self) -> int:
        """How many connections there are, idle or not."""
        return len(self._lines)

    def close(self) -> Deferred[None]:
        """See L{IClientPool}."""
        if self._closed is None:
            self._closed = Deferred()
            for line in list(self._resting):
                self._end(line)
            self._stopSweeping()
        done: Deferred[None] = Deferred()
        self._closed.addCallback(lambda result: done.callback(None))
        self._settleClose()
        return done

    # --- for deliveries ---------------------------------------------------------

    def take(self, place: Place) -> ClientProtocol | None:
        """An idle connection, the one that was used last; L{None}: there is none."""
        idle = place.idle
        while idle:
            line = idle.pop()
            since, _ = self._resting.pop(line)
            # There can only be something to read if the host has closed it, or says
            # that it will: it is worth a look where it had time for that.
            if self._seconds() - since < _FRESH_SECONDS or not line.pending():
                return line
            line.quit()
        return None

    def dial(
        self,
        host: MailHost,
        way: Way,
        addresses: list[bytes],
        forecast: Forecast | None,
        fast: bool = True,
        anew: Container[bytes] = (),
    ) -> Deferred[ClientProtocol]:
        """
        Connect.

        @param addresses: those of the host that are tried.
        @param forecast: what the host is expected to say; L{None}: whatever
            extensions know of it.
        @param fast: may connections be opened fast?
        @param anew: addresses that are offered no TLS session from before.
        @return: fires with a connection that is about to be made; fails with
            L{smtpx.net.dialling.Unanswered}.
        """

        def build(address: bytes) -> ClientProtocol:
            line = ClientProtocol(
                self.kit,
                host.name,
                way,
                address=address,
                port=host.port,
                forecast=forecast,
                gone=self._forget,
                ended=self._ended,
            )
            line.anew = address in anew
            self._lines.add(line)
            return line

        hosts = self.kit.fastOpen if fast else None

        def mayTry(address: bytes) -> bool:
            return hosts is not None and hosts.mayTry(host.name, address, host.port)

        dialling = Dialling(
            self._reactor,
            arranged(addresses, way),
            host.port,
            way,
            self.kit.times,
            build,
            self.kit.dials(host.name, host.port),
            mayTry,
        )
        return dialling.begin()

    def giveBack(self, place: Place, line: ClientProtocol) -> None:
        """A connection has delivered its message."""
        if line.ready:
            self.rest(place, line)
        else:
            self._end(line, place)

    def rest(self, place: Place, line: ClientProtocol) -> None:
        """The same, of one that could deliver another one."""
        bounds = self.bounds
        if (
            line.spent
            or line.count >= bounds.messagesMost
            or not bounds.idleMost
            or not bounds.idleSeconds
            or self._closed is not None
        ):
            self._end(line, place)
            return
        resting = self._resting
        while len(resting) >= bounds.idleMost:
            self._end(next(iter(resting)))
        place.idle.append(line)
        resting[line] = self._seconds(), place
        if self._sweeping is None:
            self._sweeping = self._reactor.callLater(bounds.idleSeconds, self._sweep)

    def finished(self, place: Place) -> None:
        """A delivery has come to its end."""
        self._underway -= 1
        self._places.leave(place)
        if self._closed is not None:
            self._settleClose()

    # --- connections ------------------------------------------------------------

    def _end(self, line: ClientProtocol, place: Place | None = None) -> None:
        """
        Say goodbye on a connection that is not in use.

        @param place: where it is kept; L{None}: it is idle.
        """
        if place is None:
            place = self._resting[line][1]
        self._forget(line)
        if line in self._lines:
            self._leaving[line] = place, []
        line.quit()

    def _forget(self, line: ClientProtocol) -> None:
        """A connection is not idle, or not any more."""
        found = self._resting.pop(line, None)
        if found is None:
            return
        place = found[1]
        place.idle.remove(line)
        self._places.forget(place)

    def _ended(self, line: ClientProtocol) -> None:
        """A connection is closed."""
        self._lines.discard(line)
        left = self._leaving.pop(line, None)
        for each in () if left is None else left[1]:
            each.callback(None)
        self._settleClose()

    def _sweep(self) -> None:
        """End those that have been idle for long enough."""
        self._sweeping = None
        now, idle = self._seconds(), self.bounds.idleSeconds
        for line, (since, _) in list(self._resting.items()):
            left = since + idle - now
            if left > 0:
                self._sweeping = self._reactor.callLater(left, self._sweep)
                return
            self._end(line)

    def _stopSweeping(self) -> None:
        sweeping, self._sweeping = self._sweeping, None
        if sweeping is not None:
            sweeping.cancel()

    def _settleClose(self) -> None:
        closed = self._closed
        if closed is None or closed.called:
            return
        if not self._lines and not self._underway:
            closed.callback(None)


def _placeOf(host: MailHost) -> tuple[bytes, frozenset[bytes], int]:
    return host.name, frozenset(host.addresses), host.port


__all__ = ["ClientPool", "PoolBounds"]
