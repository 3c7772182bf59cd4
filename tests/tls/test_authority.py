"""
Tests for L{smtpx.tls.authority}.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.core.hooks import TLSOptions
from smtpx.tls.authority import ensureCertificate
from smtpx.tls.certificates import (
    CertificateError,
    Certified,
    loadCertified,
    readCertificates,
)
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS

from .joined import NOW, accepting, connecting, pem, pemKey, shake, store

DAY = timedelta(days=1)
FILES = ("ca-key.pem", "ca.pem", "certificate.pem", "key.pem")


class AuthorityTests(SynchronousTestCase):
    """The certificate of the first start."""

    def setUp(self) -> None:
        """Name the folder, which is not there yet."""
        self.folder = Path(self.mktemp()) / "state" / "tls"

    def ensure(
        self,
        *names: str,
        later: timedelta = timedelta(),
        addresses: tuple[str, ...] = (),
    ) -> Certified:
        """Start C{later}, and read what is there then."""
        when = (NOW + later).timestamp()
        files = ensureCertificate(self.folder, names, when, addresses)
        return loadCertified(files)

    def octets(self) -> dict[str, bytes]:
        """What is in the folder."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def test_everythingIsMade(self) -> None:
        """
        A first start makes four files, and keys are for their owner alone.
        """
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        self.ensure("mail.example", "localhost", addresses=("127.0.0.1", "::1"))
        self.assertEqual(sorted(os.listdir(self.folder)), sorted(FILES))
        modes = {name: (self.folder / name).stat().st_mode & 0o777 for name in FILES}
        self.assertEqual(
            modes,
            {
                "ca-key.pem": 0o600,
                "ca.pem": 0o644,
                "certificate.pem": 0o644,
                "key.pem": 0o600,
            },
        )
        self.assertEqual(self.folder.stat().st_mode & 0o777, 0o700)

    def test_certificateIsForTheNames(self) -> None:
        """
        The certificate is for all names and addresses, on the curve P-256, for
        397 days, and its authority for ten years.
        """
        certified = self.ensure(
            "Mail.example", "localhost", addresses=("127.0.0.1", "::1")
        )
        leaf, authority = certified.chain
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        self.assertEqual(certified.names, (b"mail.example", b"localhost"))
        self.assertEqual(
            [str(one) for one in found.value.get_values_for_type(x509.IPAddress)],
            ["127.0.0.1", "::1"],
        )
        for certificate, life in ((leaf, 397 * DAY), (authority, 3650 * DAY)):
            key = certificate.public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            self.assertEqual(key.curve.name, "secp256r1")
            self.assertEqual(
                certificate.not_valid_after_utc, NOW.replace(microsecond=0) + life
            )
            self.assertTrue(certificate.not_valid_before_utc < NOW)
        self.assertEqual(readCertificates(self.folder / "ca.pem"), (authority,))

    def test_clientThatTrustsTheAuthorityTrustsTheServer(self) -> None:
        """
        C{ca.pem} is all that a client needs.
        """
        files = ensureCertificate(
            self.folder, ["mail.example"], NOW.timestamp(), ["127.0.0.1"]
        )
        server = ServerTLS((files,), clock=Clock())
        client = ClientTLS(readCertificates(self.folder / "ca.pem"))
        for name in (b"mail.example", b"127.0.0.1"):
            theirs = connecting(name, verified=True, tls=client)
            shake(accepting(server), theirs)
            options = TLSOptions(serverName=name, verified=True)
            self.assertTrue(client.info(theirs, options).verified)

    def test_nextStartChangesNothing(self) -> None:
        """
        While more than 30 days are left, nothing is written.
        """
        self.ensure("mail.example", "localhost")
        before = self.octets()
        self.ensure("localhost", later=366 * DAY)
        self.assertEqual(self.octets(), before)

    def test_certificateIsRenewedInTime(self) -> None:
        """
        With less than 30 days left a start makes a new one, for the same key
        and by the same authority.
        """
        old = self.ensure("mail.example")
        before = self.octets()
        new = self.ensure("mail.example", later=368 * DAY)
        self.assertNotEqual(new.certificate, old.certificate)
        self.assertTrue(new.certificate.not_valid_after_utc > NOW + (368 + 396) * DAY)
        after = self.octets()
        for name in ("ca-key.pem", "ca.pem", "key.pem"):
            self.assertEqual(after[name], before[name], name)

    def test_certificateIsRenewedForANewName(self) -> None:
        """
        A name or an address that the certificate lacks makes a new one.
        """
        self.ensure("mail.example")
        self.assertEqual(
            self.ensure("mail.example", "new.example").names,
            (b"mail.example", b"new.example"),
        )
        before = self.octets()
        self.ensure("new.example", addresses=("192.0.2.1",))
        self.assertNotEqual(self.octets(), before)

    def test_authorityIsRenewedInTime(self) -> None:
        """
        No certificate outlives its authority, and one that is about to end is
        replaced with it.
        """
        self.ensure("mail.example")
        last = self.ensure("mail.example", later=3600 * DAY)
        self.assertEqual(
            last.certificate.not_valid_after_utc, last.chain[1].not_valid_after_utc
        )
        new = self.ensure("mail.example", later=3630 * DAY)
        self.assertNotEqual(new.chain[1], last.chain[1])
        self.assertTrue(new.certificate.not_valid_after_utc > NOW + 4000 * DAY)

    def test_anotherAuthoritysCertificateIsLeftAlone(self) -> None:
        """
        What an operator put in the place of ours stays, even if it has expired.
        """
        self.ensure("mail.example")
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([])
        foreign = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW - 9 * DAY)
            .not_valid_after(NOW - DAY)
            .sign(key, SHA256())
        )
        store(self.folder, pem(foreign), pemKey(key))
        before = self.octets()
        self.ensure("new.example", later=DAY)
        self.assertEqual(self.octets(), before)

    def test_missingFilesAreMade(self) -> None:
        """
        Whichever file is missing, a start ends with four that fit each other;
        the authority's key alone is not missed before it is needed.
        """
        for name in FILES:
            self.ensure("mail.example")
            (self.folder / name).unlink()
            self.ensure("mail.example")
            present = set(os.listdir(self.folder))
            self.assertEqual(
                present, {*FILES} - ({name} if name == "ca-key.pem" else set())
            )
            chain = readCertificates(self.folder / "certificate.pem")
            self.assertEqual(chain[1:], readCertificates(self.folder / "ca.pem"))
            chain[0].verify_directly_issued_by(chain[1])
        self.ensure("mail.example", later=390 * DAY)
        self.assertEqual({*os.listdir(self.folder)}, {*FILES})

    def test_filesOfTwoStartsAreMadeToFit(self) -> None:
        """
        A start that ended between two files is made good by the next one.
        """
        self.ensure("mail.example")
        first = self.octets()
        for name in FILES:
            (self.folder / name).unlink()
        self.ensure("mail.example")
        for name in FILES:
            (self.folder / name).write_bytes(first[name])
            certified = self.ensure("mail.example", later=390 * DAY)
            authority = readCertificates(self.folder / "ca.pem")[0]
            certified.certificate.verify_directly_issued_by(authority)

    def test_authorityWithAnotherKindOfKeyIsReplaced(self) -> None:
        """
        A key of the authority that we cannot have made is not used.
        """
        self.ensure("mail.example")
        key = rsa.generate_private_key(65537, 2048)
        (self.folder / "ca-key.pem").write_bytes(pemKey(key))
        self.ensure("new.example")
        self.assertNotEqual((self.folder / "ca-key.pem").read_bytes(), pemKey(key))

    def test_unreadableFileIsToldOf(self) -> None:
        """
        A file that is there and cannot be read is not overwritten.
        """
        self.ensure("mail.example")
        (self.folder / "key.pem").write_bytes(b"nonsense")
        error = self.assertRaises(CertificateError, self.ensure, "mail.example")
        self.assertEqual(str(error), f"{self.folder / 'key.pem'}: no private key in it")

    def test_leftoversAreNoHindrance(self) -> None:
        """
        What an interrupted start left behind does not stop the next.
        """
        self.folder.mkdir(parents=True)
        (self.folder / ".key.pem.new").write_bytes(b"half")
        self.ensure("mail.example")
        self.assertEqual(sorted(os.listdir(self.folder)), sorted(FILES))

    def test_badNamesAreTheCallers(self) -> None:
        """
        A certificate is for host names and addresses, and at least one.
        """
        for names, addresses in (
            ((), ()),
            (("bücher.example",), ()),
            (("a b",), ()),
            (("",), ()),
            (("a.example",), ("nowhere",)),
        ):
            self.assertRaises(
                UsageError, ensureCertificate, self.folder, names, 0.0, addresses
            )
        self.assertFalse(self.folder.exists())
        when = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
        ensureCertificate(self.folder, ["*.a_b.example"], when)
        ensureCertificate(self.folder, ["x" * 60 + "." + "y" * 60], when)
        ensureCertificate(self.folder, [], when, ["192.0.2.1"])
