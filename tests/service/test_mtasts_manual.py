"""
The pages on MTA-STS and TLSRPT can be taken at their word.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.author import Author
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.tls.mtasts import STSPolicy
from tests.commands.terminals import Terminal
from tests.tls.identities import ROOT
from tests.tls.joined import pem

from .made import FOUND, site
from .test_manual import DOC, blocks


class MTASTSPagesTests(SynchronousTestCase):
    """Their examples."""

    def setUp(self) -> None:
        """A folder with what the pages name."""
        self.site = site(self.mktemp())
        (self.site.folder / "laboratory.pem").write_bytes(pem(ROOT.certificate))

    def problems(self, text: str) -> list[str]:
        """What is wrong with a configuration, and what is to be known of it."""
        file = self.site.folder / "smtpx.toml"
        file.write_text(f"name = 'mail.example.org'\n{text}")
        self.configuration = readConfiguration(file, FOUND)
        found = check(self.site.machine, self.configuration, FOUND)
        return list(map(str, found or cautions(self.site.machine, self.configuration)))

    def test_without(self) -> None:
        """A route goes without, and a laboratory is let in, with a warning."""
        without, laboratory = blocks("howto/mta-sts.rst", "toml")
        self.problems(without)
        [route] = self.configuration.routes or ()
        self.assertIs(route.mtaSTS, False)
        [problem] = self.problems(laboratory)
        self.assertIn("mta_sts_allow_networks", problem)

    def test_reports(self) -> None:
        """Reports are switched on."""
        [text] = blocks("howto/tls-reports.rst", "toml")
        self.assertEqual(self.problems(text), [])
        contact = self.configuration.tlsReports.contact
        self.assertEqual(contact, Author("TLS reports", "tls-reports@example.org"))

    def test_published(self) -> None:
        """The commands that print a policy print one."""
        page = (DOC / "howto/mta-sts.rst").read_text("utf-8")
        commands = [
            line.split("$ smtpx ")[1].split(" > ")[0]
            for line in page.splitlines()
            if "$ smtpx tls publish" in line
        ]
        self.assertEqual(len(commands), 2)
        said = [Terminal(interactive=False).run(*each.split()) for each in commands]
        self.assertEqual([each.status for each in said], [0, 0])
        policy = STSPolicy.parse(said[1].out.encode())
        self.assertIn(policy.record().render().decode(), said[0].out)
