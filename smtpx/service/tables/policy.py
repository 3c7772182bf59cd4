"""
The table C{[policy]}: who is refused, besides.
"""

from __future__ import annotations

from attrs import field, frozen

from ...core.hostlist import HostList
from ..objects import PythonObject


@frozen
class Policy:
    """Who is refused, besides."""

    python: tuple[PythonObject, ...] = field(
        default=(),
        metadata={
            "help": "Policies of yours, asked in this order when our own has no"
            " objection.  Each is an object with the methods of"
            " ``smtpx.net.interfaces.IPolicy``, all or some, or a callable without"
            " arguments that makes one."
        },
    )
    refuseHosts: HostList = field(
        factory=HostList,
        metadata={"help": "A host list: clients that are refused at once (554)."},
    )
