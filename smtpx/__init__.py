"""
smtpx: an SMTP framework for Twisted, and a mail server made of it.

What a program needs is here: a factory for servers, and the values and
interfaces that go with it.  Five lines make a server: L{smtpx.net.factory}.
Extensions are written against L{smtpx.core}.
"""

from .core.bounds import BareLines, Bounds
from .core.envelope import Envelope, Recipient
from .core.errors import Conflict, Malformed, PeerError, SMTPXError, UsageError
from .core.reply import Reply, reply
from .extensions.standard import standard
from .net.factory import SMTPServerFactory
from .net.interfaces import IArrival, IJournal, IPolicy, IReceiver

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
    "PeerError",
    "Recipient",
    "Reply",
    "SMTPServerFactory",
    "SMTPXError",
    "UsageError",
    "reply",
    "standard",
]
