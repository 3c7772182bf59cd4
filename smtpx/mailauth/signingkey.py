"""
Private keys that sign messages, and the records that publish their other halves
(RFC 6376 section 3.6.1, RFC 8463 section 4).
"""

from __future__ import annotations

import binascii
import hashlib

from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ..core.errors import Malformed
from .dkimkey import BITS_MIN, PublicKey
from .dkimsignature import Algorithm

_PADDING, _SHA256 = PKCS1v15(), SHA256()

#: How many octets one string of a TXT record may have (RFC 1035 section 3.3).
_STRING_OCTETS = 255


@frozen
class SigningKey:
    """
    A private key.

    @ivar algorithm: of the signatures that it makes.
    @ivar bits: how long it is.
    """

    algorithm: Algorithm
    bits: int
    _key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    def sign(self, octets: bytes) -> bytes:
        """The signature of these octets."""
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(octets, _PADDING, _SHA256)
        # RFC 8463 section 3: the hash is what is signed.
        return self._key.sign(hashlib.sha256(octets).digest())

    @property
    def record(self) -> bytes:
        """What the DNS is to have of it, as one string."""
        kind, encoding, form = b"rsa", Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        if self.algorithm is Algorithm.ED25519:
            kind, encoding, form = b"ed25519", Encoding.Raw, PublicFormat.Raw
        octets = self._key.public_key().public_bytes(encoding, form)
        text = binascii.b2a_base64(octets, newline=False)
        return b"v=DKIM1; h=sha256; k=%b; p=%b" % (kind, text)

    @property
    def pem(self) -> bytes:
        """The key in PEM, without a password."""
        return self._key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )


def readSigningKey(pem: bytes) -> SigningKey:
    """
    Read a private key.

    @raise Malformed: it is none that signs mail; the text is for the operator.
    """
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise Malformed("the key has a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Malformed("there is no private key in PEM") from None
    if isinstance(key, Ed25519PrivateKey):
        return SigningKey(Algorithm.ED25519, 256, key)
    if not isinstance(key, RSAPrivateKey):
        raise Malformed("the key is neither RSA nor Ed25519")
    if key.key_size < BITS_MIN:
        # RFC 8301 section 3.2: nobody takes its signatures.
        raise Malformed(
            f"the key has {key.key_size} bits; {BITS_MIN} are needed, and 2048 wanted"
        )
    return SigningKey(Algorithm.RSA, key.key_size, key)


def newSigningKey(algorithm: Algorithm, bits: int = 2048) -> SigningKey:
    """
    Make a key.

    @param bits: of an RSA key: how long it is to be.
    """
    if algorithm is Algorithm.ED25519:
        return SigningKey(algorithm, 256, Ed25519PrivateKey.generate())
    return SigningKey(algorithm, bits, generate_private_key(65537, bits))


def samePair(private: SigningKey, public: PublicKey) -> bool:
    """Does a public key verify what a private one signs?"""
    return private.algorithm is public.algorithm and public.verifies(
        private.sign(b"smtpx"), b"smtpx"
    )


def strings(record: bytes) -> list[bytes]:
    """A record as the strings of a TXT record, which are joined by who reads it."""
    starts = range(0, len(record), _STRING_OCTETS)
    return [record[start : start + _STRING_OCTETS] for start in starts]


__all__ = ["SigningKey", "newSigningKey", "readSigningKey", "samePair", "strings"]
