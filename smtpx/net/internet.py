"""
Which addresses are of the Internet: whoever is led to a host by somebody else's word
goes to no others.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

#: Where translators (RFC 6052) have the addresses of IPv4.
_TRANSLATED = ip_network("64:ff9b::/96")
assert isinstance(_TRANSLATED, IPv6Network)

#: What is given to hosts of the Internet (RFC 4291 section 2.4), all of it; and of
#: that, what is for examples (RFC 9637), which Python does not know of everywhere.
_UNICAST, _DOCUMENTATION = ip_network("2000::/3"), ip_network("3fff::/20")


def isGlobal(address: bytes) -> bool:
    """
    Is it an address of the Internet: of one host, that is not this one, and not of a
    network that only somebody here can reach?
    """
    try:
        found = ip_address(address.decode("ascii"))
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        # Whoever translates these comes out at the address inside.
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _TRANSLATED:
            return isGlobal(str(ip_address(int(found) & 0xFFFFFFFF)).encode("ascii"))
        if inner is not None:
            return isGlobal(str(inner).encode("ascii"))
        if found not in _UNICAST or found in _DOCUMENTATION:
            return False
    return found.is_global and not found.is_multicast


__all__ = ["isGlobal"]
