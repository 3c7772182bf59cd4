"""
Which clients of a server resume sessions, and what is known of those who did.

Listeners that are not to take each other's tickets have a L{KeyRing} each, and so have
clients that are asked for a certificate and those that are not: a session with a
certificate is not to be resumed where nobody would have asked for one, nor the other
way round.  Where several processes are one server, the keys are those that were made
for all of them (L{smtpx.tls.sharedring}).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from weakref import WeakKeyDictionary

from attrs import define, field, frozen
from cryptography.x509 import Certificate
from OpenSSL import SSL

from ..core.hooks import TLSOptions
from ..core.tlssession import Resumption
from ..core.tlsterms import TLSTerms
from .clientcertificates import Verdict
from .clienthello import Wishes
from .earlybanner import Words
from .keyring import TICKET_SECONDS, KeyRing
from .lateconnection import LateConnection
from .openssl import resumed
from .sharedkeys import RingName, SharedKeys
from .sharedring import SharedRing
from .sharedverdicts import SharedVerdicts


@frozen
class _Drawn:
    """
    What a handshake began with.

    @ivar ring: whose key it has; L{None}: its session is not to be resumed.
    @ivar era: of the verdicts of that ring.
    """

    ring: KeyRing | SharedRing | None
    wishes: Wishes
    era: int = 0


@define(eq=False)
class Ticketing:
    """
    The keys of a server, for all its listeners.

    @ivar furnish: has a context, which is a key, make handshakes as is wanted of them.
    @ivar now: tells the time, in seconds.
    @ivar lifetimeSeconds: how long tickets are good for.
    @ivar shared: the keys that other processes have, too; L{None}: none.
    @ivar trust: tells by octets who signs for clients.
    """

    furnish: Callable[[SSL.Context, TLSTerms], None]
    now: Callable[[], float]
    lifetimeSeconds: float = TICKET_SECONDS
    shared: SharedKeys | None = None
    trust: Callable[[], bytes] = bytes
    _rings: dict[RingName, KeyRing | SharedRing] = field(init=False, factory=dict)
    _drawn: WeakKeyDictionary[SSL.Connection, _Drawn] = field(
        init=False, factory=WeakKeyDictionary
    )

    def begin(
        self,
        options: TLSOptions,
        asked: bool,
        plain: SSL.Context,
        prepare: Callable[[SSL.Connection], None],
        words: Words | None = None,
    ) -> SSL.Connection:
        """
        Begin a handshake.

        @param asked: is the client asked for a certificate?
        @param plain: the context where no session is to be resumed.
        @param prepare: does what there is to do with the connection, once the
            ClientHello has come.
        @param words: has something said early; L{None}: nothing is.
        """
        ring = self._ring(options, asked) if options.tickets else None

        def choose(wishes: Wishes) -> SSL.Context:
            if ring is None:
                self._drawn[late] = _Drawn(None, wishes)
                return plain
            self._drawn[late] = _Drawn(ring, wishes, ring.verdicts.era)
            return ring.pick(wishes)

        late = LateConnection(choose, prepare, words)
        return late

    def verdict(
        self,
        connection: SSL.Connection,
        certificate: Certificate | None,
        look: Verdict,
        now: datetime,
    ) -> Verdict:
        """
        What is known of a client's certificate, after the handshake.

        @param certificate: the client's; L{None}: it showed none that can be read.
        @param look: what came of the look at it in this handshake.
        @param now: in UTC.
        @return: for a session that was resumed, what came of it in the first one; one
            that is not good, where that is not known.
        """
        drawn = self._drawn.get(connection)
        again = resumed(connection)
        if drawn is None or drawn.ring is None:
            return Verdict() if again else look
        if again:
            return drawn.ring.verdicts.recall(certificate, now)
        if drawn.era == drawn.ring.verdicts.era:
            # Else it was looked at with other authorities in mind.
            drawn.ring.verdicts.remember(certificate, look, _endOf(connection))
        return look

    def resumption(self, connection: SSL.Connection) -> Resumption:
        """What a handshake that is complete had to do with sessions from before."""
        found = Resumption.SUPPORTED
        drawn = self._drawn.get(connection)
        again = resumed(connection)
        if again:
            found |= Resumption.USED
        if drawn is None:
            return found
        if drawn.wishes.asks:
            found |= Resumption.ASKED
        if drawn.wishes.offers:
            found |= Resumption.OFFERED
        # TLS 1.2 has no new one for a session that is resumed.
        renewed = not again or connection.get_protocol_version_name() == "TLSv1.3"
        if drawn.ring is not None and drawn.wishes.asks and renewed:
            found |= Resumption.TICKET
        return found

    def tidy(self) -> None:
        """Destroy keys that are too old; to be called now and then."""
        for ring in self._rings.values():
            ring.tidy()

    def forgetClients(self) -> None:
        """Those who sign for clients are others: no verdict holds any more."""
        if self.shared is not None:
            # Others may have sealed what this process has not looked at yet.
            for name in self.shared.names:
                self._named(name)
        for name, ring in self._rings.items():
            if name.asked:
                ring.verdicts.forget()

    def _ring(self, options: TLSOptions, asked: bool) -> KeyRing | SharedRing:
        """
        The keys of a listener.

        @param options: say which it is; there are as many as the program has
            listeners.
        """
        return self._named(RingName(options.ticketKey, options.terms, asked))

    def _named(self, name: RingName) -> KeyRing | SharedRing:
        found = self._rings.get(name)
        if found is None:
            found = self._rings[name] = self._newRing(name)
        return found

    def _newRing(self, name: RingName) -> KeyRing | SharedRing:
        """A ring of keys that all processes have; if there are none, of our own."""

        def furnish(context: SSL.Context) -> None:
            self.furnish(context, name.terms)

        def make() -> SSL.Context:
            context = SSL.Context(SSL.TLS_SERVER_METHOD)
            furnish(context)
            return context

        series = None if self.shared is None else self.shared.series(name)
        if series is None:
            return KeyRing(make, self.now, self.lifetimeSeconds)
        return SharedRing(series, furnish, SharedVerdicts(series.table, self.trust))


def _endOf(connection: SSL.Connection) -> datetime | None:
    """When the first certificate of a chain that is good ends, in UTC."""
    try:
        chain = connection.get_verified_chain(as_cryptography=True)
        return min((each.not_valid_after_utc for each in chain or ()), default=None)
    except ValueError:
        # One that OpenSSL takes, and nobody else can read.
        return None


__all__ = ["Ticketing"]
