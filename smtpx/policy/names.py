"""
Names of hosts, for host lists.

A plain name in a host list stands for the addresses of that host.  L{HostNames}
looks them up when the server starts and every few minutes, so that asking the
list never waits.  Where a name cannot be looked up, the addresses that it had
stay good.

An item C{*.example.org} wants the client's own name, which only a look-up of its
address can tell.  Whoever owns an address may write any name there, so
L{confirmedName} believes it only where the name leads back to the address.
L{NamingPolicy} does this for each client, if there is a list that wants it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.domain import checkDomain
from ..core.envelope import Envelope, Recipient
from ..core.hostlist import HostList
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..net.interfaces import IPolicy
from .turnstile import Crowded, Turnstile

#: Runs a job somewhere where it may block.
Work = Callable[[Callable[[], "bytes | None"]], "Deferred[bytes | None]"]

#: Of how many names of one address it is seen whether they lead back.
_NAMES_MOST = 4


class LiveHostList:
    """
    A host list whose names are looked up again and again.

    @ivar configured: the list as the configuration has it.
    @ivar current: the same, with the addresses that its names have now.
    """

    __slots__ = ("configured", "current")

    def __init__(self, configured: HostList) -> None:
        self.configured = self.current = configured

    @property
    def needsNames(self) -> bool:
        """See L{HostList}."""
        return self.current.needsNames

    def matches(self, address: bytes, names: Sequence[bytes] = ()) -> bool:
        """See L{HostList.matches}."""
        return self.current.matches(address, names)


class HostNames:
    """Looks up the names in host lists, from C{start} to C{stop}."""

    _log = Logger()

    def __init__(
        self,
        resolver: IHostnameResolver,
        clock: IReactorTime,
        everySeconds: float = 300.0,
        limitSeconds: float = 30.0,
    ) -> None:
        """
        @param resolver: a reactor's C{nameResolver}.
        @param everySeconds: how long an answer is good.
        @param limitSeconds: how long a look-up may take.
        """
        self._resolver = resolver
        self._clock = clock
        self._everySeconds = everySeconds
        self._limitSeconds = limitSeconds
        self._lists: list[LiveHostList] = []
        self._addresses: dict[bytes, list[bytes]] = {}
        self._unknown: set[bytes] = set()
        self._running = False
        self._timer: IDelayedCall | None = None

    def keep(self, hosts: HostList) -> LiveHostList:
        """
        Keep a list up to date.  Call it before C{start}.
        """
        live = LiveHostList(hosts)
        self._lists.append(live)
        return live

    @property
    def wanted(self) -> bool:
        """Is there a list with a name that has to be looked up?"""
        return any(live.configured.names for live in self._lists)

    @property
    def peerNamesWanted(self) -> bool:
        """May there be a list that wants the client's own name?"""
        return any(live.configured.needsNames for live in self._lists)

    def peerNamesMatter(self) -> bool:
        """Does a list want the client's own name now?"""
        return any(live.current.needsNames for live in self._lists)

    def start(self) -> Deferred[None]:
        """
        Begin.

        @return: fires when every name was looked up once, whatever came of it.
        """
        self._running = True
        return self._round()

    def stop(self) -> None:
        """End; what is under way is of no consequence any more."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _round(self) -> Deferred[None]:
        self._timer = None
        names = dict.fromkeys(n for each in self._lists for n in each.configured.names)
        looking = DeferredList([self._look(name) for name in names])
        return looking.addCallback(lambda _: self._take())

    def _take(self) -> None:
        if not self._running:
            return
        for live in self._lists:
            live.current = live.configured.resolved(self._addresses)
        self._timer = self._clock.callLater(self._everySeconds, self._round)

    def _look(self, name: bytes) -> Deferred[None]:
        def found(addresses: list[bytes]) -> None:
            if not addresses:
                raise LookupError("it has no address")
            self._addresses[name] = addresses
            self._unknown.discard(name)

        def failed(failure: Failure) -> None:
            if name not in self._unknown:
                self._unknown.add(name)
                self._log.warn(
                    "The host {name!r} of a host list cannot be looked up,"
                    " its addresses stay {addresses}: {error}",
                    name=name.decode("ascii"),
                    addresses=self._addresses.get(name, []),
                    error=failure.getErrorMessage(),
                )

        addresses = addressesOf(self._resolver, name)
        addresses.addTimeout(self._limitSeconds, self._clock)
        return addresses.addCallback(found).addErrback(failed)


@implementer(IResolutionReceiver)
class _Addresses:
    """
    Collects what a resolver finds.

    @ivar done: fires with the addresses.  Cancelled, it does not cancel the
        resolution: Twisted's own cannot be.
    """

    def __init__(self) -> None:
        self._found: list[bytes] = []
        self.done: Deferred[list[bytes]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """It has begun."""

    def addressResolved(self, address: IAddress) -> None:
        """There is an address."""
        host = getattr(address, "host", None)
        if host is not None:
            # A link's own addresses may come with the name of the link.
            self._found.append(host.partition("%")[0].encode("ascii"))

    def resolutionComplete(self) -> None:
        """There are no more."""
        self.done.callback(self._found)


def addressesOf(resolver: IHostnameResolver, name: bytes) -> Deferred[list[bytes]]:
    """
    Look up the addresses of a host.

    @return: fires with all of them; with none where there is no such host.
    """
    receiver = _Addresses()
    resolver.resolveHostName(receiver, name.decode("ascii"))
    return receiver.done


def confirmedName(
    address: bytes,
    reverse: Callable[[str], tuple[str, list[str], list[str]]] = socket.gethostbyaddr,
    forward: Callable[..., Sequence[tuple[Any, ...]]] = socket.getaddrinfo,
) -> bytes | None:
    """
    The name of the host at an address, if the name leads back there.  Blocks.

    @param reverse: C{socket.gethostbyaddr}.
    @param forward: C{socket.getaddrinfo}.
    @return: in lower case; L{None}: it has no name, or none that leads back.
    """
    try:
        wanted = _plain(address.decode("ascii"))
        first, others, _ = reverse(str(wanted))
    except (OSError, ValueError):
        return None
    for candidate in (first, *others)[:_NAMES_MOST]:
        name = candidate.lower().removesuffix(".")
        try:
            # What stands there is anybody's text; a number is no name.
            checkDomain(name.replace("_", "x").encode("ascii"))
            if name.rpartition(".")[2].isdigit() or name.startswith("["):
                continue
            found = forward(name, None, type=socket.SOCK_STREAM)
            if any(_plain(str(each[4][0])) == wanted for each in found):
                return name.encode("ascii")
        except (OSError, ValueError):
            continue
    return None


def _plain(address: str) -> IPv4Address | IPv6Address:
    """
    @raise ValueError: it is no address.
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


