"""
The manual pages; tests for L{smtpx.commands.manpages}.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.main import MainOptions
from smtpx.commands.manpages import pages, write
from smtpx.commands.roff import escaped
from smtpx.service.config import Configuration
from smtpx.service.maker import Options as ServerOptions
from smtpx.service.schema import Table

from .test_manual import commands


def leaves(options: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Each command that does something, with its options."""
    below = getattr(options, "subCommands", None)
    if not below:
        yield prefix, options
    for name, _, made, _ in below or ():
        yield from leaves(made, f"{prefix} {name}")


class ManPagesTests(SynchronousTestCase):
    """They say what there is."""

    def setUp(self) -> None:
        """Make them."""
        self.pages = pages()

    def test_everyCommand(self) -> None:
        """Each has a page, or a part of one."""
        text = "".join(self.pages.values())
        for command in commands(MainOptions, "smtpx"):
            self.assertIn(f"\\fB{escaped(command)}\\fR ", text)

    def test_everyOption(self) -> None:
        """Each that C{--help} has."""
        found = dict(leaves(MainOptions, "smtpx"))
        del found["smtpx sendmail"]
        for command, options in [*found.items(), ("twistd smtpx", ServerOptions)]:
            name = "twistd-smtpx.8" if "twistd" in command else ""
            page = self.pages[name or f"smtpx-{command.split()[1]}.1"]
            for word in options().longOpt:
                if word != "version":
                    self.assertIn(escaped(f"--{word.removesuffix('=')}"), page)

    def test_optionsStandThereOnce(self) -> None:
        """Also those that a command has from two sides."""
        listing = self.pages["smtpx-queue.1"].split("smtpx queue list")[2]
        listing = listing.split("smtpx queue show")[0]
        self.assertEqual(listing.count(escaped("--config=")), 1)

    def test_everyTable(self) -> None:
        """Each of the configuration."""
        page = self.pages["smtpx.toml.5"]
        for option in Table.of(Configuration).options:
            self.assertIn(escaped(option.name), page)
        self.assertIn(".SH [extensions.PIPECONNECT]\n", page)
        self.assertIn(".SH [[listener]]\n", page)

    def test_written(self) -> None:
        """What is no page any more is removed."""
        folder = Path(self.mktemp())
        write(folder)
        (folder / "smtpx-old.1").touch()
        (folder / "other.txt").touch()
        write(folder)
        names = {path.name for path in folder.iterdir()}
        self.assertEqual(names, {*self.pages, "other.txt"})
