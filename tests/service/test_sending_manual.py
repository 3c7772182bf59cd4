"""
The pages on sending, smart hosts and relayed domains can be taken at their word.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import address
from smtpx.policy.recipientlist import readList
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.testing.dns import StaticResolver
from smtpx.tls.authority import ensureCertificate
from tests.commands.terminals import Terminal

from .made import FOUND, NOW, site
from .test_aliases_manual import blocks

ZONE = """
example.net                 MX    10 mx1.example.net
example.net                 MX    20 mx2.example.net
mx1.example.net             A     192.0.2.25
mx1.example.net             AAAA  2001:db8::25
mx2.example.net             A     192.0.2.26
smtp.brand-provider.example A     192.0.2.30
"""

#: What the first configuration of a page has, and the others build on.
BASE = "name = 'mail.example.org'\n[local]\ndomains = ['localhost', 'example.org']\n"
HOME = "[[route]]\nmatch = ['localhost', 'example.org', 'mail.example.org']\n"


class SendingPagesTests(SynchronousTestCase):
    """Their examples."""

    def setUp(self) -> None:
        """A folder with what the pages name."""
        self.site = site(self.mktemp())
        self.file = self.site.folder / "smtpx.toml"
        for name in ("password", "brand-password"):
            path = self.site.folder / name
            path.write_text("secret\n")
            path.chmod(0o600)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.site.folder)

    def problems(self, text: str) -> list[str]:
        """What is wrong with a configuration, and what is to be known of it."""
        self.file.write_text(text)
        configuration = readConfiguration(self.file, FOUND)
        found = check(self.site.machine, configuration, FOUND)
        return list(map(str, found or cautions(self.site.machine, configuration)))

    def assertPrints(self, page: str, text: str) -> None:
        """The command on a page prints what the page says."""
        self.file.write_text(text)
        machine = evolve(address.theMachine(), resolver=StaticResolver(ZONE))
        self.patch(address, "theMachine", lambda: machine)
        [session] = [
            each for each in blocks(page, "::\n") if "smtpx address test" in each
        ]
        command, _, printed = session.partition("\n")
        ran = Terminal().run(*command.split()[2:])
        self.assertEqual((ran.status, ran.out), (0, printed), ran.err)

    def test_sendToTheWorld(self) -> None:
        """Each configuration is of use, and mail goes where the page says."""
        short, long, tls, source = blocks(
            "send-to-the-world.rst", ".. code-block:: toml\n"
        )
        [nobody] = self.problems(short)
        self.assertIn("nobody can log in yet", nobody)
        self.assertEqual(self.problems(long), [])
        # The addresses on the page are nobody's.
        for problem in self.problems(BASE + HOME + source):
            self.assertIn(": mail would wait: ", problem)
        self.assertEqual(self.problems(BASE + HOME + tls), [])
        self.assertPrints("send-to-the-world.rst", long)
        told = self.problems(long.rpartition("[[route]]")[0])
        self.assertEqual(len(told), 1)
        self.assertIn("550 5.1.2", told[0])

    def test_early(self) -> None:
        """The configurations of the page on early pipelining are of use."""
        marker = ".. code-block:: toml\n"
        early, log = blocks("early-pipelining.rst", marker)
        self.assertEqual(self.problems(BASE + HOME + early), [])
        self.assertEqual(self.problems(BASE + log), [])

    def test_smartHost(self) -> None:
        """Each configuration is of use, and the sender decides as the page says."""
        ensureCertificate(self.site.folder, ["smtp.provider.example"], NOW)
        (self.site.folder / "ca.pem").rename(self.site.folder / "provider-ca.pem")
        first, *others = blocks("smart-host.rst", ".. code-block:: toml\n")
        self.assertEqual(self.problems(first), [])
        for each in others:
            self.assertEqual(self.problems(BASE + HOME + each), [], each)
        self.assertPrints("smart-host.rst", BASE + HOME + others[-1])

    def test_checkpoint(self) -> None:
        """Each configuration is of use."""
        first, second, third = blocks("checkpoint.rst", ".. code-block:: toml\n")
        for each in (first, second, third):
            self.assertEqual(self.problems(BASE + HOME + each), [], each)
        _, _, lists = second.partition("[extensions.CHECKPOINT]")
        [caution] = self.problems(BASE + HOME + second.replace(lists, "\n"))
        self.assertIn("hosts_whole_in_syn", caution)

    def test_relayDomains(self) -> None:
        """Each configuration is of use."""
        whole, inside, *ways = blocks("relay-domains.rst", ".. code-block:: toml\n")
        [listed] = blocks("relay-domains.rst", ".. code-block:: text\n")
        Path("recipients").write_text(listed)
        self.assertEqual(self.problems(whole), [])
        self.assertEqual(self.problems("name = 'mx2.example.org'\n" + inside), [])
        self.assertEqual(len(ways), 4)
        for each in ways:
            self.assertEqual(self.problems(each), [], each)
        table = readList(Path("recipients"))
        for path, known in (
            (b"ann@branch.example", True),
            (b"anybody@other.example", True),
            (b"eve@branch.example", None),
        ):
            self.assertIs(table.find(path), known)
