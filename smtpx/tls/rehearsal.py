"""
A handshake with ourselves: whether a certificate and terms of a handshake go together.

OpenSSL takes signature algorithms that a certificate's key cannot make, and each
handshake fails then, with every client.  What it does is too manifold to be computed
from names, so it is tried, in memory, with a client that takes everything.
"""

from __future__ import annotations

from attrs import evolve
from OpenSSL import SSL

from ..core.tlsterms import TLSTerms
from .certificates import Certified
from .handshake import makeContext

#: More than a handshake needs, in turns of both sides.
_TURNS_MOST = 10

#: The most that one side says in a turn, in octets.
_OCTETS_MOST = 1 << 17


def canSign(certified: Certified, minimum: str, terms: TLSTerms) -> bool:
    """
    Can a server with this certificate sign a handshake by one of the algorithms in
    C{terms}?

    @param minimum: the oldest version that is spoken, where C{terms} say nothing.
    @return: C{True} as well where it is something else in C{terms} that no handshake
        comes about with.
    """
    if terms.signatures is None or _meets(certified, minimum, terms, terms):
        return True
    usual = evolve(terms, signatures=None)
    return not _meets(certified, minimum, usual, terms)


def _meets(
    certified: Certified, minimum: str, ours: TLSTerms, theirs: TLSTerms
) -> bool:
    """
    Does a handshake come about?

    @param ours: the terms of the server.
    @param theirs: those of the client, who takes any signature.
    """
    context = makeContext(SSL.TLS_SERVER_METHOD, minimum, ours)
    certified.install(context)
    server = SSL.Connection(context, None)
    server.set_accept_state()
    taking = evolve(theirs, signatures=None)
    met = makeContext(SSL.TLS_CLIENT_METHOD, minimum, taking)
    client = SSL.Connection(met, None)
    client.set_connect_state()
    for _ in range(_TURNS_MOST):
        try:
            done = [_turn(client, server), _turn(server, client)]
        except SSL.Error:
            return False
        if all(done):
            return True
    return False


def _turn(side: SSL.Connection, other: SSL.Connection) -> bool:
    """
    One side goes on, and the other has what it said.

    @return: is its handshake complete?
    @raise SSL.Error: it has failed.
    """
    try:
        side.do_handshake()
        done = True
    except SSL.WantReadError:
        done = False
    try:
        other.bio_write(side.bio_read(_OCTETS_MOST))
    except SSL.WantReadError:
        # It has said nothing.
        pass
    return done


__all__ = ["canSign"]
