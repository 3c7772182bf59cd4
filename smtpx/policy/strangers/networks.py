"""
Networks, as which clients are known: a host that sends again may do so from another
address of its pool.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from attrs import frozen

#: What a client is called that has no address, as over a UNIX socket.
NOWHERE = "local"


@frozen
class Prefixes:
    """
    How long the part of an address is that stands for its network, in bits.
    """

    ipv4: int = 24
    ipv6: int = 64

    def network(self, address: bytes) -> str:
        """
        The network of a client, such as C{192.0.2.0/24}; one of a single address is
        written without its length.

        @param address: of the client; empty: it has none.
        """
        try:
            found = ip_address(address.decode("ascii"))
        except ValueError:
            return NOWHERE
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        bits = self.ipv4 if found.version == 4 else self.ipv6
        return _shown(ip_network(f"{found}/{bits}", strict=False))

    def parse(self, text: str) -> str:
        """
        The network that somebody names by itself, or by an address in it.

        @raise ValueError: it is none.
        """
        address, slash, _ = text.partition("/")
        ip_address(address)
        if not slash:
            return self.network(address.encode("ascii"))
        return _shown(ip_network(text, strict=False))


def _shown(network: object) -> str:
    return str(network).removesuffix("/32").removesuffix("/128")


__all__ = ["NOWHERE", "Prefixes"]
