"""
Mechanisms that show the server the password: PLAIN (RFC 4616) and LOGIN.

PLAIN is one message of the client::

    message = [authzid] NUL authcid NUL passwd

LOGIN was never more than a draft (draft-murchison-sasl-login), and is here for
clients that know nothing else: the server says C{Username:}, then C{Password:},
and the client answers each.  Where it sends the name as initial response, that
is taken, as all servers in the field do.

Both tell whoever reads along the password, so they are for TLS.
"""

from __future__ import annotations

from typing import Any, Generator

from ..core.dialogue import ask
from ..core.errors import Malformed
from .prepare import prepare
from .questions import CheckPassword, Judgement
from .values import (
    CREDENTIAL_OCTETS,
    Authenticated,
    BadServer,
    Cause,
    Channel,
    ClientExchange,
    Credentials,
    Denied,
    Mechanism,
    Outcome,
    Proof,
    ServerExchange,
    challenge,
    respond,
)

_LONG = Denied(Cause.MALFORMED, "name or password too long")


def _servePlain(channel: Channel) -> ServerExchange:
    message = yield from challenge(b"")
    parts = message.split(b"\0")
    if len(parts) != 3:
        return Denied(Cause.MALFORMED, "not three parts")
    return (yield from _check(channel, *parts))


def _serveLogin(channel: Channel) -> ServerExchange:
    user = yield from challenge(b"Username:")
    password = yield from challenge(b"Password:")
    return (yield from _check(channel, b"", user, password))


def _check(
    channel: Channel, authorization: bytes, user: bytes, password: bytes
) -> Generator[Any, Any, Outcome]:
    if max(len(authorization), len(user), len(password)) > CREDENTIAL_OCTETS:
        return _LONG
    try:
        identity = prepare(user)
        actingAs = prepare(authorization)
        secret = prepare(password)
    except Malformed as error:
        return Denied(Cause.CREDENTIALS, str(error))
    # RFC 4616 section 2: what is empty after preparation fails.
    if not identity or not secret:
        return Denied(Cause.CREDENTIALS, "empty name or password")
    if authorization and actingAs != identity:
        return Denied(Cause.CREDENTIALS, "wants to act as somebody else", identity)
    judgement = yield from ask(CheckPassword(identity, secret, channel))
    if isinstance(judgement, Authenticated):
        return judgement
    if judgement is Judgement.GOOD:
        return Authenticated(identity)
    if judgement is Judgement.UNAVAILABLE:
        return Denied(Cause.UNAVAILABLE, "passwords cannot be checked", identity)
    return Denied(Cause.CREDENTIALS, "wrong name or password", identity)


def _loginPlain(credentials: Credentials, channel: Channel) -> ClientExchange:
    # The name and password go as they were typed: it is the server that
    # prepares them (RFC 4616 section 2), and some servers do not.
    assert credentials.password is not None
    message = b"\0%b\0%b" % (credentials.user, credentials.password)
    if (yield from respond(message)) is not None:
        raise BadServer("a challenge where PLAIN has none")


def _loginLogin(credentials: Credentials, channel: Channel) -> ClientExchange:
    # The texts of the challenges differ from server to server.
    for part in (None, credentials.user):
        if (yield from respond(part)) is None:
            raise BadServer("success before LOGIN was done")
    assert credentials.password is not None
    if (yield from respond(credentials.password)) is not None:
        raise BadServer("LOGIN has only two challenges")


PLAIN = Mechanism(b"PLAIN", _servePlain, _loginPlain, Proof.PASSWORD, plain=True)
LOGIN = Mechanism(b"LOGIN", _serveLogin, _loginLogin, Proof.PASSWORD, plain=True)
