"""
TLS sessions of servers, as TLSRESUME wants them.

A record is named by the server and by a digest of everything that was verified, so that
a session is found only where all of it is as it was.  It holds a few sessions, since as
many connections to one server may end at once; each is taken out to be used.  Several
processes read that of each other a second later, so that each claims a session before
it is used, and leaves what another one has claimed.

A session is as good as a key to what is sent in it.  The file of peer knowledge is its
owner's alone; where that is not enough, C{persistent = false} keeps it in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

from attrs import evolve
from zope.interface import implementer

from ..core.tlssession import LIFETIME_SECONDS_MOST, TLSSession
from ..extensions.tlsresume import ITicketStore, TicketKey
from .interfaces import IPeerKnowledge
from .kinds import SESSION, SESSIONS_MOST, Shelf
from .names import hostName

#: How long the sessions of a record are together at most, in octets; written down they
#: are half as long again.
SESSIONS_OCTETS_MOST = 11_000

#: Of how many servers sessions are kept by one process.
SERVERS_MOST = 2000

#: How many octets of a digest are in a name.
_DIGEST_OCTETS = 16


@implementer(ITicketStore)
class SessionMemory:
    """
    Keeps TLS sessions.

    @ivar most: of how many servers.
    """

    def __init__(
        self,
        knowledge: IPeerKnowledge,
        now: Callable[[], float],
        most: int = SERVERS_MOST,
        claim: Callable[[bytes], bool] | None = None,
    ) -> None:
        """
        @param knowledge: where to.
        @param now: seconds since the epoch.
        @param claim: says of a session that is to be used whether no other process has
            used it (L{smtpx.joint.recent.Recent.claim}); L{None}: there is no other.
        """
        self.most = most
        self._claim = claim
        self._shelf = Shelf(knowledge, SESSION)
        self._now = now
        #: Names that were kept here, the latest last.
        self._kept: OrderedDict[bytes, None] = OrderedDict()

    def take(self, key: TicketKey) -> TLSSession | None:
        """See L{ITicketStore}."""
        name = _name(key)
        rest = [*self._sessions(name)]
        found: TLSSession | None = None
        while rest and found is None:
            newest = rest.pop()
            if self._isFree(newest):
                found = newest
        if found is not None:
            self._write(name, tuple(rest))
        return found

    def _isFree(self, session: TLSSession) -> bool:
        """
        Has no other process used it?  One of TLS 1.2 may be used again, and is, since
        there is no new one for it.
        """
        if self._claim is None or session.version == "TLSv1.2":
            return True
        return self._claim(session.octets)

    def keep(self, key: TicketKey, session: TLSSession) -> None:
        """See L{ITicketStore}."""
        now, name = self._now(), _name(key)
        session = evolve(
            session, expires=min(session.expires, now + LIFETIME_SECONDS_MOST)
        )
        if session.expires <= now or len(session.octets) > SESSIONS_OCTETS_MOST:
            return
        sessions = (*self._sessions(name), session)[-SESSIONS_MOST:]
        while sum(len(each.octets) for each in sessions) > SESSIONS_OCTETS_MOST:
            sessions = sessions[1:]
        self._write(name, sessions)

    def forget(self, key: TicketKey) -> None:
        """See L{ITicketStore}."""
        self._write(_name(key), ())

    def _sessions(self, name: bytes) -> tuple[TLSSession, ...]:
        """Those that a server still takes."""
        now = self._now()
        found = self._shelf.recall(name) or ()
        return tuple(each for each in found if each.began <= now < each.expires)

    def _write(self, name: bytes, sessions: tuple[TLSSession, ...]) -> None:
        self._kept.pop(name, None)
        if not sessions:
            self._shelf.forget(name)
            return
        ends = max(each.expires for each in sessions)
        self._shelf.remember(name, sessions, self._now(), ends)
        self._kept[name] = None
        while len(self._kept) > self.most:
            oldest, _ = self._kept.popitem(last=False)
            self._shelf.forget(oldest)


def _name(key: TicketKey) -> bytes:
    """What a record is called: the server, and a digest of everything in the key."""
    host, address, port, *_ = key
    digest = sha256()
    for part in key:
        digest.update(b"%d:%b," % (len(part), part))
    rest = digest.hexdigest()[: 2 * _DIGEST_OCTETS].encode("ascii")
    return hostName(host, address, int(port), b"tls " + rest)


__all__ = [
    "SERVERS_MOST",
    "SESSIONS_OCTETS_MOST",
    "SessionMemory",
]
