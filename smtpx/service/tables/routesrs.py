"""
What routes that send may say of the senders of forwarded mail.
"""

from __future__ import annotations

from attrs import field, frozen

from ...queue.srs import Scope
from .routeoptions import TransportKind, only
from .routeresumption import ResumptionOptions


@frozen
class SenderOptions(ResumptionOptions):
    """What routes that send may say of senders."""

    srs: Scope = field(
        default=Scope.FORWARDED,
        validator=only(TransportKind.SMTP),
        metadata={
            "help": "For ``smtp``, and where the table ``srs`` has a domain: which mail"
            " goes out with senders rewritten to it.  ``forwarded``: what an alias"
            " leads elsewhere; ``all``: every message whose sender is not ours;"
            " ``none``: none.",
        },
    )


__all__ = ["SenderOptions"]
