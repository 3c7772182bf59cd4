"""
The table C{[local]}: whom we are the final host of.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from attrs import Attribute, field, frozen

from ..objects import PythonObject


class Unknown(Enum):
    """What becomes of an address at a domain of ours that is not listed."""

    ACCEPT = "accept"
    REFUSE = "refuse"


def _separators(instance: object, attribute: Attribute[str], value: str) -> None:
    # What has a meaning of its own in addresses and aliases cannot be one.
    if any(each not in "!#$%&'+-/=?^_`{|}~" for each in value):
        raise ValueError(f'expected signs such as "+", got "{value}"')


@frozen
class VirtualEntry:
    """Domains with people of their own."""

    domains: tuple[str, ...] = field(
        metadata={
            "help": "The domains.  A name at one of them is somebody else than the"
            " same name at a domain of ``local``, and only aliases with a domain are"
            " for them."
        }
    )
    addresses: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Who is known: ``ann`` is known at each of these domains,"
            " ``ann@shop.example`` at one."
        },
    )
    unknown: Unknown = field(
        default=Unknown.REFUSE,
        metadata={
            "help": "What becomes of other addresses there: ``accept``, or ``refuse``"
            " with 550 5.1.1."
        },
    )

    def __attrs_post_init__(self) -> None:
        """
        @raise ValueError: no domain.
        """
        if not self.domains:
            raise ValueError("virtual domains want a domain at least")


@frozen
class Local:
    """Whom we are the final host of."""

    domains: tuple[str, ...] | None = field(
        default=None,
        metadata={
            "help": "Our domains.  If not given: ``localhost`` and the server's name."
        },
    )
    addresses: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Addresses that are known, such as ``ann@example.org``.  The"
            " postmaster of each domain is always known (RFC 5321 section 4.5.1)."
        },
    )
    unknown: Unknown = field(
        default=Unknown.ACCEPT,
        metadata={
            "help": "What becomes of other addresses at our domains: ``accept``, or"
            " ``refuse`` with 550 5.1.1."
        },
    )
    tagSeparators: str = field(
        default="+",
        validator=_separators,
        metadata={
            "help": "What separates a tag from a user: with ``+``,"
            " ``ann+lists@example.org`` is ``ann@example.org`` to routes, aliases and"
            " the lists here, unless it is listed itself (RFC 5233).  Each character"
            " is one; none: there are no tags."
        },
    )
    virtual: tuple[VirtualEntry, ...] = field(
        default=(), metadata={"help": "Domains with people of their own."}
    )
    ownersSinceFile: Path | None = field(
        default=None,
        metadata={
            "help": "A file that lists addresses and domains of ours that had another"
            " owner before, each with the time since when that is over.  With it,"
            " senders may ask whether a mailbox is still the same person's (the"
            " extension RRVS).  It is read again when it changes."
        },
    )
    ownersPython: PythonObject | None = field(
        default=None,
        metadata={
            "help": "A callable that says since when mailboxes have their owners; it"
            " is asked before the file."
        },
    )

    @property
    def ownersKnown(self) -> bool:
        """Is there somebody who knows since when mailboxes have their owners?"""
        return self.ownersSinceFile is not None or self.ownersPython is not None
