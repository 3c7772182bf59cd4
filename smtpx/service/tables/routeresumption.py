"""
What routes that send may say of TLS sessions from before.
"""

from __future__ import annotations

from attrs import field, frozen

from ...core.hostlist import HostList
from .routeoptions import SENDING, only
from .routesmtp import RouteTLS
from .routeterms import TermsOptions


def _protected(entry: ResumptionOptions) -> str | None:
    return "TLS is unwanted here" if entry.wishedTLS is RouteTLS.UNWANTED else None


@frozen
class ResumptionOptions(TermsOptions):
    """What routes that send may say of sessions."""

    tlsResumptionHosts: HostList = field(
        default=HostList(),
        validator=only(
            *sorted(SENDING, key=lambda kind: kind.name), checks=(_protected,)
        ),
        metadata={
            "option": "tls_resumption_hosts",
            "help": "For ``smtp`` and ``lmtp``: hosts whose TLS sessions are kept and"
            " resumed (RFC 8446 section 2.2).  If not given: none's.",
        },
    )


__all__ = ["ResumptionOptions"]
