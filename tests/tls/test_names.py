"""
Tests of L{smtpx.tls.names}.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtensionOID
from twisted.trial.unittest import SynchronousTestCase

from smtpx.tls.names import mismatch

#: A SubjectAltName of a kind that is not read: an x400Address (RFC 5280 section
#: 4.2.1.6).
_ODD_NAME = b"\x30\x04\xa3\x02\x30\x00"

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def _certificate(*extensions: x509.UnrecognizedExtension) -> x509.Certificate:
    """One with these extensions, whatever is in them."""
    key = ec.generate_private_key(ec.SECP256R1())
    nobody = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(nobody)
        .issuer_name(nobody)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_BEGAN)
        .not_valid_after(_BEGAN + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, False)
    return builder.sign(key, SHA256())


class NamesTests(SynchronousTestCase):
    """For whom a certificate is."""

    def test_oddNames(self) -> None:
        """
        One with names of kinds that are not read is for nobody, rather than an
        accident.
        """
        odd = x509.UnrecognizedExtension(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME, _ODD_NAME
        )
        self.assertEqual(
            mismatch(_certificate(odd), [[b"mx.example.org"]]),
            "the certificate has no name that can be read",
        )

    def test_noNames(self) -> None:
        """Nor is one without any."""
        found = mismatch(_certificate(), [[b"mx.example.org"]])
        self.assertIn("the certificate", found or "")
