"""
The commands about the queue that the manual shows are commands.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands.main import MainOptions
from smtpx.commands.queueactions import RemoveOptions
from smtpx.commands.queuefilters import Selecting
from smtpx.queue.interfaces import State

DOC = Path(smtpx.__file__).parent.parent / "doc"
PAGES = ("howto/queue.rst", "reference/commands.rst")

_COMMAND = re.compile(r"^ +\$ smtpx (queue .*)$", re.MULTILINE)


class ManualTests(SynchronousTestCase):
    """What the manual says of the queue."""

    def commands(self) -> list[list[str]]:
        """The commands, as words."""
        found = []
        for page in PAGES:
            for line in _COMMAND.findall((DOC / page).read_text("utf-8")):
                words = shlex.split(line)
                found.append(words[: words.index("|")] if "|" in words else words)
        return found

    def test_commands(self) -> None:
        """Each can be typed as it stands there, and every one is shown."""
        commands = self.commands()
        for words in commands:
            options = MainOptions()  # type: ignore[no-untyped-call]  # Twisted's
            options.parseOptions(words)
            chosen = options.subOptions.subOptions
            if isinstance(chosen, Selecting):
                chosen.selection()
        shown = {words[1] for words in commands}
        self.assertEqual(
            shown,
            set("list show summary retry hold release bounce remove".split()),
        )

    def test_filters(self) -> None:
        """The page on commands has every filter, that on the socket every field."""
        page = (DOC / "reference/commands.rst").read_text("utf-8")
        options = RemoveOptions()
        for name in options.longOpt:
            option = f"--{name.rstrip('=')}"
            if option not in ("--help", "--version"):
                self.assertIn(f"``{option}", page)
        for state in State:
            self.assertIn(f"``{state.value.replace(' ', '-')}``", page)
        control = (DOC / "reference/control.rst").read_text("utf-8")
        fields = "ids senders recipients domains older younger larger smaller text"
        for field in f"{fields} states lanes until".split():
            self.assertIn(f"``{field}``", control)
