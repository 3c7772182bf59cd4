"""
Tests for L{smtpx.tls.rehearsal}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.tlsterms import USUAL, TLSTerms
from smtpx.tls import rehearsal
from smtpx.tls.certificates import loadCertified
from smtpx.tls.rehearsal import canSign

from .joined import issue, store


class CanSignTests(SynchronousTestCase):
    """Certificates have keys of P-256 here."""

    def setUp(self) -> None:
        """A certificate."""
        files = store(Path(self.mktemp()), *issue("a.example"))
        self.certified = loadCertified(files)

    def test_algorithms(self) -> None:
        """One that the key can make is enough; others make none of them do."""
        for signatures, good in (
            ("ecdsa_secp256r1_sha256", True),
            ("ed25519:rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256", True),
            ("ed25519", False),
            ("rsa_pss_rsae_sha256:rsa_pkcs1_sha256", False),
        ):
            terms = TLSTerms(signatures=signatures)
            self.assertEqual(canSign(self.certified, "TLSv1.2", terms), good)

    def test_notSaid(self) -> None:
        """Where nothing is said of them, all is well, and nothing is tried."""
        self.patch(rehearsal, "makeContext", None)
        self.assertTrue(canSign(self.certified, "TLSv1.2", USUAL))

    def test_somethingElse(self) -> None:
        """Where it is not their fault that no handshake comes about, they are good."""
        self.patch(rehearsal, "_TURNS_MOST", 1)
        terms = TLSTerms(signatures="ed25519")
        self.assertTrue(canSign(self.certified, "TLSv1.2", terms))

    def test_version(self) -> None:
        """An algorithm that is bound to another curve in TLS 1.3 alone does for 1.2."""
        terms = TLSTerms(signatures="ecdsa_secp384r1_sha384")
        self.assertTrue(canSign(self.certified, "TLSv1.2", terms))
        self.assertFalse(canSign(self.certified, "TLSv1.3", terms))

    def test_otherTerms(self) -> None:
        """The rest of the terms does not come between."""
        for minimum in ("TLSv1.2", "TLSv1.3"):
            for signatures, good in (
                ("ecdsa_secp256r1_sha256", True),
                ("ed25519", False),
            ):
                terms = TLSTerms(
                    groups="P-521",
                    suites="TLS_CHACHA20_POLY1305_SHA256",
                    signatures=signatures,
                )
                self.assertEqual(canSign(self.certified, minimum, terms), good)
