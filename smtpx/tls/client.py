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
from weakref import WeakKeyDictionary, WeakSet, ref

from attrs import define, evolve, field, frozen
from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.errors import UsageError
from ..core.hooks import TLSInfo, TLSOptions
from ..core.stapled import Stapled
from ..core.tlssession import Resumption, TLSSession
from ..core.tlsterms import USUAL, TLSTerms
from .certificates import Certified
from .clientsessions import offer, sessionOf, trustMark, usable
from .handshake import describe, endPointOf, makeContext, peerCertificate, trust
from .hello import TICKET_OCTETS, Greeter, Shape, fitting, shapes
from .interfaces import IClientTLS
from .judging import Judge, judgeFor, resumedVerdict
from .names import isAddress
from .openssl import resumed
from .standing import UNSTAPLED, Standing, StapleWatch, asksStaple, counted
from .verdict import UntrustedPeer, Verdict

#: No hello is longer, in octets: it is one record.
_HELLO_OCTETS = 1 << 15


@implementer(IOpenSSLClientConnectionCreator)
@frozen(eq=False)
class _Connector:
    """
    Begins one handshake.

    @ivar judges: where the judge of a connection is kept, until it is gone.
    @ivar asks: is a staple asked for?
    @ivar session: the one to be resumed; L{None}: none.
    @ivar offering: the connections that offer one, until they are gone.
    @ivar roomless: was there no room for one that would have done?
    """

    context: SSL.Context
    shape: Shape
    options: TLSOptions
    judges: WeakKeyDictionary[SSL.Connection, Judge]
    asks: bool
    session: TLSSession | None
    offering: WeakSet[SSL.Connection]
    roomless: bool = False

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """See L{IOpenSSLClientConnectionCreator}."""
        connection = Greeter(self.context, self.shape, self.roomless)
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
        if self.asks:
            connection.watch = StapleWatch(self.options, judge, fail)
            connection.request_ocsp()
        if not self.options.tickets:
            connection.set_options(SSL.OP_NO_TICKET)
        if self.session is not None and offer(connection, self.session):
            self.offering.add(connection)
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
    _contexts: dict[tuple[Shape, bool], SSL.Context] = field(init=False, factory=dict)
    _steps: dict[tuple[TLSTerms, str | None], tuple[Shape, ...]] = field(
        init=False, factory=dict
    )
    _lengths: dict[tuple[Shape, int, bool], int] = field(init=False, factory=dict)
    _judges: WeakKeyDictionary[SSL.Connection, Judge] = field(
        init=False, factory=WeakKeyDictionary
    )
    _offering: WeakSet[SSL.Connection] = field(init=False, factory=WeakSet)
    mark: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the context that is used most."""
        self.mark = trustMark(self.trust, self.certificate, self.minimum)
        self._contextFor(Shape(USUAL), TLSOptions())

    def _make(self, shape: Shape) -> SSL.Context:
        """A context that trusts nobody."""
        context = self._bare(shape)
        if self.certificate is not None:
            self.certificate.install(context)
        context.set_ocsp_client_callback(_lookAtStaple)
        return context

    def _bare(self, shape: Shape) -> SSL.Context:
        """One that has nothing but what is in a hello."""
        context = makeContext(SSL.TLS_CLIENT_METHOD, self.minimum, shape.terms)
        shape.prepare(context)
        return context

    def _contextFor(self, shape: Shape, options: TLSOptions) -> SSL.Context:
        """
        The context for a handshake, made when first wanted.  Where TLSA records judge,
        it trusts nobody: then the chain is made of what the server sent, and of nothing
        else.
        """
        trusts = options.dane is None
        context = self._contexts.get((shape, trusts))
        if context is not None:
            return context
        context = self._contexts[shape, trusts] = self._make(shape)
        if trusts and self.trust is None:
            context.set_default_verify_paths()
        elif trusts:
            trust(context, self.trust or ())
        return context

    def creator(self, options: TLSOptions) -> IOpenSSLClientConnectionCreator:
        """
        See L{IClientTLS}.

        @raise UsageError: there is no name to verify.
        """
        if options.verified and options.serverName is None:
            raise UsageError("a server can only be verified by its name")
        shape, asks = self._greeting(options)
        context = self._contextFor(shape, options)
        session = usable(options, self.mark) if options.tickets else None
        roomless = session is not None and not self._fits(shape, options, asks)
        return _Connector(
            context,
            shape,
            options,
            self._judges,
            asks,
            None if roomless else session,
            self._offering,
            roomless,
        )

    def _greeting(self, options: TLSOptions) -> tuple[Shape, bool]:
        """
        How the hello is made, and whether it asks for a staple.  Where that makes no
        difference to what is done, nothing is given up for it.
        """
        if not asksStaple(options):
            return self._shape(options, False), False
        shape = self._shape(options, True)
        room = options.room
        if room is None or options.verified or options.watched:
            return shape, True
        plain = self._shape(options, False)
        if plain == shape and self._length(shape, options, True) <= room:
            return shape, True
        return plain, self._length(plain, options, False) > room

    def _shape(self, options: TLSOptions, asks: bool) -> Shape:
        """How the hello is made: whole, or such that it fits."""
        terms, room = options.terms, options.room
        if room is None:
            return Shape(terms)
        steps = self._steps.get((terms, options.share))
        if steps is None:
            steps = self._steps[terms, options.share] = shapes(terms, options.share)
        return fitting(steps, room, lambda shape: self._length(shape, options, asks))

    def _fits(self, shape: Shape, options: TLSOptions, asks: bool) -> bool:
        """Is there room for a ticket as well?  It wins nothing where it costs some."""
        if options.room is None:
            return True
        return self._length(shape, options, asks) + TICKET_OCTETS <= options.room

    def _length(self, shape: Shape, options: TLSOptions, asks: bool = False) -> int:
        """How long a hello is, in octets: one is made, and thrown away."""
        name = _sentName(options) or b""
        length = self._lengths.get((shape, len(name), asks))
        if length is None:
            connection = SSL.Connection(self._bare(shape), None)
            if name:
                connection.set_tlsext_host_name(name)
            if asks:
                connection.request_ocsp()
            length = self._lengths[shape, len(name), asks] = _measured(connection)
        return length

    def info(self, connection: SSL.Connection, options: TLSOptions) -> TLSInfo:
        """
        See L{IClientTLS}.

        The certificate is checked once more, for nothing is looked at during the
        handshake where a session is resumed.
        """
        certificate = peerCertificate(connection)
        verdict = self._verdict(connection, certificate, options)
        info = describe(
            connection,
            certificate=certificate,
            endPoint=None if certificate is None else endPointOf(certificate),
            verified=verdict.proof is not None,
            serverName=connection.get_servername(),
            verdict=verdict,
            resumption=self._resumption(connection, options),
        )
        if isinstance(connection, Greeter):
            info = evolve(info, repeated=connection.repeated(info.version, info.group))
        session = self._resumed(connection, options)
        if session is not None:
            # There was no staple in this handshake.
            stapled = Stapled(session.stapled)
            return evolve(info, stapled=stapled, stapleEnds=session.stapleEnds)
        standing = _standing(connection)
        if standing is None:
            return info
        return evolve(
            info,
            stapled=standing.stapled,
            stapleProblem=standing.problem,
            stapleEnds=standing.ends,
        )

    def shortened(self, connection: SSL.Connection) -> bool:
        """See L{IClientTLS}."""
        return isinstance(connection, Greeter) and connection.shortened

    def roomless(self, connection: SSL.Connection) -> bool:
        """See L{IClientTLS}."""
        return isinstance(connection, Greeter) and connection.roomless

    def session(
        self,
        connection: SSL.Connection,
        options: TLSOptions,
        info: TLSInfo,
        now: float,
    ) -> TLSSession | None:
        """See L{IClientTLS}."""
        return sessionOf(connection, options, info, now, self.mark)

    def _resumed(
        self, connection: SSL.Connection, options: TLSOptions
    ) -> TLSSession | None:
        """The session that C{connection} has resumed; L{None}: it has none."""
        return usable(options, self.mark) if resumed(connection) else None

    def _resumption(
        self, connection: SSL.Connection, options: TLSOptions
    ) -> Resumption:
        found = Resumption.SUPPORTED
        if options.tickets:
            found |= Resumption.ASKED
        if connection in self._offering:
            found |= Resumption.OFFERED
        return found | Resumption.USED if resumed(connection) else found

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
            session = self._resumed(connection, options)
            if session is None:
                return Verdict("nobody looked at the certificate")
            if not session.verified:
                return Verdict(session.problem, session.flaw)
            return again
        found = judge.verdict or Verdict("nobody looked at the certificate")
        standing = _standing(connection)
        if standing is not None:
            found = counted(found, certificate, standing, options)
        return again if found.proof is not None and again.proof is None else found


@cache
def trustingPlatform() -> IClientTLS:
    """
    The trust of a client that has no opinion: whoever this machine trusts.  It is made
    once for the process, for a hundred authorities take tens of milliseconds to read.
    """
    return ClientTLS()


def _lookAtStaple(connection: SSL.Connection, octets: bytes, data: object) -> bool:
    """What OpenSSL calls when it knows what is stapled to a certificate."""
    watch = connection.watch if isinstance(connection, Greeter) else None
    return watch is None or watch.look(connection, octets)


def _standing(connection: SSL.Connection) -> Standing | None:
    """
    What was shown of the certificate's standing, in a handshake that is complete and
    a full one.

    @return: L{None}: nobody asked.
    """
    watch = connection.watch if isinstance(connection, Greeter) else None
    return None if watch is None else watch.standing or UNSTAPLED


def _measured(connection: SSL.Connection) -> int:
    """How long its hello is."""
    connection.set_connect_state()
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        pass
    return len(connection.bio_read(_HELLO_OCTETS))


def _sentName(options: TLSOptions) -> bytes | None:
    """
    The name that is sent as SNI; L{None}: there is none.  With TLSA records it is the
    one that they stand under (RFC 7672 section 8.1).
    """
    name = options.serverName if options.dane is None else options.dane.base
    return None if name is None or isAddress(name) else name.removesuffix(b".")


__all__ = ["ClientTLS", "UntrustedPeer", "trustingPlatform"]
