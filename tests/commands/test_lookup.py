"""Tests for L{smtpx.commands.lookup}."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import lookup
from smtpx.service.machine import Machine

from .terminals import Ran, Terminal

CONFIGURATION = """
[[lookup]]
name = "relaydomains"
kind = "lsearch"
file = "domains"
partial = 2
[[lookup]]
name = "called"
kind = "python"
python = "{module}:broken"
"""


def broken(key: bytes) -> None:
    """A look-up that cannot tell."""
    raise KeyError(key)


class LookupTests(SynchronousTestCase):
    """Looking something up by hand."""

    def setUp(self) -> None:
        """A configuration with look-ups."""
        machine = Machine(Clock())
        self.patch(lookup, "theMachine", lambda: machine)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.config = folder / "smtpx.toml"
        self.config.write_text(CONFIGURATION.format(module=__name__))
        (folder / "domains").write_bytes(b"*.example.org: yes \xff\nexample.net: no\n")

    def look(self, *words: str) -> Ran:
        """Run the command."""
        terminal = Terminal(interactive=False)
        return terminal.run("lookup", "--config", str(self.config), *words)

    def test_found(self) -> None:
        """The value; where it stands under another key, that and those before it."""
        ran = self.look("relaydomains", "example.net")
        self.assertEqual((ran.status, ran.out), (0, "no\n"))
        ran = self.look("relaydomains", "www.example.org")
        self.assertEqual(
            (ran.status, ran.out),
            (
                0,
                "yes \\xff\n  under: *.example.org\n"
                "  after: www.example.org, *.www.example.org\n",
            ),
        )

    def test_none(self) -> None:
        """Where there is none, the status says so."""
        ran = self.look("relaydomains", "a\nb.c")
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertIn("relaydomains has none of: a\\nb.c, *.a\\nb.c", ran.err)

    def test_json(self) -> None:
        """For programs, what there is and what there is not."""
        for key, found in (
            ("example.net", {"value": "no", "key": "example.net"}),
            ("x", {"value": None, "key": None}),
        ):
            ran = self.look("--json", "relaydomains", key)
            self.assertEqual(ran.status, int(found["value"] is None))
            tried = ["x", "*.x"] if key == "x" else ["example.net"]
            self.assertEqual(json.loads(ran.out), {**found, "tried": tried})

    def test_list(self) -> None:
        """Without arguments, which look-ups there are."""
        self.assertEqual(
            self.look().out.splitlines(),
            [
                f"relaydomains: lsearch {self.config.parent.absolute() / 'domains'}",
                f"called: python {__name__}:broken",
            ],
        )
        self.config.write_text("")
        self.assertIn("There are no look-ups", self.look().out)

    def test_cannotTell(self) -> None:
        """A look-up that is broken, one that there is not, and no key."""
        ran = self.look("called", "x")
        self.assertEqual(ran.status, 1)
        self.assertIn("KeyError: b'x'", ran.err)
        ran = self.look("relaydomian", "x")
        self.assertEqual(ran.status, 1)
        self.assertIn('no look-up relaydomian; did you mean "relaydomains"?', ran.err)
        self.assertEqual(self.look("relaydomains").status, 2)
        (self.config.parent / "domains").unlink()
        self.assertIn("cannot be read", self.look("relaydomains", "x").err)
