"""
Tests for L{smtpx.mailauth.signingkey}.
"""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.dkimkey import readKey
from smtpx.mailauth.dkimsignature import Algorithm
from smtpx.mailauth.signingkey import (
    newSigningKey,
    readSigningKey,
    samePair,
    strings,
)

from .dkimmail import ED25519, ED25519_PEM, ED25519_RECORD, RSA, RSA_PEM, RSA_RECORD

#: 512 bits, which nobody should need to make.
_SHORT = b"""\
-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu
KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm
o3qGy0t6z09AIJtH+5OeRV1be+N4cDYJKffGzDa88vQENZiRm0GRq6a+HPGQMd2k
TQIhAKMSvzIBnni7ot/OSie2TmJLY4SwTQAevXysE2RbFDYdAiEBCUEaRQnMnbp7
9mxDXDf6AU0cN/RPBjb9qSHDcWZHGzUCIG2Es59z8ugGrDY+pxLQnwfotadxd+Uy
v/Ow5T0q5gIJAiEAyS4RaI9YG8EWx/2w0T67ZUVAw8eOMB6BIUg0Xcu+3okCIBOs
/5OiPgoTdSy7bcF9IGpSE8ZgGKzgYQVZeN97YE00
-----END RSA PRIVATE KEY-----
"""


class SigningKeyTests(SynchronousTestCase):
    """Private keys."""

    def test_recordIsThatOfThePublicHalf(self) -> None:
        """As the standards' examples publish it."""
        for key, record in ((RSA, RSA_RECORD), (ED25519, ED25519_RECORD)):
            self.assertEqual(readKey(key.record).key, readKey(record).key or 0)
            self.assertEqual(
                readKey(key.record).keyFor(key.algorithm).bits,
                readKey(record).keyFor(key.algorithm).bits,
            )

    def test_longExponentsAreRefused(self) -> None:
        """A key of few bits would cost us as much to verify as a signature to make."""
        modulus = (1 << 1023) + 1
        for exponent, good in ((65537, True), ((1 << 1000) + 1, False)):
            public = RSAPublicNumbers(exponent, modulus).public_key()
            octets = public.public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
            record = b"p=" + b64encode(octets)
            if good:
                self.assertIsNotNone(readKey(record).key)
            else:
                self.assertRaises(Malformed, readKey, record)

    def test_newKeysAreReadAgain(self) -> None:
        """Of either algorithm."""
        for algorithm, bits in ((Algorithm.RSA, 1024), (Algorithm.ED25519, 256)):
            key = newSigningKey(algorithm, bits)
            again = readSigningKey(key.pem)
            self.assertEqual((again.algorithm, again.bits), (algorithm, bits))
            self.assertEqual(again.record, key.record)
            public = readKey(key.record).keyFor(algorithm)
            self.assertTrue(public.verifies(again.sign(b"x"), b"x"))
            self.assertFalse(public.verifies(again.sign(b"x"), b"y"))
            self.assertFalse(public.verifies(b"", b"y"))

    def test_pairsAreKnown(self) -> None:
        """Whose public half a record has."""
        rsa, ed25519 = (
            readKey(record).keyFor(algorithm)
            for record, algorithm in (
                (RSA_RECORD, Algorithm.RSA),
                (ED25519_RECORD, Algorithm.ED25519),
            )
        )
        self.assertTrue(samePair(RSA, rsa))
        self.assertTrue(samePair(ED25519, ed25519))
        self.assertFalse(samePair(RSA, ed25519))
        other = newSigningKey(Algorithm.ED25519)
        self.assertFalse(samePair(other, ed25519))

    def test_keyIsNeverSeen(self) -> None:
        """In no log."""
        self.assertNotIn("_key", repr(RSA))

    def test_whatIsNoKeyIsRefused(self) -> None:
        """In words for the operator."""
        secret = load_pem_private_key(RSA_PEM, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        )
        curve = generate_private_key(SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        for pem, why in (
            (b"", "there is no private key in PEM"),
            (ED25519_PEM[:60], "there is no private key in PEM"),
            (secret, "the key has a password"),
            (curve, "the key is neither RSA nor Ed25519"),
            (_SHORT, "the key has 512 bits; 1024 are needed, and 2048 wanted"),
        ):
            error = self.assertRaises(Malformed, readSigningKey, pem)
            self.assertEqual(str(error), why)

    def test_recordsAreMadeOfStrings(self) -> None:
        """Of 255 octets at the most."""
        self.assertEqual(strings(b"a" * 256), [b"a" * 255, b"a"])
        self.assertEqual(strings(b"a"), [b"a"])
