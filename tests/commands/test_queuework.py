"""
Tests for L{smtpx.commands.queuework}.
"""

from __future__ import annotations

import io

from smtpx.commands.console import Console
from smtpx.commands.main import main

from .queues import QueueCase
from .terminals import Terminal


class Screen(io.StringIO):
    """An error output at which somebody sits."""

    def isatty(self) -> bool:
        """Somebody does."""
        return True


class MeterTests(QueueCase):
    """How far it is, on a terminal."""

    def test_drawn(self) -> None:
        """It is drawn over and over, and gone at the end."""
        self.put()
        screen = Screen()
        self.patch(io, "StringIO", Screen)
        self.patch(self.terminal.__class__, "run", _runOn(screen, self.terminal))
        self.terminal.run("queue", "remove", "--all")
        shown = screen.getvalue()
        self.assertEqual(shown, "\r1 of 1 looked at, 1 removed\x1b[K\r\x1b[K")


def _runOn(screen: Screen, terminal: Terminal) -> object:
    """Runs commands with that error output."""

    def run(self: Terminal, *words: str) -> int:
        out = io.StringIO()
        console = Console(out, screen, lambda: terminal.line, lambda _: "", True)
        return main(words, console)

    return run
