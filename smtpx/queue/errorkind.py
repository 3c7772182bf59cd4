"""
Kinds of errors that retry rules tell apart.

Most are at what a delivery failed (L{smtpx.spool.via.Cause}); two are told by what
the host said:

 - greylisting (RFC 6647), which wants the message to come again after some minutes:
   a refusal for now of the sender, the recipient or the message with the status
   4.7.1 or 4.2.0, or with the word itself;
 - a full mailbox (status X.2.2), of which hours are to be expected.
"""

from __future__ import annotations

import re
from enum import Enum

from ..core.reply import Reply
from ..spool.format import Outcome
from ..spool.via import Cause


class ErrorKind(Enum):
    """Kinds of errors, as the configuration calls them."""

    CONNECT = "connect"
    LOST = "lost"
    DNS = "dns"
    TLS = "tls"
    LOGIN = "login"
    SESSION = "session"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    GREYLISTED = "greylisted"
    QUOTA = "quota"
    LOCAL = "local"
    OTHER = "other"

    @property
    def help(self) -> str:
        """What it is, for people."""
        return _HELP[self]


_HELP = {
    ErrorKind.CONNECT: "a host refuses the connection, or does not answer",
    ErrorKind.LOST: "a connection is lost, or nothing comes any more",
    ErrorKind.DNS: "the DNS has no answer for now",
    ErrorKind.TLS: "the connection cannot be protected as it has to be",
    ErrorKind.LOGIN: "a host does not take our user name and password",
    ErrorKind.SESSION: "a host turns us away for now, before it hears of a message",
    ErrorKind.SENDER: "it turns down the sender for now (MAIL)",
    ErrorKind.RECIPIENT: "it turns down the recipient for now (RCPT)",
    ErrorKind.CONTENT: "it turns down the message for now (DATA, BDAT)",
    ErrorKind.GREYLISTED: "it wants us to come again (greylisting)",
    ErrorKind.QUOTA: "the mailbox is full",
    ErrorKind.LOCAL: "something is wrong here, such as a full disk",
    ErrorKind.OTHER: "none of the others",
}

#: Hosts that are known to be in trouble mostly do not answer.
_BY_CAUSE = {
    Cause.CONNECT: ErrorKind.CONNECT,
    Cause.EARLY: ErrorKind.CONNECT,
    Cause.LOST: ErrorKind.LOST,
    Cause.DNS: ErrorKind.DNS,
    Cause.TLS: ErrorKind.TLS,
    Cause.LOGIN: ErrorKind.LOGIN,
    Cause.SESSION: ErrorKind.SESSION,
    Cause.SENDER: ErrorKind.SENDER,
    Cause.RECIPIENT: ErrorKind.RECIPIENT,
    Cause.CONTENT: ErrorKind.CONTENT,
    Cause.UNFIT: ErrorKind.CONTENT,
    Cause.LOCAL: ErrorKind.LOCAL,
}

_TRANSACTION = (Cause.SENDER, Cause.RECIPIENT, Cause.CONTENT, Cause.UNFIT)
_GREY = re.compile(rb"\bgr[ae]y.?list", re.IGNORECASE)


def kindOf(outcome: Outcome) -> ErrorKind:
    """What kind of error kept a recipient from having the message."""
    if outcome.cause in _TRANSACTION and outcome.reply is not None:
        status = outcome.reply.status
        if status is not None and status[1:] == (2, 2):
            return ErrorKind.QUOTA
        if _isGreylisting(outcome.reply):
            return ErrorKind.GREYLISTED
    return _BY_CAUSE.get(outcome.cause, ErrorKind.OTHER)


def _isGreylisting(said: Reply) -> bool:
    """Does a host want the message to come again?"""
    if said.permanent:
        return False
    # RFC 6647 section 5 has 4.7.1; Postgrey and others say 4.2.0.
    return said.status in ((4, 7, 1), (4, 2, 0)) or any(map(_GREY.search, said.lines))


__all__ = ["ErrorKind", "kindOf"]
