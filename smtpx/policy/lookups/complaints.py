"""
Says once what is wrong with a look-up, and once that it is right again, however many
messages ask.
"""

from __future__ import annotations

from collections.abc import Callable

from ...observe.lookingup import LOOKUP_BROKEN, LOOKUP_WORKS
from ..aliases import Publish, unheard

#: How long nothing is said of one that comes and goes, in seconds.
QUIET_SECONDS = 60.0


class Complaints:
    """
    Those about one look-up.

    @ivar why: what is wrong with it now; L{None}: nothing.
    """

    def __init__(
        self,
        name: str,
        publish: Publish = unheard,
        seconds: Callable[[], float] | None = None,
    ) -> None:
        """
        @param name: what the look-up is called.
        @param publish: has it told.
        @param seconds: what time it is, for a look-up that may be wrong for one message
            and right for the next; L{None}: each change is told.
        """
        self._name = name
        self._publish = publish
        self._seconds = seconds
        self._quietUntil: float | None = None
        self._told = False
        self.why: str | None = None

    def fails(self, why: str) -> None:
        """It cannot tell now."""
        if why == self.why:
            return
        self.why = why
        if self._seconds is not None:
            now = self._seconds()
            if self._quietUntil is not None and now < self._quietUntil:
                return
            self._quietUntil = now + QUIET_SECONDS
        self._told = True
        self._publish(LOOKUP_BROKEN, {"lookup": self._name, "why": why})

    def works(self) -> None:
        """It can."""
        if self.why is None:
            return
        self.why = None
        if self._told:
            self._told = False
            self._publish(LOOKUP_WORKS, {"lookup": self._name})


def spelled(error: BaseException) -> str:
    """What is wrong, in the words of a log."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return str(error) or type(error).__name__


__all__ = ["QUIET_SECONDS", "Complaints", "spelled"]
