"""
The tables of the configuration, as values: a file each.

The reference page C{configuration.rst} is made of these classes
(L{smtpx.service.reference}); C{help} in the metadata is its text.
"""

from .aliases import AliasOptions
from .authentication import AuthenticationOptions
from .bmi import BMIOptions
from .checker import Checker, CheckerKind
from .control import Control
from .dcc import DCCTable
from .dkim import DKIM, DKIMKey
from .dmarc import DMARC
from .dns import DNS
from .dnslists import DNSListOptions
from .greylist import GreylistOptions
from .http import HTTP
from .importfolder import ImportFolder
from .limits import Limits
from .listener import Listener, ListenerProtocol, ListenerTLS, Role
from .local import Local, Unknown, VirtualEntry
from .log import Log, LogLevel, SelectorItem
from .lookup import LookupEntry, LookupKind
from .milter import MilterEntry
from .peers import Peers
from .policy import Policy
from .queue import Queue, RetryEntry
from .rates import RateOptions
from .relay import Relay, Subject, Unsure
from .reports import Reports
from .route import RouteEntry
from .routeoptions import SENDING, TransportKind
from .routesmtp import Family, Lookup, RouteTLS
from .sending import Sending
from .sendmail import SendmailOptions
from .spf import SPFOptions
from .srs import Returning, SRSOptions
from .submission import SubmissionRules
from .tls import TLS, CertificatePair, TLSVersion
from .tlsreports import TLSReports
from .trace import Trace
from .users import Users

__all__ = [
    "AliasOptions",
    "AuthenticationOptions",
    "BMIOptions",
    "CertificatePair",
    "Checker",
    "CheckerKind",
    "Control",
    "DCCTable",
    "DKIM",
    "DKIMKey",
    "DMARC",
    "DNS",
    "DNSListOptions",
    "Family",
    "GreylistOptions",
    "HTTP",
    "ImportFolder",
    "Limits",
    "Listener",
    "ListenerProtocol",
    "ListenerTLS",
    "Local",
    "Log",
    "LogLevel",
    "MilterEntry",
    "Lookup",
    "LookupEntry",
    "LookupKind",
    "Peers",
    "Policy",
    "Queue",
    "RateOptions",
    "Relay",
    "Reports",
    "RetryEntry",
    "Returning",
    "Role",
    "RouteEntry",
    "RouteTLS",
    "SENDING",
    "SRSOptions",
    "SelectorItem",
    "SPFOptions",
    "Sending",
    "SendmailOptions",
    "SubmissionRules",
    "Subject",
    "TLS",
    "TLSReports",
    "TLSVersion",
    "Trace",
    "TransportKind",
    "Unknown",
    "Unsure",
    "Users",
    "VirtualEntry",
]
