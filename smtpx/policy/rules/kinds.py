"""
The conditions that can stand in the configuration, with how each is written there:
L{KINDS} has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from attrs import frozen

from .certified import VerifyCertificate
from .conditions import (
    Authenticated,
    Domains,
    Encrypted,
    Headers,
    Helo,
    Hosts,
    Recipients,
    SenderDomains,
    Senders,
    SizeOver,
)
from .dccopinion import RESULTS as DCC_RESULTS, Dcc, DccRefuses, DccResult
from .dnslists import DnsLists, DnsScoreOver
from .findings import ARC_STATES, DMARC_STATUSES, DNS_SCORE, SPF_RESULTS
from .greylisted import Greylisted
from .interfaces import ICondition
from .judged import Arc, Dkim, DmarcStatus, Spf, SpfGuess
from .lookedup import LookedUp
from .opined import (
    STATES,
    CheckerState,
    Malware,
    Spam,
    SpamAction,
    SpamScoreOver,
    SpamSymbols,
)
from .own import Variables
from .rated import Rate
from .stages import RuleStage


class Takes(Enum):
    """What stands behind a condition's name in the configuration."""

    LIST = "a list of strings"
    FLAG = "true or false"
    OCTETS = "a size"
    NUMBER = "a number"
    FIELDS = "a table of lists of strings"
    LOOKUPS = "look-ups"
    RATE = "how much is too much"


@frozen
class ConditionKind:
    """
    A condition, as it can stand in the configuration.

    @ivar make: makes it of what stands there.
    @ivar takes: what can stand there.
    @ivar help: what it asks, and what the items of its list are.
    @ivar stages: when it can be told.
    @ivar status: the enhanced status code of a refusal for it; L{None}: the usual
        one.
    @ivar method: what has to be looked at for it, one of L{METHODS}; empty: nothing.
    @ivar waits: may it have to wait?  It is asked behind those that do not.
    @ivar counts: is it remembered that it was asked?  It is asked last of all, so that
        nobody is counted whom the rule is not about.
    """

    name: str
    make: Callable[[Any], ICondition]
    takes: Takes
    help: str
    stages: frozenset[RuleStage]
    status: str | None = None
    method: str = ""
    waits: bool = False
    counts: bool = False

    @property
    def turn(self) -> int:
        """How late in a rule it is asked."""
        return 2 if self.counts else int(self.waits)


def _kind(
    cls: Any,
    help: str,
    takes: Takes = Takes.LIST,
    status: str | None = None,
    method: str = "",
    waits: bool = False,
    counts: bool = False,
) -> ConditionKind:
    return ConditionKind(
        cls.name,
        cls.make,
        takes,
        help,
        cls.stages,
        status,
        method,
        waits or bool(method),
        counts,
    )


_WORDS = "Any of ``{}``."

