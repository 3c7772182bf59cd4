"""
The table C{[spf]}: how SPF is looked at, and what is said of it.
"""

from __future__ import annotations

from attrs import field, frozen

from ...core.errors import Malformed
from ...mailauth import spfmacros, spfrecord
from ...mailauth.spf import GUESS
from ...mailauth.spfquery import LIMITS
from ...mailauth.spftexts import TEMPLATE, parseTemplate
from ..kinds import Text
from ..nested import Parsed


def _record(text: str) -> spfrecord.Record:
    """
    @raise Malformed: it is no record.
    """
    try:
        return spfrecord.parse(text.encode("ascii"))
    except UnicodeEncodeError:
        raise Malformed("SPF record not in ASCII") from None


@frozen
class SPFOptions:
    """
    How SPF (RFC 7208) is looked at, and what is said of it.  It is looked at if
    ``authentication.checks`` names ``spf``.
    """

    spfGuess: spfrecord.Record = field(
        default=GUESS,
        metadata={
            "option": "spf_guess",
            "kind": Parsed(
                spfrecord.Record,
                Text(),
                _record,
                str,
                'an SPF record, such as "v=spf1 a/24 mx/24 ptr ?all"',
            ),
            "help": "The record that is evaluated for domains that have none: the best"
            " guess.  It is evaluated where a rule has the condition ``spf_guess``, and"
            " for all messages if ``authentication.checks`` names ``spf_guess``.",
        },
    )
    spfSmtpCommentTemplate: spfmacros.Text = field(
        factory=lambda: parseTemplate(TEMPLATE),
        metadata={
            "option": "spf_smtp_comment_template",
            "kind": Parsed(
                spfmacros.Text,
                Text(),
                parseTemplate,
                str,
                "text with the macros of RFC 7208 section 7",
            ),
            "help": "What ``$spf_smtp_comment`` says where the sender's domain explains"
            " nothing, with the macros that explanations may have (RFC 7208 section"
            " 7.2): ``%{c}`` is the client's address, ``%{d}`` the domain, ``%{s}`` the"
            " sender, ``%{r}`` our name.  Of a best guess something else is said, which"
            " does not mention SPF.",
        },
    )
    voidLookupsMax: int = field(
        default=LIMITS.voids,
        metadata={
            "least": 0,
            "most": LIMITS.terms,
            "help": "How many terms of a domain's records may ask the DNS and find"
            " nothing, before that is ``permerror`` (RFC 7208 section 4.6.4).",
        },
    )
    receivedSPF: bool = field(
        default=True,
        metadata={
            "option": "received_spf",
            "help": "Is ``Received-SPF`` written on top of messages (RFC 7208 section"
            " 9.1)?  ``Authentication-Results`` has the result as well.",
        },
    )


__all__ = ["SPFOptions"]
