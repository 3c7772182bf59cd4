"""
Keys that verify signatures, as they stand in the DNS (RFC 6376 section 3.6, RFC 8463
section 4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ..core.errors import Malformed
from .asking import Asking, Known, Lookup, Unknown, lookUpAll
from .dkimsignature import Algorithm, KeyName
from .dkimvalues import DKIMResult, Unusable
from .tagging import listed, readBase64, readTags

#: The longest record that is read, in octets; a key of 8192 bits needs 1,400.
RECORD_OCTETS = 8192
#: The shortest and longest RSA key that verifies anything, in bits (RFC 8301 section
#: 3.2; above 4096 it is ours to say).
BITS_MIN, BITS_MAX = 1024, 8192
#: The longest exponent of an RSA key, in bits: with one as long as the key, a signature
#: takes a hundred times as long to verify.
EXPONENT_BITS = 64

_PADDING, _SHA256 = PKCS1v15(), SHA256()


@frozen
class PublicKey:
    """
    A key.

    @ivar algorithm: of the signatures that it verifies.
    @ivar bits: how long it is.
    """

    algorithm: Algorithm
    bits: int
    _key: RSAPublicKey | Ed25519PublicKey = field(repr=False)

    def verifies(self, value: bytes, octets: bytes) -> bool:
        """
        Is this the signature of these octets?

        @param value: the signature.
        """
        try:
            if isinstance(self._key, RSAPublicKey):
                self._key.verify(value, octets, _PADDING, _SHA256)
            else:
                # RFC 8463 section 3: the hash is what is signed.
                self._key.verify(value, hashlib.sha256(octets).digest())
        except InvalidSignature:
            return False
        return True


@frozen
class KeyRecord:
    """
    What a domain says of one of its keys.

    @ivar key: L{None}: it was revoked.
    @ivar hashNames: with which hashes it may be used; L{None}: with any.
    @ivar email: may it be used for mail?
    @ivar testing: does the domain only try out how to sign?
    @ivar strict: has the domain of C{i=} to be that of C{d=}?
    """

    key: PublicKey | None
    hashNames: tuple[bytes, ...] | None = None
    email: bool = True
    testing: bool = False
    strict: bool = False

    def keyFor(self, algorithm: Algorithm) -> PublicKey:
        """
        The key, to verify a signature.

        @raise Unusable: it is none for that.
        """
        if self.hashNames is not None and b"sha256" not in self.hashNames:
            raise Unusable(DKIMResult.PERMERROR, "the key is for other hashes")
        if not self.email:
            raise Unusable(DKIMResult.PERMERROR, "the key is not for mail")
        if self.key is None:
            raise Unusable(DKIMResult.PERMERROR, "the key was revoked")
        if self.key.algorithm is not algorithm:
            raise Unusable(DKIMResult.PERMERROR, "the key is for another algorithm")
        if algorithm is Algorithm.RSA and not BITS_MIN <= self.key.bits <= BITS_MAX:
            length = f"the key has {self.key.bits} bits"
            raise Unusable(DKIMResult.PERMERROR, length)
        return self.key


@lru_cache(maxsize=256)
def readKey(record: bytes) -> KeyRecord:
    """
    Read a record.

    @raise Malformed: it is no key.
    @raise Unusable: it is of a kind that we do not know.
    """
    if len(record) > RECORD_OCTETS:
        raise Malformed("record is too long")
    tags = readTags(record)
    version = tags.get(b"v")
    if version is not None and (version != b"DKIM1" or next(iter(tags.tags)) != b"v"):
        raise Malformed("not a record of this version")
    octets, kind = tags.required(b"p"), tags.get(b"k")
    names, services, flags = (tags.get(each) for each in (b"h", b"s", b"t"))
    uses = listed(b"*" if services is None else services)
    marks = () if flags is None else listed(flags)
    return KeyRecord(
        _key(b"rsa" if kind is None else kind, octets),
        None if names is None else listed(names),
        b"*" in uses or b"email" in uses,
        b"y" in marks,
        b"s" in marks,
    )


def _key(kind: bytes, value: bytes) -> PublicKey | None:
    if kind not in (b"rsa", b"ed25519"):
        raise Unusable(DKIMResult.PERMERROR, "unknown kind of key")
    if not value:
        return None
    octets = readBase64(value)
    try:
        if kind == b"ed25519":
            ed25519 = Ed25519PublicKey.from_public_bytes(octets)
            return PublicKey(Algorithm.ED25519, 256, ed25519)
        # RFC 6376 section 3.6.1 names RSAPublicKey (RFC 8017 appendix A.1.1); its
        # example, and everybody, has SubjectPublicKeyInfo.  Either is understood.
        rsa = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise Malformed("no key") from None
    if not isinstance(rsa, RSAPublicKey):
        raise Malformed("no RSA key")
    if rsa.public_numbers().e.bit_length() > EXPONENT_BITS:
        raise Malformed("the exponent of the key is too long")
    return PublicKey(Algorithm.RSA, rsa.key_size, rsa)


def askForKeys(
    names: Iterable[KeyName],
) -> Asking[Mapping[KeyName, KeyRecord | Unusable]]:
    """
    Ask for keys, all at once and each once.

    @return: each, or why there is none.
    """
    distinct = tuple(dict.fromkeys(names))
    known = yield from lookUpAll(Lookup(each.name, "TXT") for each in distinct)
    return {each: _record(answer) for each, answer in zip(distinct, known, strict=True)}


def _record(known: Known) -> KeyRecord | Unusable:
    if isinstance(known, Unknown):
        return Unusable(DKIMResult.TEMPERROR, "the key could not be looked up")
    if not known.records:
        return Unusable(DKIMResult.PERMERROR, "there is no such key")
    found: list[KeyRecord] = []
    why = Unusable(DKIMResult.PERMERROR, "the key cannot be read")
    for record in known.records:
        try:
            found.append(readKey(record))
        except Malformed:
            # A wildcard may have put anything there (RFC 6376 section 6.1.2).
            continue
        except Unusable as error:
            why = error
    if len(found) > 1:
        # Undefined, says section 3.6.2.2; what the sender meant is not to depend
        # on the order in which a server gives its records.
        return Unusable(DKIMResult.PERMERROR, "there is more than one key")
    return found[0] if found else why


__all__ = ["KeyRecord", "PublicKey", "askForKeys", "readKey"]
