"""
The exception tree.

Four kinds of trouble, never mixed: a refusal of one command or recipient is a
value (L{smtpx.core.reply.Reply}); a peer that broke the protocol is a
L{PeerError}; a caller that used us wrongly gets a L{UsageError} at once; and
when the world failed, the world's own exception is let through to one border a
floor, where it becomes a 4yz reply and an error event.
"""

from __future__ import annotations


class SMTPXError(Exception):
    """The root of all exceptions that smtpx defines."""


class PeerError(SMTPXError):
    """
    The peer broke the protocol.  It is the peer's fault and not worth more than
    an info line of the log.
    """


class UsageError(SMTPXError):
    """The caller used the interface wrongly; raised out of the call at once."""


class Conflict(UsageError):
    """
    Two extensions claim one thing, or one wants another that is not there.  The
    message has the names of both.
    """


class Malformed(PeerError, ValueError):
    """
    The octets are not in the grammar.  The message is text for the peer, and
    says what is wanted.
    """


class Untold(SMTPXError):
    """
    It cannot be told now, and may be at another time.  The message is for the operator;
    a client is only told to come again.
    """


class HookTrouble(SMTPXError):
    """
    An exception came out of an extension's hook; it is the C{__cause__}.

    @ivar owner: the extension's name.
    """

    def __init__(self, owner: str) -> None:
        SMTPXError.__init__(self, f"trouble in {owner}")
        self.owner = owner
