"""
Tests for L{smtpx.service.tables.tlsreports}, and for the options of MTA-STS.
"""

from __future__ import annotations

from smtpx.core.hostlist import HostList
from smtpx.queue.author import Author

from .test_config import ConfigurationTestCase


class TLSReportsTests(ConfigurationTestCase):
    """What domains are told of TLS."""

    def test_off(self) -> None:
        """Nobody is told anything unless a contact is given."""
        self.assertIsNone(self.read("").tlsReports.contact)

    def test_contact(self) -> None:
        """A contact is a mailbox, perhaps with a name; so has the organization one."""
        table = self.read(
            "[tls_reports]\ncontact = 'TLS <tls@example.org>'\norganization = 'We'\n"
        ).tlsReports
        self.assertEqual(table.contact, Author("TLS", "tls@example.org"))
        self.assertEqual(table.organization, "We")

    def test_faults(self) -> None:
        """What cannot be told is a fault, and so is a name without a contact."""
        for text, why in (
            ("contact = 'nobody'\n", "expected a mailbox"),
            ("organization = 'We'\n", "a name wants contact"),
            ("contact = 'a@b.example'\norganization = ''\n", "1 to 200 characters"),
            ("contact = 'a@b.example'\norganization = \"a\\u0007\"\n", "1 to 200"),
        ):
            [fault] = self.faults("[tls_reports]\n" + text)
            self.assertIn(why, fault)


class MTASTSOptionsTests(ConfigurationTestCase):
    """How far it is done as domains ask."""

    def test_usual(self) -> None:
        """It is done, at addresses of the Internet only."""
        sending = self.read("").sending
        self.assertTrue(sending.mtaSTS)
        self.assertEqual(sending.mtaSTSAllowNetworks, HostList())

    def test_networks(self) -> None:
        """Networks are numbers: a name could be anywhere."""
        [fault] = self.faults("[sending]\nmta_sts_allow_networks = ['a.example']\n")
        self.assertIn("'a.example' is no address and no network", fault)

    def test_routes(self) -> None:
        """It is for routes that send by SMTP over a network, and for no others."""
        for text, why in (
            ("transport = 'lmtp'\nhosts = ['a:24']\nmta_sts = true\n", "smtp"),
            ("transport = 'maildir'\nmta_sts = false\n", "smtp"),
        ):
            [fault] = self.faults("[[route]]\nmatch = ['*']\n" + text)
            self.assertIn("mta_sts", fault)
            self.assertIn(why, fault)

    def test_noFile(self) -> None:
        """Authorities that cannot be read are found by a check."""
        configuration = self.read(
            "[sending]\nmta_sts_verify_certificates = 'nowhere.pem'\n"
        )
        self.assertEqual(
            configuration.sending.mtaSTSVerifyCertificates,
            self.here.parent / "nowhere.pem",
        )
