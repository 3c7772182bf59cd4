"""
What the tests of C{smtpx send} share.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from .terminals import Ran, Terminal
from .towns import Stage, staged

TO = ("--to", "bob@x.example", "--from", "ann@client.example")
HERE = ("--server", "mx.example", *TO)


class SendTestCase(SynchronousTestCase):
    """A test of C{smtpx send}."""

    def setUp(self) -> None:
        """There is a network."""
        self.stage: Stage = staged(self)
        self.patch(os, "environ", {})

    def send(self, *arguments: str, terminal: Terminal | None = None) -> Ran:
        """Run the command."""
        return (terminal or Terminal(interactive=False)).run("send", *arguments)

    def file(self, text: str, mode: int = 0o600) -> str:
        """A file with a text."""
        path = Path(self.mktemp())
        path.write_text(text)
        path.chmod(mode)
        return str(path)
