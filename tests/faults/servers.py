"""
The real server as a process, to be traced, killed and starved.

It is C{twistd -n smtpx} with a configuration of the test's, in a folder that
outlives it: the next one that is started there goes on with its state.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .processes import ROOT

#: Longer than anything takes here; what is not there by then never will be.
PATIENCE_SECONDS = 120.0

_CONFIGURATION = """\
name = "mx.example.org"
state = "{state}"
workers = {workers}

[[listener]]
address = "127.0.0.1"
port = 0
tls = "none"

[local]
domains = ["*"]

[[route]]
match = ["*"]
{route}

[limits]
{limits}
"""

_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+) ")


def waitFor(
    found: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS
) -> None:
    """
    Look again and again until C{found} is true.

    @param seconds: for how long.
    @raise AssertionError: it never was.
    """
    until = time.monotonic() + seconds
    while not found():
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.01)


class Server:
    """
    A server, which can be started again and again.

    @ivar folder: where it runs, absolute.
    @ivar state: where it keeps its state.
    @ivar workers: how many it has when it is started.
    @ivar port: where it listens, while it runs.
    @ivar pid: of the server itself, while it runs.
    """

    def __init__(
        self, folder: str, route: str, limits: str = "", state: str | None = None
    ) -> None:
        """
        @param folder: is made.
        @param route: options of the one route, in TOML.
        @param limits: options of C{[limits]}.
        @param state: the folder of the state; L{None}: one in C{folder}.
        """
        self.folder = Path(folder).resolve()
        self.folder.mkdir()
        self.state = Path(state or self.folder / "state").resolve()
        self.workers = 1
        self._words = {"state": self.state, "route": route, "limits": limits}
        self.port = self.pid = 0
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def spool(self) -> str:
        """The numbered folder of its spool."""
        return str(self.state / "spool" / "1")

    def start(self, before: Sequence[str] = (), program: Sequence[str] = ()) -> None:
        """
        Start it, and wait until it listens.

        @param before: a command that runs another one, such as strace.
        @param program: what is run in the place of C{twistd}.
        @raise AssertionError: it does not start.
        """
        self.begin(before, program)
        self._await()

    def begin(self, before: Sequence[str] = (), program: Sequence[str] = ()) -> None:
        """Start it, and do not wait."""
        text = _CONFIGURATION.format(workers=self.workers, **self._words)
        (self.folder / "smtpx.toml").write_text(text, "utf-8")
        self._starts += 1
        twistd = program or [str(Path(sys.executable).with_name("twistd"))]
        # A file of its own each time: a killed one leaves it behind.
        options = ["-n", f"--pidfile={self._pidFile}", "smtpx", "--config"]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*before, *twistd, *options, "smtpx.toml"],
                cwd=self.folder,
                # The folder first on the path is the one of the tests that run.
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    @property
    def _pidFile(self) -> Path:
        return self.folder / f"twistd{self._starts}.pid"

    @property
    def _said(self) -> Path:
        return self.folder / f"said{self._starts}.log"

    def said(self) -> str:
        """All that it has printed since it was started."""
        return self._said.read_text("utf-8", "replace")

    def _await(self) -> None:
        def listens() -> bool:
            found = _LISTENING.search(self.said())
            if found is None:
                assert self.runs(), f"it has ended:\n{self.said()}"
                return False
            self.port = int(found[1])
            return True

        waitFor(listens, "the server listens")
        self.pid = int(self._pidFile.read_text("ascii"))

    def runs(self) -> bool:
        """Is there a process?"""
        return self._process is not None and self._process.poll() is None

    def cpuSeconds(self) -> float:
        """How much the process has computed."""
        text = Path(f"/proc/{self.pid}/stat").read_text("ascii")
        words = text.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def isAsleep(self) -> bool:
        """Does it wait for something, and not for the processor?"""
        text = Path(f"/proc/{self.pid}/stat").read_text("ascii")
        return text.rpartition(")")[2].split()[0] == "S"

    def kill(self) -> None:
        """End it by SIGKILL, wherever it is in its life; if it lives."""
        process, self._process = self._process, None
        if process is None:
            return
        if self.pid and process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
        self.pid = self.port = 0
        process.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """
        End it as an operator does, by SIGTERM.

        @raise AssertionError: it did not end as it should.
        """
        process, self._process = self._process, None
        assert process is not None
        os.kill(self.pid, signal.SIGTERM)
        self.pid = self.port = 0
        process.wait(PATIENCE_SECONDS)
        said = self.said()
        assert "Server Shut Down" in said, said
