"""
What pyOpenSSL can do but does not offer: the one home of its private bindings.

Each is looked up once, when this module is imported.  One that is not there (it
is not in every build of C{cryptography}) is told to the log with what it costs,
and what needs it gets a safe answer instead.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from OpenSSL import SSL
from twisted.logger import Logger

_log = Logger()


@frozen
class Binding:
    """
    One of OpenSSL's functions that was looked for.

    @ivar name: its name.
    @ivar cost: what is lost without it.
    @ivar found: is it there?
    """

    name: str
    cost: str
    found: bool


_bindings: list[Binding] = []


def bindings() -> tuple[Binding, ...]:
    """Those that were looked for when this module was imported."""
    return tuple(_bindings)


def _ours(name: str, cost: str) -> Any:
    found = binding(_library, name, cost)
    _bindings.append(Binding(name, cost, found is not None))
    return found


def binding(library: object, name: str, cost: str) -> Any:
    """
    Look up one of OpenSSL's functions.

    @param library: C{OpenSSL.SSL._lib}, or L{None} where even that is missing.
    @param cost: what is lost without it, for the log.
    @return: the function, or L{None}.
    """
    found = getattr(library, name, None)
    if found is None:
        _log.warn("pyOpenSSL has no {name}: {cost}", name=name, cost=cost)
    return found


_library = getattr(SSL, "_lib", None)
_ffi: Any = getattr(SSL, "_ffi", None)
_sessionReused = _ours("SSL_session_reused", "no handshake is said to be a resumed one")
_extendedMaster = _ours(
    "SSL_get_extms_support", "TLS 1.2 has no tls-exporter channel binding"
)
_verifyText = _ours(
    "X509_verify_cert_error_string",
    "what is wrong with a certificate is told by a number",
)
_clear = _ours(
    "ERR_clear_error", "an error of one handshake may be told of another one"
)
_NO_SESSIONS = "sessions of servers are not kept, so none is resumed"
_writeSession = _ours("i2d_SSL_SESSION", _NO_SESSIONS)
_readSession = _ours("d2i_SSL_SESSION", _NO_SESSIONS)
_freeSession = _ours("SSL_SESSION_free", _NO_SESSIONS)
_setSession = _ours("SSL_set_session", _NO_SESSIONS)
_getSession = _ours("SSL_get1_session", _NO_SESSIONS)


def keepsSessions() -> bool:
    """Can sessions be written down, resumed, and is it known whether they were?"""
    needed = (_writeSession, _readSession, _freeSession, _setSession, _getSession)
    return _ffi is not None and None not in needed and _sessionReused is not None


def dumpSession(connection: SSL.Connection) -> bytes | None:
    """
    The session of C{connection} as octets, which another process can resume.

    They are kept, and never the object: OpenSSL does not resume one whose connection
    ended without a farewell, as most do.

    @return: L{None}: there is none, or that cannot be done.
    """
    if not keepsSessions():
        return None
    found = _getSession(connection._ssl)
    if found == _ffi.NULL:
        return None
    session = _ffi.gc(found, _freeSession)
    size = _writeSession(session, _ffi.NULL)
    if size <= 0:
        return None
    octets = _ffi.new("unsigned char[]", size)
    _writeSession(session, _ffi.new("unsigned char **", octets))
    return bytes(_ffi.buffer(octets, size))


def offerSession(connection: SSL.Connection, octets: bytes) -> bool:
    """
    Have a client's handshake, which is about to begin, offer a session.

    @param octets: of L{dumpSession}.
    @return: can it?  Else the handshake will be a full one.
    """
    if not keepsSessions():
        return False
    raw = _ffi.new("unsigned char[]", octets)
    place = _ffi.new("const unsigned char **", raw)
    found = _readSession(_ffi.NULL, place, len(octets))
    if found == _ffi.NULL:
        # What OpenSSL thinks of it is not to be taken for the next handshake's.
        _clearErrors()
        return False
    session = _ffi.gc(found, _freeSession)
    return bool(_setSession(connection._ssl, session) == 1)


def _clearErrors() -> None:
    if _clear is not None:
        _clear()


def resumed(connection: SSL.Connection) -> bool:
    """
    Was the session of C{connection} one from before?

    @return: L{False} too where that cannot be known.
    """
    pointer = getattr(connection, "_ssl", None)
    if _sessionReused is None or pointer is None:
        return False
    return bool(_sessionReused(pointer))


def extendedMasterSecret(connection: SSL.Connection) -> bool:
    """
    Did the handshake of C{connection}, which is complete, bind the master secret
    to itself (RFC 7627)?  Without that an exporter of TLS 1.2 is no channel
    binding (RFC 9266 section 4.2).

    @return: L{False} too where that cannot be known.
    """
    pointer = getattr(connection, "_ssl", None)
    if _extendedMaster is None or pointer is None:
        return False
    return bool(_extendedMaster(pointer) == 1)


def verifyProblem(code: int) -> str:
    """
    What is wrong with a certificate, in words.

    @param code: as OpenSSL's verification gives it.
    """
    if _verifyText is None or _ffi is None:
        return f"certificate verification error {code}"
    text: bytes = _ffi.string(_verifyText(code))
    return text.decode("ascii", "replace")


__all__ = [
    "Binding",
    "binding",
    "bindings",
    "dumpSession",
    "extendedMasterSecret",
    "keepsSessions",
    "offerSession",
    "resumed",
    "verifyProblem",
]
