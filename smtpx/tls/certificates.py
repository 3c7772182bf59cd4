"""
Certificates as files: PEM, the server's own first, then the authorities between
it and the root, and its private key in the same file or another.

Whatever is wrong with them is a L{CertificateError} that names the file, so that
an operator can be told.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from ..core.errors import UsageError
from .handshake import endPointOf

#: A private key that a server can prove itself with.
PrivateKey = (
    EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey | Ed448PrivateKey
)

#: What C{cryptography} raises for a certificate that it cannot read, sooner or
#: later; L{KeyError} is for a TLS feature (RFC 7633) that it does not know.
UNREADABLE = (
    ValueError,
    KeyError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


class CertificateError(UsageError):
    """
    Certificates that cannot be used.

    @ivar problems: one text each, which begins with the file's name.
    """

    def __init__(self, *problems: str) -> None:
        UsageError.__init__(self, "\n".join(problems))
        self.problems = problems


@frozen
class CertificateFiles:
    """
    Where a certificate is.

    @ivar chain: the file of the certificate and those behind it.
    @ivar key: the file of its private key; L{None}: it is in C{chain} as well.
    @ivar staple: the file of its OCSP response (L{smtpx.tls.ocsp}); L{None}:
        there is none.
    """

    chain: Path
    key: Path | None = None
    staple: Path | None = None

    @property
    def keyFile(self) -> Path:
        """The file that has the private key."""
        return self.chain if self.key is None else self.key

    def mark(self) -> tuple[object, ...]:
        """
        What changes when certificate or key is written or replaced, see
        L{fileMark}.
        """
        return tuple(fileMark(path) for path in (self.chain, self.keyFile))


def fileMark(path: Path) -> tuple[int, ...] | None:
    """
    What changes when a file is written or replaced, or others may read it.

    @return: L{None}: it cannot be looked at.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    who = status.st_mode, status.st_uid, status.st_gid
    return status.st_mtime_ns, status.st_ino, status.st_size, *who


@frozen(eq=False)
class Certified:
    """
    A certificate, ready to be offered.

    @ivar files: where it came from.
    @ivar chain: the certificate, and those behind it.
    @ivar names: the host names it is for, in lower case, some of which may
        begin with C{*.}.
    @ivar endPoint: see L{endPointOf}.
    """

    files: CertificateFiles
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey
    names: tuple[bytes, ...]
    endPoint: bytes | None

    @property
    def certificate(self) -> x509.Certificate:
        """The server's own."""
        return self.chain[0]

    def install(self, context: SSL.Context) -> None:
        """
        Give it to a context.

        @raise CertificateError: OpenSSL does not want it, because it is too
            weak, for instance.
        """
        try:
            context.use_certificate(self.certificate)
            for authority in self.chain[1:]:
                context.add_extra_chain_cert(authority)
            context.use_privatekey(self.key)
            context.check_privatekey()
        except (SSL.Error, crypto.Error) as error:
            reasons = ", ".join(entry[-1] for entry in error.args[0]) or "no reason"
            raise CertificateError(
                f"{self.files.chain}: refused by OpenSSL: {reasons}"
            ) from None


def loadCertified(files: CertificateFiles) -> Certified:
    """
    Read a certificate and its key.

    @raise CertificateError: a file cannot be read or has not what it should, or
        the key is another certificate's.
    """
    chain = readCertificates(files.chain)
    key = readPrivateKey(files.keyFile)
    if key.public_key() != _publicKeyOf(chain[0], files.chain):
        raise CertificateError(
            f"{files.keyFile}: not the key of the first certificate in {files.chain}"
        )
    return Certified(
        files, chain, key, _namesOf(chain[0], files.chain), endPointOf(chain[0])
    )


def readCertificates(path: Path) -> tuple[x509.Certificate, ...]:
    """
    Read all certificates of a file.

    @raise CertificateError: it cannot be read, or has none.
    """
    octets = _read(path)
    if b"-----BEGIN CERTIFICATE" not in octets:
        raise CertificateError(f"{path}: no certificate in it")
    try:
        return tuple(x509.load_pem_x509_certificates(octets))
    except UNREADABLE as error:
        raise _bad(path, error) from None


def readPrivateKey(path: Path) -> PrivateKey:
    """
    Read the first private key of a file.

    @raise CertificateError: it cannot be read, has none, or none that is plain
        and of use.
    """
    octets = _read(path)
    if b" PRIVATE KEY-----" not in octets:
        raise CertificateError(f"{path}: no private key in it")
    try:
        key = load_pem_private_key(octets, None)
    except TypeError:
        raise CertificateError(
            f"{path}: the private key has a password; store it without one"
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{path}: bad private key: {error}") from None
    if not isinstance(key, PrivateKey):
        raise CertificateError(f"{path}: the private key is of a kind without use here")
    return key


def _read(path: Path) -> bytes:
    """What is in a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from None


def _bad(path: Path, error: Exception) -> CertificateError:
    return CertificateError(f"{path}: bad certificate: {error}")


def _publicKeyOf(certificate: x509.Certificate, path: Path) -> object:
    """The public key of a certificate, from the file C{path}."""
    try:
        return certificate.public_key()
    except UNREADABLE as error:
        raise CertificateError(f"{path}: bad public key: {error}") from None


def _namesOf(certificate: x509.Certificate, path: Path) -> tuple[bytes, ...]:
    """
    The host names of a certificate, by its subjectAltName alone (RFC 9525
    section 2): no name in its subject counts.
    """
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return ()
    except UNREADABLE as error:
        raise _bad(path, error) from None
    return tuple(name.lower().encode("utf-8") for name in names)


__all__ = [
    "UNREADABLE",
    "CertificateError",
    "CertificateFiles",
    "Certified",
    "PrivateKey",
    "fileMark",
    "loadCertified",
    "readCertificates",
    "readPrivateKey",
]
