"""
The table C{[tls_reports]}: what domains are told of TLS with their hosts.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from ...queue.author import Author, parseAuthor
from ..kinds import Text
from ..nested import Optional, Parsed

_CONTACT_WORDS = 'a mailbox, such as "TLS reports <tls-reports@example.org>"'

#: The longest name of an organization, in characters.
_NAME_CHARACTERS = 200


def _organization(instance: TLSReports, attribute: Any, value: str | None) -> None:
    """
    @raise ValueError: it cannot be told, or there is nobody to tell it.
    """
    if value is None:
        return
    if instance.contact is None:
        raise ValueError("a name wants contact, whom to write to about reports")
    organizationName(value)


def organizationName(value: str) -> None:
    """
    Check the name of who reports.

    @raise ValueError: it cannot be told.
    """
    if not value.isprintable() or not 0 < len(value) <= _NAME_CHARACTERS:
        raise ValueError(
            f"expected 1 to {_NAME_CHARACTERS} characters that can be printed"
        )


@frozen
class TLSReports:
    """
    What domains are told of TLS with their hosts, once a day, where they ask for it
    (TLSRPT, RFC 8460).  Without C{contact} nothing is counted, and nobody is told.
    """

    contact: Author | None = field(
        default=None,
        metadata={
            "kind": Optional(
                Parsed(Author, Text(), parseAuthor, str, _CONTACT_WORDS), None
            ),
            "help": "Whom domains may write to about reports, and whom reports by mail"
            " are from: ``TLS reports <tls-reports@example.org>``.  Its domain is the"
            " one that reports.  Reports by mail go unsigned where ``[dkim]`` has no"
            " key for it, and many domains will not read them then; those by HTTPS"
            " need none.",
        },
    )
    organization: str | None = field(
        default=None,
        validator=_organization,
        metadata={
            "help": "The name of who reports, for people.  If not given: the domain of"
            " ``contact``."
        },
    )
