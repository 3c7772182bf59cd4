"""
Whether a server is who it should be: one judge for each handshake.

OpenSSL shows each certificate of the chain that it has built, the authority's first and
the server's last, with all that is wrong with it (L{Judge.look}).  Behind the server's
own the judge gives his verdict:

  - Where there are TLSA records (RFC 7672), they alone count.  A record of usage 3 is
    for the server's certificate, whatever else is wrong with that: its names, its
    dates, its chain (section 3.1.1).  One of usage 2 is for an authority in the chain:
    then everything below has to be in order, and the names, too (section 3.1.2).
  - Otherwise everything has to be in order, the chain has to end at somebody who is
    trusted, and the certificate has to be for the names.

A judge who only watches (C{TLSOptions.watched}) lets everything pass, and tells.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from attrs import define, field
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, X509, dump_certificate
from twisted.logger import Logger

from ..core.flaw import Flaw
from ..core.hooks import TLSOptions
from ..core.tlsa import DANE, TLSA
from .dane import DANE_EE, DANE_TA, FULL, matches, ofUsage, signsFor
from .handshake import readable
from .names import mismatch
from .openssl import verifyProblem
from .verdict import UntrustedPeer, Verdict

_log = Logger()

#: How many records that have an authority in full are tried on how many certificates:
#: each takes the checking of a signature, while nothing else is done.  Who has more
#: has none for the others.
_WHOLE_MOST, _DEPTH_MOST = 16, 10

#: How many records are told of at most.
_TOLD_MOST = 10

#: What OpenSSL's verification calls the end of a chain that it knows nobody for: no
#: issuer, a certificate that has signed itself, one whose signature it cannot check.
#: Where a TLSA record names an authority, that is as it should be.
_NOBODY = frozenset({2, 18, 19, 20, 21, 27})

#: What it calls a certificate that is not valid yet, or not any more, or whose dates
#: cannot be read.
_NOT_YET, _EXPIRED = 9, 10
_DATES = frozenset({_NOT_YET, _EXPIRED, 13, 14})

#: What it calls a certificate of which nobody says what is wrong with it.
_UNREADABLE = 1

#: What it calls a chain that is too long.
_LONG = 22

#: The longest chain that is looked at; OpenSSL has a limit of its own.
_CHAIN_MOST = 100


@define
class _Link:
    """
    One certificate of the chain.

    @ivar certificate: as OpenSSL has it.
    @ivar errors: what OpenSSL found to be wrong with it, by its numbers.
    """

    certificate: X509
    errors: list[int] = field(factory=list)

    @property
    def der(self) -> bytes:
        """Its octets, as they came."""
        return dump_certificate(FILETYPE_ASN1, self.certificate)


@define(eq=False)
class Judge:
    """
    Judges one handshake.

    @ivar names: the certificate has to be for one name out of each of these.
    @ivar dane: what TLSA records ask of it, instead of a trusted chain; L{None}:
        nothing.
    @ivar fail: ends the handshake, with what is wrong; L{None}: nothing does, it is
        only found out.
    @ivar verdict: what was found; L{None}: nothing was looked at, as in a session that
        was resumed.
    """

    names: frozenset[frozenset[bytes]]
    dane: DANE | None = None
    fail: Callable[[UntrustedPeer], None] | None = None
    verdict: Verdict | None = None
    _chain: dict[int, _Link] = field(init=False, factory=dict)

    def look(
        self, connection: SSL.Connection, shown: X509, code: int, depth: int, good: int
    ) -> bool:
        """
        Look at a certificate; what OpenSSL calls for each, and for each thing that is
        wrong with one.

        @param depth: its place in the chain; the server's has 0.
        @return: is the handshake to go on?
        """
        if depth > _CHAIN_MOST:
            return self._tooLong(shown)
        link = self._chain.setdefault(depth, _Link(shown))
        if not good:
            link.errors.append(code)
            # Everybody else waits for the end, as does the rest of the chain.
            if self.dane is not None or self.fail is None:
                return True
            return self._conclude(_broken(code))
        if depth > 0:
            return True
        return self._conclude(self._safely())

    def _tooLong(self, shown: X509) -> bool:
        """The rest is not looked at; where it is only found out, that is no reason."""
        if self.fail is not None:
            return self._conclude(_broken(_LONG))
        last = self._chain.setdefault(_CHAIN_MOST, _Link(shown))
        if _LONG not in last.errors:
            last.errors.append(_LONG)
        return True

    def _conclude(self, verdict: Verdict) -> bool:
        self.verdict = verdict
        if self.fail is None or verdict.problem is None:
            return True
        self.fail(UntrustedPeer(verdict.problem, verdict.flaw or Flaw.UNTRUSTED))
        return False

    def _safely(self) -> Verdict:
        """
        All was looked at.  What nobody foresaw in a certificate must not end a
        handshake that is only watched, and refuses any other.
        """
        try:
            return self._judged()
        except Exception:
            _log.failure("While looking at a certificate")
            return Verdict("the certificate cannot be judged", Flaw.UNTRUSTED)

    def _judged(self) -> Verdict:
        """All was looked at."""
        if self.dane is not None:
            return _byDANE(self.dane, self._chain)
        for _, link in sorted(self._chain.items(), reverse=True):
            for code in link.errors:
                return _broken(code)
        return _named(readable(self._chain[0].certificate), self.names)


def judgeFor(
    options: TLSOptions, fail: Callable[[UntrustedPeer], None]
) -> Judge | None:
    """
    The judge of a handshake.

    @param fail: ends it.
    @return: L{None}: any certificate will do, and nobody wants to know.
    """
    if not options.verified and not options.watched:
        return None
    names = options.names
    if not names and options.serverName is not None:
        names = frozenset({frozenset({options.serverName})})
    return Judge(names, options.dane, fail if options.verified else None)


def resumedVerdict(certificate: Certificate | None, options: TLSOptions) -> Verdict:
    """
    What is to be said of a session that was resumed: its chain is not shown again, and
    was good when it began, under the same demands (L{smtpx.core.demands.keyOf}); the
    certificate itself is looked at once more.

    @param certificate: the server's, out of the session; L{None}: it has none, or none
        that can be read.
    """
    dane = options.dane
    if dane is None or certificate is None:
        names = options.names or frozenset({frozenset({options.serverName or b""})})
        late = None if certificate is None else _outOfDate(certificate)
        return _named(certificate, names) if late is None else _broken(late)
    der = certificate.public_bytes(Encoding.DER)
    for record in ofUsage(dane.records, DANE_EE):
        if matches(record, der):
            return Verdict(proof=f"it matches the TLSA record {record}", dane=True)
    if not ofUsage(dane.records, DANE_TA):
        return _unmatched(dane)
    problem = mismatch(certificate, dane.names)
    if problem is not None:
        return Verdict(problem, Flaw.NAME)
    return Verdict(proof="its authority matched a TLSA record before", dane=True)


def _broken(code: int) -> Verdict:
    flaw = Flaw.EXPIRED if code in _DATES else Flaw.UNTRUSTED
    return Verdict(verifyProblem(code), flaw)


def _named(
    certificate: Certificate | None, names: frozenset[frozenset[bytes]]
) -> Verdict:
    """The chain is in order."""
    problem = mismatch(certificate, names)
    if problem is not None:
        return Verdict(problem, Flaw.UNTRUSTED if certificate is None else Flaw.NAME)
    told = " and ".join(
        sorted(b" or ".join(sorted(some)).decode("ascii", "replace") for some in names)
    )
    return Verdict(proof=f"its chain is trusted, and it is for {told}")


def _unmatched(dane: DANE) -> Verdict:
    base = dane.base.decode("ascii", "replace")
    told = ", ".join(map(str, dane.records[:_TOLD_MOST]))
    if len(dane.records) > _TOLD_MOST:
        told += ", ..."
    return Verdict(
        f"the certificate matches none of the TLSA records of {base} ({told})",
        Flaw.TLSA,
    )


def _byDANE(dane: DANE, chain: dict[int, _Link]) -> Verdict:
    """What TLSA records say of a chain."""
    der = chain[0].der
    for record in ofUsage(dane.records, DANE_EE):
        if matches(record, der):
            return Verdict(proof=f"it matches the TLSA record {record}", dane=True)
    found = _unmatched(dane)
    named = ofUsage(dane.records, DANE_TA)
    whole = [each for each in named if each.matching == FULL][:_WHOLE_MOST]
    for depth in sorted(chain):
        for record in named:
            signs = record in whole and depth < _DEPTH_MOST
            top = _authorityAt(record, chain, depth, signs)
            if top is None:
                continue
            verdict = _below(dane, chain, top)
            if verdict.problem is None:
                told = f"an authority of it matches the TLSA record {record}"
                return Verdict(proof=told, dane=True)
            # That tells more than that nothing matched.
            found = verdict
    return found


def _authorityAt(
    record: TLSA, chain: dict[int, _Link], depth: int, signs: bool
) -> int | None:
    """
    Up to where a chain has to be in order, if a record names the authority there.

    @param signs: is it also looked at whether the authority has signed what is there?
    @return: L{None}: it does not.
    """
    link = chain[depth]
    # RFC 7671 section 5.2: an authority, which the server's own certificate is not.
    if depth > 0 and matches(record, link.der):
        return depth
    certificate = readable(link.certificate) if signs else None
    if certificate is not None and signsFor(record, certificate):
        return depth
    return None


def _below(dane: DANE, chain: dict[int, _Link], top: int) -> Verdict:
    """Is a chain in order up to C{top}, and is it for the names?"""
    # OpenSSL does not look at the dates of what it takes for the end of a chain.
    late = _outOfDate(readable(chain[top].certificate))
    if late is not None:
        return _broken(late)
    for depth in range(top, -1, -1):
        link = chain.get(depth)
        if link is None:
            return Verdict("a certificate of the chain is missing", Flaw.UNTRUSTED)
        for code in link.errors:
            if code not in _NOBODY or depth < top:
                return _broken(code)
    return _named(readable(chain[0].certificate), dane.names)


def _outOfDate(certificate: Certificate | None) -> int | None:
    """OpenSSL's number for what is wrong with its dates; L{None}: nothing."""
    if certificate is None:
        return _UNREADABLE
    now = datetime.now(UTC)
    if now < certificate.not_valid_before_utc:
        return _NOT_YET
    return _EXPIRED if certificate.not_valid_after_utc < now else None


__all__ = ["Judge", "judgeFor", "resumedVerdict"]
