"""
The walk over a document that checks it against a class.

The walker goes on after a fault, so that all are reported at once; and it
coerces nothing in silence.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, cast

from zope.interface import implementer

from .kinds import FAULT, Fault, IKind, IReading, Wrong
from .problems import ConfigurationError, KeyPath, Problem
from .schema import Table
from .toml import Document

T = TypeVar("T")


@implementer(IReading)
class Walker:
    """
    One walk over one document.

    @ivar problems: what it found so far.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.folder: Path = document.folder
        self.problems: list[Problem] = []

    def take(self, kind: IKind, value: object, path: KeyPath) -> object:
        """See L{IReading}."""
        try:
            return kind.read(value, path, self)
        except Wrong as wrong:
            return self.refuse(path, str(wrong), wrong.meant)

    def refuse(self, path: KeyPath, text: str, meant: str | None = None) -> Fault:
        """See L{IReading}."""
        self.problems.append(self._document.problem(path, text, meant))
        return FAULT


def readSettings(document: Document, cls: type[T], **kinds: IKind) -> T:
    """
    Make an instance of a class of settings.

    @param kinds: other kinds for some options of C{cls}, by name.
    @raise ConfigurationError: with all that is wrong.
    """
    walker = Walker(document)
    made = walker.take(Table.of(cls, **kinds), document.values, ())
    if walker.problems:
        raise ConfigurationError(walker.problems)
    return cast(T, made)
