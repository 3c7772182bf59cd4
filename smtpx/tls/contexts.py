"""
The server's side of TLS: certificates, which of them a client is shown, and how
they are replaced while the server runs.

Each certificate has a context of OpenSSL's.  A connection begins with that of the
first certificate; where the client names a host (SNI, RFC 6066 section 3), the
certificate for that name takes its place.  A client that names none, or one that
nobody has, is shown the first: a mail client would rather have a wrong name than no
TLS.

Files are looked at when a handshake begins, at most once a second.  A changed
certificate is for the handshakes that follow; the connections that are there keep the
context they have.  A certificate that cannot be used any more, half written or with
another's key, does not take the place of the one in use: the log has an error, once for
each change.  The same goes for the file of those who sign for clients
(L{smtpx.tls.clientcertificates}), and for that of the certificate's OCSP response
(L{smtpx.tls.stapling}), which is sent to clients that ask for it (RFC 6066 section 8).

Sessions are resumed where a handshake's options allow it.  Such a handshake begins
under a context of L{smtpx.tls.keyring}, which has the key of its ticket, and goes on
under that of the certificate; so tickets outlast certificates that are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from attrs import define, field, frozen
from attrs.validators import ge
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
from ..core.stapled import Stapled
from ..core.tlsterms import USUAL, TLSTerms
from .alerts import clearer
from .certificates import (
    CertificateError,
    CertificateFiles,
    Certified,
    fileMark,
    loadCertified,
)
from .clientcertificates import DEPTH, ClientAuthorities, Verdicts
from .earlybanner import SpeaksFirst, Words
from .handshake import describe, furnish, makeContext, peerCertificate
from .interfaces import IServerTLS
from .keyring import TICKET_SECONDS, TICKET_SECONDS_LEAST
from .ocsp import Staple, moment
from .openssl import refuseEarly
from .sharedkeys import SharedKeys
from .stapling import Stapling
from .states import CertificateState
from .terms import VERSIONS
from .ticketing import Ticketing

#: How often files are looked at, at most.
LOOK_SECONDS = 1.0


@implementer(IOpenSSLServerConnectionCreator)
@frozen(eq=False)
class _Acceptor:
    """
    Begins handshakes under one context.

    @ivar prepare: says how each is made otherwise than the context does.
    @ivar words: has something said early; L{None}: nothing is.
    """

    context: SSL.Context
    prepare: Callable[[SSL.Connection], None]
    words: Words | None = None

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See L{IOpenSSLServerConnectionCreator}."""
        if self.words is None:
            connection = SSL.Connection(self.context, None)
        else:
            connection = SpeaksFirst(self.context, self.words)
        self.prepare(connection)
        return connection


