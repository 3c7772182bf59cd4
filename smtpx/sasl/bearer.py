"""
Mechanisms that show the server a token: OAUTHBEARER (RFC 7628) and XOAUTH2.

A token was given to the client by somebody whom the server believes, and it is
good for whoever has it (RFC 6750): so it is for TLS only, and in no log.

OAUTHBEARER is one message of the client::

    client-resp = gs2-header kvsep *kvpair kvsep
    gs2-header  = ("n" / "y") "," ["a=" saslname] ","
    kvpair      = 1*ALPHA "=" *(VCHAR / SP / HTAB / CR / LF) kvsep
    kvsep       = %x01

of whose pairs C{auth} has the token: C{auth=Bearer vF9dft4qmT}.  The others say
where the client has connected to, and are not looked at: a bearer token is not
bound to a place.

XOAUTH2 is what it was before it became a standard (Google's, and Microsoft's); no
RFC has it::

    "user=" address kvsep "auth=Bearer " token kvsep kvsep

Where a token is no good the server says why, as JSON (section 3.2.2), the client
answers with what means nothing, and only then the login fails.  Where nobody can
tell now, it fails at once: nothing was wrong with the token.
"""

from __future__ import annotations

import json
import re
from typing import Callable

from attrs import field, frozen

from ..core.dialogue import ask
from ..core.errors import Malformed
from .encoding import SASLNAME, fromSaslname, toSaslname
from .prepare import prepare
from .questions import CheckToken
from .values import (
    CREDENTIAL_OCTETS,
    TOKEN_OCTETS,
    Authenticated,
    BadServer,
    Cause,
    Challenge,
    Channel,
    ClientExchange,
    Credentials,
    Denied,
    Mechanism,
    Proof,
    ServerExchange,
    challenge,
    isToken,
    respond,
)

#: RFC 7628 section 3.1; also what a client answers to an error (section 3.2.3).
_SEPARATOR = b"\x01"

# Repetitions do not go back: each costs time in proportion to its input.
_oauthBearer = re.compile(
    rb"[ny],(?:a=(?P<user>" + SASLNAME + rb"))?,\x01"
    rb"(?P<pairs>(?>(?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*))\x01"
).fullmatch
_xoauth2 = re.compile(
    rb"user=(?P<user>[^\x00\x01]+)\x01"
    rb"(?P<pairs>(?>(?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*))\x01"
).fullmatch

_MALFORMED = Denied(Cause.MALFORMED, "not a message of the mechanism")


@frozen
class TokenMessage:
    """
    What a client says to show its token.

    @ivar token: the token.
    @ivar user: whose it is, UTF-8; empty: it does not say.
    @ivar host: where the client has connected to; empty: it does not say.
    @ivar port: likewise; 0: it does not say.
    """

    token: bytes = field(repr=False)
    user: bytes = b""
    host: bytes = b""
    port: int = 0


class OtherScheme(Malformed):
    """The message shows something, but no bearer token."""


def parseOAuthBearer(message: bytes) -> TokenMessage:
    """
    Read C{client-resp} of OAUTHBEARER.

    @return: without host and port, which nobody is to rely on.
    @raise OtherScheme: well made, but the C{auth} of another scheme.
    @raise Malformed: not in the grammar.
    """
    match = _oauthBearer(message)
    if match is None:
        raise Malformed("not client-resp of RFC 7628")
    return TokenMessage(_tokenOf(match["pairs"]), fromSaslname(match["user"] or b""))


def renderOAuthBearer(message: TokenMessage) -> bytes:
    """Write C{client-resp} of OAUTHBEARER."""
    name = b"a=" + toSaslname(message.user) if message.user else b""
    pairs = [
        b"host=" + message.host if message.host else b"",
        b"port=%d" % message.port if message.port else b"",
        b"auth=Bearer " + message.token,
    ]
    written = b"".join(pair + _SEPARATOR for pair in pairs if pair)
    return b"n,%b,\x01%b\x01" % (name, written)


