"""
The server's own policy: whom we are the final host of, who may send elsewhere,
who may not connect at all.

What is ours is decided at RCPT, so that a message for nobody is never taken
(RFC 5321 section 3.3), and mail that is neither for us nor from somebody who may
relay is refused (section 7.9: no open relay).

Nothing here waits; each answer takes a few look-ups in dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from zope.interface import implementer

from ..core.envelope import Envelope, Recipient
from ..core.errors import Untold
from ..core.hostlist import clientNames
from ..core.interfaces import IServerSession
from ..core.reply import Reply, reply
from ..net.interfaces import IPolicy
from .aliastable import MISCONFIGURED, UNKNOWN, Expansion
from .ours import LocalAddresses, namesAnother
from .redirect import Redirection
from .srs import RETURNED, Returns

#: Is a client in a host list?  Asked with its address, its verified names, and whether
#: these are all; L{smtpx.core.hostlist.HostList.verdict} is one.
Verdict = Callable[[bytes, Sequence[bytes], bool], bool | None]

#: RFC 5321 section 3.1; the greeting has no enhanced code (RFC 2034 section 3).
NOT_WELCOME = reply(554, None, b"No mail is taken from you here")
NO_RELAYING = reply(550, "5.7.1", b"Relaying not permitted")
#: RFC 3463 section 3.5: it takes the DNS to tell whether the client may.
NO_VERDICT = reply(451, "4.4.3", b"Your host name cannot be looked up now")
NOT_KNOWN = reply(451, "4.4.3", b"It cannot be looked up now whether mail is taken")
NO_ROUTE = reply(550, "5.1.2", b"No route to that domain")


def nobody(address: bytes, names: Sequence[bytes], named: bool) -> bool:
    """The verdict of an empty host list."""
    return False


def nowhere(path: bytes) -> bool:
    """No domain is relayed."""
    return False


@implementer(IPolicy)
class LocalPolicy:
    """
    The policy of the configuration.

    @ivar relayHosts: which clients may send to domains that are not ours.
    @ivar refuseHosts: which clients may not connect.
    """

    #: It only looks things up in what it has.
    bearsRepeats = True

    __slots__ = (
        "_authenticated",
        "_goes",
        "_local",
        "_redirection",
        "_relayed",
        "_returns",
        "_subjects",
        "refuseHosts",
        "relayHosts",
    )

    def __init__(
        self,
        local: LocalAddresses,
        goes: Callable[[bytes, bytes], bool],
        relayHosts: Verdict = nobody,
        relayAuthenticated: bool = True,
        relaySubjects: Collection[str] = (),
        refuseHosts: Verdict = nobody,
        redirection: Redirection | None = None,
        relayed: Callable[[bytes], bool] = nowhere,
        returns: Returns | None = None,
    ) -> None:
        """
        @param local: whom we are the final host of.
        @param goes: is there a way for messages to a recipient from a sender?
        @param relayAuthenticated: may clients relay that have authenticated?
        @param relaySubjects: the subjects of client certificates that may, as
            L{smtpx.core.hooks.TLSInfo} has them; they count only where the
            certificate was verified.
        @param redirection: the aliases; L{None}: there are none.
        @param relayed: is a recipient at a domain that everybody may send to, since
            we pass its mail on?
        @param returns: knows whom addresses lead back to that we made of senders,
            and wants a C{redirection} besides; L{None}: we make none.
        """
        self._local = local
        self._returns = returns
        self._goes = goes
        self._redirection = redirection
        self._relayed = relayed
        self._authenticated = relayAuthenticated
        self._subjects = frozenset(relaySubjects)
        self.relayHosts = relayHosts
        self.refuseHosts = refuseHosts

    def mayConnect(self, session: IServerSession) -> Reply | None:
        """
        Refuse clients that are in the list of those to be refused.  Where that cannot
        be told they are let in: a client that wants to be nameless can always be.
        """
        return NOT_WELCOME if self._among(session, self.refuseHosts) else None

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """Anybody may send; the recipients decide."""
        return None

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """Take mail for us, and mail for others from those who may relay."""
        path = recipient.path
        try:
            if self._returns is not None and self._returns.claims(path):
                return self.giveBack(self._returns, envelope, recipient)
            known = self._local.knows(path)
            if known is not None:
                return self.admit(envelope, recipient, known)
            return self._passOn(session, envelope, path)
        except Untold:
            # The look-up has told the operator why.
            return NOT_KNOWN

    def _passOn(
        self, session: IServerSession, envelope: Envelope, path: bytes
    ) -> Reply | None:
        """
        Take mail for others, from those who may relay.

        @param path: the recipient's.
        @raise Untold: whose mail it is cannot be told now.
        """
        if self._relayed(path) and not namesAnother(path):
            # Better refused now than accepted and kept without a way to go.
            return None if self._goes(path, envelope.sender) else MISCONFIGURED
        # The next host may trust us, and send on what names others.
        may = self._mayRelay(session)
        if not may:
            return NO_VERDICT if may is None else NO_RELAYING
        return None if self._goes(path, envelope.sender) else NO_ROUTE

    def admit(
        self, envelope: Envelope, recipient: Recipient, known: bool
    ) -> Reply | None:
        """
        Take mail for us.

        @param known: is it an address that we know, aliases left aside?
        """
        path = recipient.path
        if self._redirection is not None:
            expansion = self._redirection.expand(path)
            if expansion is not None:
                return self._redirection.note(envelope, recipient, expansion)
        if not known:
            return UNKNOWN
        # Better refused now than accepted and kept without a way to go.
        return None if self._goes(path, envelope.sender) else MISCONFIGURED

    def giveBack(
        self, returns: Returns, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """
        Take mail for an address that we made of a sender, from whomever: it goes on to
        him, as if an alias led there.
        """
        path = returns.sender(envelope, recipient.path)
        if isinstance(path, Reply):
            return path
        redirection, expansion = self._redirection, Expansion((path,))
        assert redirection is not None, "the one comes with the other"
        known = self._local.knows(path)
        if known is not None:
            # We have become the host of the sender since.
            found = redirection.expand(path)
            if found is None and not known:
                return UNKNOWN
            expansion = found or expansion
        elif not self._goes(path, envelope.sender):
            return NO_ROUTE
        refusal = redirection.note(envelope, recipient, expansion)
        if refusal is None:
            envelope.stamps[RETURNED] = True
        return refusal

    def _mayRelay(self, session: IServerSession) -> bool | None:
        """L{None}: that cannot be told now."""
        if self._authenticated and session.identity is not None:
            return True
        secured = session.secured
        if (
            secured is not None
            and secured.verified
            and secured.subject is not None
            and secured.subject in self._subjects
        ):
            return True
        return self._among(session, self.relayHosts)

    def _among(self, session: IServerSession, hosts: Verdict) -> bool | None:
        return hosts(session.peer, clientNames(session), session.peerNameKnown)


__all__ = [
    "MISCONFIGURED",
    "NOT_WELCOME",
    "NO_RELAYING",
    "NO_ROUTE",
    "NO_VERDICT",
    "UNKNOWN",
    "LocalAddresses",
    "LocalPolicy",
    "Verdict",
    "nobody",
    "nowhere",
]
