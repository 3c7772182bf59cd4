"""
The pages on ARC can be taken at their word.
"""

from __future__ import annotations

import textwrap

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from tests.mailauth.dkimmail import RSA_PEM

from .made import FOUND, site
from .test_manual import blocks


class ARCPagesTests(SynchronousTestCase):
    """Their examples."""

    def test_configurations(self) -> None:
        """Nothing is wrong with them, and the last one seals."""
        made = site(self.mktemp())
        path = made.folder / "example.org.a2026.pem"
        path.write_bytes(RSA_PEM)
        path.chmod(0o600)
        seals = []
        for text in blocks("howto/arc.rst", "toml"):
            file = made.folder / "smtpx.toml"
            file.write_text(f"name = 'mail.example.org'\n{textwrap.dedent(text)}")
            configuration = readConfiguration(file, FOUND)
            self.assertEqual(check(made.machine, configuration, FOUND), [])
            seals += [each.arcSign for each in configuration.routes or ()]
        (sign,) = seals
        assert sign is not None
        self.assertEqual((sign.domain, sign.file), (b"example.org", path))
