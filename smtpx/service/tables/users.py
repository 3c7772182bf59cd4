"""
The table C{[users]}: who can authenticate (RFC 4954).
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ..objects import PythonObject


@frozen
class Users:
    """Who can authenticate (RFC 4954)."""

    file: Path | None = field(
        default=None,
        metadata={
            "help": "The file that ``smtpx passwd`` writes.  It is read again when it"
            " changes; while there is none, AUTH is not offered.  If not given:"
            " ``users`` in the state folder."
        },
    )
    python: PythonObject | None = field(
        default=None,
        metadata={"help": "A callable that checks passwords, in place of the file."},
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: both.
        """
        if self.file is not None and self.python is not None:
            raise ValueError("users come either from a file or from python")
