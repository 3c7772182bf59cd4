"""
The pages on DKIM can be taken at their word.
"""

from __future__ import annotations

import textwrap

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.main import MainOptions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.wiring.dkim import keyEntries
from tests.mailauth.dkimmail import ED25519_PEM, RSA_PEM

from .made import FOUND, site
from .test_manual import DOC, blocks


class DKIMPagesTests(SynchronousTestCase):
    """Their examples."""

    def setUp(self) -> None:
        """A folder with the keys that the page names."""
        self.site = site(self.mktemp())
        for name, pem in (
            ("example.org.s2026.pem", RSA_PEM),
            ("example.org.s2027.pem", RSA_PEM),
            ("example.org.e2026.pem", ED25519_PEM),
        ):
            path = self.site.folder / name
            path.write_bytes(pem)
            path.chmod(0o600)

    def test_configurations(self) -> None:
        """Nothing is wrong with them; the new key does not sign yet."""
        counts = []
        page = (DOC / "howto/dkim.rst").read_text("utf-8")
        found = [textwrap.dedent(each) for each in blocks("howto/dkim.rst", "toml")]
        self.assertEqual(len(found), page.count("code-block:: toml"))
        for text in found:
            file = self.site.folder / "smtpx.toml"
            file.write_text(f"name = 'mail.example.org'\n{text}")
            configuration = readConfiguration(file, FOUND)
            self.assertEqual(check(self.site.machine, configuration, FOUND), [])
            counts.append(len(list(keyEntries(configuration))))
        self.assertEqual(counts, [1, 2, 2, 1])

    def test_commands(self) -> None:
        """There are such commands, with such options."""
        page = (DOC / "howto/dkim.rst").read_text("utf-8")
        lines = [
            line.split("$ smtpx ")[1] for line in page.splitlines() if "$ s" in line
        ]
        self.assertEqual(len(lines), 3)
        for line in lines:
            options = MainOptions()  # type: ignore[no-untyped-call]  # Twisted's
            options.parseOptions(line.split())

    def test_program(self) -> None:
        """The program of the reference page runs."""
        (text,) = blocks("reference/extensions/dkim.rst", "python")
        names: dict[str, object] = {"pem": RSA_PEM}
        exec(compile(text, "dkim.rst", "exec"), names)
        self.assertIn("options", names)
