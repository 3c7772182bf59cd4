"""
Tests for what listeners and routes say of handshakes.
"""

from __future__ import annotations

from smtpx.core.tlsterms import USUAL, TLSTerms
from smtpx.service.wiring.doors import DoorKind
from smtpx.service.wiring.hops import nextHops

from .test_routes import SMTP, RouteTestCase

_ALL = """\
tls_min_version = "1.3"
tls_groups = "X25519MLKEM768:X25519"
tls_ciphers = "ECDHE+AESGCM"
tls_ciphersuites = "TLS_AES_256_GCM_SHA384"
tls_signature_algorithms = "ed25519:ecdsa_secp256r1_sha256"
"""
_TERMS = TLSTerms(
    "TLSv1.3",
    "X25519MLKEM768:X25519",
    "ECDHE+AESGCM",
    "TLS_AES_256_GCM_SHA384",
    "ed25519:ecdsa_secp256r1_sha256",
)
_LISTENER = "[[listener]]\nport = 2525\n"


class TermsTests(RouteTestCase):
    """The options."""

    def test_listener(self) -> None:
        """
        A listener's terms are those of its door.
        """
        [one, other] = self.read(
            _LISTENER + _ALL + "[[listener]]\nport = 2526\n"
        ).listeners
        self.assertEqual(DoorKind.of(one).terms, _TERMS)
        self.assertEqual(DoorKind.of(other).terms, USUAL)
        self.assertNotEqual(DoorKind.of(one), DoorKind.of(other))

    def test_route(self) -> None:
        """
        A route's terms are part of the way to its hosts.
        """
        for text, terms in ((_ALL, _TERMS), ("", USUAL)):
            configuration = self.read(SMTP + text)
            assert configuration.routes is not None
            [entry] = configuration.routes
            hops = nextHops(configuration, "here.example", entry)
            self.assertEqual(hops.way.policy.terms, terms)

    def test_unknown(self) -> None:
        """
        What OpenSSL does not know is told with its line, on listeners and on routes.
        """
        for option, wrong in (
            ("tls_groups", "OpenSSL knows no groups 'rot13'"),
            ("tls_ciphers", "OpenSSL knows no TLS 1.2 suites 'rot13'"),
            ("tls_ciphersuites", "OpenSSL knows no TLS 1.3 suites 'rot13'"),
            (
                "tls_signature_algorithms",
                "OpenSSL knows no signature algorithms 'rot13'",
            ),
        ):
            for name, text, line in (("listener", _LISTENER, 3), ("route", SMTP, 4)):
                [fault] = self.faults(f"{text}{option} = 'rot13'\n")
                self.assertIn(f"{line}", fault)
                self.assertIn(f"{name}[0].{option}", fault)
                self.assertIn(wrong, fault)

    def test_whichIsUnknown(self) -> None:
        """
        Of several names the one that OpenSSL does not know is told.
        """
        for option, names, wrong in (
            ("tls_groups", "X25519:P-257", "groups 'P-257'"),
            ("tls_ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_X", "suites 'TLS_X'"),
            ("tls_signature_algorithms", "ed25519:rot13", "algorithms 'rot13'"),
        ):
            [fault] = self.faults(f"{_LISTENER}{option} = '{names}'\n")
            self.assertIn(f"{wrong}", fault)
            self.assertNotIn(names, fault)

    def test_version(self) -> None:
        """
        A version that is not spoken is refused.
        """
        [fault] = self.faults(f"{_LISTENER}tls_min_version = '1.1'\n")
        self.assertIn("tls_min_version", fault)

    def test_noTLS(self) -> None:
        """
        Where there is no TLS, there is nothing to say of it.
        """
        for text in (_LISTENER + "tls = 'none'\n", SMTP + "tls = 'unwanted'\n"):
            for option in ("tls_min_version = '1.3'", "tls_groups = 'X25519'"):
                [fault] = self.faults(f"{text}{option}\n")
                self.assertIn("TLS", fault)
        [fault] = self.faults("[[route]]\nmatch = ['*']\ntls_groups = 'X25519'\n")
        self.assertIn('this is for "lmtp" and "smtp"', fault)
