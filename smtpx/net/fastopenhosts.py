"""
Which hosts connections are opened fast to: those that the operator names, but for some
time none where it did not help.

A SYN with something in it may be lost where an empty one is not, and then it costs a
second; or its content is passed over, and then it costs nothing, and gains nothing.

Whatever is in a SYN may be heard twice.  To hosts that the operator names besides, a
message may go so that they know again (L{smtpx.core.repeatable}), if all of it fits.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from ..core.hostlist import HostList
from .fastopen import Opened

#: How long a host is spared where it failed, in seconds.
SPARED_SECONDS = 3600.0

#: What a SYN has room for, in octets: an Ethernet frame of 1500, without the headers of
#: IP and TCP, and 40 octets of TCP's options, with the cookie.
ROOM_IPV4, ROOM_IPV6 = 1420, 1400

#: How long it is remembered how much a host's SYN has room for, and whether it took a
#: hello that was cut down, in seconds.
LEARNED_SECONDS = 86_400.0

#: More are not remembered.
_MOST = 10_000

Place = tuple[bytes, int]


@define(eq=False)
class FastOpenHosts:
    """
    Hosts that connections are opened fast to.

    @ivar hosts: the operator's list, of names and addresses.
    @ivar clock: seconds, of any beginning.
    @ivar whole: those to which a whole message may go so, likewise.
    """

    hosts: HostList
    clock: Callable[[], float]
    whole: HostList = HostList()
    #: Until when addresses are spared, the first to be spared first.
    _spared: dict[Place, float] = field(factory=dict, init=False)
    #: Likewise of rooms, in octets; L{None}: hellos are not to be cut down.
    _rooms: dict[Place, tuple[float, int | None]] = field(factory=dict, init=False)
    #: Likewise of groups that hosts have asked for.
    _shares: dict[Place, tuple[float, str]] = field(factory=dict, init=False)

    def mayTry(self, host: bytes, address: bytes, port: int) -> bool:
        """
        @param host: its name.
        """
        until = self._spared.get((address, port))
        if until is not None:
            if self.clock() < until:
                return False
            del self._spared[address, port]
        return self.hosts.matches(address, (host,))

    def room(self, host: bytes, address: bytes) -> int:
        """
        How many octets a SYN has room for, if a message may ride on it; 0: it may
        not.

        @param host: its name.
        """
        if not self.whole.matches(address, (host,)):
            return 0
        return ROOM_IPV6 if b":" in address else ROOM_IPV4

    def failed(self, address: bytes, port: int) -> None:
        """Nothing came of it; spare it for a while."""
        place = (address, port)
        self._spared.pop(place, None)
        while len(self._spared) >= _MOST:
            del self._spared[next(iter(self._spared))]
        self._spared[place] = self.clock() + SPARED_SECONDS

    def roomFor(self, address: bytes, port: int, most: int) -> int | None:
        """
        How long a ClientHello may be.

        @param most: how much there is room for in the SYN, as far as the kernel knows.
        @return: in octets; L{None}: as long as it likes, for nothing would be won.
        """
        place = (address, port)
        known = self._rooms.get(place)
        if known is None:
            return most
        until, room = known
        if self.clock() >= until:
            del self._rooms[place]
            return most
        return None if room is None else min(room, most)

    def learned(self, address: bytes, port: int, room: int | None) -> None:
        """
        Remember how long a ClientHello may be.

        @param room: in octets: no more left with the SYN; L{None}: the host wants
            hellos that are whole.
        """
        place = (address, port)
        known = self._rooms.pop(place, None)
        if known is not None and known[1] is None and self.clock() < known[0]:
            # What a host wants counts for more than what there is room for.
            room = None
        while len(self._rooms) >= _MOST:
            del self._rooms[next(iter(self._rooms))]
        self._rooms[place] = self.clock() + LEARNED_SECONDS, room

    def shareFor(self, address: bytes, port: int) -> str | None:
        """
        The group that a host has asked for a key share of; L{None}: none.
        """
        place = (address, port)
        until, share = self._shares.get(place, (0.0, None))
        if share is not None and self.clock() >= until:
            del self._shares[place]
            return None
        return share

    def wants(self, address: bytes, port: int, share: str) -> None:
        """
        Remember that a host has asked for a key share of a group (RFC 8446 section
        4.1.4).
        """
        place = (address, port)
        self._shares.pop(place, None)
        while len(self._shares) >= _MOST:
            del self._shares[next(iter(self._shares))]
        self._shares[place] = self.clock() + LEARNED_SECONDS, share

    def opened(self, address: bytes, port: int, how: Opened, said: bool) -> None:
        """
        It came about.

        @param said: was there something to say in the SYN?
        """
        if how is Opened.EARLY and said:
            self.failed(address, port)


__all__ = [
    "LEARNED_SECONDS",
    "ROOM_IPV4",
    "ROOM_IPV6",
    "SPARED_SECONDS",
    "FastOpenHosts",
]
