"""
The server's own policy: whom we are the final host of, who may send elsewhere,
who may not connect at all.

What is ours is decided at RCPT, so that a message for nobody is never taken
(RFC 5321 section 3.3), and mail that is neither for us nor from somebody who may
relay is refused (section 7.9: no open relay).  The postmaster of every domain of
ours is always there, whatever the case of the letters (section 4.5.1).

C{user%elsewhere@ours} and C{elsewhere!user@ours} were once ways to have a host
pass mail on.  They mean nothing here: unless such an address is listed, nobody
of that name is known.

Nothing here waits; each answer takes a few look-ups in dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum

from zope.interface import implementer

from ..core.address import domainOf, localPartOf
from ..core.addresstable import AddressTable, domainKey
from ..core.envelope import Envelope, Recipient
from ..core.interfaces import IServerSession
from ..core.reply import Reply, reply
from ..net.interfaces import IPolicy

#: Is a client in a host list?  Asked with its address and its verified names;
#: L{smtpx.core.hostlist.HostList.matches} is one.
Matcher = Callable[[bytes, Sequence[bytes]], bool]

#: RFC 5321 section 3.1; the greeting has no enhanced code (RFC 2034 section 3).
NOT_WELCOME = reply(554, None, b"No mail is taken from you here")
UNKNOWN = reply(550, "5.1.1", b"No such recipient here")
NO_RELAYING = reply(550, "5.7.1", b"Relaying not permitted")
NO_ROUTE = reply(550, "5.1.2", b"No route to that domain")
#: RFC 3463 section 3.4, X.3.5: the fault is ours, and may be put right.
MISCONFIGURED = reply(451, "4.3.5", b"Mail for that recipient cannot be taken now")

_POSTMASTER = b"postmaster"


class _Ours(Enum):
    """What an entry of the table of our addresses says."""

    #: A domain where everybody is known.
    ANYBODY = "anybody"
    #: A domain where only those are known who are listed.
    LISTED = "listed"
    #: An address.
    ADDRESS = "address"


def nobody(address: bytes, names: Sequence[bytes]) -> bool:
    """The matcher of an empty host list."""
    return False


class LocalAddresses:
    """Whom we are the final host of."""

    __slots__ = ("_table",)

    def __init__(
        self,
        domains: Iterable[str],
        addresses: Sequence[str] = (),
        anybody: bool = True,
        home: bytes = b"localhost",
    ) -> None:
        """
        @param domains: our domains, as patterns of
            L{smtpx.core.addresstable.AddressTable}.
        @param addresses: addresses that are known, at these domains or others.
        @param anybody: is every other address at C{domains} known as well?
        @param home: the domain of C{<postmaster>}, who may come without one.
        @raise UsageError: a pattern is none, and the message has it.
        @raise Conflict: two patterns mean the same.
        """
        rest = _Ours.ANYBODY if anybody else _Ours.LISTED
        entries = [(domain, rest) for domain in domains]
        entries += [(address, _Ours.ADDRESS) for address in addresses]
        table = AddressTable(entries, home)
        # Whoever has an address at a domain has a postmaster there.
        others = [domainOf(address.encode()) for address in addresses]
        entries += [
            (domain.decode(), _Ours.LISTED)
            for domain in {domainKey(other): other for other in others}.values()
            if table.find(b"postmaster@" + domain) is None
        ]
        self._table = AddressTable(entries, home)

    def knows(self, path: bytes) -> bool | None:
        """
        Are we the final host of an address, and is it known?

        @param path: a recipient's mailbox, as the envelope has it.
        @return: L{None}: its domain is not ours.
        """
        ours = self._table.find(path)
        if ours is None:
            # RFC 5321 section 4.5.1: <postmaster> alone is always for us.
            return True if path.lower() == _POSTMASTER else None
        if ours is _Ours.ADDRESS:
            return True
        if ours is _Ours.ANYBODY:
            return not _relayed(localPartOf(path))
        return localPartOf(path).lower() == _POSTMASTER


def _relayed(local: bytes) -> bool:
    """Was this a way to name another host, once?"""
    return b"%" in local or b"!" in local or b"@" in local


@implementer(IPolicy)
class LocalPolicy:
    """
    The policy of the configuration.

    @ivar relayHosts: which clients may send to domains that are not ours.
    @ivar refuseHosts: which clients may not connect.
    """

    __slots__ = (
        "_authenticated",
        "_goes",
        "_local",
        "_subjects",
        "refuseHosts",
        "relayHosts",
    )

    def __init__(
        self,
        local: LocalAddresses,
        goes: Callable[[bytes], bool],
        relayHosts: Matcher = nobody,
        relayAuthenticated: bool = True,
        relaySubjects: Collection[str] = (),
        refuseHosts: Matcher = nobody,
    ) -> None:
        """
        @param local: whom we are the final host of.
        @param goes: is there a way for messages to a recipient?
        @param relayAuthenticated: may clients relay that have authenticated?
        @param relaySubjects: the subjects of client certificates that may, as
            L{smtpx.core.hooks.TLSInfo} has them; they count only where the
            certificate was verified.
        """
        self._local = local
        self._goes = goes
        self._authenticated = relayAuthenticated
        self._subjects = frozenset(relaySubjects)
        self.relayHosts = relayHosts
        self.refuseHosts = refuseHosts

    def mayConnect(self, session: IServerSession) -> Reply | None:
        """Refuse clients that are in the list of those to be refused."""
        return NOT_WELCOME if self.refuseHosts(session.peer, _names(session)) else None

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """Anybody may send; the recipients decide."""
        return None

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """Take mail for us, and mail for others from those who may relay."""
        path = recipient.path
        known = self._local.knows(path)
        if known:
            # Better refused now than accepted and kept without a way to go.
            return None if self._goes(path) else MISCONFIGURED
        if known is not None:
            return UNKNOWN
        if not self._mayRelay(session):
            return NO_RELAYING
        return None if self._goes(path) else NO_ROUTE

    def _mayRelay(self, session: IServerSession) -> bool:
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
        return self.relayHosts(session.peer, _names(session))


def _names(session: IServerSession) -> tuple[bytes, ...]:
    """The client's verified names."""
    name = session.peerName
    return () if name is None else (name,)


__all__ = ["LocalAddresses", "LocalPolicy", "Matcher", "nobody"]
