"""
The server's side of TLS: certificates, which of them a client is shown, and how
they are replaced while the server runs.

Each certificate has a context of OpenSSL's.  A connection begins with that of
the first certificate; where the client names a host (SNI, RFC 6066 section 3),
the certificate for that name takes its place.  A client that names none, or one
that nobody has, is shown the first: a mail client would rather have a wrong name
than no TLS.

Files are looked at when a handshake begins, at most once a second.  A changed
certificate is for the handshakes that follow; the connections that are there
keep the context they have.  A certificate that cannot be used any more, half
written or with another's key, does not take the place of the one in use: the log
has an error, once for each change.  The same goes for the file of those who sign
for clients (L{smtpx.tls.clientcertificates}).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from attrs import define, field, frozen
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ..core.errors import UsageError
from ..core.hooks import TLSInfo, TLSOptions
from .certificates import (
    CertificateError,
    CertificateFiles,
    Certified,
    fileMark,
    loadCertified,
)
from .clientcertificates import ClientAuthorities, Verdicts
from .handshake import describe, makeContext, peerCertificate
from .interfaces import IServerTLS

#: How often files are looked at, at most.
LOOK_SECONDS = 1.0


@implementer(IOpenSSLServerConnectionCreator)
@frozen(eq=False)
class _Acceptor:
    """Begins handshakes under one context."""

    context: SSL.Context

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See L{IOpenSSLServerConnectionCreator}."""
        return SSL.Connection(self.context, None)


@define(eq=False)
class _Offer:
    """
    One certificate that is offered.

    @ivar mark: of the files, as they were when last looked at.
    @ivar plain: its context for those who are given no ticket.
    @ivar ticketing: its context for the others; made when first wanted.
    """

    certified: Certified
    mark: tuple[object, ...]
    plain: SSL.Context
    ticketing: SSL.Context | None = None


