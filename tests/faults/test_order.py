"""
250 means "on the disk": seen in what the process asks of the kernel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .processes import command, start
from .syncorder import OPTIONS, Findings, check, parse

MESSAGES = 60

TOLD = re.compile(rb"^250 (?P<id>\S+) ", re.MULTILINE)
TOLD_ANY = re.compile(rb"^250 ", re.MULTILINE)


class OrderTests(SynchronousTestCase):
    """A real process under strace."""

    slow = True

    def setUp(self) -> None:
        """strace has to be there, and has to be allowed."""
        strace = shutil.which("strace")
        if strace is None:
            raise SkipTest("strace is not installed")
        tried = subprocess.run([strace, "true"], capture_output=True, check=False)
        if tried.returncode:
            raise SkipTest("strace may not trace processes here")
        self.strace = strace

    def path(self) -> str:
        """A path for the program, which runs elsewhere."""
        path: str = self.mktemp()
        return os.path.realpath(path)

    def run_(self, pattern: re.Pattern[bytes], *options: str) -> Findings:
        """Trace the program; what is found in the trace."""
        folder, trace = self.path(), self.path()
        words = command(folder, "--messages", str(MESSAGES), *options)
        process = start([self.strace, *OPTIONS, "-o", trace, *words])
        said, _ = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(len(said.splitlines()), MESSAGES)
        with open(trace, "rb") as lines:
            return check(parse(lines), pattern, os.path.join(folder, "1"))

    def test_manySessions(self) -> None:
        """Each of ten sessions is told only of what was synced."""
        found = self.run_(TOLD)
        self.assertEqual(found.problems, ())
        self.assertEqual(found.acknowledged, MESSAGES)
        self.assertGreater(found.filed, 3)

    def test_oneSession(self) -> None:
        """With one session nothing at all is unsynced when it is told."""
        found = self.run_(TOLD_ANY, "--sessions", "1")
        self.assertEqual(found.problems, ())
        self.assertEqual(found.acknowledged, MESSAGES)
        self.assertGreater(found.filed, 3)

    def test_withoutDurability(self) -> None:
        """The same test fails with C{synchronous=OFF} and with C{NORMAL}."""
        for durability in ("OFF", "NORMAL"):
            found = self.run_(TOLD, "--durability", durability)
            self.assertEqual(found.acknowledged, MESSAGES)
            # A checkpoint syncs the log now and then even so.
            self.assertGreater(len(found.problems), MESSAGES // 2, durability)
