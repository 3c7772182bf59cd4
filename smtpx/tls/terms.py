"""
What an operator may say of a handshake: versions, groups, suites, signatures.

Everything is given to OpenSSL as it stands, and OpenSSL says whether it can be used.
One thing it takes is not taken here: what leaves a connection open to everybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from OpenSSL import SSL

from ..core.errors import UsageError
from ..core.tlsterms import USUAL, TLSTerms
from .openssl import setGroups, setSignatures, setSuites

#: What may be asked for as the oldest version.  RFC 8996 ended those before.
VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}

#: The groups of the key exchange where nobody says which, the first of these that
#: OpenSSL knows: what it has by itself, but for the finite fields (RFC 7919), which are
#: slow, and which nobody needs who speaks the suites that we do.
GROUPS = (
    # OpenSSL 3.5 and newer.
    "DEFAULT:-ffdhe2048:-ffdhe3072:-ffdhe4096:-ffdhe6144:-ffdhe8192",
    "X25519:P-256:X448:P-521:P-384",
    # Where policy of the system allows less (FIPS).
    "P-256:P-384:P-521",
)

#: Longer lists are a mistake; OpenSSL's own have some 200.
_MOST_CHARACTERS = 1000

#: Suites without encryption, or without knowing the other side at all.
_OPEN = re.compile(r"(?:^|[-_])(?:NULL|ADH|AECDH)(?:[-_]|$)").search

#: A name without any sign of OpenSSL's before it.
_NAME = re.compile(r"[A-Za-z0-9][\w-]*\Z", re.ASCII).match

_words = re.compile(r"[A-Za-z0-9!+*?_:./@=-]+\Z").match


class BadTerms(UsageError):
    """Terms that cannot be kept; the message says why."""


def applyTerms(context: SSL.Context, terms: TLSTerms) -> None:
    """
    Have a context keep terms; where they say nothing it stays as it is.

    @raise BadTerms: it cannot.
    """
    if terms.minimum is not None:
        setMinimum(context, terms.minimum)
    for text, give in (
        (terms.groups, giveGroups),
        (terms.ciphers, giveCiphers),
        (terms.suites, giveSuites),
        (terms.signatures, giveSignatures),
    ):
        if text is not None:
            give(context, text)


def usualGroups(context: SSL.Context) -> None:
    """Set the groups that there are where nobody says which."""
    for text in GROUPS:
        if setGroups(context, text.encode("ascii")) is not False:
            return


def setMinimum(context: SSL.Context, minimum: str) -> None:
    """
    Set the oldest version to speak.

    @raise BadTerms: it is none of L{VERSIONS}.
    """
    if minimum not in VERSIONS:
        raise BadTerms(f"{minimum!r} is none of {', '.join(VERSIONS)}")
    context.set_min_proto_version(VERSIONS[minimum])


def giveGroups(context: SSL.Context, text: str) -> None:
    """
    Set the groups of the key exchange, as C{X25519MLKEM768:X25519}.

    @raise BadTerms: OpenSSL does not know them, or cannot be told.
    """
    _given(setGroups(context, _list(text)), "groups", text)


def giveSignatures(context: SSL.Context, text: str) -> None:
    """
    Set the signature algorithms, as C{ed25519:ecdsa_secp256r1_sha256}.

    @raise BadTerms: OpenSSL does not know them, or cannot be told.
    """
    _given(setSignatures(context, _list(text)), "signature algorithms", text)


def giveSuites(context: SSL.Context, text: str) -> None:
    """
    Set the suites of TLS 1.3, as C{TLS_AES_256_GCM_SHA384}.

    @raise BadTerms: OpenSSL does not know them, or cannot be told.
    """
    _given(setSuites(context, _list(text)), "TLS 1.3 suites", text)


def giveCiphers(context: SSL.Context, text: str) -> None:
    """
    Set the suites of TLS 1.2, as C{ECDHE+AESGCM:ECDHE+CHACHA20}.

    @raise BadTerms: OpenSSL knows none of them, or some of them protect nothing.
    """
    octets = _list(text)
    if "@" in text:
        raise BadTerms("a list of suites sets no security level")
    try:
        context.set_cipher_list(octets)
    except SSL.Error:
        raise BadTerms(f"OpenSSL knows no TLS 1.2 suites {text!r}") from None
    taken = SSL.Connection(context, None).get_cipher_list()
    unsafe = sorted(name for name in taken if _OPEN(name))
    if unsafe:
        raise BadTerms(f"{unsafe[0]} protects nothing")
    if all(name.startswith("TLS_") for name in taken):
        # OpenSSL passes over those that it would not use.
        raise BadTerms(f"OpenSSL knows no TLS 1.2 suites {text!r}")


def checkTerms(terms: TLSTerms) -> None:
    """
    See whether terms can be kept.

    @raise BadTerms: they cannot.
    """
    if terms != USUAL:
        applyTerms(SSL.Context(SSL.TLS_METHOD), terms)


def problemOf(give: Callable[[SSL.Context, str], None], text: str) -> str | None:
    """
    What is wrong with a part of terms.

    Plain names are tried one by one first, so that the wrong one is told, and because
    OpenSSL passes over a suite that it does not know if it knows another.

    @param give: one of this module's.
    @return: L{None}: nothing.
    """
    names = [] if give is giveCiphers else filter(_NAME, text.split(":"))
    try:
        for each in (*names, text):
            give(SSL.Context(SSL.TLS_METHOD), each)
    except BadTerms as error:
        return str(error)
    return None


def _list(text: str) -> bytes:
    """Octets for OpenSSL, which would read no further than a NUL."""
    if len(text) > _MOST_CHARACTERS or _words(text) is None:
        raise BadTerms('expected names with ":" between them')
    return text.encode("ascii")


def _given(taken: bool | None, what: str, text: str) -> None:
    if taken is None:
        raise BadTerms(f"this build of OpenSSL cannot be told of {what}")
    if not taken:
        raise BadTerms(f"OpenSSL knows no {what} {text!r}")


__all__ = [
    "BadTerms",
    "GROUPS",
    "VERSIONS",
    "applyTerms",
    "checkTerms",
    "giveCiphers",
    "giveGroups",
    "giveSignatures",
    "giveSuites",
    "problemOf",
    "setMinimum",
    "usualGroups",
]
