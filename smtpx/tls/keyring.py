"""
Keys of session tickets, which turn with time.

A server gives its clients tickets (RFC 8446 section 4.6.1, RFC 5077): sessions, sealed
with a key that only the server has.  OpenSSL draws such a key for each context when it
is made, and pyOpenSSL can neither read nor set it.  So a context B{is} a key here: a
L{KeyRing} has two, the one that seals now and the one before, and a handshake begins
under that whose name stands in the client's ticket (L{smtpx.tls.clienthello}); with any
other ticket, or none, under the newest.

A key seals for half of the lifetime of tickets, and opens for as long again.  Then it
is destroyed, and what was sealed with it is of no use to anybody, whoever has recorded
it.  Keys are in memory only.  After a restart, with a key that is too old, with a
ticket that is damaged or another listener's, there is a full handshake, and nothing
fails.

The contexts of a ring have B{no certificate}: a callback of theirs puts one in place in
each handshake, which leaves the key alone.  So new certificates do not cost the keys.

The key that seals a ticket is that of the context under which its handshake began.  So
a session that is resumed under the older key is given a ticket of the older key, and
the chain ends with it.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen
from OpenSSL import SSL

from .clienthello import Scan, Wishes
from .verdictmemory import VerdictMemory

#: How long tickets are good for, in seconds, as in Exim; and the least that can be.
TICKET_SECONDS, TICKET_SECONDS_LEAST = 7200.0, 2.0

_RECORD_OCTETS = 65536


@frozen
class TicketKey:
    """
    A key of tickets.

    @ivar name: by which tickets name it.
    @ivar context: which it is.
    @ivar born: when it was made, in seconds of the ring's clock.
    """

    name: bytes
    context: SSL.Context
    born: float


@define(eq=False)
class KeyRing:
    """
    The keys of those listeners that take each other's tickets.

    @ivar make: makes a context, which draws a key.
    @ivar now: tells the time, in seconds.
    @ivar lifetimeSeconds: how long tickets are good for.
    @ivar verdicts: what was found out of the certificates of clients whose sessions may
        be resumed.
    """

    make: Callable[[], SSL.Context]
    now: Callable[[], float]
    lifetimeSeconds: float = TICKET_SECONDS
    verdicts: VerdictMemory = field(init=False)
    _keys: list[TicketKey] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        """Where verdicts are forgotten, so are the sessions."""
        self.verdicts = VerdictMemory(self.discard)

    def pick(self, wishes: Wishes) -> SSL.Context:
        """
        The context for a handshake.

        @param wishes: what the client's ClientHello says.
        """
        self._turn()
        for key in self._keys:
            if key.name in wishes.names:
                return key.context
        return self._keys[0].context

    def tidy(self) -> None:
        """Destroy what is too old; to be called now and then, where nobody comes."""
        last = 2 * self._periodSeconds
        self._keys = [key for key in self._keys if 0 <= self._age(key) < last]

    def discard(self) -> None:
        """Destroy all keys, so that no session is resumed any more."""
        self._keys.clear()

    @property
    def _periodSeconds(self) -> float:
        return self.lifetimeSeconds / 2

    def _age(self, key: TicketKey) -> float:
        return self.now() - key.born

    def _turn(self) -> None:
        """See to it that there is a key that may seal."""
        self.tidy()
        if self._keys and self._age(self._keys[0]) < self._periodSeconds:
            return
        context = self.make()
        made = TicketKey(ticketName(context), context, self.now())
        self._keys = [made, *self._keys[:1]]


def ticketName(context: SSL.Context) -> bytes:
    """
    The name of a context's ticket key, as it stands in the ClientHello of a second
    handshake with ourselves.
    """
    ours = SSL.Context(SSL.TLS_CLIENT_METHOD)
    client, server = SSL.Connection(ours, None), SSL.Connection(context, None)
    client.set_connect_state()
    server.set_accept_state()
    for side, other in ((client, server), (server, client)) * 2:
        _step(side.do_handshake)
        _carry(side, other)
    # The tickets of TLS 1.3 are there once something was read.
    _step(lambda: client.recv(1))
    session = client.get_session()
    assert session is not None, "the handshake is complete"
    again = SSL.Connection(ours, None)
    again.set_session(session)
    again.set_connect_state()
    _step(again.do_handshake)
    scan = Scan()
    scan.feed(again.bio_read(_RECORD_OCTETS))
    assert scan.wishes is not None and scan.wishes.names, "there was a ticket"
    return scan.wishes.names[0]


def _step(act: Callable[[], object]) -> None:
    """Do something that may want to read what is not there yet."""
    try:
        act()
    except SSL.WantReadError:
        pass


def _carry(source: SSL.Connection, target: SSL.Connection) -> None:
    _step(lambda: target.bio_write(source.bio_read(_RECORD_OCTETS)))


__all__ = [
    "TICKET_SECONDS",
    "TICKET_SECONDS_LEAST",
    "KeyRing",
    "TicketKey",
    "ticketName",
]
