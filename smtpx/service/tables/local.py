"""
The table C{[local]}: whom we are the final host of.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen


class Unknown(Enum):
    """What becomes of an address at a domain of ours that is not listed."""

    ACCEPT = "accept"
    REFUSE = "refuse"


@frozen
class Local:
    """Whom we are the final host of."""

    domains: tuple[str, ...] | None = field(
        default=None,
        metadata={
            "help": "Our domains.  If not given: ``localhost`` and the server's name."
        },
    )
    addresses: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Addresses that are known, such as ``ann@example.org``.  The"
            " postmaster of each domain is always known (RFC 5321 section 4.5.1)."
        },
    )
    unknown: Unknown = field(
        default=Unknown.ACCEPT,
        metadata={
            "help": "What becomes of other addresses at our domains: ``accept``, or"
            " ``refuse`` with 550 5.1.1."
        },
    )
