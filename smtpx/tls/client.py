"""
The client's side of TLS: whom we trust, and whether a server is who it should
be.

A handshake is either I{verified}, and then the server's certificate has to be as was
demanded (L{smtpx.tls.judging}), or it fails; or it is opportunistic (RFC 7435), and
then any certificate will do, and nothing is called verified unless somebody wants it
watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from weakref import WeakKeyDictionary, ref

from attrs import define, field, frozen
from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.errors import UsageError
from ..core.hooks import TLSInfo, TLSOptions
from .certificates import Certified
from .handshake import describe, endPointOf, makeContext, peerCertificate, trust
from .interfaces import IClientTLS
from .judging import Judge, judgeFor, resumedVerdict
from .names import isAddress
from .openssl import resumed
from .verdict import UntrustedPeer, Verdict


@implementer(IOpenSSLClientConnectionCreator)
@frozen(eq=False)
class _Connector:
    """
    Begins one handshake.

    @ivar judges: where the judge of a connection is kept, until it is gone.
    """

    context: SSL.Context
    options: TLSOptions
    judges: WeakKeyDictionary[SSL.Connection, Judge]

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See L{IOpenSSLClientConnectionCreator}."""
        connection = SSL.Connection(self.context, None)
        name = _sentName(self.options)
        if name is not None:
            connection.set_tlsext_host_name(name)

        # Not to be kept by what is kept for the connection.
        protocol = ref(tlsProtocol)

        def fail(error: UntrustedPeer) -> None:
            # So that it ends with that reason, and not a general one of OpenSSL's.
            handshake = protocol()
            if handshake is not None:
                handshake.failVerification(Failure(error))

        judge = judgeFor(self.options, fail)
        if judge is not None:
            self.judges[connection] = judge
            connection.set_verify(
                SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, judge.look
            )
        return connection


@implementer(IClientTLS)
@define(eq=False)
class ClientTLS:
    """
    The trust of a client.

    @ivar trust: the authorities that are trusted; L{None}: those of the
        platform.
    @ivar certificate: what is shown to servers that ask for a certificate; L{None}:
        nothing.
    @ivar minimum: the oldest version of TLS to speak, one of
        L{smtpx.tls.handshake.VERSIONS}.
    """

    trust: Sequence[Certificate] | None = None
    certificate: Certified | None = field(kw_only=True, default=None)
    minimum: str = field(kw_only=True, default="TLSv1.2")
    _context: SSL.Context = field(init=False)
    _trustless: SSL.Context | None = field(init=False, default=None)
    _judges: WeakKeyDictionary[SSL.Connection, Judge] = field(
        init=False, factory=WeakKeyDictionary
    )

    def __attrs_post_init__(self) -> None:
        """Make the context that is used most."""
        self._context = self._make()
        if self.trust is None:
            self._context.set_default_verify_paths()
        else:
            trust(self._context, self.trust)

    def _make(self) -> SSL.Context:
        """A context that trusts nobody."""
        context = makeContext(SSL.TLS_CLIENT_METHOD, self.minimum)
        if self.certificate is not None:
            self.certificate.install(context)
        return context

    def _contextFor(self, options: TLSOptions) -> SSL.Context:
        """
        The context for a handshake.  Where TLSA records judge, it trusts nobody: then
        the chain is made of what the server sent, and of nothing else.
        """
        if options.dane is None:
            return self._context
        if self._trustless is None:
            self._trustless = self._make()
        return self._trustless

    def creator(self, options: TLSOptions) -> IOpenSSLClientConnectionCreator:
        """
        See L{IClientTLS}.

        @raise UsageError: there is no name to verify.
        """
        if options.verified and options.serverName is None:
            raise UsageError("a server can only be verified by its name")
        return _Connector(self._contextFor(options), options, self._judges)

    def info(self, connection: SSL.Connection, options: TLSOptions) -> TLSInfo:
        """
        See L{IClientTLS}.

        The certificate is checked once more, for nothing is looked at during the
        handshake where a session is resumed.
        """
        certificate = peerCertificate(connection)
        verdict = self._verdict(connection, certificate, options)
        return describe(
            connection,
            certificate=certificate,
            endPoint=None if certificate is None else endPointOf(certificate),
            verified=verdict.proof is not None,
            serverName=connection.get_servername(),
            verdict=verdict,
        )

    def _verdict(
        self,
        connection: SSL.Connection,
        certificate: Certificate | None,
        options: TLSOptions,
    ) -> Verdict:
        """What was found of a server's certificate."""
        judge = self._judges.get(connection)
        if judge is None:
            return Verdict()
        again = resumedVerdict(certificate, options)
        if judge.verdict is None and resumed(connection):
            return again
        found = judge.verdict or Verdict("nobody looked at the certificate")
        return again if found.proof is not None and again.proof is None else found


@cache
def trustingPlatform() -> IClientTLS:
    """
    The trust of a client that has no opinion: whoever this machine trusts.  It is made
    once for the process, for a hundred authorities take tens of milliseconds to read.
    """
    return ClientTLS()


def _sentName(options: TLSOptions) -> bytes | None:
    """
    The name that is sent as SNI; L{None}: there is none.  With TLSA records it is the
    one that they stand under (RFC 7672 section 8.1).
    """
    name = options.serverName if options.dane is None else options.dane.base
    return None if name is None or isAddress(name) else name.removesuffix(b".")


__all__ = ["ClientTLS", "UntrustedPeer", "trustingPlatform"]
