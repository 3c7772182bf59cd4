"""
The standing of a server's certificate, as the server shows it: an OCSP response that is
stapled to it (RFC 6066 section 8), judged by the client.

A response that is good is good from when it says and until then, give or take
L{smtpx.tls.ocsp.TOLERANCE}, and only for that certificate of that issuer, by whose key,
or by that of somebody whom he authorised, it is signed.  What that comes to
(L{counted}):

  - A certificate that is said to be revoked is not good.
  - One that demands a staple (RFC 7633) and has no good one is not good.
  - Where a staple is required, no other is good either.
  - Otherwise a response that is no good counts as none.  RFC 6066 section 8 wants the
    handshake to end there; but somebody in the middle who has nothing better to show
    would show nothing, so that makes nobody safer, and mail stays behind.

A certificate that need not be good may be anything (RFC 7435): then it goes to the log
that it is revoked, and mail goes its way.  TLSA records of usage 3 do not care what an
authority says (RFC 7672 section 3.1.1), so where there are some, nobody asks for it,
unless a staple is required.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from attrs import define, frozen
from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.logger import Logger

from ..core.flaw import Flaw
from ..core.hooks import TLSOptions
from ..core.stapled import Stapled, StapleWish
from .certificates import UNREADABLE
from .dane import DANE_EE, ofUsage
from .handshake import peerCertificate, readable
from .judging import Judge
from .ocsp import (
    OCTETS_MOST,
    TOLERANCE,
    OrphanError,
    StapleError,
    demandsStaple,
    judge,
)
from .openssl import resumed
from .verdict import UntrustedPeer, Verdict

#: How many certificates are looked at for the issuer.
_CANDIDATES_MOST = 20


@frozen
class Standing:
    """
    What a server showed of the standing of its certificate.

    @ivar stapled: that, in one word.
    @ivar problem: what is wrong; L{None}: nothing, the certificate is good.
    @ivar ends: until when it is, in seconds since the epoch; L{None}: it is not.
    @ivar revoked: is it revoked?
    """

    stapled: Stapled
    problem: str | None = None
    ends: float | None = None
    revoked: bool = False


#: Nothing was shown.
UNSTAPLED = Standing(Stapled.NONE_GOOD, "the server sent no OCSP response")


def asksStaple(options: TLSOptions) -> bool:
    """Is a handshake to ask for a staple?"""
    if options.staple is not StapleWish.ASKED:
        return options.staple is StapleWish.REQUIRED
    return options.dane is None or not ofUsage(options.dane.records, DANE_EE)


def standingOf(octets: bytes, chain: Sequence[Certificate], now: datetime) -> Standing:
    """
    Judge a staple.

    @param octets: it, as DER, from who knows whom; empty: there was none.
    @param chain: the server's certificate, and where its issuer's may be.
    """
    if not octets:
        return UNSTAPLED
    if len(octets) > OCTETS_MOST:
        return Standing(Stapled.FAILED, "the response is too long")
    try:
        staple = judge(octets, chain)
    except OrphanError:
        return Standing(Stapled.UNJUDGED, "the certificate's issuer is not known")
    except StapleError as error:
        return Standing(Stapled.FAILED, str(error), revoked=error.revoked)
    late = staple.problem(now, TOLERANCE)
    if late is not None:
        return Standing(Stapled.FAILED, late)
    return Standing(Stapled.SENT, ends=staple.ends.timestamp())


def counted(
    verdict: Verdict,
    certificate: Certificate | None,
    standing: Standing,
    options: TLSOptions,
) -> Verdict:
    """
    What is to be said of a certificate, now that its standing is known.

    @param verdict: what was said before.
    @param certificate: it; L{None}: it cannot be read.
    """
    if verdict.proof is None or standing.problem is None:
        return verdict
    if standing.revoked:
        return Verdict(standing.problem, Flaw.REVOKED)
    if options.staple is StapleWish.REQUIRED:
        why = f"no good OCSP response for the certificate: {standing.problem}"
        return Verdict(why, Flaw.STAPLE)
    if certificate is None or not _demands(certificate):
        return verdict
    why = f"the certificate demands an OCSP response (RFC 7633): {standing.problem}"
    return Verdict(why, Flaw.STAPLE)


def _demands(certificate: Certificate) -> bool:
    try:
        return demandsStaple(certificate)
    except UNREADABLE:
        # What cannot be read asks for everything.
        return True


@define(eq=False)
class StapleWatch:
    """
    Waits for the staple of one handshake.

    @ivar options: of the handshake.
    @ivar judge: of the certificate; L{None}: nobody judges.
    @ivar fail: ends the handshake.
    @ivar standing: what was found; L{None}: nothing yet, or the session is one from
        before.
    """

    options: TLSOptions
    judge: Judge | None
    fail: Callable[[UntrustedPeer], None]
    standing: Standing | None = None
    _log = Logger()

    def look(self, connection: SSL.Connection, octets: bytes) -> bool:
        """
        Look at a staple, when the certificate was judged.

        @param octets: empty: there is none.
        @return: is the handshake to go on?
        """
        if resumed(connection):
            # RFC 8446 section 2.2: no certificate, and nothing stapled to it.
            return True
        certificate = peerCertificate(connection)
        chain = [] if certificate is None else [certificate, *_candidates(connection)]
        now = datetime.now(UTC)
        found = standingOf(octets, chain, now) if chain else UNSTAPLED
        self.standing = found
        verdict = None if self.judge is None else self.judge.verdict
        if verdict is not None and self.options.verified:
            after = counted(verdict, certificate, found, self.options)
            if after.problem is not None:
                self.fail(UntrustedPeer(after.problem, after.flaw or Flaw.STAPLE))
                return False
        elif found.revoked:
            self._log.warn(
                "{host}: the certificate of this host is revoked, as its OCSP response"
                " says; it need not be good here, so that is all",
                host=self.options.serverName,
            )
        return True


def _candidates(connection: SSL.Connection) -> Iterator[Certificate]:
    """Certificates that may be the issuer's: of the chain that was built, and sent."""
    built = connection.get_verified_chain() or ()
    sent = connection.get_peer_cert_chain() or ()
    for each in islice((*built[1:], *sent[1:]), _CANDIDATES_MOST):
        certificate = readable(each)
        if certificate is not None:
            yield certificate


__all__ = [
    "UNSTAPLED",
    "StapleWatch",
    "Standing",
    "asksStaple",
    "counted",
    "standingOf",
]