class PeerNames:
    """
    Names of clients, remembered for a while.
    """

    def __init__(
        self,
        turnstile: Turnstile,
        work: Work,
        now: Callable[[], float],
        keepSeconds: float = 300.0,
        most: int = 10_000,
        look: Callable[[bytes], bytes | None] = confirmedName,
    ) -> None:
        """
        @param turnstile: bounds how many are looked up at once, and how long.
        @param work: runs a job in a thread.
        @param now: seconds of any clock.
        @param keepSeconds: how long an answer is good.
        @param most: how many answers are kept.
        @param look: looks one up, in a thread.
        """
        self._turnstile = turnstile
        self._work = work
        self._now = now
        self._keepSeconds = keepSeconds
        self._most = most
        self._look = look
        self._kept: dict[bytes, tuple[float, bytes | None]] = {}

    def of(self, address: bytes) -> bytes | None | Deferred[bytes | None]:
        """
        The verified name of a client.

        @param address: its address.
        @return: L{None}: it has none, or that could not be found out in time.
        """
        kept = self._kept.get(address)
        if kept is not None and self._now() < kept[0]:
            return kept[1]

        def failed(failure: Failure) -> None:
            # Whoever makes us wait for nothing does it once.
            if not failure.check(Crowded):
                self._keep(None, address)

        looking = self._turnstile.admit(
            lambda: self._work(lambda: self._look(address)), cancels=False
        )
        return looking.addCallbacks(self._keep, failed, callbackArgs=(address,))

    def _keep(self, name: bytes | None, address: bytes) -> bytes | None:
        self._kept.pop(address, None)
        if len(self._kept) >= self._most:
            # The oldest; a dictionary keeps the order.
            del self._kept[next(iter(self._kept))]
        self._kept[address] = self._now() + self._keepSeconds, name
        return name


@implementer(IPolicy)
class NamingPolicy:
    """
    Gives each session its client's name, and has no objection to anything.  It
    has to be the first of all policies.
    """

    def __init__(self, names: PeerNames, wanted: Callable[[], bool]) -> None:
        """
        @param wanted: does anybody want names now?
        """
        self._names = names
        self._wanted = wanted

    def mayConnect(
        self, session: IServerSession
    ) -> Reply | None | Deferred[Reply | None]:
        """
        Look the name up, before others are asked; unless it is known, or there is
        no address to look up, as over a UNIX socket.
        """
        if session.peerName is not None or not (session.peer and self._wanted()):
            return None
        name = self._names.of(session.peer)
        if not isinstance(name, Deferred):
            session.peerName = name
            return None

        def found(name: bytes | None) -> None:
            session.peerName = name

        return name.addCallback(found)

    def maySend(self, session: IServerSession, envelope: Envelope) -> None:
        """No objection."""

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> None:
        """No objection."""


__all__ = [
    "HostNames",
    "LiveHostList",
    "NamingPolicy",
    "PeerNames",
    "addressesOf",
    "confirmedName",
]
