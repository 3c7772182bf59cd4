"""
C{kill -9} of the worker that leads, at any moment while it takes what users of the
machine have dropped, and servers that have more or fewer workers than before: each
message is delivered once.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time

from . import test_drop_kill
from .servers import waitFor

#: How many workers a server has, in turns.
_WORKERS = (3, 1, 2)

#: How often it is started with another number.
_EVERY = 5


class DropWorkersKillTests(test_drop_kill.DropKillTests):
    """The others live on, and one takes its place."""

    #: How often something was dropped.
    rounds = 0

    def place(self) -> str:
        """Where paths of sockets are short."""
        folder = tempfile.mkdtemp(prefix="smtpx-")
        self.addCleanup(shutil.rmtree, folder)
        return os.path.join(folder, "server")

    def round(self) -> None:
        """Drop some, and kill whoever takes them."""
        if self.rounds % _EVERY == 0:
            self.server.kill()
            waitFor(lambda: not self.alive(), "its workers end")
            self.server.workers = _WORKERS[self.rounds // _EVERY % len(_WORKERS)]
            self.server.start()
        self.rounds += 1
        before = len(os.listdir(self.drop / "new"))
        self.dropSome()
        waitFor(
            lambda: (
                len(os.listdir(self.drop / "new")) < before + test_drop_kill.MESSAGES
            ),
            "the server begins",
        )
        time.sleep(self.random.uniform(0, test_drop_kill.LONGEST_SECONDS))
        if self.server.workers == 1:
            self.server.kill()
            taking = os.listdir(self.drop / "taking")
            self.server.start()
        else:
            leads = self.leads()
            os.kill(leads, signal.SIGKILL)
            taking = os.listdir(self.drop / "taking")
            # Nobody does while one that begins has not said yet who it is.
            waitFor(lambda: self.leads() not in (0, leads), "another leads")
        self.midway += bool(taking)
        self.read()

    def revive(self) -> None:
        """One runs."""

    def alive(self) -> list[int]:
        """The processes that have spools."""
        found = []
        for lock in self.server.state.glob("spool/*/lock"):
            pid = int(lock.read_text("ascii") or 0)
            if pid and os.path.exists(f"/proc/{pid}"):
                found.append(pid)
        return found

    def leads(self) -> int:
        """The process that has the first spool."""
        text = (self.server.state / "spool/1/lock").read_text("ascii")
        return int(text or 0)
