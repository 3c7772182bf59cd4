"""
What all mechanisms share: how they are begun, what they yield, how they end.

A mechanism (RFC 4422) is a pair of generators.  The server's half yields
L{Challenge}s and questions, is sent the client's responses and the answers, and
returns L{Authenticated} or L{Denied}.  The client's half yields L{Response}s and
questions, and is sent the server's challenges; it ends by returning once the
server said that all is well, and raises L{BadServer} where the server did not
keep to the mechanism or did not prove what it had to.

Nothing here knows the protocol that carries the exchange.  Its part (in SMTP,
L{smtpx.extensions.auth}) is to encode, to count, to bound and to give replies::

    exchange = mechanism.serve(Channel())
    need = next(exchange)               # a Challenge, or an Ask
    need = exchange.send(response)      # ... until StopIteration has the outcome

An I{initial response} is the answer to the first challenge, which is then not
sent; a mechanism does not see the difference.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any, Callable, Generator, Mapping

from attrs import field, frozen

from ..core.dialogue import Ask
from ..core.errors import Malformed, PeerError
from .encoding import decodeBase64
from .prepare import prepare

#: The most octets of a name or a password.  RFC 4616 section 2 makes servers
#: take 255; this has room for passphrases, and for no attack.
CREDENTIAL_OCTETS = 1024

#: The most octets of a bearer token.  Those that are signed have four thousand
#: and more; this is what a line of AUTH has room for (RFC 4954 section 4).
TOKEN_OCTETS = 8192

#: RFC 6750 section 2.1: C{1*( ALPHA / DIGIT / "-._~+/" ) *"="}.
isToken = re.compile(rb"(?>[A-Za-z0-9._~+/-]+)=*").fullmatch

#: What a client computes at most for one login (RFC 5802 section 9: a hostile
#: server can ask for any number); some seconds on a slow machine.
ITERATIONS_MAX = 10_000_000


class BadServer(PeerError):
    """
    The server did not keep to the mechanism, or did not prove that it knows the
    user: whatever it says afterwards, nobody is authenticated.
    """


class Cause(Enum):
    """
    Why an exchange failed: a message outside the mechanism's grammar, wrong
    credentials (of whatever kind: the peer is not told), or no way to tell.
    """

    MALFORMED = auto()
    CREDENTIALS = auto()
    UNAVAILABLE = auto()


@frozen
class Authenticated:
    """
    The client is who it says.

    @ivar identity: the user's name, prepared (RFC 4013).  It is also the
        authorization identity: nobody may act as somebody else.
    """

    identity: bytes


@frozen
class Denied:
    """
    The client is not believed.

    @ivar cause: what the peer may learn.
    @ivar why: what the operator wants to know; not for the peer, as it may
        say more than that.
    @ivar identity: whom it said to be, prepared; L{None}: it never got so far.
    """

    cause: Cause
    why: str
    identity: bytes | None = None


Outcome = Authenticated | Denied


@frozen
class Challenge:
    """
    The server says C{octets}, and waits for the client's response.

    @ivar failed: the login has failed already, and whatever the client responds
        is only the end of it; L{None}: it is open.
    """

    octets: bytes
    failed: Denied | None = None


@frozen
class Response:
    """
    The client says C{octets}, and waits for the server's challenge.

    @ivar octets: L{None}, only ever the first: there is nothing to say yet, the
        server begins.
    """

    octets: bytes | None = field(repr=False)


#: The server's half: challenges and questions out, responses and answers in.
ServerExchange = Generator[Challenge | Ask[Any], Any, Outcome]

#: The client's half: responses and questions out, challenges and answers in;
#: a challenge of L{None} says that the server is content.
ClientExchange = Generator[Response | Ask[Any], Any, None]


class Proof(Enum):
    """
    By what a client shows who it is: its password, shown to the server; its
    password, of which the server has a verifier (RFC 5803); a token that somebody
    else gave it (RFC 6750); the certificate of its TLS handshake.
    """

    PASSWORD = auto()
    VERIFIER = auto()
    TOKEN = auto()
    CERTIFICATE = auto()


@frozen
class TokenHints:
    """
    Where a client whose token is no good gets one that is (RFC 7628 section
    3.2.2).

    @ivar scope: what the token has to be for; L{None}: nothing in particular.
    @ivar discovery: the https URL of a document by OpenID Connect Discovery;
        L{None}: the client knows.
    """

    scope: str | None = None
    discovery: str | None = None


@frozen
class Channel:
    """
    The connection under an exchange.

    @ivar bindings: channel bindings (RFC 5056) by their registered name; empty
        without TLS.
    @ivar boundOffered: does the server offer a mechanism with channel binding?
        Both sides know, unless somebody between them changed the list.
    @ivar iterationsMax: how many rounds a client computes at most.
    @ivar secured: is it under TLS?
    @ivar peer: the client's address, as text; empty: it has none.
    @ivar local: the server's.
    @ivar certified: on the server, whose the client's certificate is, prepared;
        L{None}: it sent none that is good and somebody's.
    @ivar hints: on the server, what a client with a bad token is told.
    @ivar host: on the client, the server's name; empty: not known.
    @ivar port: on the client, the server's port; 0: not known.
    """

    bindings: Mapping[str, bytes] = field(factory=dict, repr=False)
    boundOffered: bool = False
    iterationsMax: int = ITERATIONS_MAX
    secured: bool = False
    peer: bytes = b""
    local: bytes = b""
    certified: bytes | None = None
    hints: TokenHints = TokenHints()
    host: bytes = b""
    port: int = 0


# A name, password or token no server can accept is found where it is configured,
# not at the first delivery.


def _checkUser(instance: Credentials, attribute: Any, user: bytes) -> None:
    certified = instance.password is None and instance.token is None
    if user or not certified:
        _checkPassword(instance, attribute, user)


def _checkPassword(instance: object, attribute: Any, octets: bytes | None) -> None:
    if octets is not None and (len(octets) > CREDENTIAL_OCTETS or not prepare(octets)):
        raise Malformed(f"{attribute.name} is empty or too long")


def _checkToken(instance: Credentials, attribute: Any, token: bytes | None) -> None:
    if token is None:
        return
    if instance.password is not None:
        raise Malformed("either a password or a token")
    if len(token) > TOKEN_OCTETS or not isToken(token):
        raise Malformed("the token is too long, or none of RFC 6750")


@frozen
class Credentials:
    """
    With what a client logs in: a name and a password, or a name and a token, or
    the certificate that it sends to the server anyway.

    @ivar user: its name, UTF-8; may be empty where its certificate says it all.
    @ivar password: its password, UTF-8; L{None}: it has another proof.
    @ivar token: its bearer token (RFC 6750 section 2.1); L{None} likewise.
    @raise Malformed: one of them is empty or too long, cannot be prepared, or
        there is both a password and a token.
    """

    user: bytes = field(default=b"", validator=_checkUser)
    password: bytes | None = field(default=None, validator=_checkPassword, repr=False)
    token: bytes | None = field(default=None, validator=_checkToken, repr=False)

    @property
    def proofs(self) -> frozenset[Proof]:
        """For which mechanisms they are."""
        if self.password is not None:
            return frozenset((Proof.PASSWORD, Proof.VERIFIER))
        return frozenset((Proof.CERTIFICATE if self.token is None else Proof.TOKEN,))


@frozen
class Mechanism:
    """
    A SASL mechanism.

    @ivar name: its registered name, upper case.
    @ivar serve: begins the server's half.
    @ivar login: begins the client's half.
    @ivar proof: by what the client shows who it is.
    @ivar plain: does it show that to the server, and to whoever sees the octets?
    @ivar bound: does it need a channel binding?
    """

    name: bytes
    serve: Callable[[Channel], ServerExchange]
    login: Callable[[Credentials, Channel], ClientExchange]
    proof: Proof
    plain: bool = False
    bound: bool = False

    @property
    def secured(self) -> bool:
        """
        Is it for TLS only, whatever an operator says?  A token is good for many
        servers (RFC 7628 section 3); a certificate there is only with TLS.
        """
        return self.proof in (Proof.TOKEN, Proof.CERTIFICATE)


def challenge(octets: bytes) -> Generator[Any, Any, bytes]:
    """Say C{octets} to the client, wait for its response."""
    response: bytes = yield Challenge(octets)
    return response


def respond(octets: bytes | None) -> Generator[Any, Any, bytes | None]:
    """
    Say C{octets} to the server, wait for what it says.

    @param octets: L{None}: nothing yet, the server begins.
    @return: its challenge; L{None}: it is content.
    """
    got: bytes | None = yield Response(octets)
    return got


def fromServer(octets: bytes) -> bytes:
    """
    What a server said in base64.

    @raise BadServer: it cannot be decoded; RFC 4954 section 4 has a client
        cancel then.
    """
    try:
        return decodeBase64(octets)
    except Malformed as error:
        raise BadServer(str(error)) from error


def onward(
    exchange: Callable[[Any], Any], sent: bytes | None
) -> Generator[Ask[Any], Any, Any]:
    """
    Let a mechanism go on, and pass its questions to the world; for dialogues
    that carry an exchange.

    @param exchange: C{send} of one of its halves.
    @param sent: what the other side said; L{None} to begin, and for a client
        whose server is content.
    @return: the next L{Challenge} or L{Response}, or what it came to: an outcome
        of a server's half, L{None} of a client's.
    @raise BadServer: from a client's half.
    """
    try:
        need = exchange(sent)
        while isinstance(need, Ask):
            need = exchange((yield need))
    except StopIteration as stop:
        return stop.value
    return need
