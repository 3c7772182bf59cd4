"""
The manual's page on the commands says what there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands.main import MainOptions
from smtpx.service.maker import Options

PAGE = Path(smtpx.__file__).parent.parent / "doc/reference/commands.rst"


def commands(options: type[object], prefix: str) -> Iterator[str]:
    """Each command that does something."""
    below = getattr(options, "subCommands", None)
    if not below:
        yield prefix
        return
    for name, _, made, _ in below:
        yield from commands(made, f"{prefix} {name}")


class CommandsPageTests(SynchronousTestCase):
    """The page on the commands."""

    def test_everyCommandHasASection(self) -> None:
        """None is missing, and there is none that does not exist."""
        lines = PAGE.read_text("utf-8").split("\n")
        sections = {
            line.strip("`")
            for line, below in zip(lines, lines[1:], strict=False)
            if below and set(below) == {"-"} and line.startswith("``smtpx ")
        }
        self.assertEqual(sections, set(commands(MainOptions, "smtpx")))

    def test_everyOptionOfTheServerIsThere(self) -> None:
        """Those of C{twistd smtpx}."""
        text = PAGE.read_text("utf-8")
        named = [each[0] for each in (*Options.optParameters, *Options.optFlags)]
        self.assertEqual([word for word in named if f"``--{word}``" not in text], [])
