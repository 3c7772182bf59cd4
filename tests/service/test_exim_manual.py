"""
Tests for the page C{doc/howto/exim-queue.rst}; what it says of Exim is seen in
L{tests.interop.test_eximqueue}.
"""

from __future__ import annotations

import re
import shlex

from smtpx.commands.main import MainOptions
from smtpx.queue.queuefolder import QueueFolder
from smtpx.service.tables import TransportKind
from smtpx.spool.eximfiles import RECEIVED_MOST
from smtpx.spool.eximspool import RECIPIENTS_MOST
from smtpx.spool.eximwriter import HEADER_OCTETS

from .test_manual import DOC, blocks
from .test_routes import RouteTestCase

PAGE = DOC / "howto/exim-queue.rst"


class EximManualTests(RouteTestCase):
    """What the page says."""

    def test_examples(self) -> None:
        """The configurations can be read, and are about what they say."""
        route, watched = blocks("howto/exim-queue.rst", "toml")
        [entry] = self.read(route).routes or ()
        self.assertIs(entry.transport, TransportKind.QUEUEFILE)
        assert entry.directory is not None
        [folder] = self.read(watched).imports
        self.assertEqual(
            (str(folder.folder), folder.group), ("/srv/scanned", "scanner")
        )
        # With the folders of this machine, nothing is wrong with them.
        here = self.site.folder / "queue"
        here.mkdir(mode=0o755)
        text = route.replace(entry.directory, str(here))
        text += f"\n[[import]]\nfolder = '{here}'\n"
        self.assertEqual(self.faults(text), [])
        self.assertTrue(QueueFolder(here).path.is_dir())

    def test_commands(self) -> None:
        """The commands are those that there are, with their options."""
        text = PAGE.read_text("utf-8")
        lines = re.findall(r"^   \$ smtpx (.*)$", text, re.MULTILINE)
        self.assertEqual(len(lines), 2)
        for line in lines:
            options = MainOptions()  # type: ignore[no-untyped-call]  # Twisted's
            options.parseOptions(shlex.split(line))
            self.assertEqual(options.subCommand, "spool")

    def test_numbers(self) -> None:
        """The limits are those that hold."""
        text = PAGE.read_text("utf-8")
        self.assertIn("a header of more than a megabyte", text)
        self.assertEqual(HEADER_OCTETS, 1 << 20)
        self.assertIn(f"more than {RECIPIENTS_MOST} recipients", text)
        self.assertIn(f"more than {RECEIVED_MOST} fields ``Received``", text)
