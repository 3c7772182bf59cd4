"""
The page on SRS can be taken at its word.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.tables import Returning

from .made import FOUND, site
from .test_manual import blocks


class SRSPageTests(SynchronousTestCase):
    """Its examples."""

    def test_switchedOn(self) -> None:
        """
        Both configurations are right; the second takes more than reports.
        """
        made = site(self.mktemp())
        secret = made.folder / "srs.secret"
        secret.write_text("secret\n")
        secret.chmod(0o600)
        whole, more = blocks("howto/forward-with-srs.rst", "toml")
        for text, returning in ((whole, Returning.REPORTS), (more, Returning.ALL)):
            file = made.folder / "smtpx.toml"
            text = text.replace("/etc/smtpx/srs.secret", str(secret))
            if "[local]" not in text:
                text += "[local]\ndomains = ['example.org']\n"
            file.write_text(f"name = 'mail.example.org'\n{text}")
            configuration = readConfiguration(file, FOUND)
            self.assertEqual(check(made.machine, configuration, FOUND), [])
            self.assertIs(configuration.srs.returning, returning)
