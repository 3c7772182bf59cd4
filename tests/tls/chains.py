"""
Certificates of all kinds, for tests of who is believed.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    DNSName,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    random_serial_number,
)
from cryptography.x509.oid import NameOID

from .joined import NOW, pem, pemKey

DAY = timedelta(days=1)


@frozen
class Made:
    """
    A certificate with its key.

    @ivar above: those above it, which a server sends behind it.
    """

    certificate: Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[Certificate, ...] = ()

    @property
    def files(self) -> tuple[bytes, bytes]:
        """Its chain, and its key, as PEM."""
        return pem(self.certificate, *self.above), pemKey(self.key)


def make(
    subject: str,
    issuer: Made | None = None,
    *,
    names: tuple[str, ...] = (),
    ca: bool = False,
    expired: bool = False,
    early: bool = False,
    forged: bool = False,
    twin: Made | None = None,
) -> Made:
    """
    Make a certificate.

    @param issuer: who signs it; L{None}: itself.
    @param names: for which hosts it is.
    @param ca: is it an authority's?
    @param expired: is it not valid any more?
    @param early: is it not valid yet?
    @param forged: does somebody else sign it in the issuer's name?
    @param twin: whose key it has; L{None}: its own.
    """
    key = ec.generate_private_key(ec.SECP256R1()) if twin is None else twin.key
    shift = (10 * DAY if early else timedelta()) - (10 * DAY if expired else 0 * DAY)
    title = Name([NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = (
        CertificateBuilder()
        .subject_name(title)
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(NOW - 2 * DAY + shift)
        .not_valid_after(NOW + 2 * DAY + shift)
        .add_extension(BasicConstraints(ca, None), True)
    )
    if names:
        alternatives = SubjectAlternativeName([DNSName(each) for each in names])
        builder = builder.add_extension(alternatives, False)
    if issuer is None:
        certificate = builder.issuer_name(title).sign(key, SHA256())
        return Made(certificate, key)
    signer = ec.generate_private_key(ec.SECP256R1()) if forged else issuer.key
    builder = builder.issuer_name(issuer.certificate.subject)
    above = (issuer.certificate, *issuer.above)
    return Made(builder.sign(signer, SHA256()), key, above)


__all__ = ["Made", "make"]
