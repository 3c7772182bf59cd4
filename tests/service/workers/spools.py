"""
The spools of several workers, in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from smtpx.core.envelope import Stamp
from smtpx.spool.identity import Identities
from smtpx.testing.incoming import MemoryIncoming
from smtpx.testing.spool import MemorySpool


class NumberedSpool(MemorySpool):
    """A spool whose ids are those of a worker."""

    def __init__(
        self,
        number: int,
        now: Callable[[], float],
        known: Mapping[str, Stamp[Any]] | None = None,
    ) -> None:
        super().__init__(now, known)
        self._ids = Identities(number, 0, now)

    def begin(self) -> MemoryIncoming:
        """A message begins to come."""
        return MemoryIncoming(self._ids.make()[1], self._check, self._take)


__all__ = ["NumberedSpool"]
