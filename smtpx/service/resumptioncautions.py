"""
What an operator should be told of who may resume TLS sessions.
"""

from __future__ import annotations

from collections.abc import Iterator

from .config import Configuration
from .problems import KeyPath, Problem
from .tables import Role
from .tables.tls import TLSVersion

_LINKED = (
    "by its ticket whoever listens knows a person's program again, wherever it connects"
    " from; for submission this is better left out"
)
_SENT = (
    "TLS 1.3 is the oldest version here, and OpenSSL always sends tickets under it, so"
    " they are sent to these clients, too"
)


def resumptionCautions(configuration: Configuration) -> Iterator[Problem]:
    """What to know of lists of listeners in which there is nothing wrong."""
    for index, listener in enumerate(configuration.listeners):
        path: KeyPath = ("listener", index)
        if listener.role is Role.SUBMISSION and listener.tlsResumptionHosts.items:
            yield configuration.problem((*path, "tls_resumption_hosts"), _LINKED)
        oldest = listener.tlsMinVersion or configuration.tls.minimum
        if listener.tlsNoTicketHosts.items and oldest is TLSVersion.TLS13:
            yield configuration.problem((*path, "tls_no_ticket_hosts"), _SENT)


__all__ = ["resumptionCautions"]
