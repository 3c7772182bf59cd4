"""
Tests for L{smtpx.commands.main} and L{smtpx.commands.console}.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from io import StringIO

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands import console, main as commands
from smtpx.commands.console import Warnings
from smtpx.commands.main import main
from smtpx.commands.sendline import SendLine

from .terminals import Terminal


class MainTests(SynchronousTestCase):
    """The C{smtpx} command."""

    def test_help(self) -> None:
        """C{--help} and C{-h} name the commands, and say where the server is."""
        for word in ("--help", "-h"):
            ran = Terminal().run(word)
            self.assertEqual((ran.status, ran.err), (0, ""))
            self.assertTrue(ran.out.startswith("Usage: smtpx\n"), ran.out)
            self.assertIn("passwd", ran.out)
            self.assertIn("twistd smtpx", " ".join(ran.out.split()))

    def test_version(self) -> None:
        """That of smtpx, not of Twisted; of commands as well."""
        for words in (("--version",), ("passwd", "--version")):
            ran = Terminal().run(*words)
            self.assertEqual((ran.status, ran.out), (0, f"smtpx {version('smtpx')}\n"))

    def test_helpOfACommand(self) -> None:
        """Each command has help of its own."""
        ran = Terminal().run("passwd", "--help")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertTrue(
            ran.out.startswith("Usage: smtpx passwd [options] USER\n"), ran.out
        )
        for word in ("--stdin", "--delete", "--list", "--file=", "--iterations="):
            self.assertIn(word, ran.out)

    def test_withoutACommand(self) -> None:
        """Status 2, and where to look."""
        ran = Terminal().run()
        self.assertEqual(
            (ran.status, ran.out, ran.err),
            (2, "", "smtpx: which command?  See 'smtpx --help'\n"),
        )

    def test_whatThereIsNot(self) -> None:
        """Unknown commands and options."""
        for words, why in (
            (("frob",), "Unknown command: frob; see 'smtpx --help'"),
            (
                ("config", "frob"),
                "Unknown command: frob; see 'smtpx config --help'",
            ),
            (
                ("--frob",),
                "option --frob not recognized here: options stand behind the command",
            ),
            (
                ("queue", "-c", "smtpx.toml", "list"),
                "option -c not recognized here: options stand behind the command",
            ),
            (("passwd", "--frob", "joe"), "option --frob not recognized"),
        ):
            ran = Terminal().run(*words)
            self.assertEqual((ran.status, ran.err), (2, f"smtpx: {why}\n"))

    def test_optionsBehindArguments(self) -> None:
        """They count there as well, and are no arguments; what is behind C{--} is."""
        for words, why in (
            (("why", "joe", "--frob"), "option --frob not recognized"),
            (("why", "--", "--json", "joe"), "which message?  Give one id"),
        ):
            ran = Terminal().run(*words)
            self.assertEqual((ran.status, ran.err), (2, f"smtpx: {why}\n"))
        ran = Terminal().run("address", "test", "joe@localhost", "--offline")
        self.assertEqual((ran.status, ran.err), (0, ""))

    def test_emptyValues(self) -> None:
        """A value that is empty is one: C{--from ''} is the null sender."""
        for words in (("--from", ""), ("--from=",), ("-f", "")):
            line = SendLine()
            line.parseOptions([*words, "--to", "joe@x.example"])
            self.assertEqual(line["from"], "")

    def test_interrupted(self) -> None:
        """Control-C at the question for a password is no traceback."""

        def interrupt(prompt: str) -> str:
            raise KeyboardInterrupt

        folder = self.mktemp()
        terminal = Terminal()
        ran = terminal.run("passwd", "--file", folder, "joe", secret=interrupt)
        self.assertEqual((ran.status, ran.out, ran.err), (130, "", "\n"))

    def test_asAProcess(self) -> None:
        """Without anything given: this process's arguments, terminal and log."""
        out = StringIO()
        begun: list[str] = []
        self.patch(commands, "tellWarnings", lambda: begun.append("log"))
        self.patch(sys, "argv", ["smtpx", "--version"])
        self.patch(sys, "stdout", out)
        self.patch(sys, "stdin", _Input())
        self.assertEqual(main(), 0)
        self.assertEqual(out.getvalue(), f"smtpx {version('smtpx')}\n")
        self.assertEqual(begun, ["log"])


class WarningsTests(SynchronousTestCase):
    """What is not as it should be, while a command runs."""

    def setUp(self) -> None:
        """Somebody reads the error output."""
        self.err = StringIO()
        self.observer = Warnings(self.err)

    def told(self) -> str:
        """What was read."""
        return self.err.getvalue()

    def test_aLine(self) -> None:
        """A plug-in that cannot be used is one line, and no traceback."""
        log = Logger("smtpx.service.extensions", observer=self.observer)
        try:
            raise ImportError("no module\nnamed x")
        except ImportError:
            log.failure("Extension {plugin} cannot be used", plugin="y")
        self.assertEqual(
            self.told(),
            "smtpx: warning: Extension y cannot be used: no module named x\n",
        )

    def test_onlyWarnings(self) -> None:
        """What is of less weight, or Twisted's, is not told."""
        Logger("smtpx.service", observer=self.observer).info("hello")
        Logger("twisted.plugin", observer=self.observer).error("a traceback")
        self.assertEqual(self.told(), "")
        Logger("smtpx.service", observer=self.observer).warn("a {what}", what="word")
        self.assertEqual(self.told(), "smtpx: warning: a word\n")

    def test_begin(self) -> None:
        """A process tells them on its error output, and forgets what was before."""
        given: list[tuple[list[object], dict[str, object]]] = []

        class Beginner:
            def beginLoggingTo(self, observers: list[object], **more: object) -> None:
                """See L{twisted.logger.LogBeginner}."""
                given.append((observers, more))

        self.patch(console, "globalLogBeginner", Beginner())
        console.tellWarnings()
        [([observer], options)] = given
        self.assertIsInstance(observer, Warnings)
        self.assertEqual(options, {"discardBuffer": True, "redirectStandardIO": False})


class _Buffer:
    def readline(self) -> bytes:
        """Nothing is typed."""
        return b""


class _Input:
    buffer = _Buffer()

    def isatty(self) -> bool:
        """Nobody is there."""
        return False
