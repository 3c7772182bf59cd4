"""
The names under which lists are asked.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from ...core.errors import Malformed
from ...dns.idn import asciiDomain


def nameIn(zone: bytes, key: bytes) -> bytes | None:
    """
    The name that a list has for an address or a domain.

    @param zone: the list.
    @param key: an address, with or without the brackets that it has in mailboxes, or
        a domain, in UTF-8.
    @return: L{None}: there is nothing to be looked up, or it can be in no list.
    """
    stem = _reversed(key) or _domain(key)
    return None if stem is None else b"%b.%b" % (stem, zone)


def isAddress(key: bytes) -> bool:
    """Is it an address, and no domain?"""
    return _reversed(key) is not None


@lru_cache(1000)
def _reversed(key: bytes) -> bytes | None:
    """An address turned round (RFC 5782 section 2.1 and 2.4); L{None}: it is none."""
    text = key.decode("ascii", "replace")
    if text.startswith("["):
        text = text.removeprefix("[").removesuffix("]")
        text = text[5:] if text.lower().startswith("ipv6:") else text
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return ".".join(reversed(address.exploded.replace(":", ""))).encode()
        address = address.ipv4_mapped
    return ".".join(reversed(str(address).split("."))).encode()


def _domain(key: bytes) -> bytes | None:
    """A domain as the DNS has it; L{None}: it is none."""
    try:
        domain = asciiDomain(key)
    except (Malformed, UnicodeError):
        return None
    # What a client says may be anything.
    labels = domain.split(b".")
    if not all(0 < len(each) < 64 for each in labels) or b"[" in domain:
        return None
    return domain


__all__ = ["isAddress", "nameIn"]
