"""
The spool's threads: one that writes, and a few that wait for the disk.

They are behind a small class so that a test can run everything in one thread,
in an order that it chooses.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from zope.interface import Interface, implementer

#: Threads that sync bodies, side by side.
_SYNCING = 4


class IThreads(Interface):
    """Where the spool's blocking work is done."""

    def start(turn: Callable[[], bool], end: Callable[[], None]) -> None:
        """
        Have one thread call C{turn}, which waits for work, until it is false;
        then C{end}.
        """

    def submit(work: Callable[[], None]) -> None:
        """Run a short piece of work beside it.  It must not raise."""

    def drain() -> None:
        """
        Called by the writer at its end: wait for all that was submitted.  What
        is submitted later is done at once, by who submits it.
        """


@implementer(IThreads)
class Threads:
    """Real threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_SYNCING, "spool-bodies")
        self._lock = threading.Lock()
        self._drained = False

    def start(self, turn: Callable[[], bool], end: Callable[[], None]) -> None:
        """Do it in a thread that a dying program need not wait for."""

        def live() -> None:
            while turn():
                pass
            end()

        threading.Thread(target=live, name="spool", daemon=True).start()

    def submit(self, work: Callable[[], None]) -> None:
        """Run C{work} in a thread of the pool, as long as there is one."""
        with self._lock:
            if not self._drained:
                self._pool.submit(work)
                return
        work()

    def drain(self) -> None:
        """Wait until the pool has nothing to do, and end it."""
        with self._lock:
            self._drained = True
        self._pool.shutdown()
