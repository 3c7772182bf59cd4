"""
Certificates that are right, wrong or odd, for those who are to look at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from attrs import evolve, frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from OpenSSL import SSL, crypto

from smtpx.tls.authority import Authority

from .joined import AUTHORITY, NOW

#: What the good client of these tests is called.
SUBJECT = "CN=backup.example.org"
OTHERS = Authority.new("others", NOW)

#: The version of a certificate in DER, and one that only OpenSSL takes; see
#: L{forged}.
ODD_VERSION = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x3a"

_DAY = timedelta(days=1)

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def named(text: str) -> x509.Name:
    """A name of one part."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, _validate=False)])


@frozen
class Identity:
    """
    A certificate with its key, and those above it.

    @ivar chain: the certificate, and what a client sends behind it.
    """

    chain: tuple[x509.Certificate, ...]
    key: _Key

    @property
    def certificate(self) -> x509.Certificate:
        """Its own."""
        return self.chain[0]

    def alone(self) -> Identity:
        """It, without those above it."""
        return evolve(self, chain=self.chain[:1])


def made(
    signer: Identity | None,
    name: str = "backup.example.org",
    *,
    key: _Key | None = None,
    begins: timedelta = -_DAY,
    ends: timedelta = _DAY,
    signs: bool = False,
    use: x509.ObjectIdentifier | None = None,
    demands: bool = False,
    responder: str | None = None,
    names: Sequence[str] = (),
) -> Identity:
    """
    Make a certificate.

    @param signer: L{None}: itself.
    @param begins: when, from now.
    @param signs: others.
    @param use: what it is for; L{None}: anything.
    @param demands: is it no good without a staple (RFC 7633)?
    @param responder: where to ask for its standing (RFC 6960); L{None}: nowhere.
    @param names: the hosts it is for.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = named(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .add_extension(x509.BasicConstraints(signs, None), critical=True)
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if demands:
        feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
        builder = builder.add_extension(feature, critical=False)
    if responder is not None:
        where = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP,
            x509.UniformResourceIdentifier(responder),
        )
        builder = builder.add_extension(
            x509.AuthorityInformationAccess([where]), critical=False
        )
    if names:
        hosts = [x509.DNSName(host) for host in names]
        builder = builder.add_extension(
            x509.SubjectAlternativeName(hosts), critical=False
        )
    certificate = builder.sign((signer or Identity((), key)).key, SHA256())
    above = () if signer is None else signer.chain
    return Identity((certificate, *above), key)


#: The authority that the server trusts, and one that it does not.
ROOT = Identity((AUTHORITY.certificate,), AUTHORITY.key)
STRANGER = Identity((OTHERS.certificate,), OTHERS.key)


def presenting(
    identity: Identity | None, version: int = SSL.TLS1_3_VERSION
) -> SSL.Context:
    """
    A client's context.

    @param identity: what it shows if it is asked; L{None}: nothing.
    @param version: of TLS.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    if identity is not None:
        context.use_certificate(identity.certificate)
        context.use_privatekey(identity.key)
        for above in identity.chain[1:]:
            context.add_extra_chain_cert(above)
    return context


def garbled(identity: Identity) -> x509.Certificate:
    """The same certificate with a name that is no UTF-8, which OpenSSL refuses."""
    der = identity.certificate.public_bytes(Encoding.DER)
    name = identity.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(name[0].value).encode()
    broken = der.replace(text, b"\xff" * len(text))
    return x509.load_der_x509_certificate(broken)


def length(size: int) -> bytes:
    """A length of DER."""
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([size]) if size < 128 else bytes([0x80 | len(octets)]) + octets


def tagged(tag: int, value: bytes) -> bytes:
    """A value of DER."""
    return bytes([tag]) + length(len(value)) + value


def forged(identity: Identity, old: bytes, new: bytes) -> crypto.X509:
    """
    A certificate of L{AUTHORITY} with some octets replaced before it was signed,
    so that it is odd, but its signature is right.
    """
    body = identity.certificate.tbs_certificate_bytes
    assert body.count(old) == 1, "one place to be odd at"
    body = body.replace(old, new)
    signature = AUTHORITY.key.sign(body, ec.ECDSA(SHA256()))
    # ecdsa-with-SHA256, RFC 5758 section 3.2.
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    whole = tagged(0x30, body + algorithm + tagged(0x03, b"\0" + signature))
    return crypto.load_certificate(crypto.FILETYPE_ASN1, whole)
