"""
The page on REQUIRETLS can be taken at its word.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Recipient
from smtpx.extensions.requiretls import RequireTLS, RequireTLSSettings
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.requiretlscautions import requireTLSCautions
from smtpx.service.wiring.extensions import chosenExtensions
from smtpx.testing.server import talk
from tests.tls.identities import ROOT
from tests.tls.joined import pem

from .made import FOUND, site
from .test_manual import blocks

_PAGE = "howto/requiretls.rst"


class RequireTLSPageTests(SynchronousTestCase):
    """Its examples."""

    def setUp(self) -> None:
        """A folder with what the page names."""
        self.site = site(self.mktemp())
        (self.site.folder / "authorities.pem").write_bytes(pem(ROOT.certificate))
        self.resolver, self.rules, self.named, self.off = blocks(_PAGE, "toml")

    def read(self, text: str) -> Configuration:
        """A configuration that is good."""
        file = self.site.folder / "smtpx.toml"
        file.write_text(f"name = 'mail.example.org'\n{text}")
        configuration = readConfiguration(file, FOUND)
        self.assertEqual(list(check(self.site.machine, configuration, FOUND)), [])
        return configuration

    def extension(self, text: str) -> RequireTLS | None:
        """The extension that runs; L{None}: it does not."""
        for each in chosenExtensions(self.read(text), FOUND):
            if isinstance(each, RequireTLS):
                return each
        return None

    def test_offered(self) -> None:
        """
        It is by itself, where mail is sent as well, by MTA-STS or by DNSSEC.
        """
        relay = "[relay]\nhosts = ['10.0.0.0/8']\n"
        without = relay + "[sending]\nmta_sts = false\n"
        for text, offered in (
            ("", True),
            (relay, True),
            (without, False),
            (without + self.resolver, True),
            (self.named, True),
        ):
            found = self.extension(text)
            assert found is not None
            self.assertIs(found.honoured, offered, text)

    def test_notOffered(self) -> None:
        """
        Where it is not, though the configuration has words for it, the operator is
        told which route is in the way.
        """
        text = "[[route]]\nmatch = ['*']\ntransport = 'smtp'\nmta_sts = false\n"
        self.assertEqual(list(requireTLSCautions(self.read(text))), [])
        text += self.rules
        [problem] = requireTLSCautions(self.read(text))
        self.assertIn("could not be kept on this route", str(problem))
        machine = self.site.machine
        self.assertIn(problem, list(cautions(machine, self.read(text))))
        self.assertEqual(list(requireTLSCautions(self.read(self.rules))), [])
        good = text.replace("mta_sts = false", "mta_sts = true")
        self.assertEqual(list(requireTLSCautions(self.read(good))), [])

    def test_demanded(self) -> None:
        """The rules that are given find whom they are to find."""
        found = self.extension(self.rules)
        assert found is not None
        said = talk([found], b"EHLO c.example\r\n")
        for sender, tagged in (
            (b"board@example.org", True),
            (b"ann@example.org", False),
            (b"eve@mail.bank.example", True),
        ):
            said.feed(b"RSET\r\n")
            said.feed(b"MAIL FROM:<%b>\r\n" % sender)
            said.feed(b"RCPT TO:<bob@d.example>\r\n")
            self.assertIs(said.connection.holds("requiretls"), tagged, sender)
        self.assertTrue(found.options.requireHosts.matches(b"10.1.2.3", ()))

    def test_policy(self) -> None:
        """The policy demands it where it says so."""
        names: dict[str, type] = {}
        [text] = blocks(_PAGE, "python")
        exec(text, names)
        policy = names["Confidential"]()
        extension = RequireTLS(RequireTLSSettings())
        said = talk([extension], b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n")
        session = said.connection
        policy.mayReceive(session, session.envelope, Recipient(b"b@d.example"))
        self.assertFalse(session.holds("requiretls"))
        policy.mayReceive(session, session.envelope, Recipient(b"b@d.abroad.example"))
        self.assertTrue(session.holds("requiretls"))

    def test_switchedOff(self) -> None:
        """Then it does not run."""
        self.assertIsNone(self.extension(self.off))