@implementer(IOpenSSLServerConnectionCreator)
@frozen(eq=False)
class _LateAcceptor:
    """Begins handshakes whose context depends on what the client says."""

    begin: Callable[[], SSL.Connection]

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See L{IOpenSSLServerConnectionCreator}."""
        return self.begin()


@define(eq=False)
class _Offer:
    """
    One certificate that is offered.

    @ivar mark: of the files, as they were when last looked at.
    @ivar stapling: what is stapled to it.
    @ivar contexts: its contexts, by what is wanted of handshakes; made when first
        wanted.
    @ivar problem: why what was to take its place did not; L{None}: nothing was.
    """

    certified: Certified
    mark: tuple[object, ...]
    stapling: Stapling
    contexts: dict[TLSTerms, SSL.Context]
    problem: str | None = None

    def state(self, now: datetime) -> CertificateState:
        """What is known of it."""
        certificate = self.certified.certificate
        begins = certificate.not_valid_before_utc
        ends = certificate.not_valid_after_utc
        problem = self.problem
        if problem is None and ends < now:
            problem = f"{self.certified.files.chain}: expired at {moment(ends)}"
        if problem is None and begins > now:
            problem = f"{self.certified.files.chain}: not valid before {moment(begins)}"
        if problem is None and not self.stapling.wanted:
            # It may demand a staple all the same.
            problem = self.stapling.problem(now)
        return CertificateState(
            self.certified.files.chain,
            tuple(name.decode("utf-8") for name in self.certified.names),
            begins,
            ends,
            problem,
            self.stapling.state(now),
        )


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
    @ivar ticketSeconds: how long clients may resume a session, where they may.
    @ivar sharedKeys: those of tickets that other processes have, too; L{None}: none.
    @raise CertificateError: certificates that cannot be used; it tells of all.
    """

    certificates: Sequence[CertificateFiles]
    clock: IReactorTime = field(kw_only=True)
    minimum: str = field(kw_only=True, default="TLSv1.2")
    clientAuthorities: Path | None = field(kw_only=True, default=None)
    ticketSeconds: float = field(
        kw_only=True, default=TICKET_SECONDS, validator=ge(TICKET_SECONDS_LEAST)
    )
    sharedKeys: SharedKeys | None = field(kw_only=True, default=None)
    _authorities: ClientAuthorities | None = field(init=False, default=None)
    _verdicts: Verdicts = field(init=False, factory=Verdicts)
    _stapled: WeakKeyDictionary[SSL.Connection, Stapled] = field(
        init=False, factory=WeakKeyDictionary
    )
    _offers: list[_Offer] = field(init=False, factory=list)
    _byName: dict[bytes, _Offer] = field(init=False, factory=dict)
    _looked: float = field(init=False)
    _ticketing: Ticketing = field(init=False)
    _log = Logger()

    def __attrs_post_init__(self) -> None:
        """Read everything for the first time."""
        self._ticketing = Ticketing(
            self._furnishKey,
            self.clock.seconds,
            self.ticketSeconds,
            self.sharedKeys,
            self._trust,
        )
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
        self._lookAtStaples()

    @property
    def ready(self) -> bool:
        """See L{IServerTLS}."""
        return bool(self._offers)

    def creator(
        self, options: TLSOptions, words: Words | None = None
    ) -> IOpenSSLServerConnectionCreator:
        """
        See L{IServerTLS}.

        @raise UsageError: there is no certificate, or the client's has to be good
            and there is nobody who could have signed it.
        """
        if not self._offers:
            raise UsageError("there is no certificate")
        self._look()
        first = self._context(self._offers[0], options.terms)
        if options.verified:
            if self._authorities is None:
                raise UsageError("there is nobody to sign certificates for clients")
            # Without tickets: nobody looks at a resumed session's certificate.
            return _Acceptor(first, partial(self._demand, options))
        asked = options.asked and self._authorities is not None
        prepare = partial(self._prepare, options, asked)
        if asked or not options.early:
            # Whoever is to show a certificate is told nothing before.
            words = None
        if not (options.tickets or options.ticketKey):
            return _Acceptor(first, prepare, words)
        begin = partial(self._ticketing.begin, options, asked, first, prepare, words)
        return _LateAcceptor(begin)

    def _prepare(
        self, options: TLSOptions, asked: bool, connection: SSL.Connection
    ) -> None:
        """
        Say how a handshake is made otherwise than its context does.

        @param asked: is the client asked for a certificate?
        """
        if asked:
            connection.set_verify(SSL.VERIFY_PEER, self._verdicts.note)
        elif self._authorities is not None:
            connection.set_verify(SSL.VERIFY_NONE)
        if options.ticketless:
            connection.set_options(SSL.OP_NO_TICKET)
            minimum = options.terms.minimum or self.minimum
            if VERSIONS[minimum] < SSL.TLS1_3_VERSION:
                connection.set_options(SSL.OP_NO_TLSv1_3)

    def _demand(self, options: TLSOptions, connection: SSL.Connection) -> None:
        """Have a handshake fail unless the client shows a good certificate."""
        self._prepare(options, True, connection)
        connection.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verdicts.demand
        )

    def info(self, connection: SSL.Connection) -> TLSInfo:
        """See L{IServerTLS}."""
        certified = connection.get_context().get_app_data()
        certificate = peerCertificate(connection)
        look = self._ticketing.verdict(
            connection, certificate, self._verdicts.on(connection), self._now()
        )
        return describe(
            connection,
            certificate=certificate,
            endPoint=certified.endPoint,
            # OpenSSL may find one good that cannot be read here.
            verified=look.good and certificate is not None,
            serverName=connection.get_servername(),
            problem=look.problem,
            stapled=self._stapled.get(connection, Stapled.NOT_ASKED),
            resumption=self._ticketing.resumption(connection),
        )

    def failure(self, connection: SSL.Connection, error: SSL.Error) -> str:
        """See L{IServerTLS}."""
        # A list of OpenSSL's errors, where it has any.
        errors = error.args[0] if error.args else ()
        reasons = [entry[-1] for entry in errors] if isinstance(errors, list) else []
        text = ", ".join(map(clearer, reasons)) or "no reason"
        problem = self._verdicts.on(connection).problem
        return text if problem is None else f"{text}: {problem}"

    def state(self) -> tuple[CertificateState, ...]:
        """
        What is known of each certificate and its staple, in the order of the
        configuration.  Changed files are looked at first.
        """
        self._look()
        now = self._now()
        return tuple(offer.state(now) for offer in self._offers)

    def tidyKeys(self) -> None:
        """
        Destroy keys of tickets that are too old.  It is done in any case when a client
        comes; to call this now and then destroys them in time where none does.
        """
        self._ticketing.tidy()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.seconds(), UTC)

    def _offer(
        self,
        files: CertificateFiles,
        mark: tuple[object, ...],
        before: Staple | None = None,
    ) -> _Offer:
        """
        Read a certificate.

        @param before: what was stapled to the one that it replaces, if anything.
        @raise CertificateError: it cannot be used.
        """
        certified = loadCertified(files)
        expiry = certified.certificate.not_valid_after_utc
        if expiry < self._now():
            self._log.warn(
                "{file}: the certificate is not valid since {expiry}",
                file=str(files.chain),
                expiry=expiry.isoformat(),
            )
        stapling = Stapling(files, certified.chain, before)
        # What OpenSSL does not want is found here.
        context = self._makeContext(certified, stapling, USUAL)
        return _Offer(certified, mark, stapling, {USUAL: context})

    def _context(self, offer: _Offer, terms: TLSTerms) -> SSL.Context:
        """The context of a certificate."""
        found = offer.contexts.get(terms)
        if found is None:
            found = self._makeContext(offer.certified, offer.stapling, terms)
            offer.contexts[terms] = found
        return found

    def _makeContext(
        self, certified: Certified, stapling: Stapling, terms: TLSTerms
    ) -> SSL.Context:
        """
        Make a context for a certificate.  Under TLS 1.3 it sends tickets all the same,
        since pyOpenSSL has no way to send none, but they are of no use.

        @param stapling: what is stapled to it.
        @param terms: what is wanted of handshakes.
        @raise CertificateError: OpenSSL does not want the certificate.
        """
        context = makeContext(SSL.TLS_SERVER_METHOD, self.minimum, terms)
        context.set_options(SSL.OP_NO_TICKET)
        refuseEarly(context)
        context.set_app_data(certified)
        certified.install(context)
        if self._authorities is not None:
            self._authorities.install(context, self._verdicts)
        if stapling.wanted:

            def staple(connection: SSL.Connection, data: None) -> bytes:
                # Called only if the client asked for one.
                found = stapling.sent(self._now())
                sent = Stapled.NONE_GOOD if found is None else Stapled.SENT
                self._stapled[connection] = sent
                return b"" if found is None else found.octets

            context.set_ocsp_server_callback(staple)

        def choose(connection: SSL.Connection) -> None:
            offer = self._named(connection.get_servername())
            if offer is not None:
                connection.set_context(self._context(offer, terms))

        context.set_tlsext_servername_callback(choose)
        return context

    def _furnishKey(self, context: SSL.Context, terms: TLSTerms) -> None:
        """
        Have a context, which has a key for tickets, and no certificate of its own, make
        handshakes.  Their versions, ciphers and options are those of this one.

        @param terms: what is wanted of handshakes.
        """
        furnish(context, self.minimum, terms)
        refuseEarly(context)
        context.set_timeout(int(self.ticketSeconds))
        context.set_verify_depth(DEPTH)

        def choose(connection: SSL.Connection) -> None:
            # It is called for clients that name nobody, too.
            offer = self._named(connection.get_servername()) or self._offers[0]
            connection.set_context(self._context(offer, terms))

        context.set_tlsext_servername_callback(choose)

    def _trust(self) -> bytes:
        """Octets that tell who signs for clients."""
        return b"" if self._authorities is None else self._authorities.digest

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
                self._offers[place] = self._offer(files, mark, offer.stapling.staple)
            except CertificateError as error:
                offer.problem = str(error)
                self._tellOfBad(files.chain, error)
            else:
                self._log.info(
                    "{file}: a new certificate is in use", file=str(files.chain)
                )
        self._index()
        self._lookAtStaples()

    def _lookAtStaples(self) -> None:
        """Look whether staples have changed, or a time of theirs has come."""
        now = self._now()
        for offer in self._offers:
            offer.stapling.look(now)

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
            offer.contexts.clear()
        self._ticketing.forgetClients()
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
