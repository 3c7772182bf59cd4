"""
What weighted lists come to.
"""

from __future__ import annotations

from attrs import frozen

from ...core.envelope import Stamp


@frozen
class Score:
    """
    What the lists together say of a client.

    @ivar total: the weights of those that have it, added up.
    @ivar listed: these, as they are called in the configuration, with their weights.
    """

    total: float
    listed: tuple[tuple[str, float], ...] = ()

    @property
    def number(self) -> str:
        """The sum, for people."""
        return f"{self.total:g}"

    @property
    def names(self) -> str:
        """The lists with their weights, for people."""
        return ", ".join(f"{name} {weight:+g}" for name, weight in self.listed)


def _unloadable(text: str) -> Score:
    raise ValueError("it ends with the session")


#: On a session: the score when it was last asked for.
SCORE = Stamp[Score]("dns-score", None, _unloadable)

__all__ = ["SCORE", "Score"]
