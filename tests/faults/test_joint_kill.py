"""
Processes that count together are killed at any moment: never too many are let in, and
nobody is counted who is no more.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from .crowd import KEYS, MOST, PROCESSES
from .processes import start


class JointKillTests(SynchronousTestCase):
    """Real processes, with C{kill -9}."""

    def lived(self) -> tuple[str, list[tuple[int, str, str, int]]]:
        """
        What is counted when all have ended, and what they wrote down: when, who, what,
        and of which key.
        """
        path = Path(self.mktemp())
        words = [sys.executable, "-W", "error", "-m", "tests.faults.crowd", str(path)]
        program = start([*words[:-1], str(path.absolute())])
        try:
            output, _ = program.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
        lines = [line.split() for line in path.read_text("ascii").splitlines()]
        told = [(int(at), pid, what, int(key)) for _, pid, what, key, at in lines]
        return output.decode("ascii"), sorted(told)

    def test_neverTooMany(self) -> None:
        """
        At no moment do more have something than may, and in the end nobody has.
        """
        output, told = self.lived()
        self.assertEqual(output.split(), [str(PROCESSES), *["0"] * len(KEYS)])
        had: defaultdict[str, Counter[int]] = defaultdict(Counter)
        took = 0
        for _, pid, what, key in told:
            if what == "x":
                # What it had, others may have from now on.
                had.pop(pid, None)
                continue
            had[pid][key] += 1 if what == "+" else -1
            took += what == "+"
            self.assertLessEqual(sum(each[key] for each in had.values()), MOST)
        # They were not in each other's way for ever, either.
        self.assertGreater(took, 1000)
