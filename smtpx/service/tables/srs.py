"""
The table C{[srs]}: senders of forwarded mail.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ...core.domain import checkDomain
from ...core.errors import Malformed
from ...mailauth.srs import AGE_DAYS, HASH_CHARACTERS


class Separator(Enum):
    """What stands behind the tag of an address."""

    EQUALS = "="
    MINUS = "-"
    PLUS = "+"


class Returning(Enum):
    """What is taken for an address that leads back to a sender."""

    REPORTS = "reports"
    ALL = "all"


def _isDomain(text: str) -> bool:
    try:
        checkDomain(text.encode("ascii"))
    except (Malformed, UnicodeEncodeError):
        return False
    return not text.startswith("[")


def _checkDomain(text: str) -> None:
    if not _isDomain(text):
        raise ValueError(f'expected a domain such as example.org, got "{text}"')


def _domain(instance: SRSOptions, attribute: Any, value: str | None) -> None:
    if value is None:
        return
    _checkDomain(value)
    if instance.secretsFile is None:
        raise ValueError("this wants secrets_file, by which addresses are known")


def _domains(instance: SRSOptions, attribute: Any, value: tuple[str, ...]) -> None:
    for each in value:
        _checkDomain(each)
    if value and instance.domain is None:
        raise ValueError("this wants domain, where senders are rewritten to now")


def _secrets(instance: SRSOptions, attribute: Any, value: Path | None) -> None:
    if value is not None and instance.domain is None:
        raise ValueError("secrets want domain, where senders are rewritten to")


def _min(instance: SRSOptions, attribute: Any, value: int) -> None:
    if value > instance.hashLength:
        raise ValueError(f"more than hash_length, which is {instance.hashLength}")


@frozen
class SRSOptions:
    """
    Senders of forwarded mail (SRS): the next host sees an address of ours that leads
    back to the sender, so that SPF holds there.  Without C{domain} they stay as they
    are.
    """

    domain: str | None = field(
        default=None,
        validator=_domain,
        metadata={
            "help": "Where rewritten senders are: one of our own domains, whose MX"
            " records lead here and whose SPF record names us.  If not given: senders"
            " stay as they are, and what was rewritten before leads back to nobody."
        },
    )
    secretsFile: Path | None = field(
        default=None,
        validator=_secrets,
        metadata={
            "help": "The file with the secrets by which we know our own addresses: one"
            " a line, of 20 characters and more; nobody but its owner may read it."
            "  The first signs, all are good on the way back.  It is read again when it"
            " changes, and may be the one of postsrsd.  ``domain`` wants one."
        },
    )
    formerDomains: tuple[str, ...] = field(
        default=(),
        validator=_domains,
        metadata={
            "help": "Domains of ours where senders were rewritten to before: what comes"
            " back there is taken, too."
        },
    )
    keepSenders: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Senders that stay as they are, as ours do: addresses, domains and"
            " ``*.example.org``, whose SPF records name us."
        },
    )
    separator: Separator = field(
        default=Separator.EQUALS,
        metadata={"help": "What stands behind ``SRS0`` and ``SRS1``."},
    )
    hashLength: int = field(
        default=4,
        metadata={
            "least": 4,
            "most": HASH_CHARACTERS,
            "help": "How many characters of the signature stand in an address (Exim's"
            " ``srs_hashlength``).",
        },
    )
    hashMin: int = field(
        default=4,
        validator=_min,
        metadata={
            "least": 4,
            "most": HASH_CHARACTERS,
            "help": "How many there have to be on the way back (Exim's"
            " ``srs_hashmin``).",
        },
    )
    maxAgeDays: int = field(
        default=21,
        metadata={
            "least": 1,
            "most": AGE_DAYS,
            "help": "For how many days an address leads back to its sender (Exim's"
            " ``srs_maxage``).",
        },
    )
    returning: Returning = field(
        default=Returning.REPORTS,
        metadata={
            "help": "What is taken for such an address: ``reports``, mail from the null"
            " sender with no other such recipient, or ``all``."
        },
    )
    eximAddresses: bool = field(
        default=False,
        metadata={
            "help": "Are addresses good, too, that Exim's ``srs_encode`` made with one"
            " of the secrets?  Its signatures are weaker; it is of use for the weeks"
            " after moving here."
        },
    )
