"""
SCRAM (RFC 5802), with SHA-256 (RFC 7677) and any other hash.

Neither side shows the other the password: the client proves that it has it, then
the server proves that it knew it.  Four messages::

    client-first = gs2-header client-first-bare
    gs2-header   = ("p=" cb-name / "n" / "y") "," ["a=" saslname] ","
    bare         = "n=" saslname ",r=" c-nonce *("," attr-val)
    server-first = "r=" c-nonce s-nonce ",s=" base64 ",i=" posit-number *(...)
    client-final = "c=" base64 ",r=" nonce *("," attr-val) ",p=" base64
    server-final = ("e=" value / "v=" base64) *("," attr-val)

The last is a challenge here, which the client answers with nothing (RFC 4422
section 5.2: additional data with success, in a protocol that has no place for
it).

The C{-PLUS} variant signs a channel binding too: C{tls-exporter} (RFC 9266) or
C{tls-server-end-point} (RFC 5929), whichever the client chooses of those that
the connection has.  C{tls-unique}, RFC 5802's own, is not among them: TLS 1.3
has no such thing, and before it took an extension to be safe (RFC 7627).

What the server keeps to, for safety:

 - C{y} ("I could, you cannot") while C{-PLUS} was offered means that somebody
   changed the list of mechanisms: it fails (section 6).
 - A user that does not exist goes all the way, with a decoy
   (L{smtpx.sasl.verifier.decoy}); failures all look alike.
 - Secrets are compared in constant time.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from hmac import compare_digest
from typing import Any, Callable, Generator

from attrs import frozen

from ..core.dialogue import ask
from ..core.errors import Malformed
from .encoding import (
    SASLNAME,
    decodeBase64,
    encodeBase64,
    fromSaslname,
    toSaslname,
)
from .prepare import prepare
from .questions import FetchVerifier, SaltPassword
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
    fromServer,
    respond,
)
from .verifier import (
    ITERATIONS_MIN,
    SCRAMVerifier,
    clientKey,
    exclusiveOr,
    keyed,
    serverKey,
    storedKey,
)

#: Channel bindings in the order in which a client takes them.
BINDINGS = ("tls-exporter", "tls-server-end-point")

# Optional extensions are ignored; "m", which is mandatory, is one that nobody
# understands yet (RFC 5802 section 5.1).
_EXTENSIONS = rb"(?>(?:,[A-Za-ln-z]=[^,\x00]+)*)"


def _grammar(pattern: bytes) -> Callable[[bytes], "re.Match[bytes] | None"]:
    # Repetitions do not go back: each costs time in proportion to its input.
    pattern = pattern.replace(b"SASLNAME", SASLNAME)
    pattern = pattern.replace(b"EXTENSIONS", _EXTENSIONS)
    return re.compile(pattern, re.VERBOSE | re.DOTALL).fullmatch


_clientFirst = _grammar(
    rb"""
    (?P<header> (?:p=(?P<binding>[A-Za-z0-9.-]++)|(?P<flag>[ny])) ,
        (?:a=(?P<authorization>SASLNAME))? ,)
    (?P<bare> n=(?P<user>SASLNAME) , r=(?P<nonce>[!-+\--~]{1,256}+) EXTENSIONS)
    """
)
_clientFinal = _grammar(
    rb"""
    (?P<signed> c=(?P<binding>[^,]++) , r=(?P<nonce>[^,]++)
        (?>(?:,[A-Za-lnoq-z]=[^,\x00]+)*))
    ,p=(?P<proof>[^,]++)
    """
)
_serverFirst = _grammar(
    rb"""
    r=(?P<nonce>[!-+\--~]{1,1024}+) , s=(?P<salt>[^,]++) ,
    i=(?P<iterations>[1-9][0-9]{0,8}+) EXTENSIONS
    """
)
_serverFinal = _grammar(rb"v=(?P<signature>[^,]++) EXTENSIONS")

_MALFORMED = Denied(Cause.MALFORMED, "not a message of SCRAM")


def makeNonce() -> bytes:
    """Printable, without a comma, and never the same: 144 bits (RFC 4086)."""
    return b64encode(secrets.token_bytes(18))


@frozen
class First:
    """
    C{client-first-message}, taken apart.

    @ivar header: the GS2 header, as it came.
    @ivar bare: what is behind it, as it came.
    @ivar binding: the name behind C{p=}; L{None}: C{n} or C{y}.
    @ivar doubts: did it say C{y}?
    @ivar authorization: whom it wants to act as, prepared; empty: itself.
    @ivar user: who it is, prepared.
    @ivar nonce: the client's part of it.
    """

    header: bytes
    bare: bytes
    binding: str | None
    doubts: bool
    authorization: bytes
    user: bytes
    nonce: bytes


def parseFirst(message: bytes) -> First | Denied:
    """
    Read C{client-first-message}.

    @return: L{Denied}, where it is not in the grammar, or has a name that
        cannot be prepared.
    """
    match = _clientFirst(message)
    if match is None:
        return _MALFORMED
    binding = match["binding"]
    names = (match["user"], match["authorization"] or b"")
    if max(map(len, names)) > CREDENTIAL_OCTETS:
        return _MALFORMED
    try:
        user, authorization = (prepare(fromSaslname(name)) for name in names)
    except Malformed as error:
        return Denied(Cause.CREDENTIALS, str(error))
    if not user:
        return Denied(Cause.CREDENTIALS, "empty name")
    if match["authorization"] and authorization != user:
        return Denied(Cause.CREDENTIALS, "wants to act as somebody else", user)
    return First(
        match["header"],
        match["bare"],
        None if binding is None else binding.decode("ascii"),
        match["flag"] == b"y",
        authorization,
        user,
        match["nonce"],
    )


@frozen
class SCRAM:
    """
    One mechanism of the family.

    @ivar hashName: the hash, as L{hashlib} calls it.
    @ivar bound: is it the C{-PLUS} variant?
    @ivar nonce: makes our part of the nonce.
    """

    hashName: str = "sha256"
    bound: bool = False
    nonce: Callable[[], bytes] = makeNonce

    # --- the server's half --------------------------------------------------

    def serve(self, channel: Channel) -> ServerExchange:
        """The server's half of an exchange."""
        first = parseFirst((yield from challenge(b"")))
        if isinstance(first, Denied):
            return first
        wrong = self._checkBinding(first, channel)
        if wrong is not None:
            return Denied(Cause.CREDENTIALS, wrong, first.user)
        verifier = yield from ask(FetchVerifier(first.user, self.hashName))
        if verifier is None:
            return Denied(Cause.UNAVAILABLE, "verifiers cannot be fetched", first.user)
        return (yield from self._prove(first, channel, verifier))

    def _checkBinding(self, first: First, channel: Channel) -> str | None:
        # RFC 5802 section 6.
        if self.bound:
            known = first.binding in channel.bindings and first.binding in BINDINGS
            return None if known else "no such channel binding"
        if first.binding is not None:
            return "channel binding in a mechanism without"
        if first.doubts and channel.boundOffered:
            return "channel binding was offered, and the client did not see it"
        return None

    def _prove(
        self, first: First, channel: Channel, verifier: SCRAMVerifier
    ) -> Generator[Any, Any, Outcome]:
        nonce = first.nonce + self.nonce()
        serverFirst = b"r=%b,s=%b,i=%d" % (
            nonce,
            encodeBase64(verifier.salt),
            verifier.iterations,
        )
        message = yield from challenge(serverFirst)
        match = _clientFinal(message)
        if match is None:
            return _MALFORMED
        try:
            binding = decodeBase64(match["binding"])
            proof = decodeBase64(match["proof"])
        except Malformed:
            return _MALFORMED
        text = b",".join((first.bare, serverFirst, match["signed"]))
        wanted = first.header
        if first.binding is not None:
            wanted += channel.bindings[first.binding]
        # All three are looked at, always: the time says nothing of which failed.
        good = compare_digest(match["nonce"], nonce)
        good &= compare_digest(binding, wanted)
        good &= self._fits(verifier, text, proof)
        if not good:
            return Denied(Cause.CREDENTIALS, "wrong proof", first.user)
        signature = keyed(verifier.serverKey, text, self.hashName)
        if (yield from challenge(b"v=" + encodeBase64(signature))):
            return Denied(Cause.MALFORMED, "an answer where there is none", first.user)
        return Authenticated(first.user)

    def _fits(self, verifier: SCRAMVerifier, text: bytes, proof: bytes) -> bool:
        signature = keyed(verifier.storedKey, text, self.hashName)
        if len(proof) != len(signature):
            return False
        key = storedKey(exclusiveOr(proof, signature), self.hashName)
        return compare_digest(key, verifier.storedKey)

    # --- the client's half --------------------------------------------------

    def login(self, credentials: Credentials, channel: Channel) -> ClientExchange:
        """The client's half of an exchange."""
        header, bound = self._header(channel)
        bare = b"n=%b,r=%b" % (
            toSaslname(prepare(credentials.user)),
            nonce := self.nonce(),
        )
        serverFirst = yield from self._hear(header + bare)
        match = _serverFirst(serverFirst)
        if match is None:
            raise BadServer("not a message of SCRAM")
        if not match["nonce"].startswith(nonce) or match["nonce"] == nonce:
            raise BadServer("a nonce that does not go on from ours")
        iterations = int(match["iterations"])
        if not ITERATIONS_MIN <= iterations <= channel.iterationsMax:
            raise BadServer(f"{iterations} iterations")
        password = credentials.password
        assert password is not None
        salted = yield from ask(
            SaltPassword(
                prepare(password),
                fromServer(match["salt"]),
                iterations,
                self.hashName,
            )
        )
        signed = b"c=%b,r=%b" % (encodeBase64(header + bound), match["nonce"])
        text = b",".join((bare, serverFirst, signed))
        key = clientKey(salted, self.hashName)
        proof = exclusiveOr(
            key, keyed(storedKey(key, self.hashName), text, self.hashName)
        )
        serverFinal = yield from self._hear(signed + b",p=" + encodeBase64(proof))
        self._believe(
            serverFinal, keyed(serverKey(salted, self.hashName), text, self.hashName)
        )
        if (yield from respond(b"")) is not None:
            raise BadServer("SCRAM has only two challenges")

    def _header(self, channel: Channel) -> tuple[bytes, bytes]:
        # The GS2 header, and the octets of the channel binding.
        if not self.bound:
            # "y": we could, you seem not to (RFC 5802 section 6).
            doubts = bool(channel.bindings) and not channel.boundOffered
            return (b"y,," if doubts else b"n,,"), b""
        for name in BINDINGS:
            if name in channel.bindings:
                return b"p=%b,," % name.encode("ascii"), channel.bindings[name]
        raise BadServer("no channel binding that both sides know")

    def _hear(self, message: bytes) -> Generator[Any, Any, bytes]:
        got = yield from respond(message)
        if got is None:
            # To accept this would be to believe a server that proved nothing.
            raise BadServer("success before the server has proved itself")
        return got

    def _believe(self, serverFinal: bytes, wanted: bytes) -> None:
        match = _serverFinal(serverFinal)
        if match is None:
            raise BadServer("the server refused, or sent no signature")
        if not compare_digest(fromServer(match["signature"]), wanted):
            raise BadServer("the server does not know the password")


def scram(
    name: bytes, hashName: str, nonce: Callable[[], bytes] = makeNonce
) -> tuple[Mechanism, Mechanism]:
    """
    Make both mechanisms of one hash.

    @param name: the registered name of the one without channel binding.
    @param hashName: the hash, as L{hashlib} calls it.
    @param nonce: makes our part of the nonce; given by tests only.
    @return: with and without channel binding.
    """
    bound = SCRAM(hashName, True, nonce)
    unbound = SCRAM(hashName, False, nonce)
    return (
        Mechanism(
            name + b"-PLUS", bound.serve, bound.login, Proof.VERIFIER, bound=True
        ),
        Mechanism(name, unbound.serve, unbound.login, Proof.VERIFIER),
    )


SCRAM_SHA_256_PLUS, SCRAM_SHA_256 = scram(b"SCRAM-SHA-256", "sha256")
