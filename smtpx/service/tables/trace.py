"""
The table C{[trace]}: which sessions are traced.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ...core.hostlist import HostList
from ..kinds import FilePath
from ..nested import Optional


@frozen
class Trace:
    """
    Which sessions are written down flight by flight, in the folder of traces and on
    the status page.  Passwords and messages are not in a trace.

    Without hosts and recipients there are no traces, and they cost nothing.
    """

    hosts: HostList = field(
        factory=HostList,
        metadata={
            "help": "A host list: clients whose sessions are traced, and servers to"
            " which mail is sent."
        },
    )
    recipients: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Sessions are traced in which one of these is named in RCPT,"
            " by a client or by us, whether it is accepted or not: an address, a"
            " domain, ``*.example.org`` for the domains below it, or ``*`` for all."
            "  To have what came before, every session is kept in memory until its end."
        },
    )
    sessionsMax: int = field(
        default=100,
        metadata={"least": 1, "help": "The most sessions that are recorded at a time."},
    )
    perMinuteMax: int = field(
        default=30,
        metadata={"least": 1, "help": "The most traces that are kept in a minute."},
    )
    octetsMax: int = field(
        default=262_144,
        metadata={
            "least": 4096,
            "help": "About how many octets of memory the trace of a session may take;"
            " what is beyond is left out.",
        },
    )
    folder: Path | None = field(
        default=None,
        metadata={
            "kind": Optional(FilePath()),
            "help": "Where traces are kept.  If not given: ``trace`` in the state"
            " folder.",
        },
    )
    sessionsKept: int = field(
        default=1000,
        metadata={
            "least": 1,
            "help": "How many sessions the folder holds, two files each; the oldest"
            " goes for a new one.",
        },
    )

    @property
    def wanted(self) -> bool:
        """Is anybody traced?"""
        return bool(self.hosts.items or self.recipients)
