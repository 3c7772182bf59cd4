"""
How much room there is on the disk, and whether that is enough to take mail.
"""

from __future__ import annotations

import os
from collections.abc import Callable

#: So much room has to be left for a message to be begun, in octets.
LOW_WATER = 128 << 20


class Headroom:
    """
    Looks how much room there is.

    @ivar lowWater: with less than this, in octets, there is too little.
    """

    def __init__(self, path: str, lowWater: int, clock: Callable[[], float]) -> None:
        """
        @param path: a folder on the disk.
        @param clock: seconds since the epoch.
        """
        self.lowWater = lowWater
        self._path = path
        self._clock = clock
        self._lookedAt = float("-inf")
        self._low: str | None = None

    def octets(self) -> int:
        """
        How much room there is.

        @raise OSError: it cannot be found out.
        """
        found = os.statvfs(self._path)
        return found.f_bavail * found.f_frsize

    def short(self, octets: int) -> str | None:
        """Is so much too little?  Then the words for it."""
        if octets >= self.lowWater:
            return None
        return f"{self._path}: only {octets} octets of room are left"

    def lately(self) -> str | None:
        """
        Is there too little, as far as it was looked within the last second?  Then the
        words for it.

        @raise OSError: it cannot be found out.
        """
        now = self._clock()
        if not 0 <= now - self._lookedAt < 1:
            self._lookedAt = now
            self._low = self.short(self.octets())
        return self._low


__all__ = ["LOW_WATER", "Headroom"]
