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
_ffi = getattr(SSL, "_ffi", None)
_sessionReused = _ours("SSL_session_reused", "no handshake is said to be a resumed one")
_extendedMaster = _ours(
    "SSL_get_extms_support", "TLS 1.2 has no tls-exporter channel binding"
)
_verifyText = _ours(
    "X509_verify_cert_error_string",
    "what is wrong with a certificate is told by a number",
)


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
    "extendedMasterSecret",
    "resumed",
    "verifyProblem",
]
