"""
A server of ours with a configuration of its own, where a test has put it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .running import RunningProgram


class OurProgram(RunningProgram):
    """
    C{twistd -n smtpx}, in a folder that may be there from before.
    """

    def __init__(self, folder: Path, configuration: str) -> None:
        """
        Start it, and wait until it listens.

        @param configuration: all of it, in TOML; its state is in C{state}.
        @raise AssertionError: it does not start.
        """
        folder.mkdir(exist_ok=True)
        (folder / "smtpx.toml").write_text(configuration, "utf-8")
        twistd = str(Path(sys.executable).with_name("twistd"))
        words = ["-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
        RunningProgram.__init__(self, folder, [twistd, *words])
        self.await_(re.compile("State is in "))

    def log(self) -> str:
        """Its main log; empty, if nothing has happened yet."""
        file = self.folder / "state" / "main.log"
        return file.read_text("utf-8") if file.exists() else ""


__all__ = ["OurProgram"]
