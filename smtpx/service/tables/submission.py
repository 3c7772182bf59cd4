"""
The table C{[submission]}: what people's mail programs may submit (RFC 6409).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen


@frozen
class SubmissionRules:
    """What listeners of the role C{submission} take (RFC 6409)."""

    checkSenders: bool = field(
        default=True,
        metadata={
            "help": "Does the sender of a message have to belong to the login?  If so,"
            " others are refused with 550 5.7.1.  The login itself belongs to it, if it"
            " is an address, and the login at each domain in ``local.domains``, if it"
            " is none."
        },
    )
    senders: Mapping[str, tuple[str, ...]] = field(
        factory=dict,
        metadata={
            "help": 'More senders by login, such as ``joe = ["sales@example.org"]``:'
            " addresses, domains, ``*.example.org`` (any domain below it), and ``*``"
            " for whoever may send as anybody."
        },
    )
    checkHeader: bool = field(
        default=True,
        metadata={
            "help": "Are messages refused (554) in whose header an address has no"
            " domain, or not the whole of it?"
        },
    )
    earlyTalk: bool = field(
        default=False,
        metadata={
            "help": "May clients talk before the greeting, if PIPECONNECT says so of"
            " them?"
        },
    )
