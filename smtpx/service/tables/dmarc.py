"""
The table C{[dmarc]}: what is done of what domains ask for by DMARC.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ...queue.author import Author, parseAuthor
from ..kinds import Text
from ..nested import Optional, Parsed
from .tlsreports import organizationName

#: Where the list is that others have for it (the default of Exim, once).
SUFFIX_FILE = Path("/etc/exim/opendmarc.tlds")

_WORDS = 'a mailbox, such as "DMARC reports <dmarc@example.org>"'
_AUTHOR = Optional(Parsed(Author, Text(), parseAuthor, str, _WORDS), None)


def _organization(instance: DMARC, attribute: Any, value: str | None) -> None:
    """
    @raise ValueError: it cannot be told, or there is nobody to tell it.
    """
    if value is None:
        return
    if instance.aggregateSender is None:
        raise ValueError("a name wants dmarc_aggregate_sender, whom reports are from")
    organizationName(value)


class Boundaries(Enum):
    """How it is known where domains of one owner end."""

    WALK = "walk"
    LIST = "list"


@frozen
class DMARC:
    """
    What is done of what domains ask for by DMARC (RFC 9989, RFC 7489): how their
    records are found, and what they are told.  Whose mail is looked at stands in
    ``[authentication]``; what becomes of it is for policies to say.
    """

    boundaries: Boundaries = field(
        default=Boundaries.WALK,
        metadata={
            "help": "How it is known where domains of one owner end.  ``walk``: the"
            " records themselves say it (RFC 9989); ``list``: a public suffix list does"
            " (RFC 7489, and its ``pct``), whose file is ``dmarc_tld_file``."
        },
    )
    suffixFile: Path = field(
        default=SUFFIX_FILE,
        metadata={
            "option": "dmarc_tld_file",
            "help": "The public suffix list, in the form of"
            " https://publicsuffix.org/list/; it is read where ``boundaries`` is"
            " ``list``, and again when it changes.  ``smtpx psl update`` replaces it.",
        },
    )
    historyFile: Path | None = field(
        default=None,
        metadata={
            "option": "dmarc_history_file",
            "help": "A file to which the results of each message with a DMARC record"
            " are added, for ``opendmarc-import`` of OpenDMARC.  If not given: none.",
        },
    )
    forensicSender: Author | None = field(
        default=None,
        metadata={
            "option": "dmarc_forensic_sender",
            "kind": _AUTHOR,
            "help": "Whom reports on single messages are from, to people and to mail"
            " servers: ``DMARC <dmarc@example.org>``.  If not given: to people whom"
            " other reports are from (``reports.dsn_from``), to mail servers nobody"
            " (``<>``).  They are sent only for messages for which a policy has"
            " switched them on (the control ``dmarc_enable_forensic``).",
        },
    )
    forensicPerHour: int = field(
        default=10,
        metadata={
            "option": "dmarc_forensic_per_hour",
            "least": 1,
            "most": 10_000,
            "help": "How many reports on single messages go out in an hour for one"
            " domain; others are left out.",
        },
    )
    aggregateSender: Author | None = field(
        default=None,
        metadata={
            "option": "dmarc_aggregate_sender",
            "kind": _AUTHOR,
            "help": "Whom aggregate reports are from, which go once a day to owners of"
            " domains who ask for them (``rua``; RFC 9990): ``DMARC reports"
            " <dmarc@example.org>``.  Its domain is the one that reports.  If not"
            " given: nothing is counted, and nobody is told.",
        },
    )
    aggregateOrganization: str | None = field(
        default=None,
        validator=_organization,
        metadata={
            "option": "dmarc_aggregate_organization",
            "help": "The name of who makes aggregate reports, for people.  If not"
            " given: the domain of ``dmarc_aggregate_sender``.",
        },
    )


__all__ = ["DMARC", "SUFFIX_FILE", "Boundaries"]
