"""
What routes with the transport C{maildir} have besides.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ...queue.mailbox import LineEnds
from ..kinds import FilePath
from ..nested import Optional
from .routeoptions import RouteOptions, TransportKind, only


@frozen
class MaildirOptions(RouteOptions):
    """What routes into Maildirs have."""

    path: Path | None = field(
        default=None,
        validator=only(TransportKind.MAILDIR),
        metadata={
            "kind": Optional(FilePath(template=True)),
            "help": "For ``maildir``: the folder.  ``{local}``, ``{user}`` (the local"
            " part without its tag), ``{domain}`` and ``{address}`` stand for parts of"
            " the recipient's address.  If not given: ``Maildir`` in the state folder.",
        },
    )
    lineEnds: LineEnds = field(
        default=LineEnds.CRLF,
        validator=only(TransportKind.MAILDIR),
        metadata={
            "help": "For ``maildir``: ``crlf`` keeps the message octet for octet,"
            " ``lf`` makes each CRLF an LF, as most readers of Maildirs expect."
        },
    )


__all__ = ["MaildirOptions"]
