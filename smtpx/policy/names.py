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

That a name could not be looked up is not the same as that there is none: a list that
it would take the name for has no verdict (L{smtpx.core.hostlist.HostList.verdict}),
and the client is to come again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.domain import checkDomain
from ..core.envelope import Envelope, Recipient
from ..core.errors import Malformed
from ..core.hostlist import HostList
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..dns.interfaces import IResolver, LookupFailed, NoSuchDomain
from ..dns.records import reverseName
from ..dns.together import together
from ..net.interfaces import IPolicy
from .turnstile import Crowded, Turnstile

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

    def verdict(
        self, address: bytes, names: Sequence[bytes] = (), named: bool = True
    ) -> bool | None:
        """See L{HostList.verdict}."""
        return self.current.verdict(address, names, named)


class HostNames:
    """Looks up the names in host lists, from C{start} to C{stop}."""

    _log = Logger()

    def __init__(
        self,
        resolver: IResolver,
        clock: IReactorTime,
        everySeconds: float = 300.0,
        limitSeconds: float = 30.0,
        soonSeconds: float = 30.0,
    ) -> None:
        """
        @param everySeconds: how long an answer is good.
        @param limitSeconds: how long a look-up may take.
        @param soonSeconds: how soon all are looked up again while there is a name
            whose addresses nobody could tell.
        """
        self._resolver = resolver
        self._clock = clock
        self._everySeconds = everySeconds
        self._limitSeconds = limitSeconds
        self._soonSeconds = soonSeconds
        self._lists: list[LiveHostList] = []
        self._addresses: dict[bytes, list[bytes]] = {}
        self._told: set[bytes] = set()
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
            live.current = live.configured.resolved(self._addresses, self._unknown)
        seconds = self._soonSeconds if self._unknown else self._everySeconds
        self._timer = self._clock.callLater(seconds, self._round)

    def _look(self, name: bytes) -> Deferred[None]:
        def found(addresses: list[bytes]) -> None:
            if not addresses:
                raise LookupError("it has no address")
            self._addresses[name] = addresses
            self._told.discard(name)
            self._unknown.discard(name)

        def failed(failure: Failure) -> None:
            # What it had stays good, so that there is no doubt.
            if name in self._addresses or failure.check(LookupError):
                self._unknown.discard(name)
            else:
                self._unknown.add(name)
            if name not in self._told:
                self._told.add(name)
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


def addressesOf(resolver: IResolver, name: bytes) -> Deferred[list[bytes]]:
    """
    Look up the addresses of a host.

    @return: fires with all of them; with none where there is no such host.  Fails with
        L{LookupFailed} where nobody knows of any.
    """
    return Deferred.fromCoroutine(_addressesOf(resolver, name))


async def _addressesOf(resolver: IResolver, name: bytes) -> list[bytes]:
    found: list[bytes] = []
    failed: LookupFailed | None = None
    for each in await together(_family(resolver, name, k) for k in ("A", "AAAA")):
        if isinstance(each, LookupFailed):
            failed = each
        else:
            # A link's own addresses may come with the name of the link.
            found += [address.partition(b"%")[0] for address in each]
    if failed is not None and not found:
        raise failed
    return found


async def _family(
    resolver: IResolver, name: bytes, kind: str
) -> tuple[bytes, ...] | LookupFailed:
    try:
        return (await resolver.lookUp(name, kind)).of(bytes)
    except NoSuchDomain:
        return ()
    except LookupFailed as error:
        return error


def confirmedName(resolver: IResolver, address: bytes) -> Deferred[bytes | None]:
    """
    The name of the host at an address, if the name leads back there.

    @return: fires with it, in lower case; with L{None}: it has no name, or none that
        leads back.  Fails with L{LookupFailed} where that could not be found out.
    """
    return Deferred.fromCoroutine(_confirmedName(resolver, address))


