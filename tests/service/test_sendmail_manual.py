"""
Tests for the configurations in C{doc/howto/sendmail.rst}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.config import readConfiguration
from smtpx.service.toml import parseDocument

from .made import FOUND
from .test_manual import blocks

PAGE = "howto/sendmail.rst"


class SendmailManualTests(SynchronousTestCase):
    """What stands there can be used."""

    def test_configurations(self) -> None:
        """Each is read, and says what the page says."""
        read = [
            readConfiguration(
                parseDocument(text, "smtpx.toml", Path("/etc")).values, FOUND
            )
            for text in blocks(PAGE, "toml")
        ]
        first, grouped, forced = (each.sendmail for each in read)
        self.assertEqual(str(read[0].dropFolder), "/var/spool/smtpx")
        self.assertEqual((first.group, first.forceSender), (None, False))
        self.assertEqual(grouped.group, "mailers")
        self.assertEqual(
            (forced.forceSender, forced.trusted), (True, ("root", "www-data"))
        )
