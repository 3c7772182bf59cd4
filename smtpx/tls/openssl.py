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
    return _method(_library, name, cost)


def _method(owner: object, name: str, cost: str) -> Any:
    """One of pyOpenSSL's own, looked for likewise."""
    found = binding(owner, name, cost)
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

# What SSL_read_early_data answers.
_EARLY_ERROR, _EARLY_FINISH = 0, 2

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


_setGroups = _ours(
    "SSL_CTX_set1_curves_list", "tls_groups cannot be set, nor a hello be made to fit"
)
_setSignatures = _ours(
    "SSL_CTX_set1_sigalgs_list", "tls_signature_algorithms cannot be set"
)
_readEarly = _ours("SSL_read_early_data", "no greeting leaves early")
_writeEarly = _ours("SSL_write_early_data", "no greeting leaves early")
_maxEarly = _ours("SSL_CTX_set_max_early_data", "OpenSSL's own limit of 0-RTT data, 0")
_raiseError = _method(SSL.Connection, "_raise_ssl_error", "no greeting leaves early")
_setSuites = _ours("SSL_CTX_set_ciphersuites", "tls_ciphersuites cannot be set")


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


def groupName(connection: SSL.Connection) -> str:
    """
    The group of the key exchange of C{connection}, whose handshake is complete.

    @return: empty where that cannot be known, or there was none.
    """
    # A name of pyOpenSSL's that not every version of it has.
    find = getattr(connection, "get_group_name", None)
    return "" if find is None else find() or ""


def speaksEarly() -> bool:
    """Can a server's words leave with its first flight?"""
    return None not in (_readEarly, _writeEarly, _raiseError, _ffi)


def refuseEarly(context: SSL.Context) -> None:
    """Have a server's context take no 0-RTT data, as OpenSSL has it by itself."""
    pointer = getattr(context, "_context", None)
    if _maxEarly is not None and pointer is not None:
        _maxEarly(pointer, 0)


def readyForWords(connection: SSL.Connection) -> bool:
    """
    Go on with a server's handshake, as far as to where it may speak.

    @return: may it?  Where L{speaksEarly} says that it cannot: never.
    @raise SSL.WantReadError: not before more of the client's hello has come.
    @raise SSL.Error: the handshake has failed.
    """
    pointer = getattr(connection, "_ssl", None)
    if pointer is None or not speaksEarly():
        return False
    # OpenSSL would take an error of somebody else's for one of this handshake.
    _clearErrors()
    octets, count = _ffi.new("char[]", 1), _ffi.new("size_t *")
    status = _readEarly(pointer, octets, 0, count)
    if status == _EARLY_ERROR:
        _raiseError(connection, pointer, -1)
    return bool(status == _EARLY_FINISH)


def wordsWritten(connection: SSL.Connection, octets: bytes) -> bool:
    """
    Write a server's first words, before the client has proved anything.

    @return: was it done?
    """
    pointer = getattr(connection, "_ssl", None)
    if pointer is None or not speaksEarly():
        return False
    count = _ffi.new("size_t *")
    written = bool(_writeEarly(pointer, octets, len(octets), count) == 1)
    if not written:
        _clearErrors()
    return written and bool(count[0] == len(octets))


def setGroups(context: SSL.Context, names: bytes) -> bool | None:
    """
    Set the groups of the key exchange.

    @param names: as C{SSL_CTX_set1_groups_list} wants them.
    @return: could it be done?  L{None}: there is no way to say it.
    """
    return _told(_setGroups, context, names)


def setSignatures(context: SSL.Context, names: bytes) -> bool | None:
    """
    Set the signature algorithms; see L{setGroups}.
    """
    return _told(_setSignatures, context, names)


def setSuites(context: SSL.Context, names: bytes) -> bool | None:
    """
    Set the suites of TLS 1.3; see L{setGroups}.
    """
    return _told(_setSuites, context, names)


def _told(function: Any, context: SSL.Context, names: bytes) -> bool | None:
    pointer = getattr(context, "_context", None)
    if function is None or pointer is None:
        return None
    taken = bool(function(pointer, names) == 1)
    if not taken:
        # Nobody else is to stumble over it.
        _clearErrors()
    return taken


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
    "groupName",
    "readyForWords",
    "refuseEarly",
    "resumed",
    "setGroups",
    "setSignatures",
    "setSuites",
    "speaksEarly",
    "verifyProblem",
    "wordsWritten",
]
