"""
What a server waits for that is started at once after one of several workers was killed.

If a supervisor is killed, its workers and the zygote have the listening sockets for a
moment longer, until they have noticed.  Whoever is started meanwhile finds the ports in
use, which with one process never happens; so it asks again for a while.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from attrs import define
from twisted.logger import Logger

from .leaving import FORSAKEN_SECONDS

#: How long to ask at most, in seconds: those that are left have not longer.
PATIENCE_SECONDS = FORSAKEN_SECONDS + 1.0

#: How long to wait before it is asked again, in seconds.
ASK_SECONDS = 0.05


@define
class Succession:
    """
    Waits until what a killed server has left behind is gone.

    The process stands still meanwhile: it may be root still, and it could not take the
    port later.
    """

    _folder: Path
    _now: Callable[[], float] = time.monotonic
    _sleep: Callable[[float], None] = time.sleep
    _until: float | None = None

    _log = Logger()

    def wait(self) -> bool:
        """
        A port is in use: wait a moment, if it may be free then.

        @return: may it?  Not where no workers were left behind, and not after
            L{PATIENCE_SECONDS} from the first time on.
        """
        now = self._now()
        if self._until is None:
            if not wasKilled(self._folder):
                return False
            self._until = now + PATIENCE_SECONDS
            self._log.info(
                "A port is in use, perhaps by workers of a server that was killed:"
                " waiting for {seconds:g} s at most",
                seconds=PATIENCE_SECONDS,
            )
        if now >= self._until:
            return False
        self._sleep(ASK_SECONDS)
        return True


def wasKilled(folder: Path) -> bool:
    """
    Has a server of several workers that was here last not ended in order?  Its sockets
    are still there, then.

    @param folder: C{Configuration.workersFolder}.
    """
    try:
        return any(each.isdecimal() for each in os.listdir(folder))
    except OSError:
        return False


__all__ = ["ASK_SECONDS", "PATIENCE_SECONDS", "Succession", "wasKilled"]