@implementer(IServerTLS)
@define(eq=False)
class ServerTLS:
    """
    The certificates of a server.

    @ivar clock: tells when to look at files again, and the time of day.
    @ivar certificates: where they are; the first is the default.  None at all:
        there is no TLS.
    @ivar minimum: the oldest version of TLS to speak, one of
        L{smtpx.tls.handshake.VERSIONS}.
    @ivar clientAuthorities: the file of those who sign for clients; L{None}:
        clients are asked for no certificate.
    @raise CertificateError: certificates that cannot be used; it tells of all.
    """

    certificates: Sequence[CertificateFiles]
    clock: IReactorTime = field(kw_only=True)
    minimum: str = field(kw_only=True, default="TLSv1.2")
    clientAuthorities: Path | None = field(kw_only=True, default=None)
    _authorities: ClientAuthorities | None = field(init=False, default=None)
    _verdicts: Verdicts = field(init=False, factory=Verdicts)
    _offers: list[_Offer] = field(init=False, factory=list)
    _byName: dict[bytes, _Offer] = field(init=False, factory=dict)
    _looked: float = field(init=False)
    _log = Logger()

    def __attrs_post_init__(self) -> None:
        """Read everything for the first time."""
        self._looked = self.clock.seconds()
        problems: list[str] = []
        if self.clientAuthorities is not None:
            try:
                self._authorities = ClientAuthorities.read(self.clientAuthorities)
            except CertificateError as error:
                problems += error.problems
        for files in self.certificates:
            mark = files.mark()
            try:
                self._offers.append(self._offer(files, mark))
            except CertificateError as error:
                problems += error.problems
        if problems:
            raise CertificateError(*problems)
        self._index()

    @property
    def ready(self) -> bool:
        """See L{IServerTLS}."""
        return bool(self._offers)

    def creator(self, options: TLSOptions) -> IOpenSSLServerConnectionCreator:
        """
        See L{IServerTLS}.

        @raise UsageError: there is no certificate.
        """
        if not self._offers:
            raise UsageError("there is no certificate")
        self._look()
        return _Acceptor(self._context(self._offers[0], options.tickets))

    def info(self, connection: SSL.Connection) -> TLSInfo:
        """See L{IServerTLS}."""
        certified = connection.get_context().get_app_data()
        certificate = peerCertificate(connection)
        look = self._verdicts.on(connection)
        return describe(
            connection,
            certificate=certificate,
            endPoint=certified.endPoint,
            # OpenSSL may find one good that cannot be read here.
            verified=look.good and certificate is not None,
            serverName=connection.get_servername(),
            problem=look.problem,
        )

    def _offer(self, files: CertificateFiles, mark: tuple[object, ...]) -> _Offer:
        """
        Read a certificate.

        @raise CertificateError: it cannot be used.
        """
        certified = loadCertified(files)
        expiry = certified.certificate.not_valid_after_utc
        if expiry < datetime.fromtimestamp(self.clock.seconds(), UTC):
            self._log.warn(
                "{file}: the certificate is not valid since {expiry}",
                file=str(files.chain),
                expiry=expiry.isoformat(),
            )
        return _Offer(certified, mark, self._makeContext(certified, tickets=False))

    def _makeContext(self, certified: Certified, tickets: bool) -> SSL.Context:
        """
        Make a context for a certificate.

        @param tickets: may its sessions be resumed?  If not, tickets are still
            sent under TLS 1.3, where pyOpenSSL has no way to send none, but are
            of no use.
        @raise CertificateError: OpenSSL does not want the certificate.
        """
        context = makeContext(SSL.TLS_SERVER_METHOD, self.minimum)
        if not tickets:
            context.set_options(SSL.OP_NO_TICKET)
        context.set_app_data(certified)
        certified.install(context)
        if self._authorities is not None:
            self._authorities.install(context, self._verdicts)

        def choose(connection: SSL.Connection) -> None:
            offer = self._named(connection.get_servername())
            if offer is not None:
                connection.set_context(self._context(offer, tickets))

        context.set_tlsext_servername_callback(choose)
        return context

    def _context(self, offer: _Offer, tickets: bool) -> SSL.Context:
        """The context of C{offer}."""
        if not tickets:
            return offer.plain
        if offer.ticketing is None:
            offer.ticketing = self._makeContext(offer.certified, tickets=True)
        return offer.ticketing

    def _named(self, name: bytes | None) -> _Offer | None:
        """
        The certificate for a host name: one that has it, or else one with a
        wildcard in place of its first label (RFC 9525 section 6.3).

        @return: L{None}: there is none, or no name was given.
        """
        if name is None:
            return None
        name = name.lower().removesuffix(b".")
        _, dot, above = name.partition(b".")
        return self._byName.get(name) or self._byName.get(b"*" + dot + above)

    def _index(self) -> None:
        """Note which names are whose; the first certificate with one has it."""
        self._byName.clear()
        for offer in self._offers:
            for name in offer.certified.names:
                self._byName.setdefault(name, offer)

    def _look(self) -> None:
        """Look whether files have changed, unless that was done just now."""
        now = self.clock.seconds()
        if 0 <= now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._lookAtAuthorities()
        for place, offer in enumerate(self._offers):
            files = offer.certified.files
            mark = files.mark()
            if mark == offer.mark:
                continue
            offer.mark = mark
            try:
                self._offers[place] = self._offer(files, mark)
            except CertificateError as error:
                self._tellOfBad(files.chain, error)
            else:
                self._log.info(
                    "{file}: a new certificate is in use", file=str(files.chain)
                )
        self._index()

    def _lookAtAuthorities(self) -> None:
        """Look whether those who sign for clients have changed."""
        known = self._authorities
        if known is None:
            return
        mark = fileMark(known.path)
        if mark == known.mark:
            return
        known.mark = mark
        try:
            self._authorities = ClientAuthorities.read(known.path)
        except CertificateError as error:
            self._tellOfBad(known.path, error)
            return
        for offer in self._offers:
            offer.plain = self._makeContext(offer.certified, tickets=False)
            offer.ticketing = None
        self._log.info(
            "{file}: those who sign for clients were read anew", file=str(known.path)
        )

    def _tellOfBad(self, path: Path, error: CertificateError) -> None:
        """Something that was replaced cannot be used."""
        self._log.error(
            "{problem}; what was read before stays in use",
            problem=str(error),
            file=str(path),
        )


__all__ = ["LOOK_SECONDS", "ServerTLS"]
