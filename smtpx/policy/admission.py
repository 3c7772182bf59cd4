"""
How many connections a client may have: in all, per address, per network.

A host of IPv6 has a whole network of 64 bits to choose its addresses from, so
that many bits are one address here.  Connections from this machine itself count
only among all of them: who can make those has other ways to be in the way.

L{Admission} counts those of one process, L{JointAdmission} those of all that are one
server (L{smtpx.joint}).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from attrs import frozen
from zope.interface import implementer

from ..core.hostlist import HostList
from ..core.reply import Reply, reply
from ..joint import Count, Counts
from ..net.factory import IAdmission

#: RFC 5321 section 3.8; the greeting has no enhanced code (RFC 2034 section 3).
TOO_MANY = reply(421, None, b"Too many connections; try again later", closes=True)
TOO_MANY_OF_YOURS = reply(
    421, None, b"Too many connections from your host; try again later", closes=True
)
TOO_MANY_OF_YOUR_NETWORK = reply(
    421, None, b"Too many connections from your network; try again later", closes=True
)

#: What clients count as, how many of that there may be, and what those above are told.
_Bound = tuple[bytes, int, Reply]

#: Of how many addresses it is remembered what they count as.
_ADDRESSES_MOST = 4096

#: This machine.
LOOPBACK = HostList.parse(["127.0.0.0/8", "::1"])


@frozen
class AdmissionBounds:
    """
    How many connections there may be at once.

    @ivar all: in all.
    @ivar perAddress: from one address.
    @ivar perNetwork: from one network.
    @ivar networkPrefixIPv4: how many bits of an IPv4 address are its network.
    @ivar networkPrefixIPv6: how many bits of an IPv6 address are its network.
    @ivar addressPrefixIPv6: how many bits of an IPv6 address are one address.
    """

    all: int = 10_000
    perAddress: int = 100
    perNetwork: int = 1000
    networkPrefixIPv4: int = 24
    networkPrefixIPv6: int = 48
    addressPrefixIPv6: int = 64


class _Clients:
    """
    What clients count as.

    @ivar of: by their addresses; empty: only as some of all.
    """

    def __init__(self, bounds: AdmissionBounds, trusted: HostList) -> None:
        self._bounds = bounds
        self._trusted = trusted
        # To take an address apart costs more than all else here, and each is
        # wanted twice at least.
        self.of = lru_cache(_ADDRESSES_MOST)(self._of)

    def _of(self, address: bytes) -> tuple[_Bound, ...]:
        if self._trusted.matches(address):
            return ()
        try:
            found = ip_address(address.decode("ascii"))
        except ValueError:
            return ()
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        bits, number = found.max_prefixlen, int(found)
        bounds = self._bounds
        own, network = bounds.addressPrefixIPv6, bounds.networkPrefixIPv6
        if found.version == 4:
            own, network = bits, bounds.networkPrefixIPv4
        host, block = number >> (bits - own), number >> (bits - network)
        return (
            (b"%da%x" % (bits, host), bounds.perAddress, TOO_MANY_OF_YOURS),
            (b"%dn%x" % (bits, block), bounds.perNetwork, TOO_MANY_OF_YOUR_NETWORK),
        )


@implementer(IAdmission)
class Admission:
    """
    Counts connections.  Each call takes the same time however many there are,
    and no count is kept of clients that have none.

    @ivar count: how many there are.
    @ivar full: nothing is to be known of other processes.
    """

    full = None

    def __init__(
        self,
        bounds: AdmissionBounds = AdmissionBounds(),  # noqa: B008  # it is frozen
        trusted: HostList = LOOPBACK,
    ) -> None:
        """
        @param trusted: clients for whom only the bound on all connections holds.
        """
        self.count = 0
        self._bounds = bounds
        self._counts: dict[bytes, int] = {}
        self._keys = _Clients(bounds, trusted).of

    def enter(self, address: bytes) -> Reply | None:
        """
        A connection is made.

        @param address: of the client; empty where it has none.
        @return: a refusal; L{None}: it is counted, until C{leave}.
        """
        if self.count >= self._bounds.all:
            return TOO_MANY
        counts = self._counts
        keys = self._keys(address)
        for key, most, refusal in keys:
            if counts.get(key, 0) >= most:
                return refusal
        for key, _, _ in keys:
            counts[key] = counts.get(key, 0) + 1
        self.count += 1
        return None

    def leave(self, address: bytes) -> None:
        """
        A connection that was counted is gone.

        @param address: the same as at C{enter}.
        """
        self.count -= 1
        for key, _, _ in self._keys(address):
            left = self._counts.get(key, 0) - 1
            if left > 0:
                self._counts[key] = left
            else:
                # Not there at all: an address that did not enter.  To fail now
                # would keep the connection from being put away.
                self._counts.pop(key, None)


@implementer(IAdmission)
class JointAdmission:
    """
    Counts connections together with the other processes of a server: the bounds hold
    for all of them, exactly.
    """

    def __init__(
        self,
        bounds: AdmissionBounds,
        all: Count,
        clients: Counts,
        ownMost: int,
        trusted: HostList = LOOPBACK,
    ) -> None:
        """
        @param all: counts all connections.
        @param clients: counts them by clients.
        @param ownMost: how many this process may have, for it has only so many
            descriptors.
        @param trusted: clients for whom only the bound on all connections holds.
        """
        self._bounds = bounds
        self._all = all
        self._clients = clients
        self._ownMost = ownMost
        self._keys = _Clients(bounds, trusted).of

    @property
    def count(self) -> int:
        """How many there are in this process."""
        return self._all.own

    def full(self) -> bool:
        """Are there as many in all processes as there may be?"""
        return self._all.all >= self._bounds.all

    def enter(self, address: bytes) -> Reply | None:
        """See L{IAdmission}."""
        if self._all.own >= self._ownMost or not self._all.take(self._bounds.all):
            return TOO_MANY
        keys, take = self._keys(address), self._clients.take
        for place, (key, most, refusal) in enumerate(keys):
            if not take(key, most):
                for taken, _, _ in keys[:place]:
                    self._clients.give(taken)
                self._all.give()
                return refusal
        return None

    def leave(self, address: bytes) -> None:
        """See L{IAdmission}."""
        self._all.give()
        for key, _, _ in self._keys(address):
            # Else it is an address that did not enter: see L{Admission.leave}.
            if self._clients.own(key):
                self._clients.give(key)


__all__ = ["LOOPBACK", "Admission", "AdmissionBounds", "JointAdmission"]
