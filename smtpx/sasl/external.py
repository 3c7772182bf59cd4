"""
EXTERNAL (RFC 4422 appendix A): the client has shown who it is already.

Here that is by the certificate of its TLS handshake.  There is one message, by
which the client says whom it wants to act as, or nothing::

    initial-response  = *( UTF8-char-no-nul )

Whose the certificate is the server knows before (C{Channel.certified}); nobody
acts as somebody else.
"""

from __future__ import annotations

from ..core.errors import Malformed
from .prepare import prepare
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
    Proof,
    ServerExchange,
    challenge,
    respond,
)


def _serve(channel: Channel) -> ServerExchange:
    authorization = yield from challenge(b"")
    identity = channel.certified
    if len(authorization) > CREDENTIAL_OCTETS or b"\0" in authorization:
        return Denied(Cause.MALFORMED, "too long, or with a NUL", identity)
    if identity is None:
        return Denied(Cause.CREDENTIALS, "no certificate that is anybody's")
    try:
        actingAs = prepare(authorization)
    except Malformed as error:
        return Denied(Cause.CREDENTIALS, str(error), identity)
    if authorization and actingAs != identity:
        return Denied(Cause.CREDENTIALS, "wants to act as somebody else", identity)
    return Authenticated(identity)


def _login(credentials: Credentials, channel: Channel) -> ClientExchange:
    if (yield from respond(credentials.user)) is not None:
        raise BadServer("a challenge where EXTERNAL has none")


EXTERNAL = Mechanism(b"EXTERNAL", _serve, _login, Proof.CERTIFICATE)
