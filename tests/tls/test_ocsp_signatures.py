"""
Tests for L{smtpx.tls.ocsp}: whose signature of a response counts.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseBuilder
from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.trial.unittest import SynchronousTestCase

from smtpx.tls.ocsp import Staple, StapleError, judge

from .identities import ROOT, STRANGER, Identity, made, named
from .responses import BEGUN, DAY, answered, at, signed

SERVER = made(ROOT, "mx.example.org")
RESPONSE = answered(SERVER, ROOT)
GOOD = Staple(RESPONSE, at(BEGUN), at(DAY))
RESPONDER = made(ROOT, "responder", use=ExtendedKeyUsageOID.OCSP_SIGNING)


class SignatureTests(SynchronousTestCase):
    """Whose word counts."""

    TEXT = (
        "the response is signed neither by the certificate's issuer nor by a"
        " responder that the issuer authorised"
    )

    def refused(self, response: bytes) -> None:
        """Its signature is no good."""
        error = self.assertRaises(StapleError, judge, response, SERVER.chain)
        self.assertEqual(str(error), self.TEXT)

    def test_keys(self) -> None:
        """
        An authority may sign by RSA, ECDSA or Ed25519.
        """
        for key in (
            rsa.generate_private_key(65537, 2048),
            ec.generate_private_key(ec.SECP384R1()),
        ):
            root = made(None, "root", key=key, signs=True)
            server = made(root)
            response = answered(server, root, hashed=SHA384())
            self.assertEqual(judge(response, server.chain).ends, at(DAY))
        root, server = _edwards()
        response = answered(server, root)
        self.assertEqual(judge(response, server.chain).ends, at(DAY))

    def test_authorisedResponder(self) -> None:
        """
        RFC 6960 section 4.2.2.2: somebody may sign whose certificate the issuer
        signed, for this use.
        """
        response = answered(SERVER, ROOT, responder=RESPONDER)
        self.assertEqual(judge(response, SERVER.chain), evolve(GOOD, octets=response))

    def test_responderForAWhile(self) -> None:
        """
        The word of a responder counts no longer than it is one.
        """
        hour = timedelta(hours=1)
        responder = made(
            ROOT,
            "responder",
            begins=BEGUN / 2,
            ends=hour,
            use=ExtendedKeyUsageOID.OCSP_SIGNING,
        )
        response = answered(SERVER, ROOT, responder=responder)
        certificate = responder.certificate
        self.assertEqual(
            judge(response, SERVER.chain),
            Staple(
                response,
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
            ),
        )

    def test_strangers(self) -> None:
        """
        Nobody else may: not the authority of others or its responder, whatever its
        key, not the server itself or somebody whose certificate is for something
        else.
        """
        for responder in (
            STRANGER,
            _edwards()[0],
            made(STRANGER, use=ExtendedKeyUsageOID.OCSP_SIGNING),
            SERVER,
            made(ROOT, use=ExtendedKeyUsageOID.SERVER_AUTH),
        ):
            self.refused(answered(SERVER, ROOT, responder=responder))

    def test_anotherSignersCertificate(self) -> None:
        """
        To show a responder's certificate is not to be it.
        """
        self.refused(answered(SERVER, ROOT, responder=STRANGER, shown=RESPONDER))

    def test_aResponderWhoseKeyCannotSign(self) -> None:
        """
        Nothing can be signed by its key, and so nothing is.
        """
        key = x25519.X25519PrivateKey.generate()
        certificate = (
            _builder("responder", key, ROOT.certificate.subject)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False
            )
            .sign(ROOT.key, SHA256())
        )
        shown = Identity((certificate,), STRANGER.key)
        self.refused(answered(SERVER, ROOT, responder=STRANGER, shown=shown))

    def test_howManyRespondersAreLookedAt(self) -> None:
        """
        The first four, for each costs a signature or two to look at.
        """
        strangers = [STRANGER.certificate] * 4
        builder = OCSPResponseBuilder().add_response(
            SERVER.certificate,
            ROOT.certificate,
            SHA1(),
            OCSPCertStatus.GOOD,
            at(BEGUN),
            at(DAY),
            None,
            None,
        )
        last = [*strangers[1:], RESPONDER.certificate]
        response = signed(builder.certificates(last), RESPONDER)
        self.assertEqual(judge(response, SERVER.chain).ends, at(DAY))
        beyond = [*strangers, RESPONDER.certificate]
        self.refused(signed(builder.certificates(beyond), RESPONDER))

    def test_changed(self) -> None:
        """
        A response that was changed after it was signed is no staple.
        """
        index = RESPONSE.rindex(b"\x18\x0f")
        changed = bytearray(RESPONSE)
        # nextUpdate, a year later.
        changed[index + 5] += 1
        self.refused(bytes(changed))

    def test_signedInAnotherWay(self) -> None:
        """
        A signature by RSA or Ed25519 that is not the key's is none, and one by
        RSA-PSS is not looked at.
        """
        key = rsa.generate_private_key(65537, 2048)
        root = made(None, "root", key=key, signs=True)
        server = made(root)
        response = answered(server, root)
        pkcs = bytes.fromhex("06092a864886f70d01010b0500")
        pss = bytes.fromhex("06092a864886f70d01010a3000")
        edwardsRoot, edwardsServer = _edwards()
        edwards = answered(edwardsServer, edwardsRoot)
        for asked, good, octets in (
            (server, response, response[:-1] + bytes([response[-1] ^ 1])),
            (server, response, response.replace(pkcs, pss)),
            (edwardsServer, edwards, edwards[:-1] + bytes([edwards[-1] ^ 1])),
        ):
            self.assertNotEqual(octets, good)
            error = self.assertRaises(StapleError, judge, octets, asked.chain)
            self.assertEqual(str(error), self.TEXT)
            self.assertFalse(error.withdrawn)

    def test_keysOfTwoKinds(self) -> None:
        """
        An issuer may authorise a responder whose key is of another kind.
        """
        edwards = ed25519.Ed25519PrivateKey.generate()
        root = made(None, key=rsa.generate_private_key(65537, 2048), signs=True)
        use = ExtendedKeyUsageOID.OCSP_SIGNING
        for signer in (ROOT, root):
            server = made(signer)
            responder = made(signer, "responder", key=edwards, use=use)
            response = answered(server, signer, responder=responder)
            self.assertEqual(judge(response, server.chain).ends, at(DAY))


def _builder(
    name: str,
    key: ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | x25519.X25519PrivateKey,
    issuer: x509.Name,
) -> x509.CertificateBuilder:
    """A certificate that nobody has signed."""
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at(-2 * DAY))
        .not_valid_after(at(2 * DAY))
    )


def _edwards() -> tuple[Identity, Identity]:
    """An authority with a key of Ed25519, and a server's certificate of its."""
    edwards = ed25519.Ed25519PrivateKey.generate()
    name = named("edwards")
    authority = _builder("edwards", edwards, name).sign(edwards, None)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _builder("server", key, name).sign(edwards, None)
    return Identity((authority,), edwards), Identity((certificate, authority), key)