async def _confirmedName(resolver: IResolver, address: bytes) -> bytes | None:
    try:
        wanted = _plain(address)
    except ValueError:
        return None
    try:
        answer = await resolver.lookUp(reverseName(str(wanted).encode("ascii")), "PTR")
    except NoSuchDomain:
        return None
    failed: LookupFailed | None = None
    for name in answer.of(bytes)[:_NAMES_MOST]:
        if not _isHostName(name):
            continue
        try:
            addresses = await addressesOf(resolver, name)
        except LookupFailed as error:
            failed = error
            continue
        if any(_plain(each) == wanted for each in addresses):
            return name
    if failed is not None:
        raise failed
    return None


def _isHostName(name: bytes) -> bool:
    """
    Can it be one?  What stands in the DNS is anybody's text, and a number would
    confirm itself.
    """
    try:
        checkDomain(name.replace(b"_", b"x"))
    except Malformed:
        return False
    return not (name.rpartition(b".")[2].isdigit() or name.startswith(b"["))


def _plain(address: bytes) -> IPv4Address | IPv6Address:
    """
    @raise ValueError: it is no address.
    """
    found = ip_address(address.decode("ascii").partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


@frozen
class PeerName:
    """
    What is known of a client's name.

    @ivar name: its verified name; L{None}: it has none, or it is not known.
    @ivar known: could it be looked up?
    """

    name: bytes | None
    known: bool = True


_UNKNOWN = PeerName(None, False)


class PeerNames:
    """
    Names of clients, remembered for a while.
    """

    def __init__(
        self,
        turnstile: Turnstile,
        look: Callable[[bytes], Deferred[bytes | None]],
        now: Callable[[], float],
        keepSeconds: float = 300.0,
        doubtSeconds: float = 30.0,
        most: int = 10_000,
    ) -> None:
        """
        @param turnstile: bounds how many are looked up at once, and how long.
        @param look: looks one up; see L{confirmedName}.
        @param now: seconds of any clock.
        @param keepSeconds: how long an answer is good.
        @param doubtSeconds: how long a client is not looked up again whose name nobody
            could tell.
        @param most: how many answers are kept.
        """
        self._turnstile = turnstile
        self._look = look
        self._now = now
        self._keepSeconds = keepSeconds
        self._doubtSeconds = doubtSeconds
        self._most = most
        self._kept: dict[bytes, tuple[float, PeerName]] = {}

    def of(self, address: bytes) -> PeerName | Deferred[PeerName]:
        """
        The verified name of a client.

        @param address: its address.
        """
        kept = self._kept.get(address)
        if kept is not None and self._now() < kept[0]:
            return kept[1]

        def found(name: bytes | None) -> PeerName:
            return self._keep(address, PeerName(name), self._keepSeconds)

        def failed(failure: Failure) -> PeerName:
            if failure.check(Crowded):
                return _UNKNOWN
            # Whoever makes us wait for nothing does it once.
            return self._keep(address, _UNKNOWN, self._doubtSeconds)

        looking = self._turnstile.admit(lambda: self._look(address))
        return looking.addCallbacks(found, failed)

    def _keep(self, address: bytes, name: PeerName, seconds: float) -> PeerName:
        self._kept.pop(address, None)
        if len(self._kept) >= self._most:
            # The oldest; a dictionary keeps the order.
            del self._kept[next(iter(self._kept))]
        self._kept[address] = self._now() + seconds, name
        return name


@implementer(IPolicy)
class NamingPolicy:
    """
    Gives each session its client's name, and has no objection to anything.  It
    has to be the first of all policies.
    """

    #: It does what it does when a client connects.
    bearsRepeats = True

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
        session.peerNameKnown = True
        if session.peerName is not None or not (session.peer and self._wanted()):
            return None

        def found(peer: PeerName) -> None:
            session.peerName, session.peerNameKnown = peer.name, peer.known

        peer = self._names.of(session.peer)
        if isinstance(peer, Deferred):
            return peer.addCallback(found)
        found(peer)
        return None

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
    "PeerName",
    "PeerNames",
    "addressesOf",
    "confirmedName",
]
