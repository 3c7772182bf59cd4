"""
The table C{[reports]}: what senders are told of their messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from ...queue.author import Author, parseAuthor
from ...queue.report import RETURNED_OCTETS, Diagnostic, Returned
from ...queue.wordings import ENGLISH
from ..kinds import Text, durationInSeconds
from ..nested import ListOf, Optional, Parsed

#: As with Exim (C{delay_warning}), in seconds.
DELAY_AFTER = (86400.0,)

_AUTHOR_WORDS = 'a mailbox, such as "Postmaster <postmaster@example.org>"'


@frozen
class Reports:
    """What senders are told of their messages, in delivery reports."""

    returned: Returned = field(
        default=Returned.HEADER,
        metadata={
            "help": "What of the message is sent back, where its sender did not say"
            " (``RET``): its ``header``, or the whole ``message``."
        },
    )
    returnedOctets: int = field(
        default=RETURNED_OCTETS,
        metadata={
            "most": RETURNED_OCTETS,
            "help": "A longer message is not sent back whole, and of a longer header"
            " only the beginning.",
        },
    )
    aliases: bool = field(
        default=False,
        metadata={
            "help": "Are senders told where aliases lead?  Otherwise they read the"
            " address that they know, also in what another host said."
        },
    )
    dsnFrom: Author | None = field(
        default=None,
        metadata={
            "option": "dsn_from",
            "kind": Optional(
                Parsed(Author, Text(), parseAuthor, str, _AUTHOR_WORDS), None
            ),
            "help": "Whom reports are from, for people (``From``).  If not given:"
            " ``Mail Delivery System <MAILER-DAEMON@...>``, of this server.  Mail"
            " servers see the null sender in any case.",
        },
    )
    diagnostic: Diagnostic = field(
        default=Diagnostic.OURS,
        metadata={
            "help": "The name of the field with what went wrong and where: ours, or"
            " that of Exim."
        },
    )
    templates: Path | None = field(
        default=None,
        metadata={
            "help": "A folder with the words of reports: in it a folder for each"
            " language, named by its tag, with its templates"
            " (:doc:`/howto/translate-reports`).  It is read at the start.  Without"
            " it, and where it has nothing or an error, the words are those that come"
            " with smtpx, in English."
        },
    )
    language: str = field(
        default=ENGLISH.language,
        metadata={"help": "The language of reports, of those in ``templates``."},
    )
    languages: Mapping[str, str] = field(
        factory=dict,
        metadata={
            "help": "The languages of some senders, by patterns as for routes:"
            ' ``{ "*.de" = "de", "example.fr" = "fr" }``.'
        },
    )
    delayAfter: tuple[float, ...] = field(
        default=DELAY_AFTER,
        metadata={
            "kind": ListOf(durationInSeconds(False, 1)),
            "help": "The ages of a message at which its sender is told that it has not"
            " reached somebody yet, by the next attempt; an empty list: never.  Mail"
            " that programs sent, or that went to a mailing list, has no such report"
            " unless its sender asked for it (``NOTIFY=DELAY``).",
        },
    )
