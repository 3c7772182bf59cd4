"""
Tests for L{smtpx.tls.certificates}.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.tls.certificates import (
    CertificateError,
    CertificateFiles,
    loadCertified,
    readCertificates,
    readPrivateKey,
)
from smtpx.tls.handshake import makeContext

from .identities import ODD_VERSION, ROOT, garbled, made
from .joined import AUTHORITY, NOW, issue, pem, pemKey, store


class CertificatesTestCase(SynchronousTestCase):
    """A test with files."""

    def setUp(self) -> None:
        """Make a folder."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.chain, self.key = issue("A.example", "*.b.example")

    def file(self, octets: bytes, name: str = "file.pem") -> Path:
        """A file."""
        path = self.folder / name
        path.write_bytes(octets)
        return path

    def problem(self, chain: bytes, key: bytes) -> str:
        """
        What is wrong with a certificate in C{certificate.pem} and C{key.pem};
        the folder is left out.
        """
        files = store(self.folder, chain, key)
        error = self.assertRaises(CertificateError, loadCertified, files)
        return str(error).replace(f"{self.folder}/", "")


class LoadTests(CertificatesTestCase):
    """Certificates with their keys."""

    def test_chainKeyAndNamesAreRead(self) -> None:
        """
        The chain is read in order, the names in lower case.
        """
        certified = loadCertified(store(self.folder, self.chain, self.key))
        self.assertEqual(pem(*certified.chain), self.chain)
        self.assertEqual(pemKey(certified.key), self.key)
        self.assertEqual(certified.names, (b"a.example", b"*.b.example"))
        self.assertEqual(certified.certificate, certified.chain[0])

    def test_oneFileMayHaveBoth(self) -> None:
        """
        Certificate and key may stand in one file, in any order, with text
        between.
        """
        for octets in (self.chain + self.key, self.key + b"text\n" + self.chain):
            certified = loadCertified(CertificateFiles(self.file(octets)))
            self.assertEqual(pem(*certified.chain), self.chain)

    def test_certificateWithoutNamesHasNone(self) -> None:
        """
        A name in the subject is no host name (RFC 9525 section 2).
        """
        chain = pem(AUTHORITY.certificate)
        certified = loadCertified(store(self.folder, chain, pemKey(AUTHORITY.key)))
        self.assertEqual(certified.names, ())

    def test_problemsNameTheFile(self) -> None:
        """
        Whatever is wrong, the operator is told in which file.
        """
        other = issue("b.example")[1]
        lines = self.key.splitlines(keepends=True)
        cut = b"".join(lines[:1] + lines[2:])
        self.assertEqual(
            self.problem(b"", self.key), "certificate.pem: no certificate in it"
        )
        self.assertEqual(
            self.problem(self.chain, self.chain), "key.pem: no private key in it"
        )
        self.assertEqual(
            self.problem(self.chain, other),
            "key.pem: not the key of the first certificate in certificate.pem",
        )
        self.assertEqual(
            self.problem(pem(AUTHORITY.certificate) + self.chain, self.key),
            "key.pem: not the key of the first certificate in certificate.pem",
        )
        self.assertIn("key.pem: bad private key: ", self.problem(self.chain, cut))
        for bad in (self.chain[:100], self.chain.replace(b"MII", b"AAA")):
            self.assertIn(
                "certificate.pem: bad certificate: ", self.problem(bad, self.key)
            )

    def test_keyWithPasswordIsRefused(self) -> None:
        """
        A server that starts by itself has nobody to ask.
        """
        key = AUTHORITY.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        self.assertEqual(
            self.problem(self.chain, key),
            "key.pem: the private key has a password; store it without one",
        )

    def test_keyOfNoUseIsRefused(self) -> None:
        """
        A key that cannot sign is no server's.
        """
        key = x25519.X25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        self.assertEqual(
            self.problem(self.chain, key),
            "key.pem: the private key is of a kind without use here",
        )

    def test_unreadableNamesAreAProblem(self) -> None:
        """
        A subjectAltName that cannot be read is a bad certificate, and so is a
        public key.
        """
        der = x509.load_pem_x509_certificate(self.chain).public_bytes(Encoding.DER)
        for whole, broken, problem in (
            # The DNS names' tag becomes one that no kind of name has.
            (b"\x82\x09A.example", b"\x9e\x09A.example", "bad certificate"),
            # The curve becomes one that nobody knows.
            (bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f"),
             "bad public key"),
        ):  # fmt: skip
            self.assertIn(whole, der)
            bad = x509.load_der_x509_certificate(der.replace(whole, broken))
            text = self.problem(pem(bad), self.key)
            self.assertIn(f"certificate.pem: {problem}: ", text)

    def test_oddCertificatesAreAProblem(self) -> None:
        """
        A version that there is not, and a demand that nobody knows (RFC 7633), are
        bad certificates.
        """
        identity = made(ROOT, demands=True)
        der = identity.certificate.public_bytes(Encoding.DER)
        feature = bytes.fromhex("3003020105")
        for whole, broken in (ODD_VERSION, (feature, feature[:-1] + b"\x63")):
            self.assertEqual(der.count(whole), 1)
            body = base64.encodebytes(der.replace(whole, broken))
            chain = pem(identity.certificate).splitlines(keepends=True)
            bad = chain[0] + body + chain[-1]
            text = self.problem(bad, pemKey(identity.key))
            self.assertIn("certificate.pem: bad certificate: ", text)

    def test_errorIsTheCallers(self) -> None:
        """
        Certificates come from the configuration.
        """
        self.assertTrue(issubclass(CertificateError, UsageError))
        error = CertificateError("a.pem: one", "b.pem: two")
        self.assertEqual(error.problems, ("a.pem: one", "b.pem: two"))
        self.assertEqual(str(error), "a.pem: one\nb.pem: two")


