"""
Whom we are the final host of.
"""

from __future__ import annotations

from itertools import chain

from ...policy.ours import LocalAddresses, VirtualDomains
from ..config import Configuration
from ..tables import Unknown


def localDomains(configuration: Configuration, name: str) -> tuple[str, ...]:
    """The server's own domains."""
    domains = configuration.local.domains
    if domains is None:
        return tuple(dict.fromkeys(("localhost", name.lower())))
    return domains


def allDomains(configuration: Configuration, name: str) -> tuple[str, ...]:
    """Our domains, the virtual ones among them."""
    virtual = [each.domains for each in configuration.local.virtual]
    return (*localDomains(configuration, name), *chain(*virtual))


def tagSeparators(configuration: Configuration) -> bytes:
    """What separates tags, each octet of it."""
    return configuration.local.tagSeparators.encode("ascii")


def localAddresses(configuration: Configuration, name: str) -> LocalAddresses:
    """
    Whom we are the final host of.

    @raise UsageError: a domain or address is none.
    """
    local = configuration.local
    return LocalAddresses(
        localDomains(configuration, name),
        local.addresses,
        local.unknown is Unknown.ACCEPT,
        name.encode("ascii"),
        [
            VirtualDomains(each.domains, each.addresses, each.unknown is Unknown.ACCEPT)
            for each in local.virtual
        ],
        tagSeparators(configuration),
        configuration.listAsks,
    )