#: All of them, in the order of the manual.  The codes are those of RFC 7372.
KINDS: Mapping[str, ConditionKind] = {
    each.name: each
    for each in (
        _kind(Hosts, "The client is in a host list."),
        _kind(
            Helo,
            "What the client calls itself is in a list of domains: ``example.org``,"
            " ``*.example.org`` for any below it, ``[192.0.2.1]``.",
        ),
        _kind(
            DnsLists,
            "The client is in one of some DNS lists: ``zen.spamhaus.org``."
            "  ``zone=127.0.0.2,127.0.0.3`` wants one of these answers, and ``==`` that"
            " all answers are among them; ``zone&0.0.0.2`` wants this bit to be set,"
            " and ``=&`` in all answers; ``!`` in front of them turns that round."
            "  ``zone/$sender_address_domain`` looks up something else."
            "  Of ``zone1,zone2`` the second is asked, and the first for the text."
            "  Behind ``+include_unknown`` a list that cannot be asked has the client,"
            " behind ``+defer_unknown`` the client is to come again, and behind"
            " ``+exclude_unknown``, or nothing, it has not.",
            waits=True,
        ),
        _kind(
            DnsScoreOver,
            "The weights (``dns_lists.weights``) of the DNS lists that have the client"
            " come to more than this number.",
            Takes.NUMBER,
            method=DNS_SCORE,
        ),
        _kind(
            Encrypted,
            "The session is under TLS, or with ``false`` is not.",
            Takes.FLAG,
        ),
        _kind(
            VerifyCertificate,
            "The client has shown a certificate that is good"
            " (``[tls] client_authorities``), and its subject is in a list of texts,"
            ' such as ``"*CN=mail.example.org*"``.  ``["*"]`` is true of any that is'
            ' good, ``["!*"]`` where there is none.',
        ),
        _kind(
            Authenticated,
            "The client has logged in, or with ``false`` has not.",
            Takes.FLAG,
        ),
        _kind(
            Senders,
            "The sender of the envelope is in a list of addresses:"
            " ``ann@example.org``, ``example.org`` for all at a domain,"
            " ``*.example.org`` for all below one, ``<>`` for the null sender.",
        ),
        _kind(SenderDomains, "The domain of the sender is in a list of domains."),
        _kind(Recipients, "The recipient is in a list of addresses."),
        _kind(Domains, "The recipient's domain is in a list of domains."),
        _kind(
            SizeOver,
            "The message is larger, in octets.",
            Takes.OCTETS,
        ),
        _kind(
            Headers,
            "The header has, of each field that is named, one whose value is in a list"
            ' of texts, in which ``*`` stands for any characters.  ``["!*"]`` is'
            " true where there is no such field."
            '  Such as ``{ Subject = ["*sale*"] }``.',
            Takes.FIELDS,
        ),
        _kind(
            LookedUp,
            "Look-ups (``[[lookup]]``) find something: ``in`` is the name of one,"
            " ``key`` what is looked up, with variables.  ``value`` is a list of"
            " patterns of text that has to have what was found: ``*`` stands for any"
            " characters.  With ``not_in`` in place of ``in`` nothing is to be found.",
            Takes.LOOKUPS,
            waits=True,
        ),
        _kind(
            Variables,
            "Variables have values in lists of texts, in which ``*`` stands for any"
            " characters: those below, without their ``$``, and those that rules have"
            ' set, such as ``{ acl_m_seen = ["yes"] }``.  ``[""]`` is true of one that'
            " is empty.",
            Takes.FIELDS,
        ),
        _kind(
            Spf,
            "What SPF has come to is in a list."
            f"  {_WORDS.format('``, ``'.join(SPF_RESULTS))}"
            "  ``err_perm`` and ``err_temp`` are old names of two of them.",
            status="5.7.23",
            method="spf",
        ),
        _kind(
            SpfGuess,
            "The same; where a domain has no record, what the option ``spf_guess`` has"
            " for such is taken for it.",
            method="spf",
        ),
        _kind(
            DmarcStatus,
            "What DMARC has come to is in a list."
            f"  {_WORDS.format('``, ``'.join(DMARC_STATUSES))}",
            status="5.7.26",
            method="dmarc",
        ),
        _kind(
            Arc,
            "The state of the chain of ARC is in a list."
            f"  {_WORDS.format('``, ``'.join(ARC_STATES))}",
            status="5.7.29",
            method="arc",
        ),
        _kind(
            Dkim,
            "A domain that has signed the message, and whose signature is good, is in a"
            ' list of domains.  ``["!*"]`` is true where there is no good one.',
            status="5.7.20",
            method="dkim",
        ),
        _kind(
            Greylisted,
            "The client has to wait, and come again, before it may send from this"
            " sender to this recipient; or with ``false`` it need not.  Behind ``rcpt``"
            " it need not if it need not for one of the recipients.  The table"
            " ``[greylist]`` says for how long.  Who has logged in never has to wait.",
            Takes.FLAG,
            status="5.7.1",
            waits=True,
            counts=True,
        ),
        _kind(
            Malware,
            "A virus scanner has found something whose name is in a list of texts, in"
            ' which ``*`` stands for any characters; ``["*"]`` is anything that it'
            " finds.",
            method="malware",
        ),
        _kind(
            Spam,
            "A spam filter calls it spam, by its own threshold; or with ``false`` none"
            " does.",
            Takes.FLAG,
            method="spam",
        ),
        _kind(
            SpamScoreOver,
            "A spam filter gives it a higher score, in points.",
            Takes.NUMBER,
            method="spam",
        ),
        _kind(
            SpamAction,
            "What rspamd would do with it is in a list."
            f"  {_WORDS.format('``, ``'.join(SpamAction.WORDS))}",
            method="rspamd",
        ),
        _kind(
            SpamSymbols,
            "Rspamd has found a symbol that is in a list of texts, in which ``*``"
            " stands for any characters.",
            method="rspamd",
        ),
        _kind(
            Dcc,
            "DCC has nothing against it (``A`` or ``S``), or with ``false`` it has"
            " (``R`` or ``G``): Exim's ``dcc = *``.",
            Takes.FLAG,
            method="dcc",
        ),
        _kind(
            DccResult,
            "What DCC says of it is in a list.  Any of"
            f" ``{'``, ``'.join(DCC_RESULTS).upper()}``; ``T``: it could not find out,"
            " or is away.",
            method="dcc",
        ),
        _kind(
            DccRefuses,
            "DCC says no of a recipient who is in a list of addresses, whatever it says"
            " of the others.",
            method="dcc",
        ),
        _kind(
            CheckerState,
            "How far each of some checkers came with it, by their names, is in a list,"
            ' such as ``{ clamav = ["away", "slow"] }``.'
            f"  {_WORDS.format('``, ``'.join(STATES))}",
            Takes.FIELDS,
            waits=True,
        ),
        ConditionKind(
            Rate.name,
            Rate.make,
            Takes.RATE,
            "The client, the user, or whose else it is counted, does too much in a"
            " time.",
            RuleStage.CONNECT.onwards,
            "5.7.1",
            counts=True,
        ),
    )
}

__all__ = ["KINDS", "ConditionKind", "Takes"]
