"""
Password hashes: slow by intent, and as text.

New ones are Argon2id (RFC 9106) with 19 MiB and two passes, which takes some 30
milliseconds, or scrypt (RFC 7914) where OpenSSL has no Argon2 (before 3.2).
Both are written as PHC strings, which carry their parameters, so that hashes of
either kind and of any cost are checked side by side::

    $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
    $scrypt$ln=15,r=8,p=1$<salt>$<hash>

Nothing here is for the reactor's thread; both let other threads run meanwhile.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable

from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ..core.errors import Malformed

SALT_OCTETS = 16
HASH_OCTETS = 32

#: OWASP's first choice for Argon2id: in KiB, passes, and lanes.
ARGON2_MEMORY = 19_456
ARGON2_PASSES = 2
ARGON2_LANES = 1

#: The same strength by scrypt: the logarithm of N, r, and p.
SCRYPT_LOG_N = 15
SCRYPT_R = 8
SCRYPT_P = 1

_KIND = f"$argon2id$v=19$m={ARGON2_MEMORY},t={ARGON2_PASSES},p={ARGON2_LANES}"

_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=\d{1,8},t=\d{1,4},p=\d{1,3}"
    r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}"
)
_SCRYPT = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})"
    r"\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{16,})"
)


def hashPassword(password: bytes) -> str:
    """
    Hash a password for keeping.

    @param password: prepared, as one that is to be stored.
    @return: a PHC string.
    """
    salt = secrets.token_bytes(SALT_OCTETS)
    try:
        return argon2(password, salt)
    except UnsupportedAlgorithm:
        return scrypt(password, salt)


def argon2(password: bytes, salt: bytes) -> str:
    """
    Hash by Argon2id.

    @raise UnsupportedAlgorithm: OpenSSL has none.
    """
    hashing = Argon2id(
        salt=salt,
        length=HASH_OCTETS,
        iterations=ARGON2_PASSES,
        lanes=ARGON2_LANES,
        memory_cost=ARGON2_MEMORY,
    )
    return hashing.derive_phc_encoded(password)


def scrypt(password: bytes, salt: bytes) -> str:
    """Hash by scrypt."""
    found = _scrypt(password, salt, SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P, HASH_OCTETS)
    parameters = f"ln={SCRYPT_LOG_N},r={SCRYPT_R},p={SCRYPT_P}"
    return f"$scrypt${parameters}${_text(salt)}${_text(found)}"


def checkHash(encoded: str) -> None:
    """
    Is this a hash that L{verifyPassword} can read?

    @raise Malformed: it is not.
    """
    if not _ARGON2.fullmatch(encoded) and not _SCRYPT.fullmatch(encoded):
        raise Malformed("not a password hash (argon2id or scrypt)")


def verifyPassword(password: bytes, encoded: str) -> bool:
    """
    Is this the password that was hashed?

    @param password: prepared.
    @param encoded: what L{hashPassword} gave; L{checkHash} has seen it.
    @raise UnsupportedAlgorithm: Argon2id, and OpenSSL has none.
    @raise ValueError: parameters that the algorithm does not take.
    """
    match = _SCRYPT.fullmatch(encoded)
    if match is None:
        try:
            Argon2id.verify_phc_encoded(password, encoded)
        except InvalidKey:
            return False
        return True
    logN, r, p = (int(number) for number in match.group(1, 2, 3))
    salt, wanted = (_octets(text) for text in match.group(4, 5))
    found = _scrypt(password, salt, logN, r, p, len(wanted))
    return hmac.compare_digest(found, wanted)


def decoyHash(hashes: Iterable[str]) -> str:
    """
    A hash that no password fits, and that costs as much to check as most.

    @param hashes: those of the real users.
    """
    kinds = Counter(each.rsplit("$", 2)[0] for each in hashes)
    kind = max(kinds, key=kinds.__getitem__, default=_KIND)
    salt, other = (secrets.token_bytes(n) for n in (SALT_OCTETS, HASH_OCTETS))
    return f"{kind}${_text(salt)}${_text(other)}"


def _scrypt(
    password: bytes, salt: bytes, logN: int, r: int, p: int, octets: int
) -> bytes:
    # What scrypt needs (RFC 7914 section 5), and some room; without it OpenSSL
    # refuses above 32 MiB.
    memory = 128 * r * ((1 << logN) + p + 2) + (1 << 20)
    return hashlib.scrypt(
        password, salt=salt, n=1 << logN, r=r, p=p, maxmem=memory, dklen=octets
    )


def _text(octets: bytes) -> str:
    return b64encode(octets).decode("ascii").rstrip("=")


def _octets(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))
