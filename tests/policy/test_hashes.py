"""
Tests for L{smtpx.policy.hashes}.
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy import hashes
from smtpx.policy.hashes import (
    argon2,
    checkHash,
    decoyHash,
    hashPassword,
    scrypt,
    verifyPassword,
)

ARGON2 = argon2(b"pencil", b"saltsaltsaltsalt")
SCRYPT = scrypt(b"pencil", b"saltsaltsaltsalt")

#: RFC 7914 section 12's third vector, as a PHC string.
RFC_SCRYPT = (
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU"
    "$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofL"
    "VQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
)


class HashTests(SynchronousTestCase):
    """Hashes of both kinds."""

    def test_bothKinds(self) -> None:
        """The password fits, another does not."""
        for encoded in (ARGON2, SCRYPT):
            checkHash(encoded)
            self.assertTrue(verifyPassword(b"pencil", encoded))
            self.assertFalse(verifyPassword(b"pencils", encoded))
            self.assertFalse(verifyPassword(b"", encoded))

    def test_asText(self) -> None:
        """PHC strings with the parameters they were made with."""
        self.assertTrue(ARGON2.startswith("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNh"))
        self.assertTrue(SCRYPT.startswith("$scrypt$ln=15,r=8,p=1$c2FsdHNh"))

    def test_saltsDiffer(self) -> None:
        """The same password twice is not the same hash."""
        self.assertNotEqual(hashPassword(b"x"), hashPassword(b"x"))

    def test_otherParameters(self) -> None:
        """A hash is checked by its own parameters, such as the RFC's vector."""
        checkHash(RFC_SCRYPT)
        self.assertTrue(verifyPassword(b"pleaseletmein", RFC_SCRYPT))
        self.assertFalse(verifyPassword(b"pleaseletmeout", RFC_SCRYPT))

    def test_withoutArgon2(self) -> None:
        """Where OpenSSL has none, scrypt stands in."""

        def refuse(password: bytes, salt: bytes) -> str:
            raise UnsupportedAlgorithm("no Argon2id here")

        self.patch(hashes, "argon2", refuse)
        encoded = hashPassword(b"pencil")
        self.assertTrue(encoded.startswith("$scrypt$"))
        self.assertTrue(verifyPassword(b"pencil", encoded))

    def test_whatIsNoHash(self) -> None:
        """Other hashes, plain passwords, and what was cut off."""
        for bad in (
            "",
            "pencil",
            "$1$salt$hash",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2i$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
            ARGON2[:-40],
            ARGON2 + "$x",
            ARGON2 + "=",
            SCRYPT.replace("ln=15", "ln=x"),
        ):
            self.assertRaises(Malformed, checkHash, bad)

    def test_parametersThatCannotBe(self) -> None:
        """What no algorithm takes is an error, not a wrong password."""
        for bad in (
            ARGON2.replace("m=19456", "m=0"),
            SCRYPT.replace("ln=15", "ln=0"),
        ):
            checkHash(bad)
            self.assertRaises(ValueError, verifyPassword, b"pencil", bad)


class DecoyTests(SynchronousTestCase):
    """Hashes of users that do not exist."""

    def test_fitsNothing(self) -> None:
        """It is a hash, and no password fits."""
        decoy = decoyHash([ARGON2])
        checkHash(decoy)
        self.assertFalse(verifyPassword(b"pencil", decoy))

    def test_costsAsMuch(self) -> None:
        """The parameters are those of most users; without users, ours."""
        kind = "$argon2id$v=19$m=19456,t=2,p=1$"
        for real, wanted in (
            ([], kind),
            ([ARGON2, ARGON2, SCRYPT], kind),
            ([ARGON2, SCRYPT, SCRYPT], "$scrypt$ln=15,r=8,p=1$"),
        ):
            self.assertTrue(decoyHash(real).startswith(wanted))
        self.assertEqual(len(decoyHash([ARGON2])), len(ARGON2))
        self.assertEqual(len(decoyHash([SCRYPT])), len(SCRYPT))
