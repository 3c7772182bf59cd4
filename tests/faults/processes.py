"""
How the tests of faults start the program that they harm.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import smtpx

ROOT = Path(smtpx.__file__).parent.parent


def command(folder: str, *options: str) -> list[str]:
    """The command that runs L{tests.faults.committer}."""
    return program("tests.faults.committer", os.path.abspath(folder), *options)


def program(module: str, *options: str) -> list[str]:
    """The command that runs a program of these tests."""
    return [sys.executable, "-W", "error", "-m", module, *options]


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Start a command whose output is read."""
    # The folder first on the path is the one of the tests that run.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, cwd=ROOT, env=environment, bufsize=0
    )