class InstallTests(CertificatesTestCase):
    """Giving a certificate to OpenSSL."""

    def test_weakKeyIsRefused(self) -> None:
        """
        What OpenSSL finds too weak is told as a problem of the file.
        """
        key = rsa.generate_private_key(65537, 1024)
        name = x509.Name([])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
            .sign(key, SHA256())
        )
        files = store(self.folder, pem(certificate), pemKey(key))
        context = makeContext(SSL.TLS_SERVER_METHOD, "TLSv1.2")
        error = self.assertRaises(
            CertificateError, loadCertified(files).install, context
        )
        self.assertEqual(
            str(error), f"{files.chain}: refused by OpenSSL: ee key too small"
        )

    def test_unreadableForOpenSSL(self) -> None:
        """
        What only OpenSSL cannot read is told alike: a name that is no UTF-8.
        """
        identity = made(ROOT)
        files = store(self.folder, pem(garbled(identity)), pemKey(identity.key))
        context = makeContext(SSL.TLS_SERVER_METHOD, "TLSv1.2")
        error = self.assertRaises(
            CertificateError, loadCertified(files).install, context
        )
        self.assertIn(f"{files.chain}: refused by OpenSSL: ", str(error))


class ReadTests(CertificatesTestCase):
    """Files with one thing in them."""

    def test_readCertificates(self) -> None:
        """
        All certificates of a file are read, as for a list of authorities.
        """
        self.assertEqual(len(readCertificates(self.file(self.chain * 2))), 4)

    def test_missingFile(self) -> None:
        """
        A file that is not there, or is a folder, is a problem of the file.
        """
        missing = self.folder / "missing"
        for read in (readCertificates, readPrivateKey):
            error = self.assertRaises(CertificateError, read, missing)
            self.assertEqual(str(error), f"{missing}: No such file or directory")
            error = self.assertRaises(CertificateError, read, self.folder)
            self.assertEqual(str(error), f"{self.folder}: Is a directory")

    def test_cutFilesAreProblems(self) -> None:
        """
        A file cut at any offset is whole, shorter or a problem.
        """
        for at in range(0, len(self.key), 7):
            path = self.file(self.key[:at])
            self.assertRaises(CertificateError, readPrivateKey, path)
        whole = readCertificates(self.file(self.chain))
        for at in range(0, len(self.chain), 31):
            path = self.file(self.chain[:at])
            try:
                found = readCertificates(path)
            except CertificateError:
                continue
            self.assertEqual(pem(*found), pem(*whole[: len(found)]))
            # Without its line end the last line is still there.
            self.assertTrue(len(found) == 1 or at >= len(self.chain.rstrip()))

    def test_oldKeyFormatIsRead(self) -> None:
        """
        C{EC PRIVATE KEY}, with its parameters before it, is read as well.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        old = key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        parameters = (
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
            b"-----END EC PARAMETERS-----\n"
        )
        found = readPrivateKey(self.file(parameters + old))
        self.assertEqual(pemKey(found), pemKey(key))

    def test_markChangesWithTheFile(self) -> None:
        """
        A file that is replaced, even by one of its size, has another mark.
        """
        files = store(self.folder, self.chain, self.key)
        before = files.mark()
        self.assertEqual(files.mark(), before)
        store(self.folder, self.chain, self.key)
        self.assertNotEqual(files.mark(), before)
        before = files.mark()
        files.keyFile.chmod(0o400)
        self.assertNotEqual(files.mark(), before)
        files.keyFile.unlink()
        self.assertEqual(files.mark()[1], None)
