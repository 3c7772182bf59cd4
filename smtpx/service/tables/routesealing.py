"""
What routes that send may say of seals.
"""

from __future__ import annotations

from attrs import field, frozen

from ..nested import Optional
from ..sealkind import ARCSign, Sealing
from .routeoptions import TransportKind, only
from .routesrs import SenderOptions


@frozen
class SealingOptions(SenderOptions):
    """What routes that send may say of seals."""

    arcSign: ARCSign | None = field(
        default=None,
        validator=only(TransportKind.SMTP),
        metadata={
            "option": "arc_sign",
            "kind": Optional(Sealing(), None),
            "none": None,
            "help": "For ``smtp``: messages are sealed by ARC (RFC 8617) with what was"
            " found out of them, ``domain : selector : file of the private key``, and"
            " options behind another ``:``: ``timestamps`` (they are always there) and"
            " ``expire`` (a month), ``expire=+N`` (N seconds) or ``expire=N`` (until"
            " then, in seconds since 1970).  Taken in are all"
            " ``Authentication-Results`` under the domain's name,"
            " ``authentication.authserv_id`` and ``authentication.own_names``."
            "  What cannot be sealed is sent as it is.",
        },
    )


__all__ = ["SealingOptions"]
