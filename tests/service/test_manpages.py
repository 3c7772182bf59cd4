"""
The manual pages in the repository are those that L{smtpx.commands.manpages} makes.

It stands here, beside the test of the configuration's page, since every option of a
configuration is in one of them.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands.manpages import pages

FOLDER = Path(smtpx.__file__).parent.parent / "doc/man"

#: What makes them so.
HOW = "run: python -m smtpx.commands.manpages doc/man"


class ManPagesTests(SynchronousTestCase):
    """They are up to date."""

    def test_upToDate(self) -> None:
        """C{python -m smtpx.commands.manpages doc/man} would change nothing."""
        made = pages()
        found = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
        self.assertEqual(sorted(found), sorted(made), HOW)
        different = [name for name, text in made.items() if found[name] != text]
        self.assertEqual(different, [], HOW)
