"""
The plan of the house: which parts there are, and who is given to whom.

This is the only place that calls constructors across rooms.  L{house} is the plan;
beside it is a file for each part that takes more than a line.
"""

from .addresses import allDomains, localAddresses, localDomains
from .aliases import aliases
from .certificates import certificatesOf, serverTLS
from .control import NoSuchGroup, controlEndpoint
from .dkim import keyName
from .extensions import chosenExtensions
from .house import build, enter
from .lookups import calledBy, lookups, matchingOf
from .owners import ownerCheck
from .policies import relaySubjects
from .queue import reportWordings, retryRules
from .resolving import mailRouter, resolver
from .routes import localRoutes
from .srs import checkSRSDomains, keptSenders, madeWays, secretsFile
from .submission import submission, submissionExtensions
from .tracing import tracedRecipients
from .users import certified, passwordCheck, tokenCheck

__all__ = [
    "NoSuchGroup",
    "aliases",
    "allDomains",
    "build",
    "calledBy",
    "certificatesOf",
    "certified",
    "chosenExtensions",
    "checkSRSDomains",
    "controlEndpoint",
    "enter",
    "keptSenders",
    "keyName",
    "localAddresses",
    "localDomains",
    "localRoutes",
    "lookups",
    "madeWays",
    "mailRouter",
    "matchingOf",
    "ownerCheck",
    "passwordCheck",
    "relaySubjects",
    "resolver",
    "reportWordings",
    "retryRules",
    "secretsFile",
    "serverTLS",
    "submission",
    "submissionExtensions",
    "tokenCheck",
    "tracedRecipients",
]
