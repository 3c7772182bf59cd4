"""
Tests for L{smtpx.service.reference}.
"""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.core.bounds import Bounds
from smtpx.service.reference import page
from smtpx.service.schema import optionName

PAGE = Path(smtpx.__file__).parent.parent / "doc/reference/configuration.rst"


class ReferenceTests(SynchronousTestCase):
    """The page about the configuration."""

    def test_upToDate(self) -> None:
        """
        The page in the manual says what the classes say.  If not:
        C{python -m smtpx.service.reference > doc/reference/configuration.rst}
        """
        self.assertEqual(PAGE.read_text("utf-8"), page())

    def test_everyBoundIsThere(self) -> None:
        """No bound of the core is without an option, or without words for it."""
        [limits] = [
            each for each in page().split("\n``[") if each.startswith("limits]")
        ]
        sections = limits.split("\n``")
        for attribute in attrs.fields(Bounds):
            name = optionName(attribute.name)
            [section] = [each for each in sections if each.startswith(name + "``")]
            self.assertGreater(len(section.splitlines()), 2, name)

    def test_optionsAreExplained(self) -> None:
        """Under each option there is more than what it takes."""
        lines = page().split("\n")
        for number, line in enumerate(lines):
            if line.strip().startswith("``") and line.strip().endswith("``"):
                below = lines[number + 1].strip()
                if below and set(below) != {"-"}:
                    self.assertFalse(below.startswith("Takes "), line)
