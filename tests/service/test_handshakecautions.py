"""
Tests for L{smtpx.service.handshakecautions}.
"""

from __future__ import annotations

from smtpx.service.handshakecautions import handshakeCautions
from smtpx.tls import openssl

from .test_routes import RouteTestCase

_EARLY = "[extensions.EARLYBANNER]\ntls_early_banner_hosts = ['192.0.2.1']\n"
_IMPLICIT = "[[listener]]\nport = 4650\ntls = 'implicit'\n"
_OTHER = "[[listener]]\nport = 2525\n"


class EarlyTests(RouteTestCase):
    """Early greetings."""

    def told(self, text: str) -> list[str]:
        """What there is to know."""
        return [str(each) for each in handshakeCautions(self.read(text))]

    def test_well(self) -> None:
        """
        Nothing, where they come about, or nobody wants them.
        """
        self.assertEqual(self.told(_EARLY + _IMPLICIT + _OTHER), [])
        self.assertEqual(self.told(_OTHER), [])
        nobody = "[extensions.EARLYBANNER]\ntls_early_banner_hosts = []\n"
        self.assertEqual(self.told(nobody + _OTHER), [])

    def test_noListener(self) -> None:
        """
        Without a listener with implicit TLS there are none.
        """
        [told] = self.told(_EARLY + _OTHER)
        self.assertIn(":2: ", told)
        self.assertIn("no listener begins TLS with the connection", told)

    def test_certificates(self) -> None:
        """
        Nor where everybody is asked for a certificate.
        """
        tls = "[tls]\nclient_authorities = 'clients.pem'\n"
        [told] = self.told(_EARLY + _IMPLICIT + tls)
        self.assertIn("everybody is asked for a certificate", told)
        some = f"{tls}tls_try_verify_hosts = ['198.51.100.1']\n"
        self.assertEqual(self.told(_EARLY + _IMPLICIT + some), [])

    def test_openSSL(self) -> None:
        """
        Nor where OpenSSL cannot do it.
        """
        self.patch(openssl, "_readEarly", None)
        [told] = self.told(_EARLY + _IMPLICIT)
        self.assertIn("this build of OpenSSL cannot do it", told)
