"""
Tests for L{smtpx.commands.dropplace}.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import dropplace
from smtpx.commands.dropplace import NoPlace, SwitchedOff, dropPlace


class DropPlaceTests(SynchronousTestCase):
    """Where the folder is."""

    def setUp(self) -> None:
        """A configuration."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "smtpx.toml"

    def place(self, text: str) -> Path:
        """Where it is by a configuration."""
        self.path.write_text(text)
        found, source = dropPlace(str(self.path), {}, False)
        self.assertEqual(source, str(self.path))
        return found

    def test_places(self) -> None:
        """Its own option, or the state folder; relative to the file."""
        home = os.path.expanduser("~")
        for text, place in (
            ("", self.folder / "smtpx-state/drop"),
            ('state = "s"', self.folder / "s/drop"),
            ('state = "/var/s"', Path("/var/s/drop")),
            ('state = "~/s"', Path(home) / "s/drop"),
            ('[sendmail]\nfolder = "d"', self.folder / "d"),
            ('[sendmail]\nfolder = "/var/d"', Path("/var/d")),
            ('sendmail = "wrong"', self.folder / "smtpx-state/drop"),
        ):
            self.assertEqual(self.place(text), place)

    def test_whichFile(self) -> None:
        """The command line, then the environment, then the usual place."""
        self.path.write_text('state = "s"')
        environment = {"SMTPX_CONFIG": str(self.path)}
        self.assertEqual(dropPlace(None, environment, True)[0], self.folder / "s/drop")
        self.assertRaises(NoPlace, dropPlace, "none.toml", environment, True)
        self.patch(dropplace, "CONFIGURATION", str(self.path))
        self.assertEqual(dropPlace(None, {}, False)[0], self.folder / "s/drop")
        self.patch(dropplace, "CONFIGURATION", str(self.folder / "none"))
        error = self.assertRaises(NoPlace, dropPlace, None, {}, False)
        self.assertIn("name the configuration by -C, or in SMTPX_CONFIG", str(error))

    def test_theFirstStart(self) -> None:
        """Only a command that says so looks where it stands."""
        place = Path.cwd() / "smtpx-state/drop"
        self.assertEqual(dropPlace(None, {}, True), (place, None))

    def test_badFiles(self) -> None:
        """What is no configuration, and one that wants none of it."""
        self.assertRaises(NoPlace, self.place, "= what")
        self.assertRaises(SwitchedOff, self.place, "[sendmail]\nenabled = false")
        self.path.write_bytes(b"\xff")
        self.assertRaises(NoPlace, dropPlace, str(self.path), {}, False)
