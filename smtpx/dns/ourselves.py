"""
Is a mail host this very server?  Whoever sends mail to himself sends it in circles
(RFC 5321 section 5.1).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from zope.interface import Interface, implementer

from ..core.domain import checkDomain
from ..core.errors import Malformed
from .mailhosts import SMTP_PORT

#: An address of a machine.
_IP = IPv4Address | IPv6Address


class IOurselves(Interface):
    """Knows by what names and addresses mail comes to this server."""

    def hasName(name: bytes, port: int) -> bool:
        """
        Is it a name of ours?

        @param name: in lower case.
        @param port: the TCP port there.
        """

    def hasAddress(address: bytes, port: int) -> bool:
        """
        Would a connection come to us?

        @param port: the TCP port there.
        """


@implementer(IOurselves)
class Ourselves:
    """
    We are where we listen, and where the operator says that we are.

    Another server at another port of this machine is not us; that is how two of them
    pass mail to each other.
    """

    def __init__(
        self,
        names: Collection[bytes],
        listening: Callable[[], Iterable[tuple[bytes, int]]],
        elsewhere: Collection[bytes] = (),
        isOfThisMachine: Callable[[_IP], bool] | None = None,
    ) -> None:
        """
        @param names: what this server calls itself; counts at the ports where we
            listen.
        @param listening: where we listen now: addresses, C{0.0.0.0} and C{::} among
            them, and ports.
        @param elsewhere: other names and addresses under which the world finds us,
            as before a router that translates addresses; count at port 25 as well.
        @param isOfThisMachine: has the machine such an address?  L{None}: the
            system is asked.
        """
        self._names = {name.lower() for name in names}
        self._listening = listening
        self._elsewhere = {each.lower() for each in elsewhere}
        self._elsewhereAddresses = {
            plain for each in elsewhere if (plain := _plain(each)) is not None
        }
        self._isOfThisMachine = isOfThisMachine or machineHas

    def hasName(self, name: bytes, port: int) -> bool:
        """See L{IOurselves}."""
        ports = {each for _, each in self._listening()}
        if name in self._names:
            return port in ports
        return name in self._elsewhere and port in {SMTP_PORT, *ports}

    def hasAddress(self, address: bytes, port: int) -> bool:
        """See L{IOurselves}."""
        found = _plain(address)
        if found is None:
            return False
        listening = [_plain(at) for at, each in self._listening() if each == port]
        if found in self._elsewhereAddresses:
            return bool(listening) or port == SMTP_PORT
        if found in listening:
            return True
        # Connecting to no address at all is connecting to this machine.
        everywhere = any(
            at is not None and at.is_unspecified and at.version == found.version
            for at in listening
        )
        if found.is_unspecified:
            return bool(listening)
        return everywhere and self._isOfThisMachine(found)


def machineHas(address: _IP) -> bool:
    """
    Has this machine an address?  Whatever addresses it has now: a socket can be bound
    to those, and to no other, unless the system was told to allow that.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((str(address), 0))
    except OSError:
        return False
    return True


def isNameOrAddress(text: str) -> bool:
    """Can it be among C{elsewhere} of L{Ourselves}?"""
    octets = text.encode("ascii", "replace")
    if _plain(octets) is not None:
        return True
    try:
        checkDomain(octets.replace(b"_", b"x"))
    except Malformed:
        return False
    return not (octets.startswith(b"[") or octets.rpartition(b".")[2].isdigit())


def _plain(address: bytes) -> _IP | None:
    """An address, that of IPv4 in IPv6 as one of IPv4; L{None}: it is none."""
    try:
        found = ip_address(address.decode("ascii").partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


__all__ = ["IOurselves", "Ourselves", "isNameOrAddress", "machineHas"]
