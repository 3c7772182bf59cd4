"""
Kinds of values that hold others: lists, tables with free keys, optional values.

They hand what is inside back to the L{walker <smtpx.service.walker.Walker>}, which
goes on after a fault.  Tables with known options are L{smtpx.service.schema}'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from zope.interface import implementer

from .kinds import FAULT, IKind, IReading, Unwanted, Wrong, spellValue
from .problems import KeyPath, closest, spellPath


@implementer(IKind)
@frozen
class Parsed:
    """
    A value with a notation of its own, read by one function.

    @ivar type: what the function gives; a program may hand one in.
    @ivar inside: the kind of what the function takes.
    @ivar parse: reads it; its C{ValueError} says what is wrong.
    @ivar render: the inverse.
    @ivar words: see L{IKind}.
    """

    type: type[object]
    inside: IKind
    parse: Callable[[Any], object]
    render: Callable[[Any], object]
    words: str

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, self.type):
            return value
        plain = reading.take(self.inside, value, path)
        if plain is FAULT:
            return FAULT
        try:
            return self.parse(plain)
        except ValueError as error:
            raise Wrong(str(error)) from error

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return self.inside.spell(self.render(value))


def _tables(value: object, path: KeyPath) -> str | None:
    """How a table is begun that is one of several, where one of one stands."""
    named = isinstance(value, Mapping) and all(isinstance(each, str) for each in path)
    return f"[[{spellPath(path)}]]" if named else None


@implementer(IKind)
@frozen
class ListOf:
    """
    A list of one kind.

    @ivar item: the kind.
    @ivar make: what the program wants it as.
    """

    item: IKind
    make: Callable[[Sequence[object]], object] = tuple

    @property
    def words(self) -> str:
        """See L{IKind}."""
        return f"a list (each: {self.item.words})"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, list | tuple | frozenset):
            raise Wrong(
                f"expected a list, got {spellValue(value)}", _tables(value, path)
            )
        items = [
            reading.take(self.item, each, (*path, index))
            for index, each in enumerate(value)
        ]
        return FAULT if FAULT in items else self.make(items)

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if not isinstance(value, list | tuple | frozenset):
            return str(value)
        return f"[{', '.join(self.item.spell(each) for each in value)}]"


@implementer(IKind)
@frozen
class TableOf:
    """A table whose keys are free and whose values are of one kind."""

    item: IKind

    @property
    def words(self) -> str:
        """See L{IKind}."""
        return f"a table (each: {self.item.words})"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, Mapping):
            raise Wrong(f"expected a table, got {spellValue(value)}")
        items = {
            str(key): reading.take(self.item, each, (*path, str(key)))
            for key, each in value.items()
        }
        return FAULT if FAULT in items.values() else items

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if not isinstance(value, Mapping):
            return str(value)
        inside = ", ".join(
            f"{json.dumps(key)} = {self.item.spell(each)}"
            for key, each in value.items()
        )
        return f"{{ {inside} }}" if inside else "{}"


@implementer(IKind)
@frozen
class Optional:
    """
    A value or none.  TOML has no word for none: an option that is left out has
    its default, so where the default is something, a word says none.

    @ivar inside: the kind of the value.
    @ivar none: the word; L{None}: there is none, leave the option out.
    """

    inside: IKind
    none: str | None = None

    @property
    def words(self) -> str:
        """See L{IKind}."""
        word = "" if self.none is None else f', or "{self.none}"'
        return self.inside.words + word

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if value is None or (self.none is not None and value == self.none):
            return None
        try:
            return self.inside.read(value, path, reading)
        except Unwanted as wrong:
            meant = wrong.meant
            if meant is None and isinstance(value, str) and self.none is not None:
                meant = closest(value, [self.none])
            raise Unwanted(self, value, meant) from wrong

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if value is not None:
            return self.inside.spell(value)
        return "" if self.none is None else json.dumps(self.none)
