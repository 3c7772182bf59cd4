"""
Tests for L{smtpx.commands.config}.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import config
from smtpx.core.errors import Conflict
from smtpx.service.config import readConfiguration
from smtpx.service.extensions import findExtensions
from tests.commands.terminals import Ran, Terminal
from tests.tls.identities import ROOT, made
from tests.tls.responses import kept


class ConfigTests(SynchronousTestCase):
    """C{smtpx config}."""

    def setUp(self) -> None:
        """A folder for a file."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.file = folder / "smtpx.toml"

    def run_(self, command: str, text: str, *more: str) -> Ran:
        """Run a command on a file."""
        self.file.write_text(text)
        return Terminal().run("config", command, *more, str(self.file))

    def test_good(self) -> None:
        """Nothing is wrong, and nothing is made."""
        ran = self.run_("check", "[[listener]]\nport = 25\n")
        self.assertEqual(
            (ran.status, ran.out, ran.err), (0, f"{self.file}: nothing is wrong\n", "")
        )
        self.assertEqual(list(self.file.parent.iterdir()), [self.file])

    def test_bad(self) -> None:
        """Each fault has a line, with where it is and what was meant."""
        ran = self.run_("check", '[[listener]]\nport = 25\ntls = "startls"\n[lgo]\n')
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertIn(f"{self.file}:3: listener[0].tls: ", ran.err)
        self.assertIn('did you mean "starttls"?', ran.err)
        self.assertIn(f"{self.file}:4: lgo: ", ran.err)

    def test_namesWhatIsNotThere(self) -> None:
        """What the file names is looked at as well."""
        ran = self.run_(
            "check",
            '[tls]\ncertificates = [{ certificate = "no.pem", key = "no.key" }]\n',
        )
        self.assertEqual(ran.status, 1)
        self.assertIn(f"{self.file}:2: tls.certificates[0]: ", ran.err)

    def test_caution(self) -> None:
        """What a start does without is told of as well, and no fault."""
        files = kept(self.file.parent.absolute(), made(ROOT))
        ran = self.run_(
            "check",
            f'[[tls.certificates]]\ncertificate = "{files.chain}"\n'
            f'key = "{files.key}"\ntls_ocsp_file = "{files.staple}"\n',
        )
        self.assertEqual((ran.status, ran.err), (0, ""))
        warning, last = ran.out.splitlines()
        self.assertEqual(
            warning,
            f"warning: {self.file}:4: tls.certificates[0].tls_ocsp_file: "
            f"{files.staple}: No such file or directory; no staple would be sent",
        )
        self.assertEqual(last, f"{self.file}: it can be used")

    def test_noFile(self) -> None:
        """A file that is not there is said to be missing."""
        ran = Terminal().run("config", "check", str(self.file))
        self.assertEqual(
            (ran.status, ran.err),
            (1, f"smtpx: {self.file}: cannot be read: No such file or directory\n"),
        )

    def test_theFirstStart(self) -> None:
        """Who names no file is told that none was looked at."""
        *_, last = Terminal().run("config", "check").out.splitlines()
        self.assertEqual(
            last, "That is of no file, but of the first start; name a FILE."
        )

    def test_help(self) -> None:
        """The help shows how the command is written."""
        ran = Terminal().run("config", "check", "--help")
        line = "Usage: smtpx config check [options] [FILE]\n"
        self.assertTrue(ran.out.startswith(line), ran.out)

    def test_show(self) -> None:
        """What it would run by, as a file."""
        ran = self.run_("show", "[limits]\nconnections_max = 7\n")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertEqual(tomllib.loads(ran.out)["limits"]["connections_max"], 7)

    def test_showChanged(self) -> None:
        """Only what the file says."""
        ran = self.run_("show", "[limits]\nconnections_max = 7\n", "--changed")
        self.assertEqual(tomllib.loads(ran.out), {"limits": {"connections_max": 7}})
        self.assertEqual(
            self.run_("show", "", "--changed").out, "# Everything has its default.\n"
        )

    def test_default(self) -> None:
        """A file to begin with, which changes nothing."""
        ran = Terminal().run("config", "default")
        self.assertEqual((ran.status, ran.err), (0, ""))
        found = findExtensions()
        read = readConfiguration(tomllib.loads(ran.out), found)
        self.assertEqual(read.limits, readConfiguration(None, found).limits)
        self.assertIn("\n#[[listener]]\n", ran.out)

    def test_usage(self) -> None:
        """A command line that makes no sense."""
        for words, why in (
            ((), "check, show or default?  See 'smtpx config --help'"),
            (("check", "a", "b"), "one file at a time"),
            (("default", "a"), "Wrong number of arguments."),
        ):
            ran = Terminal().run("config", *words)
            self.assertEqual((ran.status, ran.err), (2, f"smtpx: {why}\n"))

    def test_conflict(self) -> None:
        """Two extensions of one name are said to be there."""

        def find() -> object:
            raise Conflict("a and b both bring X")

        self.patch(config, "findExtensions", find)
        for command in ("check", "show", "default"):
            ran = Terminal().run("config", command)
            self.assertEqual(
                (ran.status, ran.err), (1, "smtpx: a and b both bring X\n")
            )
