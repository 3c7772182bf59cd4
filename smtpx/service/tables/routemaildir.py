"""
What routes with the transport C{maildir} have besides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from ...core.errors import UsageError
from ...queue.addedfields import AddedFields
from ...queue.mailbox import LineEnds
from ..kinds import FilePath
from ..nested import Optional
from .routebmi import BMIRouteOptions
from .routeoptions import TransportKind, only


def _fields(
    entry: MaildirOptions, attribute: Attribute[Any], value: tuple[str, ...]
) -> None:
    only(TransportKind.MAILDIR)(entry, attribute, value)
    try:
        AddedFields.parse(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


@frozen
class MaildirOptions(BMIRouteOptions):
    """What routes into Maildirs have."""

    path: Path | None = field(
        default=None,
        validator=only(TransportKind.MAILDIR),
        metadata={
            "kind": Optional(FilePath(template=True)),
            "help": "For ``maildir``: the folder.  ``{local}``, ``{user}`` (the local"
            " part without its tag), ``{domain}`` and ``{address}`` stand for parts of"
            " the recipient's address, and with ``bmi_deliver_alternate``"
            " ``{bmi_alt_location}`` for what a scanner says.  If not given:"
            " ``Maildir`` in the state folder.",
        },
    )
    headersAdd: tuple[str, ...] = field(
        default=(),
        validator=_fields,
        metadata={
            "help": "For ``maildir``: fields that each recipient's copy gets above the"
            " message, such as ``X-Brightmail-Tracker: $bmi_base64_tracker_verdict``."
            "  They can have the variables ``$bmi_base64_verdict``,"
            " ``$bmi_base64_tracker_verdict``, ``$bmi_alt_location`` and"
            " ``$bmi_deliver``; a field of which nothing is left but its name is left"
            " out, and ``$bmi_alt_location`` alone is a whole field, if it is one."
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
