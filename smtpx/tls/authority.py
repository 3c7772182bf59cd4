"""
The small certificate authority of the first start.

A server without a certificate of its own makes one, with the authority that
signs it, so that TLS is there from the first minute, and so that who wants to can
trust it: C{ca.pem} is what a client needs for that.  A folder has then::

    ca.pem           the authority's certificate, for 10 years
    ca-key.pem       its private key
    certificate.pem  the server's certificate and the authority's
    key.pem          the server's private key

The server's certificate is for 397 days, which is what clients take at most, and
is made anew at a start when less than 30 days of it are left, or when the server
has names that it lacks.  The private key stays, so that what others may have
noted of it (DANE, RFC 7671 section 5.1) stays true, and so that each file that is
replaced fits the others at every moment.

A certificate that somebody else signed is left alone, whatever there is to say
against it: an operator put it there.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.logger import Logger

from ..core.domain import checkDomain
from ..core.errors import UsageError
from .certificates import (
    CertificateFiles,
    PrivateKey,
    readCertificates,
    readPrivateKey,
)

#: How long an authority lasts.
AUTHORITY_LIFETIME = timedelta(days=3650)
#: How long a server's certificate lasts.
CERTIFICATE_LIFETIME = timedelta(days=397)
#: How much of its life must be left for it to stay.
RENEWAL = timedelta(days=30)
#: How much a client's clock may be behind ours.
_SKEW = timedelta(hours=1)
#: The organization in the name of each authority made here.
_MAKER = "smtpx"

_Address = IPv4Address | IPv6Address
_log = Logger()


@frozen
class Authority:
    """
    A certificate authority.

    @ivar certificate: its certificate, signed by itself.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, name: str, now: datetime) -> Authority:
        """
        Make one.

        @param name: what it is called, together with its time of birth, for two
            authorities of one name confuse clients.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        # A common name has 64 characters at most (RFC 5280 appendix A.1).
        title = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, _MAKER),
                x509.NameAttribute(
                    NameOID.COMMON_NAME, f"{name[:40]} {now:%Y-%m-%d %H:%M:%S}"
                ),
            ]
        )
        certificate = (
            _begin(title, title, key, now, now + AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(True, 0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(key, SHA256())
        )
        return cls(certificate, key)

    def issue(
        self,
        key: PrivateKey,
        names: Sequence[str],
        addresses: Sequence[_Address],
        now: datetime,
    ) -> x509.Certificate:
        """
        Sign a server's certificate.

        @param key: the server's.
        @param names: its host names, in ASCII; with C{addresses} at least one.
        @param addresses: its addresses.
        """
        until = min(now + CERTIFICATE_LIFETIME, self.certificate.not_valid_after_utc)
        first = [*names, *map(str, addresses)][0]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, first[:64])])
        identifier = self.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value
        return (
            _begin(subject, self.certificate.subject, key, now, until)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(
                x509.SubjectAlternativeName(
                    [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]
                ),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    identifier
                ),
                critical=False,
            )
            .sign(self.key, SHA256())
        )

    def lastsBeyond(self, when: datetime) -> bool:
        """Is it still good at C{when}?"""
        return self.certificate.not_valid_after_utc > when


def ensureCertificate(
    folder: Path, names: Sequence[str], now: float, addresses: Sequence[str] = ()
) -> CertificateFiles:
    """
    See that there is a certificate, and make what is missing or about to end.

    Two processes that do so at once in one folder come to one result.

    @param folder: where it is, or shall be; made where it is missing.
    @param names: the server's host names, in ASCII.
    @param now: seconds since the epoch.
    @param addresses: the server's addresses.
    @return: where the certificate is.
    @raise UsageError: neither names nor addresses, or something that is none.
    @raise smtpx.tls.certificates.CertificateError: a file that is there cannot
        be read.
    @raise OSError: a file cannot be written.
    """
    try:
        hosts = [_hostName(name) for name in names]
        numbers = [ip_address(address) for address in addresses]
    except ValueError as error:
        raise UsageError(f"no certificate can be made: {error}") from None
    if not hosts and not numbers:
        raise UsageError("no certificate can be made for no name at all")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = CertificateFiles(folder / "certificate.pem", folder / "key.pem")
    moment = datetime.fromtimestamp(now, UTC)
    with _locked(folder):
        if not _mayStay(folder, files, hosts, numbers, moment):
            _renew(folder, files, hosts, numbers, moment)
    return files


def _hostName(name: str) -> str:
    """
    Look at a host name for a certificate, which may begin with C{*.}.

    @return: it, in lower case.
    @raise ValueError: it is none.
    """
    checkDomain(name.removeprefix("*.").replace("_", "x").encode("ascii"))
    return name.lower()


def _mayStay(
    folder: Path,
    files: CertificateFiles,
    names: Sequence[str],
    addresses: Sequence[_Address],
    now: datetime,
) -> bool:
    """
    Is the certificate in C{folder} good for some time, or none of ours?
    """
    if not files.chain.exists():
        return False
    certificate = readCertificates(files.chain)[0]
    if not _isOurs(certificate):
        return True
    if not (files.keyFile.exists() and (folder / "ca.pem").exists()):
        return False
    found = certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value
    return (
        certificate.not_valid_after_utc - now > RENEWAL
        and certificate.issuer == readCertificates(folder / "ca.pem")[0].subject
        and certificate.public_key() == readPrivateKey(files.keyFile).public_key()
        and {*found.get_values_for_type(x509.DNSName)} >= {*names}
        and {*found.get_values_for_type(x509.IPAddress)} >= {*addresses}
    )


def _isOurs(certificate: x509.Certificate) -> bool:
    """Did an authority of this module sign it?"""
    makers = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [maker.value for maker in makers] == [_MAKER]


def _renew(
    folder: Path,
    files: CertificateFiles,
    names: Sequence[str],
    addresses: Sequence[_Address],
    now: datetime,
) -> None:
    """
    Make the certificate anew, and before it whatever it takes.

    Interrupted anywhere, the next start finds a certificate that does not fit
    the rest, or none, and begins again.
    """
    authority = _authorityIn(folder)
    if authority is None or not authority.lastsBeyond(now + RENEWAL):
        authority = Authority.new([*names, *map(str, addresses)][0], now)
        _put(folder / "ca-key.pem", _pemKey(authority.key), 0o600)
        _put(folder / "ca.pem", _pem(authority.certificate), 0o644)
        _log.info("{folder}: made a certificate authority", folder=str(folder))
    if files.keyFile.exists():
        key = readPrivateKey(files.keyFile)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
        _put(files.keyFile, _pemKey(key), 0o600)
    certificate = authority.issue(key, names, addresses, now)
    _put(files.chain, _pem(certificate) + _pem(authority.certificate), 0o644)
    _log.info(
        "{file}: made a certificate for {names}",
        file=str(files.chain),
        names=", ".join([*names, *map(str, addresses)]),
    )


def _authorityIn(folder: Path) -> Authority | None:
    """
    The authority of a folder.

    @return: L{None}: there is none, its key was taken away, or is another's.
    """
    certificate, key = folder / "ca.pem", folder / "ca-key.pem"
    if not (certificate.exists() and key.exists()):
        return None
    public, private = readCertificates(certificate)[0], readPrivateKey(key)
    if (
        not isinstance(private, ec.EllipticCurvePrivateKey)
        or private.public_key() != public.public_key()
    ):
        return None
    return Authority(public, private)


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    """What all certificates have."""
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(until)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public), critical=False
        )
    )


def _usage(signs: bool) -> x509.KeyUsage:
    """
    What a key is for.

    @param signs: certificates; otherwise it is for handshakes.
    """
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    """A certificate for a file."""
    return certificate.public_bytes(Encoding.PEM)


def _pemKey(key: PrivateKey) -> bytes:
    """A private key for a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be alone in a folder, among those that do this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _put(path: Path, octets: bytes, mode: int) -> None:
    """
    Write a file so that it is there whole or not at all, and stays.

    @param mode: who may read it, from its first octet on.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


__all__ = [
    "AUTHORITY_LIFETIME",
    "CERTIFICATE_LIFETIME",
    "RENEWAL",
    "Authority",
    "ensureCertificate",
]
