"""
Tests for L{smtpx.sasl.verifier}.
"""

from __future__ import annotations

from base64 import b64decode

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.sasl.verifier import (
    ITERATIONS,
    ITERATIONS_MIN,
    SCRAMVerifier,
    decoy,
    enrol,
    parseVerifier,
    renderVerifier,
)

try:
    import scramp  # type: ignore[import-untyped]  # has no types
except ImportError:
    scramp = None

SALT = b64decode(b"W22ZaJ0SNY7soEsUEjb6gQ==")

verifiers = st.builds(
    SCRAMVerifier,
    st.binary(min_size=1, max_size=24),
    st.integers(ITERATIONS_MIN, 999_999_999),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
)

#: The password "pencil" as RFC 7677 section 3 has it.
TEXT = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


class VerifierTests(SynchronousTestCase):
    """What a server keeps of a password."""

    def test_asPostgreSQLWritesIt(self) -> None:
        """The password of RFC 7677's example, in the form of RFC 5803."""
        self.assertEqual(renderVerifier(enrol(b"pencil", SALT, 4096)), TEXT)

    def test_asScrampComputesIt(self) -> None:
        """Keys as another implementation has them."""
        if scramp is None:
            self.skipTest("scramp is not installed")
        mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
        salt, stored, server, iterations = mechanism.make_auth_info(
            "stíft", iteration_count=5000, salt=SALT
        )
        self.assertEqual(
            enrol("stíft".encode(), SALT, 5000),
            SCRAMVerifier(salt, iterations, stored, server),
        )

    @given(verifiers)
    @settings(max_examples=100, deadline=None)
    def test_whatIsWrittenIsReadBack(self, verifier: SCRAMVerifier) -> None:
        """All verifiers survive."""
        self.assertEqual(parseVerifier(renderVerifier(verifier)), verifier)

    def test_otherHashes(self) -> None:
        """The name of the hash is written with it."""
        verifier = enrol(b"pencil", SALT, 4096, "sha512")
        text = renderVerifier(verifier)
        self.assertTrue(text.startswith("SCRAM-SHA-512$"), text)
        self.assertEqual(parseVerifier(text), verifier)

    def test_cutAnywhere(self) -> None:
        """A verifier that is not whole is refused."""
        for end in range(len(TEXT)):
            self.assertRaises(Malformed, parseVerifier, TEXT[:end])

    def test_whatIsWrongIsSaid(self) -> None:
        """Each error has words of its own."""
        for text, words in (
            ("x", "not a SCRAM verifier"),
            (TEXT.replace("SHA-256", "SHA-999"), "no hash SHA-999"),
            (TEXT.replace("4096", "4095"), "fewer than 4096 iterations"),
            (TEXT.replace("gQ==", "gQ="), "bad base64"),
            (TEXT.replace("SHA-256", "SHA-512"), "keys that are not of SHA-512"),
            (TEXT.rsplit(":", 1)[0] + ":AAAA", "keys that are not of SHA-256"),
        ):
            error = self.assertRaises(Malformed, parseVerifier, text)
            self.assertEqual(str(error), words)

    def test_keysAreNotShown(self) -> None:
        """No repr has what would let somebody log in as the server."""
        shown = repr(parseVerifier(TEXT))
        self.assertNotIn("storedKey", shown)
        self.assertNotIn("serverKey", shown)

    def test_iterationsThatClientsTake(self) -> None:
        """Cyrus SASL refuses more than 65536 (its plugins/scram.c)."""
        self.assertTrue(15_000 <= ITERATIONS <= 65_536)


class DecoyTests(SynchronousTestCase):
    """Verifiers of users that do not exist."""

    def test_stable(self) -> None:
        """The same name has the same salt, today and after a restart."""
        self.assertEqual(decoy(b"secret", b"nobody"), decoy(b"secret", b"nobody"))

    def test_ofNameAndInstallation(self) -> None:
        """Names differ from each other, and each host has its own."""
        salts = {
            decoy(secret, user).salt
            for secret in (b"one", b"two")
            for user in (b"a", b"b")
        }
        self.assertEqual(len(salts), 4)

    def test_looksLikeARealOne(self) -> None:
        """The same sizes, and the iterations it is told."""
        real = enrol(b"pencil", SALT, 4096)
        fake = decoy(b"secret", b"nobody", 4096)
        for one, other in (
            (real.salt, fake.salt),
            (real.storedKey, fake.storedKey),
            (real.serverKey, fake.serverKey),
        ):
            self.assertEqual(len(one), len(other))
        self.assertEqual(real.iterations, fake.iterations)
        self.assertEqual(len(decoy(b"s", b"u", 4096, "sha512").storedKey), 64)
