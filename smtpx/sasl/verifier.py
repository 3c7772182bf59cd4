"""
The keys of SCRAM (RFC 5802 section 3), and what a server keeps of a password.

A L{SCRAMVerifier} lets a server check a client and prove itself, but not log in
elsewhere.  As text it is what RFC 5803 and PostgreSQL write::

    SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
"""

from __future__ import annotations

import hashlib
import hmac
import re

from attrs import field, frozen

from ..core.errors import Malformed
from .encoding import decodeBase64, encodeBase64

#: RFC 7677 section 4: a server announces no less, and a client takes no less.
ITERATIONS_MIN = 4096

#: What new verifiers are made with.  RFC 7677 section 4 asks for 0.1 seconds;
#: above 65536 Cyrus SASL, which most mail clients on Unix use, gives up.
ITERATIONS = 65_536

#: In octets.
SALT_OCTETS = 16

_TEXT = re.compile(
    r"SCRAM-(SHA-[0-9]{1,4})\$([1-9][0-9]{0,8}):([A-Za-z0-9+/=]+)"
    r"\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)"
)


@frozen
class SCRAMVerifier:
    """
    What a server keeps of a password for SCRAM.

    @ivar iterations: how often the password was hashed.
    @ivar hashName: the hash, as L{hashlib} calls it.
    """

    salt: bytes
    iterations: int
    storedKey: bytes = field(repr=False)
    serverKey: bytes = field(repr=False)
    hashName: str = "sha256"


def saltPassword(
    password: bytes, salt: bytes, iterations: int, hashName: str = "sha256"
) -> bytes:
    """
    C{SaltedPassword} of RFC 5802 section 3.  Takes as long as C{iterations} say,
    by intent: not for the reactor's thread.

    @param password: prepared.
    """
    return hashlib.pbkdf2_hmac(hashName, password, salt, iterations)


def keyed(key: bytes, text: bytes, hashName: str) -> bytes:
    """C{HMAC(key, text)}."""
    return hmac.digest(key, text, hashName)


def clientKey(salted: bytes, hashName: str) -> bytes:
    """C{ClientKey}, from C{SaltedPassword}."""
    return keyed(salted, b"Client Key", hashName)


def serverKey(salted: bytes, hashName: str) -> bytes:
    """C{ServerKey}, from C{SaltedPassword}."""
    return keyed(salted, b"Server Key", hashName)


def storedKey(key: bytes, hashName: str) -> bytes:
    """C{StoredKey}, from C{ClientKey}."""
    return hashlib.new(hashName, key).digest()


def exclusiveOr(one: bytes, other: bytes) -> bytes:
    """Both, which are of one length, octet by octet."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def enrol(
    password: bytes,
    salt: bytes,
    iterations: int = ITERATIONS,
    hashName: str = "sha256",
) -> SCRAMVerifier:
    """
    Make the verifier of a password; slow by intent, as L{saltPassword}.

    @param password: prepared, as one that is to be stored.
    """
    salted = saltPassword(password, salt, iterations, hashName)
    return SCRAMVerifier(
        salt,
        iterations,
        storedKey(clientKey(salted, hashName), hashName),
        serverKey(salted, hashName),
        hashName,
    )


def decoy(
    secret: bytes,
    user: bytes,
    iterations: int = ITERATIONS,
    hashName: str = "sha256",
) -> SCRAMVerifier:
    """
    A verifier for a user that does not exist: always the same for the same name,
    and no password fits it.  A stranger cannot tell it from a real one.

    @param secret: known to this installation only, and kept: with another one
        the salts of unknown users would change, those of known ones would not.
    @param iterations: as many as real users here have.
    """
    salt = keyed(secret, b"salt\0" + user, "sha256")[:SALT_OCTETS]
    return SCRAMVerifier(
        salt,
        iterations,
        # Nobody has a key that hashes to this.
        keyed(secret, b"StoredKey\0" + user, hashName),
        keyed(secret, b"ServerKey\0" + user, hashName),
        hashName,
    )


def renderVerifier(verifier: SCRAMVerifier) -> str:
    """C{verifier} as RFC 5803 section 2 writes it."""
    scheme = "SHA-" + verifier.hashName.upper().removeprefix("SHA")
    salt, stored, server = (
        encodeBase64(part).decode("ascii")
        for part in (verifier.salt, verifier.storedKey, verifier.serverKey)
    )
    return f"SCRAM-{scheme}${verifier.iterations}:{salt}${stored}:{server}"


def parseVerifier(text: str) -> SCRAMVerifier:
    """
    The inverse of L{renderVerifier}.

    @raise Malformed: not that, bad base64, a hash that is not to be had, keys
        that are not of its length, or fewer iterations than L{ITERATIONS_MIN}.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise Malformed("not a SCRAM verifier")
    hashName = match[1].lower().replace("-", "")
    if hashName not in hashlib.algorithms_guaranteed:
        raise Malformed(f"no hash {match[1]}")
    iterations = int(match[2])
    if iterations < ITERATIONS_MIN:
        raise Malformed(f"fewer than {ITERATIONS_MIN} iterations")
    salt, stored, server = (
        decodeBase64(part.encode("ascii")) for part in match.group(3, 4, 5)
    )
    size = hashlib.new(hashName).digest_size
    if len(stored) != size or len(server) != size:
        raise Malformed(f"keys that are not of {match[1]}")
    return SCRAMVerifier(salt, iterations, stored, server, hashName)
