"""
Tests for L{smtpx.service.workers.brief}.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.workers.brief import Brief, environment

from ..made import FOUND

TEXT = """\
workers = 3
state = "here"
# \u00e4
[[listener]]
port = 2525
"""


class BriefTests(SynchronousTestCase):
    """What a zygote has to know."""

    def handed(self, configuration: Configuration) -> Brief:
        """What comes out at the other side."""
        families = [socket.AF_INET, socket.AF_UNIX]
        with Brief.of(configuration, families).write() as file:
            # The first to read it leaves it as it was for the next.
            self.assertEqual(Brief.read(file.fileno()), Brief.read(file.fileno()))
            return Brief.read(file.fileno())

    def test_file(self) -> None:
        """
        A configuration is the same on the other side, though the file may be gone or
        changed by then.
        """
        file = Path(self.mktemp()).absolute()
        file.write_text(TEXT, "utf-8")
        configuration = readConfiguration(file, FOUND)
        file.unlink()
        brief = self.handed(configuration)
        self.assertEqual(brief.families, (socket.AF_INET, socket.AF_UNIX))
        read = brief.configuration(FOUND)
        self.assertEqual(read, configuration)
        self.assertEqual(read.state, file.parent / "here")
        self.assertEqual(str(read.problem(("state",), "?")), f"{file}:2: state: ?")

    def test_nothing(self) -> None:
        """No configuration is none on the other side, in the same folder."""
        configuration = readConfiguration(None, FOUND)
        read = self.handed(configuration).configuration(FOUND)
        self.assertEqual(read, configuration)
        self.assertEqual(dict(read.document.values), {})

    def test_environment(self) -> None:
        """It finds our modules, and what it starts finds what we have found."""
        for variable in (None, "somewhere"):
            self.patch(os, "environ", {"A": "b"})
            if variable is not None:
                os.environ["PYTHONPATH"] = variable
            before = dict(os.environ)
            brief = self.handed(readConfiguration(None, FOUND))
            given = environment()
            self.assertEqual(given["A"], "b")
            path = given["PYTHONPATH"].split(os.pathsep)
            self.assertEqual(path, [each for each in sys.path if each])
            self.patch(os, "environ", given)
            brief.restore()
            self.assertEqual(os.environ, before)
