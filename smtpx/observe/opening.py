"""
What each line of the main log begins with: the time, and perhaps our process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from .selectors import Selector


class Opening:
    """
    The beginning of lines, which is the same for a second.

    @ivar text: it, with a space at its end.
    @ivar since: from when on it is right, in seconds since the epoch.
    @ivar until: before what time it is.  Elsewhen, call L{begin}.
    """

    __slots__ = ("_millisec", "_pid", "_zone", "since", "text", "until")

    def __init__(
        self,
        selectors: frozenset[Selector],
        zone: Callable[[float], time.struct_time],
    ) -> None:
        """
        @param zone: seconds since the epoch to the time on the wall.
        """
        self._zone = zone
        self._millisec = Selector.MILLISEC in selectors
        self._pid = f"[{os.getpid()}] " if Selector.PID in selectors else ""
        self.text = ""
        self.since = self.until = 0.0

    def begin(self, seconds: float) -> None:
        """
        It is to be right for a time.

        @param seconds: since the epoch.
        """
        whole = int(seconds)
        at = time.strftime("%Y-%m-%d %H:%M:%S", self._zone(whole))
        if self._millisec:
            # That lasts for no two lines.
            thousandths = int(seconds * 1000) % 1000
            self.text = f"{at}.{thousandths:03d} {self._pid}"
        else:
            self.text = f"{at} {self._pid}"
            self.since, self.until = float(whole), whole + 1.0


__all__ = ["Opening"]
