"""
A TOML file, read, with the line of every key.

C{tomllib} says what a file holds, but not where.  An operator wants to be told
where; so L{lineIndex} goes over the text a second time and notes the line of
each key, table and list item.  It is only ever given text that C{tomllib} has
read, and so has no errors of its own.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from .problems import ConfigurationError, KeyPath, Problem

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'')
# A multi-line string may end in up to two quotes of its own before the three
# that close it.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]+")
# What is told twice, as in "Cannot declare ('log',) twice", and the place, "(at line 2,
# column 5)" or "(at end of document)", which are tomllib's words.
_TWICE = re.compile(r"Cannot declare (\(.*\)) twice")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


#: What a configuration is called that is in no file.
UNNAMED = "configuration"


@frozen
class Document:
    """
    A configuration as it was found.

    @ivar name: what problems are to call it: the file as the operator named it.
    @ivar folder: what relative paths in it are relative to.
    @ivar values: what it says.
    @ivar lines: where it says so, from 1; empty where it is not from a file.
    @ivar text: the whole of the file; empty where it is not from one.
    """

    name: str
    folder: Path
    values: Mapping[str, object]
    lines: Mapping[KeyPath, int] = field(factory=dict)
    text: str = field(default="", repr=False)

    def line(self, path: KeyPath) -> int | None:
        """
        The line of a value, or of the nearest table around it.

        @return: L{None}: the document has no lines, or nothing around it has.
        """
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return None

    def problem(self, path: KeyPath, text: str, meant: str | None = None) -> Problem:
        """A fault of this document, with its place."""
        return Problem(self.name, self.line(path), path, text, meant=meant)


def readDocument(path: Path) -> Document:
    """
    Read a file.

    @param path: the file; problems name it as it stands here.
    @raise ConfigurationError: it cannot be read, or is not TOML in UTF-8.
    """
    name = str(path)
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            [Problem(name, None, (), f"cannot be read: {error.strerror}")]
        ) from error
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        line, column = _place(octets[: error.start].decode())
        raise ConfigurationError(
            [Problem(name, line, (), "not UTF-8 here", column)]
        ) from error
    return parseDocument(text, name, path.resolve().parent)


def parseDocument(text: str, name: str, folder: Path) -> Document:
    """
    Take a text apart.

    @param name: see L{Document}.
    @param folder: see L{Document}.
    @raise ConfigurationError: it is not TOML.
    """
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([_syntaxProblem(str(error), text, name)]) from error
    return Document(name, folder, values, lineIndex(text), text)


def _syntaxProblem(message: str, text: str, name: str) -> Problem:
    match = _PLACE.search(message)
    if match is None or match[1] is None:
        line, column = _place(text)
    else:
        line, column = int(match[1]), int(match[2])
    words = message if match is None else message[: match.start()]
    twice = _TWICE.fullmatch(words)
    if twice is not None:
        table = ".".join(re.findall(r"'([^']*)'", twice[1]))
        words = f"the table [{table}] stands here for the second time"
    elif words == "Cannot overwrite a value":
        words = "this option stands here for the second time"
    return Problem(name, line, (), f"not TOML: {words}", column)


def _place(text: str) -> tuple[int, int]:
    # Line and column, from 1, of what comes behind this text.
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def lineIndex(text: str) -> dict[KeyPath, int]:
    """
    The line of each key, table and list item.

    @param text: TOML that C{tomllib} reads, with LF line ends.
    @return: lines, from 1.  A table that is only implied by a longer name has
        the line where it is implied first.
    """
    return _Scan(text).document()


class _Scan:
    """
    One walk over a text.

    @ivar at: how far it has come.
    @ivar lines: what it has found.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        # How many tables each array of tables has so far.
        self._counts: dict[KeyPath, int] = {}

    def document(self) -> dict[KeyPath, int]:
        """Walk to the end."""
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def _next(self) -> str:
        self._skip(_BLANK)
        return self.text[self.at]

    def _note(self, path: KeyPath) -> None:
        # A name never spans lines, so anywhere in it will do.
        self.lines.setdefault(path, bisect_left(self._ends, self.at) + 1)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            raw = self._skip(_KEY)
            # A quoted key has the escapes of a string, so let it be read as one.
            keys.append(tomllib.loads(f"k={raw}")["k"] if raw[0] in "\"'" else raw)
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _header(self) -> KeyPath:
        several = self.text.startswith("[[", self.at)
        self.at += 2 if several else 1
        self._skip(_SPACE)
        *outer, last = self._keys()
        path: KeyPath = ()
        for key in outer:
            path = self._inside((*path, key))
        path = (*path, last)
        if several:
            self._note(path)
            count = self._counts.get(path, 0)
            self._counts[path] = count + 1
            path = (*path, count)
        self._note(path)
        self.at += 2 if several else 1
        return path

    def _inside(self, path: KeyPath) -> KeyPath:
        # What stands under the name of an array of tables is in its last one.
        self._note(path)
        count = self._counts.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, table: KeyPath) -> None:
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path)
        self.at += 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        first = self._next()
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inlineTable(path)
        elif first in "\"'":
            self._skip(_STRING)
        else:
            self._skip(_PLAIN)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        count = 0
        while self._next() != "]":
            self._note((*path, count))
            self._value((*path, count))
            count += 1
            if self._next() == ",":
                self.at += 1
        self.at += 1

    def _inlineTable(self, path: KeyPath) -> None:
        self.at += 1
        while self._next() != "}":
            self._pair(path)
            if self._next() == ",":
                self.at += 1
        self.at += 1
