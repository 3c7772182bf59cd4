"""
Sessions of a client: which may be resumed, how one is offered, and what is kept of it.

A session that is resumed shows no certificate and no staple, so whatever its full
handshake had found out is kept beside it (L{smtpx.core.tlssession.TLSSession}), and
counts once more only where

  - it was judged by the same trust, and the same certificate of ours was shown;
  - it was good, where it has to be good now, and had a good staple, where it has to;
  - the server's certificate, which is in the session, is still for the name
    (L{smtpx.tls.judging.resumedVerdict}), and still valid.

Whatever is missing, the session is not offered, and there is a full handshake.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.logger import Logger

from ..core.hooks import TLSInfo, TLSOptions
from ..core.stapled import Stapled, StapleWish
from ..core.tlssession import LIFETIME_SECONDS_MOST, TLSSession
from .certificates import Certified, fileMark
from .handshake import peerCertificate
from .openssl import dumpSession, offerSession
from .sessionfacts import sessionFacts

_log = Logger()


def trustMark(
    trust: Sequence[Certificate] | None, shown: Certified | None, minimum: str
) -> bytes:
    """
    By whom and how certificates are judged, and what is shown to servers, as octets
    that are the same in another process.

    @param trust: those who are trusted; L{None}: whom the platform trusts.
    @param shown: our own certificate; L{None}: none.
    @param minimum: the oldest version.
    """
    if trust is None:
        roots = [_platformMark()]
    else:
        roots = sorted(each.public_bytes(Encoding.DER) for each in trust)
    ours = [] if shown is None else [shown.certificate.public_bytes(Encoding.DER)]
    version = SSL.OpenSSL_version(SSL.OPENSSL_VERSION)
    return digestOf([minimum.encode(), version, digestOf(roots), digestOf(ours)])


def digestOf(parts: Iterable[bytes]) -> bytes:
    """Octets for some parts, which no others have."""
    found = sha256()
    for part in parts:
        found.update(b"%d:%b," % (len(part), part))
    return found.digest()


def _platformMark() -> bytes:
    """What changes when somebody else is trusted by the platform."""
    paths = ssl.get_default_verify_paths()
    files = [each for each in (paths.cafile, paths.capath) if each is not None]
    return repr([(each, fileMark(Path(each))) for each in files]).encode()


def usable(options: TLSOptions, trust: bytes) -> TLSSession | None:
    """
    The session that a handshake may resume.

    @param trust: who judges now (L{trustMark}).
    @return: L{None}: none, or it would not do.
    """
    session = options.session
    if session is None or session.trust != trust:
        return None
    if options.staple is StapleWish.REQUIRED and session.stapled != Stapled.SENT:
        return None
    return session if session.verified or not options.verified else None


def offer(connection: SSL.Connection, session: TLSSession) -> bool:
    """
    Have a handshake that is about to begin offer a session.

    @return: will it?
    """
    if offerSession(connection, session.octets):
        return True
    _log.info("A TLS session that was kept cannot be read; the handshake is a full one")
    return False


def sessionOf(
    connection: SSL.Connection,
    options: TLSOptions,
    info: TLSInfo,
    now: float,
    trust: bytes,
) -> TLSSession | None:
    """
    The session of a connection, to be kept.

    @param options: those of the handshake.
    @param info: what it came to.
    @param now: seconds since the epoch.
    @return: the one that was resumed, where the server has given no new ticket;
        L{None}: there is none that could be resumed.
    """
    octets = dumpSession(connection)
    if octets is None:
        return None
    try:
        facts = sessionFacts(octets)
        before = options.session if info.resumed else None
        if before is not None and sessionFacts(before.octets).ticket == facts.ticket:
            return before
    except ValueError as error:
        _log.info("A TLS session is not kept: {why}", why=str(error))
        return None
    if not facts.ticket or info.resumed and before is None:
        return None
    began = now if before is None else before.began
    certificate = peerCertificate(connection)
    ends = [now + facts.lifetimeSeconds, began + LIFETIME_SECONDS_MOST]
    if info.verified and certificate is not None:
        ends.append(certificate.not_valid_after_utc.timestamp())
    if info.stapleEnds is not None:
        ends.append(info.stapleEnds)
    return TLSSession(
        octets,
        min(ends),
        began,
        info.version,
        trust,
        info.verified,
        info.dane,
        info.proof if before is None else before.proof,
        info.problem,
        info.flaw,
        int(info.stapled),
        info.stapleEnds,
    )


__all__ = ["digestOf", "offer", "sessionOf", "trustMark", "usable"]
