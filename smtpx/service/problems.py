"""
What is wrong with a configuration, as values.

A reader of configuration does not stop at the first fault: it collects a
L{Problem} for each and raises them all in one L{ConfigurationError}, so that an
operator mends the file once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from attrs import frozen

from ..core.errors import UsageError

#: The way to a value: names of tables and options, and indices of lists.
KeyPath = tuple[str | int, ...]


def spellPath(path: KeyPath) -> str:
    """
    A key path as it is printed: C{listener[1].port}.

    @return: the empty string for the whole document.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def closest(word: str, known: Iterable[str]) -> str | None:
    """
    The known word that was most likely meant.

    @return: L{None}: none of them is near.
    """
    byFolded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(word.casefold(), byFolded, n=1)
    return byFolded[found[0]] if found else None


@frozen
class Problem:
    """
    One fault of a configuration.

    @ivar file: the file's name as the operator gave it, or what stands for it.
    @ivar line: the line, from 1; L{None}: not from a file, or not of one line.
    @ivar column: the column, from 1; L{None}: the whole line.
    @ivar path: the value at fault; empty: the document.
    @ivar text: what is wrong.
    @ivar meant: the word that was probably meant; L{None}: no idea.
    """

    file: str
    line: int | None
    path: KeyPath
    text: str
    column: int | None = None
    meant: str | None = None

    def __str__(self) -> str:
        place = self.file
        if self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        key = spellPath(self.path)
        what = f"{key}: {self.text}" if key else self.text
        hint = "" if self.meant is None else f'; did you mean "{self.meant}"?'
        return f"{place}: {what}{hint}"


class ConfigurationError(UsageError):
    """
    The configuration cannot be used.

    @ivar problems: all that is wrong with it, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        UsageError.__init__(self, "\n".join(map(str, self.problems)))
