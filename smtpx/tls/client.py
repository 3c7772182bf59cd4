"""
The client's side of TLS: whom we trust, and whether a server is who it should
be.

A handshake is either I{verified}, and then the chain of the server's certificate
has to end at somebody we trust and the certificate has to be for the name that
was asked for (RFC 9525, by C{service_identity}), or it fails; or it is
opportunistic (RFC 7435), and then any certificate will do, none is looked at, and
nothing is called verified.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import ip_address

from attrs import define, field, frozen
from cryptography.x509 import (
    Certificate,
    DNSName,
    ExtensionNotFound,
    SubjectAlternativeName,
)
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.errors import PeerError, UsageError
from ..core.hooks import TLSInfo, TLSOptions
from .certificates import UNREADABLE, Certified
from .handshake import (
    describe,
    endPointOf,
    makeContext,
    peerCertificate,
    readable,
    trust,
)
from .interfaces import IClientTLS
from .openssl import verifyProblem

#: How many names of a certificate are told at most, and which are.
_NAMES = 3
_plain = re.compile(r"[A-Za-z0-9.*_-]{1,255}").fullmatch

_Judge = Callable[[SSL.Connection, X509, int, int, int], bool]


class UntrustedPeer(PeerError):
    """
    The server is not known to be who it should be; the message says what is
    wrong with its certificate.
    """


@implementer(IOpenSSLClientConnectionCreator)
@frozen(eq=False)
class _Connector:
    """Begins one handshake."""

    context: SSL.Context
    options: TLSOptions

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See L{IOpenSSLClientConnectionCreator}."""
        connection = SSL.Connection(self.context, None)
        name = self.options.serverName
        if name is not None and not _isAddress(name):
            connection.set_tlsext_host_name(name.removesuffix(b"."))
        if self.options.verified:
            assert name is not None, "the creator saw to it"
            connection.set_verify(
                SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
                _judge(tlsProtocol, name),
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

    def __attrs_post_init__(self) -> None:
        """Make the one context."""
        context = makeContext(SSL.TLS_CLIENT_METHOD, self.minimum)
        if self.trust is None:
            context.set_default_verify_paths()
        else:
            trust(context, self.trust)
        if self.certificate is not None:
            self.certificate.install(context)
        self._context = context

    def creator(self, options: TLSOptions) -> IOpenSSLClientConnectionCreator:
        """
        See L{IClientTLS}.

        @raise UsageError: there is no name to verify.
        """
        if options.verified and options.serverName is None:
            raise UsageError("a server can only be verified by its name")
        return _Connector(self._context, options)

    def info(self, connection: SSL.Connection, options: TLSOptions) -> TLSInfo:
        """
        See L{IClientTLS}.

        The name is checked once more, for the check during the handshake does
        not run where a session is resumed.
        """
        certificate = peerCertificate(connection)
        name = options.serverName
        return describe(
            connection,
            certificate=certificate,
            endPoint=None if certificate is None else endPointOf(certificate),
            verified=options.verified
            and certificate is not None
            and name is not None
            and _mismatch(certificate, name) is None,
            serverName=connection.get_servername(),
        )


@cache
def trustingPlatform() -> IClientTLS:
    """
    The trust of a client that has no opinion: whoever this machine trusts.  It is made
    once for the process, for a hundred authorities take tens of milliseconds to read.
    """
    return ClientTLS()


def _judge(protocol: TLSMemoryBIOProtocol, name: bytes) -> _Judge:
    """
    Make what OpenSSL asks about each certificate of a chain, the server's last.

    @param protocol: is told what is wrong, so that it ends with that reason and
        not with a general one of OpenSSL's.
    """

    def judge(
        connection: SSL.Connection, certificate: X509, code: int, depth: int, good: int
    ) -> bool:
        problem: str | None = None
        if not good:
            problem = verifyProblem(code)
        elif depth == 0:
            problem = _mismatch(readable(certificate), name)
        if problem is None:
            return True
        protocol.failVerification(Failure(UntrustedPeer(problem)))
        return False

    return judge


def _mismatch(certificate: Certificate | None, name: bytes) -> str | None:
    """
    What is wrong with a certificate for the server C{name}.

    @param certificate: L{None}: one that cannot be read.
    @return: L{None}: nothing, it is for that name.
    """
    if certificate is None:
        return "the certificate cannot be read"
    host = name.removesuffix(b".").decode("ascii")
    check = (
        verify_certificate_ip_address
        if _isAddress(name)
        else verify_certificate_hostname
    )
    try:
        check(certificate, host)
    except VerificationError:
        return f"the certificate is not for {host}{_otherwise(certificate)}"
    except (CertificateError, ValueError):
        return "the certificate has no name that can be read"
    return None


def _otherwise(certificate: Certificate) -> str:
    """
    For whom a certificate is, as far as that is of use to who looks for a mistake.
    What stands there is the server's word, so there is an end to it, and it is
    plain.
    """
    try:
        names = certificate.extensions.get_extension_for_class(
            SubjectAlternativeName
        ).value.get_values_for_type(DNSName)
    except UNREADABLE:
        return ""
    except ExtensionNotFound:
        return ", nor for any host"
    told = [each for each in names if _plain(each)][:_NAMES]
    if not told:
        return ""
    more = len(names) - len(told)
    rest = f" and {more} more" if more else ""
    return f", but for {', '.join(told)}{rest}"


def _isAddress(name: bytes) -> bool:
    """Is it an IP address?  Those are never sent as SNI (RFC 6066 section 3)."""
    try:
        ip_address(name.decode("ascii"))
    except ValueError:
        return False
    return True


__all__ = ["ClientTLS", "UntrustedPeer", "trustingPlatform"]
