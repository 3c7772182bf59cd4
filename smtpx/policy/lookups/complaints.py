"""
Says once what is wrong with a look-up, and once that it is right again, however many
messages ask.
"""

from __future__ import annotations

from ...observe.lookingup import LOOKUP_BROKEN, LOOKUP_WORKS
from ..aliases import Publish, unheard


class Complaints:
    """
    Those about one look-up.

    @ivar why: what is wrong with it now; L{None}: nothing.
    """

    def __init__(self, name: str, publish: Publish = unheard) -> None:
        """
        @param name: what the look-up is called.
        @param publish: has it told.
        """
        self._name = name
        self._publish = publish
        self.why: str | None = None

    def fails(self, why: str) -> None:
        """It cannot tell now."""
        if why != self.why:
            self.why = why
            self._publish(LOOKUP_BROKEN, {"lookup": self._name, "why": why})

    def works(self) -> None:
        """It can."""
        if self.why is not None:
            self.why = None
            self._publish(LOOKUP_WORKS, {"lookup": self._name})


__all__ = ["Complaints"]