def parseXOAuth2(message: bytes) -> TokenMessage:
    """
    Read the message of XOAUTH2.

    @raise OtherScheme: well made, but the C{auth} of another scheme.
    @raise Malformed: not in the grammar.
    """
    match = _xoauth2(message)
    if match is None:
        raise Malformed("not a message of XOAUTH2")
    return TokenMessage(_tokenOf(match["pairs"]), match["user"])


def renderXOAuth2(message: TokenMessage) -> bytes:
    """Write the message of XOAUTH2, which has no place for host and port."""
    return b"user=%b\x01auth=Bearer %b\x01\x01" % (message.user, message.token)


def _tokenOf(pairs: bytes) -> bytes:
    # Unknown pairs are ignored (RFC 7628 section 3.1); of two that are alike one
    # would be believed and the other not.
    found = [
        pair.removeprefix(b"auth=")
        for pair in pairs.split(_SEPARATOR)
        if pair.startswith(b"auth=")
    ]
    if len(found) != 1:
        raise Malformed("not one auth")
    scheme, _, token = found[0].partition(b" ")
    # RFC 9110 section 11.1: the scheme in any case.
    if scheme.lower() != b"bearer":
        raise OtherScheme("not a bearer token")
    if len(token) > TOKEN_OCTETS or not isToken(token):
        raise Malformed("not a token of RFC 6750")
    return token


@frozen
class BearerMechanism:
    """
    One of the two.

    @ivar parse: reads the client's message.
    @ivar render: its inverse.
    @ivar sorry: what a client answers to an error.
    """

    parse: Callable[[bytes], TokenMessage]
    render: Callable[[TokenMessage], bytes]
    sorry: bytes

    def serve(self, channel: Channel) -> ServerExchange:
        """The server's half of an exchange."""
        octets = yield from challenge(b"")
        try:
            message = self.parse(octets)
            if len(message.user) > CREDENTIAL_OCTETS:
                return _MALFORMED
            claimed = prepare(message.user)
        except OtherScheme as error:
            denied = Denied(Cause.CREDENTIALS, str(error))
            return (yield from _explain(channel, "invalid_request", denied))
        except Malformed:
            return _MALFORMED
        if message.user and not claimed:
            return Denied(Cause.CREDENTIALS, "empty name")
        outcome = yield from ask(CheckToken(message.token, claimed, channel))
        if isinstance(outcome, Authenticated):
            if not claimed or outcome.identity == claimed:
                return outcome
            outcome = Denied(Cause.CREDENTIALS, "the token is not this user's", claimed)
        if outcome.cause is Cause.UNAVAILABLE:
            return outcome
        return (yield from _explain(channel, "invalid_token", outcome))

    def login(self, credentials: Credentials, channel: Channel) -> ClientExchange:
        """The client's half of an exchange."""
        assert credentials.token is not None
        message = TokenMessage(
            credentials.token, credentials.user, channel.host, channel.port
        )
        if (yield from respond(self.render(message))) is None:
            return
        # The token is no good: let the server come to its end.
        if (yield from respond(self.sorry)) is None:
            raise BadServer("success behind an error")
        raise BadServer("a challenge behind an error")


def _explain(channel: Channel, status: str, denied: Denied) -> ServerExchange:
    # RFC 7628 section 3.2.2.
    said = {"status": status, "schemes": "bearer"}
    if channel.hints.scope is not None:
        said["scope"] = channel.hints.scope
    if channel.hints.discovery is not None:
        said["openid-configuration"] = channel.hints.discovery
    yield Challenge(json.dumps(said).encode("ascii"), denied)
    return denied


_OAUTHBEARER = BearerMechanism(parseOAuthBearer, renderOAuthBearer, _SEPARATOR)
_XOAUTH2 = BearerMechanism(parseXOAuth2, renderXOAuth2, b"")

OAUTHBEARER = Mechanism(
    b"OAUTHBEARER", _OAUTHBEARER.serve, _OAUTHBEARER.login, Proof.TOKEN, plain=True
)
XOAUTH2 = Mechanism(b"XOAUTH2", _XOAUTH2.serve, _XOAUTH2.login, Proof.TOKEN, plain=True)
