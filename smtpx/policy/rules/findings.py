"""
What rules want to know of others: whether a host may send for a domain (SPF), what
is found out of a message (DKIM, ARC, DMARC), and what checkers think of it.

These are values, and functions that give them, now or later; who finds it out is no
matter of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen
from twisted.internet.defer import Deferred

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ..checkers.interfaces import Opinion

#: What can be looked at, each of which an operator may have switched off.
METHODS = frozenset({"spf", "dkim", "arc", "dmarc"})

#: Of those who send, whether they are in weighted DNS lists: there may be none.
DNS_SCORE = "dns_score"

#: What checkers can find out, where there is one that does.
OPINED = frozenset({"malware", "spam", "rspamd", "dcc", "bmi"})

#: All that there may be nobody who finds it out.
LOOKED_AT = METHODS | OPINED | {DNS_SCORE}


#: Those of which there is one or none, by the option that says where it is.
_TABLES = {"dcc": "dcc.dccifd_address", "bmi": "bmi.python"}


def unfound(method: str) -> str:
    """
    What is told of a rule that wants what nobody looks at.

    @param method: one of L{LOOKED_AT}.
    """
    if method == DNS_SCORE:
        return "no DNS list has a weight: dns_lists.weights is empty"
    if method in _TABLES:
        return f"{method.upper()} is not asked: {_TABLES[method]} is not given"
    if method in OPINED:
        return f"there is no checker that finds out about {method}"
    return (
        f'{method.upper()} is not looked at: "{method}" is not in authentication.checks'
    )


#: What SPF can come to (RFC 7208 section 2.6).
SPF_RESULTS = (
    "pass",
    "fail",
    "softfail",
    "neutral",
    "none",
    "permerror",
    "temperror",
)
#: What two of them were called before RFC 7208.
SPF_ALIASES = {"err_perm": "permerror", "err_temp": "temperror"}

#: What a chain of ARC can come to (RFC 8617 section 4.4), and that a key of it could
#: not be had now.
ARC_STATES = ("none", "pass", "fail", "temperror")

#: What DMARC can come to, in Exim's words.
DMARC_STATUSES = (
    "accept",
    "reject",
    "quarantine",
    "none",
    "norecord",
    "nofrom",
    "temperror",
    "off",
)


@frozen
class SPFVerdict:
    """
    What SPF has come to.

    @ivar result: one of L{SPF_RESULTS}; empty: nobody has looked.
    @ivar comment: why, for people.
    @ivar received: the whole field C{Received-SPF}, or C{X-SPF-Guess}, on one line.
    @ivar smtpComment: what a client that is refused for it can be told.
    @ivar domain: whose record was asked for.
    @ivar guessed: is it the best guess for a domain that has none?
    """

    result: str
    comment: str = ""
    received: str = ""
    smtpComment: str = ""
    domain: str = ""
    guessed: bool = False


@frozen
class MessageVerdict:
    """
    What was found out of a message.

    @ivar dkimDomains: the domains whose signatures are good; L{None}: nobody has
        looked.
    @ivar arcState: one of L{ARC_STATES}; empty: nobody has looked.
    @ivar arcReason: why it is not C{pass}.
    @ivar arcDomains: the domains of the chain, the oldest first.
    @ivar arcOldestPass: the number of the set since which the message was not changed;
        0: since the first, or the chain does not pass.
    @ivar arcOldestResults: the value of the C{ARC-Authentication-Results} of that set;
        empty: there is none.
    @ivar dmarcStatus: one of L{DMARC_STATUSES}.
    @ivar dmarcText: the same in a few words.
    @ivar dmarcDomain: whose record it was.
    @ivar dmarcPolicy: what that domain wishes: C{none}, C{quarantine}, C{reject};
        empty: there is no record.
    @ivar alignedSPF: does the domain that SPF passed go with that of C{From}?
    @ivar alignedDKIM: does one that signed?
    """

    dkimDomains: tuple[str, ...] | None = None
    arcState: str = ""
    arcReason: str = ""
    arcDomains: tuple[str, ...] = ()
    arcOldestPass: int = 0
    dmarcStatus: str = "off"
    dmarcText: str = ""
    dmarcDomain: str = ""
    dmarcPolicy: str = ""
    alignedSPF: bool = False
    alignedDKIM: bool = False
    arcOldestResults: str = ""


#: Asked with a session and its transaction.
AskSPF = Callable[[IServerSession, Envelope], SPFVerdict | Deferred[SPFVerdict]]
AskMessage = Callable[
    [IServerSession, Envelope], MessageVerdict | Deferred[MessageVerdict]
]

#: What checkers think of a message, by their names, in their order.
Opinions = Mapping[str, Opinion]
AskOpinions = Callable[[IServerSession, Envelope], Opinions | Deferred[Opinions]]


def _noSPF(session: IServerSession, envelope: Envelope) -> SPFVerdict:
    return SPFVerdict("none")


def _nothing(session: IServerSession, envelope: Envelope) -> MessageVerdict:
    return MessageVerdict()


def _noOpinions(session: IServerSession, envelope: Envelope) -> Opinions:
    return {}


@frozen
class Verdicts:
    """
    Who is asked.

    @ivar spf: SPF of the transaction's sender, or of the client's name where that is
        the null sender.
    @ivar guess: the same, with the best guess for domains without a record.
    @ivar message: all that is found out of a message; asked when it is there.
    @ivar opinions: what checkers think of it; likewise.
    """

    spf: AskSPF = _noSPF
    guess: AskSPF = _noSPF
    message: AskMessage = _nothing
    opinions: AskOpinions = _noOpinions


__all__ = [
    "ARC_STATES",
    "DNS_SCORE",
    "DMARC_STATUSES",
    "LOOKED_AT",
    "METHODS",
    "OPINED",
    "SPF_ALIASES",
    "SPF_RESULTS",
    "MessageVerdict",
    "Opinions",
    "SPFVerdict",
    "Verdicts",
    "unfound",
]
