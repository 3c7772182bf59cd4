"""
Whom we are the final host of.
"""

from __future__ import annotations

from ...policy.local import LocalAddresses
from ..config import Configuration
from ..tables import Unknown


def localDomains(configuration: Configuration, name: str) -> tuple[str, ...]:
    """Our domains."""
    domains = configuration.local.domains
    if domains is None:
        return tuple(dict.fromkeys(("localhost", name.lower())))
    return domains


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
    )
