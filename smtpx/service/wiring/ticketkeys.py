"""
The keys of TLS session tickets that all workers have.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...extensions.tlsresume import ticketKeyAt
from ...tls.sharedkeys import RingName, SharedKeys
from ..config import Configuration
from ..tables import ListenerTLS
from .doors import kindsOf


def sharedKeys(configuration: Configuration) -> SharedKeys:
    """
    The keys of all listeners, made ahead; for the process that forks the workers.
    """
    keys = SharedKeys([*_rings(configuration)], configuration.tls.tlsResumptionLifetime)
    keys.makeAhead()
    return keys


def _rings(configuration: Configuration) -> Iterator[RingName]:
    """Which listeners take tickets, and of whom."""
    signed = configuration.tls.clientAuthorities is not None
    for place, kind in kindsOf(configuration.listeners).items():
        if kind.tls is ListenerTLS.NONE or not kind.resuming.items:
            continue
        for asked in (False, True) if signed else (False,):
            yield RingName(ticketKeyAt(place), kind.terms, asked)


__all__ = ["sharedKeys"]
