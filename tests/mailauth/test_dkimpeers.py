"""
We and dkimpy: what one signs the other verifies, and what dkimpy verifies though it
must not.
"""

from __future__ import annotations

import base64
import binascii

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.canonical import Form
from smtpx.mailauth.dkimsign import SignTerms

from .dkimmail import (
    BODY,
    ED25519,
    ED25519_NAME,
    HEADER,
    NOW,
    RSA,
    RSA_NAME,
    RSA_PEM,
    RSA_RECORD,
    ZONE,
    forged,
    results,
    signature,
)
from .test_dkimsign import bodies, forms, headers as oddHeaders

#: dkimpy refuses white space before a colon, which is of RFC 5322 section 4.5.
headers = oddHeaders.map(lambda header: header.replace(b" :", b":"))

#: As dkimpy wants it: the seed in base64.
_SEED = b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="


def theirs(message: bytes, record: bytes | None = None) -> bool:
    """
    What dkimpy says of the first signature.

    @param record: of the key; L{None}: as it is published.
    """

    def known(name: bytes, timeout: int = 5) -> bytes | None:
        return record or ZONE.get(name.rstrip(b"."))

    try:
        return bool(dkim.DKIM(message, minkey=512).verify(dnsfunc=known))
    except dkim.ValidationError:
        return False


class AgreementTests(SynchronousTestCase):
    """We and dkimpy agree."""

    @settings(max_examples=50, deadline=None)
    @given(headers, bodies, forms, forms, st.booleans())
    def test_dkimpyVerifiesWhatWeSign(
        self, header: bytes, body: bytes, headerForm: Form, bodyForm: Form, rsa: bool
    ) -> None:
        """With either key, in each form."""
        header = b"From: a@b\r\n" + header
        name, key = (RSA_NAME, RSA) if rsa else (ED25519_NAME, ED25519)
        terms = SignTerms(name, headerForm=headerForm, bodyForm=bodyForm)
        made = signature(terms, key, header, body)
        self.assertTrue(theirs(made + header + b"\r\n" + body))
        self.assertFalse(theirs(made + header + b"\r\n" + b"x" + body))

    @settings(max_examples=50, deadline=None)
    @given(headers, bodies, forms, forms, st.booleans())
    def test_weVerifyWhatDkimpySigns(
        self, header: bytes, body: bytes, headerForm: Form, bodyForm: Form, rsa: bool
    ) -> None:
        """With either key, in each form."""
        header = b"From: a@b\r\n" + header
        name = RSA_NAME if rsa else ED25519_NAME
        message = header + b"\r\n" + body
        algorithm = b"rsa-sha256" if rsa else b"ed25519-sha256"
        made = dkim.DKIM(message, signature_algorithm=algorithm).sign(
            name.selector,
            name.domain,
            RSA_PEM if rsa else _SEED,
            canonicalize=(headerForm.value, bodyForm.value),
        )
        now = 4_000_000_000
        self.assertEqual(results(made + header, body, now=now), [("pass", "")])
        self.assertEqual(
            results(made + header, b"x" + body, now=now),
            [("fail", "the signature does not fit the body")],
        )


class DisagreementTests(SynchronousTestCase):
    """
    What dkimpy 1.1.8 verifies though it must not.  Each is a pass there, so that the
    message is otherwise good.
    """

    def check(self, made: bytes, record: bytes, *wanted: str) -> None:
        """It is a pass for them, and not for us."""
        self.assertTrue(theirs(made + HEADER + b"\r\n" + BODY, record))
        found = results(made + HEADER, zone={RSA_NAME.name: record})
        self.assertEqual(found, [wanted])

    def test_keyForOtherHashes(self) -> None:
        """RFC 6376 section 6.1.2, step 6."""
        record = RSA_RECORD + b"; h=sha1"
        self.check(signature(), record, "permerror", "the key is for other hashes")

    def test_keyForNoSubdomain(self) -> None:
        """RFC 6376 section 3.6.1, C{t=s}."""
        made = forged({b"i": b"a@sub.football.example.com"})
        record = RSA_RECORD + b"; t=s"
        self.check(made, record, "permerror", "the key is not for subdomains")

    def test_oldHash(self) -> None:
        """RFC 8301 section 3.1: SHA-1 is not for verifying."""
        made = dkim.DKIM(HEADER + b"\r\n" + BODY, signature_algorithm=b"rsa-sha1").sign(
            RSA_NAME.selector, RSA_NAME.domain, RSA_PEM
        )
        self.check(made, RSA_RECORD, "permerror", "SHA-1 is not secure")

    def test_signatureAboveTheModulus(self) -> None:
        """RFC 8017 section 8.2.2, step 2b."""
        made = signature()
        start = made.index(b" b=") + 3
        value = int.from_bytes(binascii.a2b_base64(made[start:]), "big")
        key = load_pem_private_key(RSA_PEM, None)
        assert isinstance(key, RSAPrivateKey)
        larger = value + key.private_numbers().public_numbers.n
        octets = larger.to_bytes(129, "big").lstrip(b"\0")
        made = made[:start] + base64.b64encode(octets) + b"\r\n"
        why = "the signature does not fit the header"
        self.check(made, RSA_RECORD, "fail", why)

    def test_signatureThatHasJustExpired(self) -> None:
        """RFC 6376 section 3.5; dkimpy gives ten hours, we five minutes."""
        made = signature(SignTerms(RSA_NAME, lifeSeconds=1), now=NOW)
        self.assertEqual(
            results(made + HEADER, now=NOW + 302),
            [("policy", "the signature has expired")],
        )
