"""
The tables C{[[import]]}: folders that are watched for messages in Exim's spool format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from ..kinds import FilePath


def _absolute(instance: object, attribute: Attribute[Any], value: Path) -> None:
    if ".." in value.parts:
        raise ValueError(f'"{value}" has ".." in it, which leads elsewhere')


@frozen
class ImportFolder:
    """
    A folder from which messages are taken.  Whoever can put files there can send mail
    from anybody to anybody, so it belongs to root or to whom the server runs as, and
    nobody else may write there, unless ``group`` says so.
    """

    folder: Path = field(
        validator=_absolute,
        metadata={
            "kind": FilePath(),
            "help": "The folder, which has to be there.  Files that are of no use are"
            " moved into the folder ``bad`` in it.",
        },
    )
    group: str | None = field(
        default=None,
        metadata={
            "help": "A group whose members may write there, by name, such as that of"
            " Exim or of a scanner.  If not given: nobody else may."
        },
    )
    lookSeconds: float = field(
        default=10.0,
        metadata={
            "least": 0.1,
            "help": "How often it is looked into.  On Linux the server hears of what is"
            " moved there at once.",
        },
    )


__all__ = ["ImportFolder"]
