"""
Tests of L{smtpx.tls.dane}.
"""

from __future__ import annotations

import hashlib
import itertools

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    Name,
    NameAttribute,
    random_serial_number,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.tlsa import TLSA
from smtpx.tls.authority import Authority
from smtpx.tls.certificates import PrivateKey
from smtpx.tls.dane import (
    CERT,
    DANE_EE,
    DANE_TA,
    FULL,
    SHA2_256,
    SHA2_512,
    SPKI,
    association,
    matches,
    ofUsage,
    publicKeyOf,
    recordFor,
    signsFor,
    usable,
)

from .joined import NOW
from .responses import DAY

AUTHORITY = Authority.new("tests", NOW)
KEY = ec.generate_private_key(ec.SECP256R1())
LEAF = AUTHORITY.issue(KEY, ["mx.example.org"], (), NOW)
OTHER = Authority.new("others", NOW)
DER = LEAF.public_bytes(Encoding.DER)
DIGEST = hashlib.sha256(DER).digest()
LONG = hashlib.sha512(DER).digest()


def named(text: str) -> Name:
    """A subject."""
    return Name([NameAttribute(NameOID.COMMON_NAME, text)])


def signed(
    subject: str, issuer: str, signer: PrivateKey, ca: bool | None = None, **how: object
) -> Certificate:
    """
    A certificate.

    @param signer: whose key it is, and who has signed it.
    @param ca: is it an authority's?  L{None}: it does not say.
    """
    builder = (
        CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(signer.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    if ca is not None:
        builder = builder.add_extension(BasicConstraints(ca, None), True)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(signer, digest, **how)  # type: ignore[arg-type]  # tests mix


class UsableTests(SynchronousTestCase):
    """
    Tests of L{usable}.
    """

    def test_usagesForMail(self) -> None:
        """
        RFC 7672 section 3.1: 2 and 3 are for mail, 0 and 1 are not, nor is what nobody
        has defined.
        """
        for usage in range(256):
            found = usable([TLSA(usage, SPKI, SHA2_256, DIGEST)])
            self.assertEqual(len(found), usage in (DANE_TA, DANE_EE), usage)

    def test_selectorsAndDigestsThatAreKnown(self) -> None:
        """
        A record with a selector or a matching type that nobody knows cannot be used.
        """
        for selector, matching in itertools.product(range(4), range(1, 5)):
            octets = LONG if matching == SHA2_512 else DIGEST
            found = usable([TLSA(DANE_EE, selector, matching, octets)])
            self.assertEqual(len(found), selector < 2 and matching < 3)

    @settings(max_examples=100)
    @given(
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 255),
        st.binary(max_size=100),
    )
    def test_whateverIsPublishedIsJudged(
        self, usage: int, selector: int, matching: int, octets: bytes
    ) -> None:
        """
        Whatever a record has in it, it is either of use or not, and it never matches a
        certificate that it was not made of.
        """
        record = TLSA(usage, selector, matching, octets)
        if usable([record]):
            self.assertIn(len(octets), (32, 64))
        self.assertFalse(matches(record, DER))
        self.assertFalse(signsFor(record, LEAF))

    def test_digestOfTheWrongLength(self) -> None:
        """
        A digest that was cut, or is of another kind, cannot be used.
        """
        for matching, right in ((SHA2_256, 32), (SHA2_512, 64)):
            for length in range(70):
                found = usable([TLSA(DANE_EE, CERT, matching, b"x" * length)])
                self.assertEqual(bool(found), length == right)

    def test_whatIsWholeHasToBeWhole(self) -> None:
        """
        What is published in full has to be a certificate, or a key.
        """
        spki = publicKeyOf(DER)
        self.assertTrue(usable([TLSA(DANE_TA, CERT, FULL, DER)]))
        self.assertTrue(usable([TLSA(DANE_TA, SPKI, FULL, spki)]))
        self.assertFalse(usable([TLSA(DANE_TA, CERT, FULL, spki)]))
        self.assertFalse(usable([TLSA(DANE_TA, SPKI, FULL, DER)]))
        for length in range(0, len(spki), 7):
            self.assertFalse(usable([TLSA(DANE_TA, SPKI, FULL, spki[:length])]))

    def test_strongestDigestCounts(self) -> None:
        """
        RFC 7671 section 9: a weaker digest beside a stronger one, for the same usage
        and selector, does not count; what is published in full always does.
        """
        weak = TLSA(DANE_EE, CERT, SHA2_256, DIGEST)
        strong = TLSA(DANE_EE, CERT, SHA2_512, LONG)
        whole = TLSA(DANE_EE, CERT, FULL, DER)
        elsewhere = TLSA(DANE_EE, SPKI, SHA2_256, DIGEST)
        self.assertEqual(
            usable([weak, strong, whole, elsewhere]), (strong, whole, elsewhere)
        )
        self.assertEqual(usable([weak, whole]), (weak, whole))

    def test_brokenDigestDisplacesNothing(self) -> None:
        """
        A stronger digest that cannot be used does not stand in the way of a weaker one.
        """
        weak = TLSA(DANE_EE, CERT, SHA2_256, DIGEST)
        broken = TLSA(DANE_EE, CERT, SHA2_512, LONG[:-1])
        self.assertEqual(usable([broken, weak]), (weak,))


class MatchingTests(SynchronousTestCase):
    """
    Tests of L{matches} and what it stands on.
    """

    def test_everyKindMatches(self) -> None:
        """
        A record of each kind matches its certificate, and no other.
        """
        other = AUTHORITY.certificate.public_bytes(Encoding.DER)
        kinds = itertools.product(
            (DANE_TA, DANE_EE), (CERT, SPKI), (FULL, SHA2_256, SHA2_512)
        )
        for kind in kinds:
            record = recordFor(LEAF, *kind)
            self.assertEqual(usable([record]), (record,))
            self.assertTrue(matches(record, DER))
            self.assertFalse(matches(record, other))

    def test_renewedCertificateKeepsItsKey(self) -> None:
        """
        A record for the key matches every certificate for that key, which is why it
        outlives them.
        """
        renewed = AUTHORITY.issue(KEY, ["mx.example.org"], (), NOW)
        octets = renewed.public_bytes(Encoding.DER)
        self.assertTrue(matches(recordFor(LEAF), octets))
        self.assertFalse(matches(recordFor(LEAF, selector=CERT), octets))

    def test_keyIsTakenAsItStands(self) -> None:
        """
        The key is found in certificates of every kind: with and without a version, and
        for every kind of key.
        """
        keys: list[PrivateKey] = [
            KEY,
            rsa.generate_private_key(65537, 2048),
            ed25519.Ed25519PrivateKey.generate(),
        ]
        for key in keys:
            certificate = signed("a", "a", key)
            expected = key.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
            der = certificate.public_bytes(Encoding.DER)
            self.assertEqual(publicKeyOf(der), expected)

    def test_certificateThatIsCutIsNone(self) -> None:
        """
        At whatever octet a certificate is cut, it has no key and matches nothing.
        """
        record = recordFor(LEAF)
        for end in range(len(DER)):
            self.assertRaises(ValueError, publicKeyOf, DER[:end])
            self.assertFalse(matches(record, DER[:end]))

    @settings(max_examples=100)
    @given(st.integers(0, len(DER) - 1), st.integers(0, 255))
    def test_certificateThatIsDamagedIsAnother(self, place: int, octet: int) -> None:
        """
        A certificate of which an octet was changed never matches as a whole, and never
        does harm.
        """
        damaged = bytearray(DER)
        damaged[place] = octet
        same = bytes(damaged) == DER
        record = recordFor(LEAF, selector=CERT)
        self.assertEqual(matches(record, bytes(damaged)), same)
        matches(recordFor(LEAF), bytes(damaged))

    def test_lengthsThatLie(self) -> None:
        """
        A length that says nothing, or more than there is, is an error.
        """
        for octets in (b"\x30\x80", b"\x30\x85\1\1\1\1\1\0", b"\x30\x84\xff\xff\xff"):
            self.assertRaises(ValueError, publicKeyOf, octets)

    def test_noKeyWhereOneShouldBe(self) -> None:
        """
        What looks like a certificate, but has something else in the place of its key,
        has none.
        """
        inner = b"\x02\x01\x01" * 6
        tbs = bytes([0x30, len(inner)]) + inner
        octets = bytes([0x30, len(tbs)]) + tbs
        self.assertRaises(ValueError, publicKeyOf, octets)

    def test_unknownKindsHaveNoAssociation(self) -> None:
        """
        Selectors and matching types that nobody knows are an error.
        """
        self.assertRaises(ValueError, association, DER, 2, FULL)
        self.assertRaises(ValueError, association, DER, CERT, 3)

    def test_usagesAreToldApart(self) -> None:
        """
        An authority's record is none for the server's own certificate.
        """
        one, other = recordFor(LEAF), recordFor(LEAF, DANE_TA)
        self.assertEqual(ofUsage([one, other], DANE_TA), [other])


class SignsForTests(SynchronousTestCase):
    """
    Tests of L{signsFor}.
    """

    def test_authorityOutOfTheDNS(self) -> None:
        """
        RFC 7671 section 5.2.2: an authority that is published in full, as a certificate
        or a key, need not be sent by the server.
        """
        for selector in (CERT, SPKI):
            record = recordFor(AUTHORITY.certificate, DANE_TA, selector, FULL)
            self.assertTrue(signsFor(record, LEAF))
            stranger = recordFor(OTHER.certificate, DANE_TA, selector, FULL)
            self.assertFalse(signsFor(stranger, LEAF))

    def test_onlyAuthoritiesSign(self) -> None:
        """
        A digest cannot sign, nor can a record for the server's own certificate, nor a
        certificate that says that it is no authority.
        """
        made = AUTHORITY.certificate
        self.assertFalse(signsFor(recordFor(made, DANE_TA), LEAF))
        self.assertFalse(signsFor(recordFor(made, DANE_EE, CERT, FULL), LEAF))
        key = ec.generate_private_key(ec.SECP256R1())
        for ca, expected in ((True, True), (None, True), (False, False)):
            issuer = signed("issuer", "issuer", key, ca)
            below = signed("below", "issuer", key)
            record = recordFor(issuer, DANE_TA, CERT, FULL)
            self.assertIs(signsFor(record, below), expected)

    def test_everyKindOfKeySigns(self) -> None:
        """
        RSA, with either padding, ECDSA and Ed25519; and none of them for another.
        """
        keys: list[PrivateKey] = [
            rsa.generate_private_key(65537, 2048),
            ec.generate_private_key(ec.SECP384R1()),
            ed25519.Ed25519PrivateKey.generate(),
        ]
        made = [signed("a", "a", key) for key in keys]
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
        made.append(signed("a", "a", keys[0], rsa_padding=pss))
        for one, other in itertools.product(made, made):
            record = recordFor(one, DANE_TA, SPKI, FULL)
            same = publicKeyOf(one.public_bytes(Encoding.DER)) == publicKeyOf(
                other.public_bytes(Encoding.DER)
            )
            self.assertIs(signsFor(record, other), same)
