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
    lineEnds: LineEnds | None = field(
        default=None,
        validator=only(TransportKind.MAILDIR, TransportKind.PIPE),
        metadata={
            "help": "For ``maildir`` and ``pipe``: ``crlf`` keeps the message octet for"
            " octet, ``lf`` makes each CRLF an LF, as most programs expect.  If not"
            " given: ``crlf`` in a Maildir, ``lf`` for a command."
        },
    )

    @property
    def wishedLineEnds(self) -> LineEnds:
        """How lines end, whether that was said or not."""
        if self.lineEnds is not None:
            return self.lineEnds
        piped = self.transport is TransportKind.PIPE
        return LineEnds.LF if piped else LineEnds.CRLF


__all__ = ["MaildirOptions"]
