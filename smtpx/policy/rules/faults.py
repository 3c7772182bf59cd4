"""
What is wrong with a rule, as values: all of it at once, each with its place.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from ...core.errors import UsageError

#: Where in a rule something stands: names of options, and indices of lists.
Place = tuple[str | int, ...]


@frozen
class Fault:
    """
    One thing that is wrong with a rule.

    @ivar place: where it stands in the rule; empty: the rule as a whole.
    @ivar text: what is wrong.
    @ivar word: what stands there, where a known word was probably meant.
    @ivar known: the words that can stand there.
    """

    place: Place
    text: str
    word: str = ""
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = "".join(
            f"[{each}]" if isinstance(each, int) else f".{each}" for each in self.place
        )
        return f"{where.lstrip('.')}: {self.text}" if where else self.text

    def inside(self, *place: str | int) -> Fault:
        """The same, of a part that stands at C{place}."""
        return Fault((*place, *self.place), self.text, self.word, self.known)


class BadRule(UsageError):
    """
    Rules cannot be used.

    @ivar faults: all that is wrong.
    """

    def __init__(self, faults: Iterable[Fault], name: str = "") -> None:
        """
        @param name: of the rule; empty: the reader knows.
        """
        self.faults = tuple(faults)
        text = "; ".join(map(str, self.faults))
        UsageError.__init__(self, f"{name}: {text}" if name else text)


def bad(
    text: str, *place: str | int, word: str = "", known: Iterable[str] = ()
) -> BadRule:
    """One fault, to be raised."""
    return BadRule([Fault(place, text, word, tuple(known))])


__all__ = ["BadRule", "Fault", "Place", "bad"]
