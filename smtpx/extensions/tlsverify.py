"""
TLSVERIFY: which clients show a certificate, and what is known of a handshake.

It has no keyword, for TLS itself does the asking (RFC 8446 section 4.3.2).  With
authorities that sign for clients, each client is asked for a certificate and may
go on without.  Two host lists, named as in Exim, change that: those in
C{tls_verify_hosts} have to show a good one, or the handshake fails; of all others
only those in C{tls_try_verify_hosts} are asked.

Under implicit TLS the handshake comes before anybody has looked up the client's
name.  Where that may decide, a certificate is asked for, and whoever should have
shown a good one and has not is refused each command, once the name is known.

Neither makes a client begin TLS: that is C{demanded} of STARTTLS.

What came of the handshake are variables, named as in Exim, and two conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Protocol

from attrs import evolve
from zope.interface import implementer

from ..core.hooks import TLSInfo, TLSOptions
from ..core.hostlist import clientNames
from ..core.interfaces import IServerBuilder, IServerExtension, IServerSession
from ..core.reply import Reply, reply

_DEMANDED = reply(554, "5.7.0", b"A good client certificate is required")


class Hosts(Protocol):
    """
    A host list: L{smtpx.core.hostlist.HostList}, or one whose names are looked up
    again and again.
    """

    @property
    def needsNames(self) -> bool:
        """Can the client's own host name matter?"""

    def matches(self, address: bytes, names: Sequence[bytes] = ()) -> bool:
        """Is a client in the list?"""


class ITLSVerify(IServerExtension):
    """Certificates of clients."""


@implementer(ITLSVerify)
class TLSVerify:
    """
    The TLSVERIFY extension.

    @ivar verifyHosts: C{tls_verify_hosts}; L{None}: nobody.
    @ivar tryVerifyHosts: C{tls_try_verify_hosts}; L{None}: everybody.
    """

    name = "TLSVERIFY"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(
        self, verifyHosts: Hosts | None = None, tryVerifyHosts: Hosts | None = None
    ) -> None:
        self.verifyHosts = verifyHosts
        self.tryVerifyHosts = tryVerifyHosts

    def configured(self, settings: object) -> TLSVerify:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        if self.verifyHosts is not None or self.tryVerifyHosts is not None:
            server.tls(self._tune)
        if self.verifyHosts is not None:
            server.gate(self._demand)
        server.condition("encrypted", lambda session: session.secured is not None)
        server.condition("certificate_verified", _verified)
        server.variable("tls_in_certificate_verified", _verified)
        for name, read in _VARIABLES.items():
            server.variable(name, partial(_ofHandshake, read))

    def _tune(self, session: IServerSession, options: TLSOptions) -> TLSOptions:
        unnamed = session.peerName is None
        hosts, tried = self.verifyHosts, self.tryVerifyHosts
        if hosts is not None:
            if unnamed and hosts.needsNames:
                # Whether it is in the list is not known yet: see the gate.
                return options
            if _isIn(hosts, session):
                return evolve(options, verified=True)
        if tried is None or (unnamed and tried.needsNames) or _isIn(tried, session):
            return options
        return evolve(options, asked=False)

    def _demand(self, session: IServerSession, verb: bytes) -> Reply | None:
        secured, hosts = session.secured, self.verifyHosts
        if secured is None or secured.verified or verb == b"QUIT":
            return None
        assert hosts is not None, "it is a gate only where there is a list"
        return _DEMANDED if _isIn(hosts, session) else None


def _isIn(hosts: Hosts, session: IServerSession) -> bool:
    return hosts.matches(session.peer, clientNames(session))


def _verified(session: IServerSession) -> bool:
    return session.secured is not None and session.secured.verified


def _ofHandshake(
    read: Callable[[TLSInfo], object], session: IServerSession
) -> object | None:
    """Something of the handshake; L{None} in the clear."""
    return None if session.secured is None else read(session.secured)


#: Exim's names.
_VARIABLES: dict[str, Callable[[TLSInfo], object]] = {
    "tls_in_bits": attrgetter("bits"),
    "tls_in_cipher": attrgetter("cipher"),
    "tls_in_cipher_std": attrgetter("suite"),
    "tls_in_ocsp": attrgetter("stapled.value"),
    "tls_in_peerdn": attrgetter("subject"),
    "tls_in_sni": attrgetter("serverName"),
    "tls_in_ver": attrgetter("version"),
}
