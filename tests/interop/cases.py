"""
What the cases share: a server for the test, what it has said where the test
fails, and programs of other makers.

All of it waits: the server and the clients are processes of their own, so the
test has nothing else to do meanwhile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .running import NAME, RunningProgram, RunningServer, removeFolder

#: The longest that a client of another maker may take.
CLIENT_SECONDS = 120.0


def findPeer(program: str, peer: str) -> str:
    """
    Where a program of another maker is: on the path, or where systems have those
    that are not for everybody.

    @param peer: whose it is.
    @raise SkipTest: it is not there.
    """
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which(program, path=os.pathsep.join([path, "/usr/sbin"]))
    if found is None:
        detail = "" if program == peer else f" ({program})"
        raise SkipTest(f"peer missing: {peer}{detail}")
    return found


class InteropTestCase(SynchronousTestCase):
    """
    A test with real processes and sockets.

    @ivar slow: these take longer than a quarter of a second.
    """

    slow = True

    def setUp(self) -> None:
        """Where the test fails, what the servers have said becomes known."""
        self._programs: list[RunningProgram] = []
        self._closings: list[Callable[[], object]] = []
        method = getattr(self, self._testMethodName)

        def telling() -> None:
            try:
                method()
                for close in self._closings:
                    close()
                for program in self._programs:
                    program.stop()
            except SkipTest:
                raise
            except Exception:
                story = [traceback.format_exc()]
                story += [self._story(program) for program in self._programs]
                raise self.failureException("\n".join(story)) from None

        setattr(self, self._testMethodName, telling)

    def _story(self, program: RunningProgram) -> str:
        logs = [program.folder / "said.log", *program.folder.glob("state/*.log")]
        return "\n".join(
            f"--- {path}\n{path.read_text('utf-8', 'replace')}" for path in logs
        )

    def running(self, program: RunningProgram) -> None:
        """See that a program ends with the test, and well, and leaves nothing."""
        self._programs.append(program)
        self.addCleanup(program.remove)
        self.addCleanup(program.kill)

    def closing(self, close: Callable[[], object]) -> None:
        """Have a client closed before the servers are stopped, and in any case."""
        self._closings.append(close)
        self.addCleanup(close)

    def serve(
        self,
        configuration: str = "",
        name: str = NAME,
        workers: int = 1,
        folder: Path | None = None,
    ) -> RunningServer:
        """
        Start a server.

        @param configuration: tables, in TOML, behind its name and listeners.
        @param name: what it calls itself.
        @param workers: how many.
        @param folder: where another one has run; L{None}: a new one.
        """
        where = folder or Path(self.mktemp()).absolute()
        if folder is None and workers > 1:
            # Each has a socket, deep inside.
            above = Path(mkdtemp(prefix="smtpx-"))
            self.addCleanup(removeFolder, above)
            where = above / "server"
        server = RunningServer(where, configuration, name, workers)
        self.running(server)
        return server

    def run_(
        self,
        words: Sequence[str],
        input: bytes = b"",
        environment: Mapping[str, str] | None = None,
        status: int = 0,
    ) -> str:
        """
        Run a client.

        @param words: the command.
        @param input: what it reads.
        @param environment: more variables for it.
        @param status: with which it has to end.
        @return: what it printed, on both outputs.
        """
        done = subprocess.run(
            words,
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            timeout=CLIENT_SECONDS,
            check=False,
        )
        said = done.stdout.decode("utf-8", "replace")
        self.assertEqual(done.returncode, status, said)
        return said
