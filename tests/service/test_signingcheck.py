"""
Tests for L{smtpx.service.signingcheck}.
"""

from __future__ import annotations

import os

from smtpx.tls.authority import ensureCertificate

from .made import NOW
from .test_routes import RouteTestCase


class SigningTests(RouteTestCase):
    """Signature algorithms of listeners."""

    def test_madeHere(self) -> None:
        """
        The certificate that is made here has a key of P-256; to look leaves nothing
        behind.
        """
        listener = "[[listener]]\nport = 2525\ntls_signature_algorithms = "
        good = "'ecdsa_secp256r1_sha256'\n"
        self.assertEqual(self.faults(listener + good), [])
        self.assertEqual(
            self.faults(
                "[[listener]]\nport = 2525\ntls_signature_algorithms = 'ed25519'\n"
            ),
            [
                ":3: listener[0].tls_signature_algorithms: the certificate that is made"
                " here can sign nothing by any of them: no handshake would do"
            ],
        )
        self.assertEqual(os.listdir(self.site.folder), ["x.toml"])

    def test_named(self) -> None:
        """
        Each certificate is tried, for the server shows the one that the client names;
        one that cannot be used at all is told of elsewhere.
        """
        files = ensureCertificate(self.site.folder, ["x.example"], NOW)
        text = (
            "[tls]\ncertificates = [\n"
            f"{{ certificate = '{files.chain.name}', key = 'key.pem' }},\n"
            "{ certificate = 'none.pem', key = 'key.pem' }]\n"
            "[[listener]]\nport = 2525\n"
            "[[listener]]\nport = 4650\ntls = 'implicit'\n"
            "tls_signature_algorithms = 'rsa_pss_rsae_sha256'\n"
        )
        two, one = sorted(self.faults(text))
        self.assertIn(":4: tls.certificates[1]: ", one)
        self.assertIn(":10: listener[1].tls_signature_algorithms: ", two)
        self.assertIn(f"{files.chain} can sign nothing by any of them", two)
