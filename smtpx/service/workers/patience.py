"""
How long to wait before something is begun again that has ended.
"""

from __future__ import annotations

from attrs import define

#: What has run so long was in order, in seconds.
STEADY_SECONDS = 60.0

#: The longest wait, in seconds.
LONGEST_SECONDS = 30.0

#: So often it is begun again at once.
_AT_ONCE = 2

#: The first wait, in seconds; each further one is twice as long.
_FIRST_SECONDS = 0.5


@define
class Patience:
    """
    How long to wait before one thing is begun again: not at all, as long as that does
    not happen again and again.
    """

    _failures: int = 0
    _begun: float = 0.0

    def begun(self, now: float) -> None:
        """It has begun."""
        self._begun = now

    def ended(self, now: float) -> float:
        """
        It has ended.

        @return: how long to wait, in seconds.
        """
        if now - self._begun >= STEADY_SECONDS:
            self._failures = 0
        self._failures += 1
        if self._failures <= _AT_ONCE:
            return 0.0
        # The power alone would be too great a number after some days.
        doubled: float = _FIRST_SECONDS * 2 ** min(self._failures - _AT_ONCE - 1, 16)
        return min(LONGEST_SECONDS, doubled)


__all__ = ["LONGEST_SECONDS", "STEADY_SECONDS", "Patience"]
