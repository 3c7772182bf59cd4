"""
One user, and servers and clients that know it, for the tests of AUTH.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.hooks import TLSInfo
from smtpx.extensions.auth import Auth, AuthSettings
from smtpx.extensions.starttls import StartTLS
from smtpx.sasl import (
    CheckPassword,
    Credentials,
    FetchCredentials,
    FetchVerifier,
    IUsers,
    Judgement,
    SaltPassword,
    decoy,
    enrol,
    saltPassword,
)
from smtpx.testing.server import Said, talk

BINDINGS = {"tls-exporter": b"e" * 32}
TLS = TLSInfo(verified=True)
BOUND = TLSInfo(verified=True, bindings=BINDINGS)
UNVERIFIED = TLSInfo(verified=False)

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@c.example>"
WELCOME = b"235 2.7.0 Authentication succeeded"
WRONG = b"535 5.7.8 Authentication credentials invalid"
_VERIFIER = enrol(b"pencil", b"saltsaltsaltsalt", 4096)

DEFAULTS = AuthSettings()
CREDENTIALS = Credentials(b"user", b"pencil")

Answers = Mapping[type, Callable[[Any], object]]

SERVER_ANSWERS: Answers = {
    CheckPassword: lambda q: (
        Judgement.GOOD
        if (q.user, q.password) == (b"user", b"pencil")
        else Judgement.BAD
    ),
    FetchVerifier: lambda q: (
        _VERIFIER if q.user == b"user" else decoy(b"secret", q.user, 4096)
    ),
}


def clientAnswers(credentials: Credentials | None) -> Answers:
    """What a client's questions are answered."""
    return {
        FetchCredentials: lambda q: credentials,
        SaltPassword: lambda q: saltPassword(q.password, q.salt, q.iterations),
    }


CLIENT_ANSWERS = clientAnswers(CREDENTIALS)


@implementer(IUsers)
@define
class Users:
    """Users as a test wants them."""

    available: bool = True
    scram: bool = True


def b64(octets: bytes) -> bytes:
    """C{octets} in base64, as a line."""
    return b64encode(octets) + b"\r\n"


PLAIN = b"AUTH PLAIN " + b64(b"\0user\0pencil")
NOT_PLAIN = b"AUTH PLAIN " + b64(b"\0user\0pen")


def server(
    octets: bytes,
    settings: AuthSettings = DEFAULTS,
    *,
    secured: TLSInfo | None = TLS,
    users: Users | None = None,
    answers: Answers = SERVER_ANSWERS,
    bounds: Bounds | None = None,
) -> Said:
    """A server that speaks AUTH, after EHLO and C{octets}."""
    extensions = [StartTLS(), Auth(settings, users=users or Users())]
    return talk(
        extensions, HELLO + octets, secured=secured, answers=answers, bounds=bounds
    )
