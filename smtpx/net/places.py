"""
By what connections are kept: the host and the way to talk to it.

Two messages share connections where name, addresses and port of the host are the same,
and so is the way.  It takes a while to find that out of the values, and mostly they are
the very same objects for one message after the other; so it is remembered by which
objects a L{Place} was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dns.mailhosts import MailHost
from .sending import Key, Way, keyOf

if TYPE_CHECKING:
    from .client import ClientProtocol

#: By how many pairs of objects places are found, at most.
_KNOWN_MOST = 256


class Place:
    """
    Where messages go that share their connections.

    @ivar key: by what it differs from others.
    @ivar idle: the connections that wait for a message, the one that was used last at
        the end.
    @ivar users: how many messages are on their way there.
    """

    __slots__ = ("idle", "key", "users")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.idle: list[ClientProtocol] = []
        self.users = 0


class Places:
    """
    The places to which something goes, or of which a connection is idle; of others
    nothing is remembered for long.
    """

    def __init__(self) -> None:
        self._byKey: dict[Key, Place] = {}
        #: With the objects, so that there are no others of the same identity.
        self._known: dict[tuple[int, int], tuple[MailHost, Way, Place]] = {}

    def __len__(self) -> int:
        return len(self._byKey)

    def find(self, host: MailHost, way: Way) -> Place | None:
        """The place, if something goes there, or a connection is idle."""
        return self._byKey.get(keyOf(host, way))

    def enter(self, host: MailHost, way: Way) -> Place:
        """
        A message goes to a place.

        @return: it is to be left again.
        """
        known = self._known.get((id(host), id(way)))
        place = self._look(host, way) if known is None else known[2]
        place.users += 1
        return place

    def _look(self, host: MailHost, way: Way) -> Place:
        """Find it by what it differs from others, and remember that."""
        key = keyOf(host, way)
        place = self._byKey.get(key)
        if place is None:
            place = self._byKey[key] = Place(key)
        if len(self._known) >= _KNOWN_MOST:
            self._known.clear()
        self._known[id(host), id(way)] = host, way, place
        return place

    def leave(self, place: Place) -> None:
        """A message that went there has come to its end."""
        place.users -= 1
        if not place.users and not place.idle:
            self.forget(place)

    def forget(self, place: Place) -> None:
        """Nothing is idle there any more; perhaps nothing goes there, either."""
        if not place.users and not place.idle:
            del self._byKey[place.key]
            # It may be known by more than one pair of objects.
            self._known.clear()


__all__ = ["Place", "Places"]
