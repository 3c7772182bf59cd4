"""
The tables C{[[route]]}: where messages go from the spool.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from attrs import field, frozen

from ...queue.mailbox import LineEnds
from ..kinds import FilePath
from ..nested import Optional


class TransportKind(Enum):
    """How messages leave the spool."""

    MAILDIR = "maildir"
    DISCARD = "discard"
    HOLD = "hold"


@frozen
class RouteEntry:
    """Where the messages of some recipients go."""

    match: tuple[str, ...] = field(
        metadata={
            "help": "Whose: an address, a domain, ``*.example.org`` for the domains"
            " below it, or ``*`` for all.  The narrowest match of all routes decides."
        }
    )
    transport: TransportKind = field(
        default=TransportKind.MAILDIR,
        metadata={
            "help": "``maildir`` writes a file for each recipient, ``discard`` throws"
            " the message away, ``hold`` keeps it in the spool until somebody"
            " releases it."
        },
    )
    path: Path | None = field(
        default=None,
        metadata={
            "kind": Optional(FilePath(template=True)),
            "help": "For ``maildir``: the folder.  ``{local}``, ``{user}`` (the local"
            " part without its tag), ``{domain}`` and ``{address}`` stand for parts of"
            " the recipient's address.  If not given: ``Maildir`` in the state folder.",
        },
    )
    lineEnds: LineEnds = field(
        default=LineEnds.CRLF,
        metadata={
            "help": "For ``maildir``: ``crlf`` keeps the message octet for octet,"
            " ``lf`` makes each CRLF an LF, as most readers of Maildirs expect."
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: nobody to match, or a path that is of no use.
        """
        if not self.match:
            raise ValueError("a route needs something to match")
        if self.transport is not TransportKind.MAILDIR and self.path is not None:
            raise ValueError(f'a route to "{self.transport.value}" has no path')
