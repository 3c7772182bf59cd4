"""
Tests for L{smtpx.tls.ocsp}; signatures are in L{tests.tls.test_ocsp_signatures}.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import (
    OCSPCertStatus,
    OCSPResponseBuilder,
    OCSPResponseStatus,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.tls.ocsp import (
    OCTETS_MOST,
    TOLERANCE,
    Staple,
    StapleError,
    demandsStaple,
    judge,
    moment,
    readStaple,
)

from .identities import ROOT, STRANGER, Identity, made
from .responses import BEGIN, BEGUN, DAY, END, SECOND, answered, at, framed, signed

SERVER = made(ROOT, "mx.example.org")
RESPONSE = answered(SERVER, ROOT)
GOOD = Staple(RESPONSE, at(BEGUN), at(DAY))
RESPONDER = made(ROOT, "responder", use=ExtendedKeyUsageOID.OCSP_SIGNING)


class JudgeTests(SynchronousTestCase):
    """Which responses a client would take."""

    def refused(self, octets: bytes, identity: Identity = SERVER) -> str:
        """Why a response is none for a certificate."""
        error = self.assertRaises(StapleError, judge, octets, identity.chain)
        self.withdrawn = error.withdrawn
        return str(error)

    def test_good(self) -> None:
        """
        The issuer's word that the certificate is good is a staple, from and until
        when it says.
        """
        self.assertEqual(judge(RESPONSE, SERVER.chain), GOOD)

    def test_hashOfTheIssuer(self) -> None:
        """
        The issuer may be named by any hash (RFC 6960 section 4.1.1).
        """
        for algorithm in (SHA1(), SHA256(), SHA384(), SHA512()):
            response = answered(SERVER, ROOT, algorithm=algorithm)
            self.assertEqual(judge(response, SERVER.chain).ends, at(DAY))

    def test_issuerAnywhereInTheChain(self) -> None:
        """
        The issuer is found wherever it stands behind the certificate.
        """
        chain = (SERVER.certificate, STRANGER.certificate, ROOT.certificate)
        self.assertEqual(judge(RESPONSE, chain), GOOD)

    def test_anotherCertificate(self) -> None:
        """
        The word on another certificate of the same authority is no staple.
        """
        response = answered(made(ROOT), ROOT)
        self.assertEqual(
            self.refused(response), "the response is for another certificate"
        )
        self.assertFalse(self.withdrawn)

    def test_wholeIdentityCounts(self) -> None:
        """
        RFC 6960 section 4.1.1: a serial number that is the same does not make it
        the same certificate; the issuer's name and key have to be as well.
        """
        request = x509.ocsp.OCSPRequestBuilder().add_certificate(
            SERVER.certificate, ROOT.certificate, SHA1()
        )
        name = request.build().issuer_name_hash
        key = request.build().issuer_key_hash
        serial = SERVER.certificate.serial_number
        for identity, good in (
            ((name, key, serial), True),
            ((name, name, serial), False),
            ((key, key, serial), False),
            ((name, key, serial + 1), False),
        ):
            builder = OCSPResponseBuilder().add_response_by_hash(
                *identity,
                SHA1(),
                OCSPCertStatus.GOOD,
                at(BEGUN),
                at(DAY),
                None,
                None,
            )
            response = signed(builder, ROOT)
            if good:
                self.assertEqual(judge(response, SERVER.chain).ends, at(DAY))
            else:
                text = "the response is for another certificate"
                self.assertEqual(self.refused(response), text)

    def test_noIssuer(self) -> None:
        """
        Without its issuer's certificate nothing can be said of a response.
        """
        text = (
            "the certificate's file has not its issuer's behind it, without which no"
            " response can be judged"
        )
        self.assertEqual(self.refused(RESPONSE, SERVER.alone()), text)
        strangers = evolve(SERVER, chain=(SERVER.certificate, STRANGER.certificate))
        self.assertEqual(self.refused(RESPONSE, strangers), text)
        # It signed itself, but nobody can be asked about such a certificate.
        self.assertEqual(self.refused(answered(ROOT, ROOT), ROOT), text)

    def test_anotherAuthorityOfTheSameName(self) -> None:
        """
        Of two authorities of one name, the issuer is the one whose key signed; an
        authority's key may be changed and its name stay.
        """
        namesake = made(None, "root", signs=True)
        root = made(None, "root", signs=True)
        server = made(root)
        chain = (server.certificate, namesake.certificate, root.certificate)
        self.assertEqual(judge(answered(server, root), chain).ends, at(DAY))

    def test_revoked(self) -> None:
        """
        That the certificate is revoked, or not known, is not sent, and ends what
        was said before.
        """
        for status, text in (
            (OCSPCertStatus.REVOKED, "the certificate is revoked"),
            (OCSPCertStatus.UNKNOWN, "the responder does not know the certificate"),
        ):
            response = answered(SERVER, ROOT, status=status)
            self.assertEqual(self.refused(response), text)
            self.assertTrue(self.withdrawn)

    def test_revokedByAnybody(self) -> None:
        """
        Only the authority's own word ends what it said before.
        """
        response = answered(
            SERVER, ROOT, status=OCSPCertStatus.REVOKED, responder=STRANGER
        )
        self.refused(response)
        self.assertFalse(self.withdrawn)

    def test_noEnd(self) -> None:
        """
        A response without C{nextUpdate} may be as old as it likes, and is no
        staple.
        """
        self.assertEqual(
            self.refused(answered(SERVER, ROOT, ends=None)),
            "the response does not say until when it is valid",
        )

    def test_errors(self) -> None:
        """
        A responder that has no answer says so; that is no staple.
        """
        for status, text in (
            (OCSPResponseStatus.TRY_LATER, "try later"),
            (OCSPResponseStatus.UNAUTHORIZED, "unauthorized"),
        ):
            response = OCSPResponseBuilder.build_unsuccessful(status)
            self.assertEqual(
                self.refused(response.public_bytes(Encoding.DER)),
                f"the responder's answer is an error: {text}",
            )


class TimeTests(SynchronousTestCase):
    """When a response may be sent."""

    def test_expired(self) -> None:
        """
        From the moment it ends, it is not.
        """
        self.assertIsNone(GOOD.problem(at(DAY - timedelta(seconds=1))))
        self.assertEqual(
            GOOD.problem(at(DAY)), f"the response expired at {moment(at(DAY))}"
        )

    def test_notYet(self) -> None:
        """
        Before it begins it is not, but for a clock that is a little wrong.
        """
        self.assertIsNone(GOOD.problem(at(BEGUN - TOLERANCE)))
        self.assertEqual(
            GOOD.problem(at(BEGUN - TOLERANCE - timedelta(seconds=1))),
            f"the response is not valid before {moment(at(BEGUN))}",
        )

    def test_moment(self) -> None:
        """
        Times are told in UTC.
        """
        self.assertEqual(moment(SECOND), SECOND.strftime("%Y-%m-%d %H:%M:%S UTC"))


class FileTests(SynchronousTestCase):
    """Responses in files."""

    def setUp(self) -> None:
        """Choose a file."""
        self.path = Path(self.mktemp())

    def read(self, octets: bytes) -> Staple:
        """Read what was written."""
        self.path.write_bytes(octets)
        return readStaple(self.path, SERVER.chain)

    def refused(self, octets: bytes) -> str:
        """Why what was written is no staple."""
        error = self.assertRaises(StapleError, self.read, octets)
        text = str(error)
        self.assertTrue(text.startswith(f"{self.path}: "))
        return text.removeprefix(f"{self.path}: ")

    def test_kinds(self) -> None:
        """
        It may be DER or PEM, with whatever stands before it.
        """
        for octets in (RESPONSE, framed(RESPONSE), b"of today\r\n" + framed(RESPONSE)):
            self.assertEqual(self.read(octets), GOOD)

    def test_several(self) -> None:
        """
        Of several in PEM the one for the certificate is taken; if none is, the
        first one's fault is told.
        """
        other = answered(made(ROOT), ROOT)
        self.assertEqual(self.read(framed(other, RESPONSE)), GOOD)
        endless = answered(SERVER, ROOT, ends=None)
        self.assertEqual(
            self.refused(framed(other, endless)),
            "the response is for another certificate",
        )

    def test_revoked(self) -> None:
        """
        That the certificate was revoked is known of a file as well.
        """
        octets = answered(SERVER, ROOT, status=OCSPCertStatus.REVOKED)
        self.path.write_bytes(octets)
        error = self.assertRaises(StapleError, readStaple, self.path, SERVER.chain)
        self.assertTrue(error.withdrawn)

    def test_rubbish(self) -> None:
        """
        What is no response is told of.
        """
        begin = b"-----BEGIN CERTIFICATE-----\n"
        self.assertEqual(self.refused(b""), "no OCSP response in it")
        self.assertEqual(self.refused(begin), "no OCSP response in it")
        for octets in (
            b"rubbish",
            BEGIN + b"rubbish" + END,
            BEGIN + b"MAA=" + END,
            framed(RESPONSE).replace(BEGIN, BEGIN + b"*"),
        ):
            text = self.refused(octets)
            self.assertTrue(text.startswith("no OCSP response that can be read: "))

    def test_tooLong(self) -> None:
        """
        A file that is much too long is not read to its end; one of the most octets
        is read.
        """
        self.assertEqual(self.read(framed(RESPONSE).ljust(OCTETS_MOST)), GOOD)
        text = self.refused(RESPONSE + bytes(OCTETS_MOST))
        self.assertEqual(text, f"more than {OCTETS_MOST} octets")

    def test_missing(self) -> None:
        """
        A file that is not there is told of.
        """
        error = self.assertRaises(StapleError, readStaple, self.path, SERVER.chain)
        self.assertEqual(str(error), f"{self.path}: No such file or directory")

    def test_cut(self) -> None:
        """
        Wherever a response is cut, it is none, and nothing else happens.
        """
        for size in range(1, len(RESPONSE)):
            self.assertRaises(StapleError, judge, RESPONSE[:size], SERVER.chain)

    @settings(max_examples=100)
    @given(st.integers(0, len(RESPONSE) - 1), st.integers(1, 255))
    def test_damaged(self, index: int, change: int) -> None:
        """
        A response with a wrong octet is refused, or is what it was.
        """
        octets = bytearray(RESPONSE)
        octets[index] ^= change
        try:
            staple = judge(bytes(octets), SERVER.chain)
        except StapleError:
            return
        self.assertEqual((staple.begins, staple.ends), (at(BEGUN), at(DAY)))


class DemandTests(SynchronousTestCase):
    """Certificates that are no good without a staple."""

    def test_demand(self) -> None:
        """
        RFC 7633: a certificate may say that it wants one.
        """
        self.assertTrue(demandsStaple(made(ROOT, demands=True).certificate))
        self.assertFalse(demandsStaple(SERVER.certificate))
