"""
The page on DMARC can be taken at its word.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.dmarc import Status
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration

from .made import FOUND, site
from .test_manual import DOC, blocks


class DMARCPageTests(SynchronousTestCase):
    """
    Its examples.
    """

    def test_configurations(self) -> None:
        """
        Each is one, together with the first; the files that they name have to be there.
        """
        here = site(self.mktemp())
        file = here.folder / "smtpx.toml"
        (here.folder / "public_suffix_list.dat").write_bytes(b"com\n")
        first, *others = blocks("howto/dmarc.rst", "toml")
        self.assertEqual(6, len(others))
        for text in ("", *others):
            text = text.replace("/var/lib/smtpx", str(here.folder))
            file.write_text(f"name = 'mail.example.org'\n{first}\n{text}")
            configuration = readConfiguration(file, FOUND)
            self.assertEqual([], check(here.machine, configuration, FOUND), text)
            self.assertEqual([], list(cautions(here.machine, configuration)), text)

    def test_statuses(self) -> None:
        """
        The page names all there are.
        """
        page = Path(DOC / "howto/dmarc.rst").read_text("utf-8")
        for status in Status:
            self.assertIn(f"\n``{status.value}``", page)
