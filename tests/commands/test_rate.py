"""
Tests for L{smtpx.commands.rate}.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import textwrap
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.commands import rate
from smtpx.policy.strangers.pace import Level, Mode, Pace
from smtpx.policy.strangers.ratesfile import Counted, Place, RatesFile

from .terminals import Ran, Terminal

DOC = Path(smtpx.__file__).parent.parent / "doc"

#: 2026-11-22 10:00:00 UTC.
NOW = 1_795_341_600.0

_ANN = Place("recipients per user in 1h, leaky", "ann")
_CLIENT = Place("refusals per client in 1h, strict", "192.0.2.7")


class RateTests(SynchronousTestCase):
    """C{smtpx rate}."""

    def setUp(self) -> None:
        """A configuration, of a server that has not run yet."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "rates.sqlite")
        self.configuration = self.folder / "smtpx.toml"
        self.configuration.write_text('state = "."\n')
        self.patch(rate._FileOptions, "now", staticmethod(lambda: NOW))

    def run_(self, command: str, *words: str) -> Ran:
        """Run a command."""
        configuration = ("--config", str(self.configuration))
        return Terminal().run("rate", command, *configuration, *words)

    def said(self, command: str, *words: str) -> list[str]:
        """What is printed where all is well."""
        ran = self.run_(command, *words)
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out.splitlines()

    def failed(self, command: str, *words: str, status: int = 1) -> str:
        """What is wrong."""
        ran = self.run_(command, *words)
        self.assertEqual(ran.status, status)
        return ran.err.removeprefix("smtpx: ").removesuffix("\n")

    def know(self) -> None:
        """A server has counted."""
        file = RatesFile(self.path)
        for place, mode, value, before in (
            (_ANN, Mode.LEAKY, 203.0, 60),
            (_CLIENT, Mode.STRICT, 12.0, 1800),
        ):
            at = NOW - before
            pace, level = Pace(3600.0, mode), Level(value, at)
            file.exchange([Counted(place, pace, level, value, at, 0)], at, 100)
        file.claim("user ann", NOW - 120, 86400)
        file.close()

    def test_page(self) -> None:
        """It prints what the manual shows."""
        self.know()
        page = (DOC / "reference/commands.rst").read_text("utf-8")
        run = 0
        for shown in re.findall(r"(?m)^   \$ smtpx rate (.*\n(?:   .*\n)*)", page):
            command, *lines = textwrap.dedent(f"   {shown}").splitlines()
            words = shlex.split(command.replace("--config smtpx.toml", ""))
            self.assertEqual(self.said(*words), lines)
            run += 1
        self.assertEqual(run, 2)

    def test_nothing(self) -> None:
        """Where nothing was counted, it says so, and makes no file."""
        self.assertEqual(self.said("list"), ["Nothing was counted."])
        self.assertEqual(self.said("list", "--json"), ["[]"])
        self.assertEqual(self.failed("forget", "x"), "nothing was counted of x")
        self.assertFalse(os.path.exists(self.path))

    def test_some(self) -> None:
        """One can ask for somebody, or for a rate."""
        self.know()
        self.assertEqual(len(self.said("list", "ann")), 2)
        self.assertEqual(len(self.said("list", "192.0.2.7")), 1)
        (line, _) = self.said("list", "--rate", "Refusals")
        self.assertIn("192.0.2.7", line)

    def test_json(self) -> None:
        """Programs get all there is to know."""
        self.know()
        found = json.loads("\n".join(self.said("list", "--json")))
        self.assertEqual(
            found[0],
            {
                "rate": "recipients per user in 1h, leaky",
                "of": "ann",
                "value": 203.0,
                "last_at": NOW - 60,
                "expires_at": NOW - 60 + 36000,
            },
        )

    def test_forget(self) -> None:
        """Of whom one forgets nothing is left; of whom nothing is known it is told."""
        self.know()
        self.assertEqual(self.said("forget", "192.0.2.7"), ["192.0.2.7: forgot 1 rate"])
        self.assertEqual(
            self.failed("forget", "192.0.2.7", "x\n"),
            "nothing was counted of 192.0.2.7, x\\x0a",
        )
        self.assertEqual(len(self.said("list")), 2)

    def test_wrong(self) -> None:
        """What makes no sense is told."""
        self.assertIn("whom?", self.failed("forget", status=2))
        self.assertEqual(Terminal().run("rate").status, 2)
        Path(self.path).write_bytes(b"no database" * 100)
        self.assertIn("it is damaged; a server puts it aside", self.failed("list"))
