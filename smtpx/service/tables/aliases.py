"""
The table C{[aliases]}: whose mail goes to whom instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen


@frozen
class AliasOptions:
    """Whose mail goes to whom instead."""

    files: tuple[Path, ...] = field(
        default=(),
        metadata={
            "help": "Aliases files, in the form of ``/etc/aliases`` and more; see"
            " the page on them.  They are read again when they change; where"
            " anything is wrong then, aliases stay as they were."
        },
    )
    entries: Mapping[str, tuple[str, ...]] = field(
        factory=dict,
        metadata={
            "help": "Aliases in this file: the name is what stands on the left in an"
            " aliases file, such as ``sales@example.org``, in quotes, and the list is"
            " what stands on the right."
        },
    )
    depthMax: int = field(
        default=50,
        metadata={
            "least": 1,
            "most": 200,
            "help": "How many aliases may lead from one to the next.",
        },
    )
    membersMax: int = field(
        default=10_000,
        metadata={
            "least": 1,
            "help": "How many recipients the aliases of a message may lead to, in all."
            "  An alias that leads to more is an error; a recipient with whom there"
            " would be more is put off with 452, for another message.",
        },
    )


__all__ = ["AliasOptions"]
