"""
Pauses between attempts in words: C{"15 min until 2 h"}, C{"1 h * 1.5 until 16 h"},
C{"6 h"}::

    stretch = duration [ "*" factor ] [ "until" duration ]

A duration is a number and a unit, or several of them (L{smtpx.service.quantities}).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen
from zope.interface import implementer

from ..core.errors import UsageError
from ..queue.pauses import Pauses, Stretch
from .kinds import FAULT, IKind, IReading, Text, Wrong, spellValue
from .nested import ListOf, Parsed
from .problems import KeyPath
from .quantities import parseSeconds, renderSeconds

_STRETCH = re.compile(
    r"(?P<pause>[^*]*?)(?:\*\s*(?P<factor>[0-9]+(?:\.[0-9]+)?)\s*)?"
    r"(?:\buntil\b(?P<until>[^*]*))?"
)

#: What a stretch looks like.
EXAMPLES = '"15 min until 2 h", "1 h * 1.5 until 16 h" or "6 h"'


def parseStretch(text: str) -> Stretch:
    """
    Read a stretch.

    @raise ValueError: it is none, and the message says what is wanted.
    """
    match = _STRETCH.fullmatch(text)
    if match is None:
        raise ValueError(f"expected pauses such as {EXAMPLES}, got {spellValue(text)}")
    until = match["until"]
    try:
        return Stretch(
            parseSeconds(match["pause"]),
            float(match["factor"] or 1),
            None if until is None else parseSeconds(until),
        )
    except UsageError as error:
        raise ValueError(f"{error}, got {spellValue(text)}") from error
    except ValueError as error:
        words = f"expected pauses such as {EXAMPLES}"
        raise ValueError(f"{words}, got {spellValue(text)}; {error}") from error


def renderStretch(stretch: Stretch) -> str:
    """The inverse of L{parseStretch}."""
    text = renderSeconds(stretch.pauseSeconds)
    if stretch.factor != 1:
        text += f" * {stretch.factor:g}"
    if stretch.untilSeconds is not None:
        text += f" until {renderSeconds(stretch.untilSeconds)}"
    return text


def renderPauses(pauses: Pauses) -> list[str]:
    """A plan, in words."""
    return [renderStretch(each) for each in pauses.stretches]


_ITEMS = ListOf(Parsed(Stretch, Text(), parseStretch, renderStretch, "pauses in words"))


@implementer(IKind)
@frozen
class PausesKind:
    """A plan: a list of stretches, or one of them alone."""

    words: str = f"a list of pauses such as {EXAMPLES}"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, Pauses):
            return value
        if not isinstance(value, str | list | tuple):
            raise Wrong(f"expected {self.words}, got {spellValue(value)}")
        alone = isinstance(value, str)
        items = reading.take(_ITEMS.item if alone else _ITEMS, value, path)
        if items is FAULT:
            return FAULT
        stretches = (items,) if isinstance(items, Stretch) else items
        assert isinstance(stretches, Sequence)
        try:
            return Pauses(tuple(stretches))
        except UsageError as error:
            raise Wrong(str(error)) from error

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        assert isinstance(value, Pauses)
        return _ITEMS.spell(value.stretches)


__all__ = [
    "EXAMPLES",
    "PausesKind",
    "parseStretch",
    "renderPauses",
    "renderStretch",
]
