"""
Policy by stage: rules with conditions, and what they decide.

L{Rule} is one; L{HouseRules} has those of a server, ready to be asked.
"""

from .actions import Accept, Code, Defer, Discard, GoOn, Hold, Reject
from .certified import VerifyCertificate
from .conditions import (
    Authenticated,
    Domains,
    Encrypted,
    Headers,
    Helo,
    Hosts,
    OfExtension,
    Recipients,
    SenderDomains,
    Senders,
    SizeOver,
)
from .dnslists import DnsLists, DnsScoreOver
from .effects import (
    CONTROLS,
    DMARC_DISABLED,
    DMARC_FORENSIC,
    AddHeader,
    settle,
)
from .faults import BadRule, Fault
from .findings import MessageVerdict, SPFVerdict, Verdicts
from .greylisted import Greylisted
from .house import ANSWERS, HouseRules
from .interfaces import ICondition, IWorded, Means
from .judged import Arc, Dkim, DmarcStatus, Spf, SpfGuess
from .kinds import KINDS
from .lists import AddressList
from .lookedup import LookedUp, Query
from .lookupvalue import LookupValue
from .own import Set, Variables
from .ownvalues import ownValue, setOwn
from .rated import Count, Rate, RateTerms
from .removing import RemoveHeader
from .rule import Rule, Vocabulary, checked
from .stages import RuleStage
from .variables import VARIABLES

__all__ = [
    "VerifyCertificate",
    "RemoveHeader",
    "setOwn",
    "ownValue",
    "Variables",
    "Set",
    "AddressList",
    "ANSWERS",
    "CONTROLS",
    "DMARC_DISABLED",
    "DMARC_FORENSIC",
    "KINDS",
    "Means",
    "VARIABLES",
    "Accept",
    "AddHeader",
    "Arc",
    "Authenticated",
    "BadRule",
    "Code",
    "Count",
    "Defer",
    "Discard",
    "Dkim",
    "DmarcStatus",
    "DnsLists",
    "DnsScoreOver",
    "Domains",
    "Encrypted",
    "Fault",
    "GoOn",
    "Greylisted",
    "Headers",
    "Helo",
    "Hold",
    "Hosts",
    "HouseRules",
    "ICondition",
    "IWorded",
    "LookedUp",
    "LookupValue",
    "MessageVerdict",
    "OfExtension",
    "Query",
    "Rate",
    "RateTerms",
    "Recipients",
    "Reject",
    "Rule",
    "RuleStage",
    "SPFVerdict",
    "SenderDomains",
    "Senders",
    "SizeOver",
    "Spf",
    "SpfGuess",
    "Verdicts",
    "Vocabulary",
    "checked",
    "settle",
]
