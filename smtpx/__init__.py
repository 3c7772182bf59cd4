"""
smtpx: an SMTP framework for Twisted, and a mail server made of it.

What a program needs is here: a factory for servers, what sends messages, and the
values and interfaces that go with them.  Five lines make a server:
L{smtpx.net.factory}; three send a message: L{smtpx.net.mailer}.
Extensions are written against L{smtpx.core}.
"""

from .core.bounds import BareLines, Bounds
from .core.envelope import Envelope, Recipient
from .core.errors import Conflict, Malformed, PeerError, SMTPXError, UsageError
from .core.hooks import TLSLevel
from .core.reply import Reply, reply
from .extensions.standard import standard
from .net.clientfactory import SMTPClientFactory
from .net.factory import SMTPServerFactory
from .net.interfaces import IArrival, IJournal, IPolicy, IReceiver
from .net.mailer import SMTPClient, SMTPClientOptions, sendMessage
from .net.receipts import NotSent, Receipt
from .net.sending import Unreached
from .policy.spfcheck import checkSPF

__all__ = [
    "BareLines",
    "Bounds",
    "Conflict",
    "Envelope",
    "IArrival",
    "IJournal",
    "IPolicy",
    "IReceiver",
    "Malformed",
    "NotSent",
    "PeerError",
    "Receipt",
    "Recipient",
    "Reply",
    "SMTPClient",
    "SMTPClientFactory",
    "SMTPClientOptions",
    "SMTPServerFactory",
    "SMTPXError",
    "TLSLevel",
    "Unreached",
    "UsageError",
    "checkSPF",
    "reply",
    "sendMessage",
    "standard",
]
