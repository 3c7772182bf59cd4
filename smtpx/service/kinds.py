"""
The kinds of values that an option can have.

A L{IKind} reads one value of a configuration, strictly: a number in quotes is
not a number, C{1} is not C{true}.  It also says in words what it takes, and
spells a value as TOML, so that the reference page is made of the same objects
that check a file.

Kinds that hold others are in L{smtpx.service.nested} and L{smtpx.service.schema}.
"""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from attrs import frozen
from zope.interface import Attribute, Interface, implementer

from .objects import PythonObject
from .problems import KeyPath, closest
from .quantities import parseOctets, parseSeconds, renderOctets, renderSeconds

#: The most characters of a wrong value that a problem repeats.
SPELLED_MAX = 60

#: What TOML has besides text.
_OTHERS = (int, float, list, Mapping, datetime.date, datetime.time)


class Wrong(ValueError):
    """
    A value is not of the kind that is wanted.

    @ivar meant: the word that was probably meant; L{None}: no idea.
    """

    def __init__(self, text: str, meant: str | None = None) -> None:
        ValueError.__init__(self, text)
        self.meant = meant


class Unwanted(Wrong):
    """A value is of another kind altogether."""

    def __init__(self, kind: IKind, value: object, meant: str | None = None) -> None:
        Wrong.__init__(self, f"expected {kind.words}, got {spellValue(value)}", meant)


class Fault(Enum):
    """The type of L{FAULT}."""

    FAULT = "fault"


#: In place of a value that could not be read; its problem has been noted.
FAULT = Fault.FAULT


class IReading(Interface):
    """What a kind sees of the walk that it is part of."""

    folder: Path = Attribute("What relative paths are relative to.")

    def take(kind: IKind, value: object, path: KeyPath) -> object:
        """
        Read a value within a value.

        @return: what C{kind} made of it; L{FAULT}: that was not possible.
        """

    def refuse(path: KeyPath, text: str, meant: str | None = None) -> Fault:
        """Note a problem."""


class IKind(Interface):
    """One kind of value."""

    words: str = Attribute("What it takes, to stand behind 'expected'.")

    def read(value: object, path: KeyPath, reading: IReading) -> object:
        """
        @param value: as it stands in the document.
        @return: what the program wants; L{FAULT}: the fault is noted already.
        @raise Wrong: not of this kind.
        """

    def spell(value: object) -> str:
        """A value, as read, as TOML."""


def spellValue(value: object) -> str:
    """A value as it may stand in the file, cut short, for a problem."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)[:SPELLED_MAX]
    text = value if len(value) <= SPELLED_MAX else value[: SPELLED_MAX - 3] + "..."
    return json.dumps(text, ensure_ascii=False)


@implementer(IKind)
@frozen
class Flag:
    """True or false."""

    words: str = "true or false"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, bool):
            raise Unwanted(self, value)
        return value

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return "true" if value else "false"


@implementer(IKind)
@frozen
class Number:
    """
    A number.

    @ivar whole: only integers.
    @ivar least: the smallest; no option has use for a negative number unless
        it says so.
    @ivar most: the largest; L{None}: any.
    @ivar parse: reads words for it; L{None}: it has none.
    @ivar render: spells it in words; L{None}: it has none.
    @ivar example: what it takes besides a number, in words.
    """

    whole: bool = True
    least: float | None = 0
    most: float | None = None
    parse: Callable[[str], float] | None = None
    render: Callable[[float], str] | None = None
    example: str = ""

    @property
    def words(self) -> str:
        """See L{IKind}."""
        text = "an integer" if self.whole else "a number"
        if self.least is not None and self.most is not None:
            text += f" from {_short(self.least)} to {_short(self.most)}"
        elif self.most is not None:
            text += f" of at most {_short(self.most)}"
        elif self.least is not None:
            text += f" of at least {_short(self.least)}"
        return text + self.example

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, str) and self.parse is not None:
            try:
                value = self.parse(value)
            except ValueError as error:
                raise Wrong(f"{error}, got {spellValue(value)}") from error
            if self.whole and isinstance(value, float) and value.is_integer():
                value = int(value)
        good = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, good):
            raise Unwanted(self, value)
        if (
            not math.isfinite(value)
            or (self.least is not None and value < self.least)
            or (self.most is not None and value > self.most)
        ):
            raise Unwanted(self, value)
        return value if self.whole else float(value)

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if self.render is not None and isinstance(value, int | float):
            return json.dumps(self.render(value))
        return str(value)


def sizeInOctets(least: float | None = 0, most: float | None = None) -> Number:
    """A size: an integer, or words."""
    return Number(
        whole=True,
        least=least,
        most=most,
        parse=parseOctets,
        render=lambda octets: renderOctets(int(octets)),
        example=', or a size such as "50 MiB"',
    )


def durationInSeconds(
    whole: bool, least: float | None = 0, most: float | None = None
) -> Number:
    """A duration: a number of seconds, or words."""
    return Number(
        whole=whole,
        least=least,
        most=most,
        parse=parseSeconds,
        render=renderSeconds,
        example=', or a duration such as "5 min"',
    )


@implementer(IKind)
@frozen
class Text:
    """
    A string.

    @ivar encoded: the program wants it as octets, in UTF-8.
    """

    encoded: bool = False
    words: str = "a string"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if self.encoded and isinstance(value, bytes):
            return value
        if not isinstance(value, str):
            raise Unwanted(self, value)
        return value.encode() if self.encoded else value

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if isinstance(value, bytes):
            value = value.decode()
        return json.dumps(value, ensure_ascii=False)


@implementer(IKind)
@frozen
class Choice:
    """One word of an enumeration, by its value."""

    members: type[Enum]

    @property
    def words(self) -> str:
        """See L{IKind}."""
        return "one of " + ", ".join(f'"{each.value}"' for each in self.members)

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, self.members):
            return value
        if isinstance(value, str):
            for member in self.members:
                if member.value == value:
                    return member
        known = [str(member.value) for member in self.members]
        meant = closest(value, known) if isinstance(value, str) else None
        raise Unwanted(self, value, meant)

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if value is None:
            # A default that depends on other options.
            return ""
        return json.dumps(value.value if isinstance(value, Enum) else str(value))


def literal(path: Path) -> Path:
    """A path as a template without fields."""
    return Path(str(path).replace("{", "{{").replace("}", "}}"))


@implementer(IKind)
@frozen
class FilePath:
    """
    A path; a relative one is relative to the folder of the document.

    @ivar template: is it one with fields in braces?  Then braces in the folder's
        own name are doubled.
    """

    template: bool = False
    words: str = "a path"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if not isinstance(value, str | os.PathLike):
            raise Unwanted(self, value)
        text = os.fspath(value)
        if not isinstance(text, str) or not text or "\0" in text:
            raise Unwanted(self, value)
        folder = reading.folder
        return (literal(folder) if self.template else folder) / Path(text).expanduser()

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return json.dumps(str(value), ensure_ascii=False)


class StandardOutput(Enum):
    """The type of L{STANDARD_OUTPUT}."""

    STANDARD_OUTPUT = "-"


#: In place of a file to write to.
STANDARD_OUTPUT = StandardOutput.STANDARD_OUTPUT


@implementer(IKind)
@frozen
class Output:
    """A file to write to, or C{-} for standard output."""

    words: str = 'a path, or "-" for standard output'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if value is None or isinstance(value, StandardOutput):
            return value
        if value == STANDARD_OUTPUT.value:
            return STANDARD_OUTPUT
        try:
            return FilePath().read(value, path, reading)
        except Unwanted:
            raise Unwanted(self, value) from None

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if value is None:
            return ""
        return json.dumps(value.value if isinstance(value, Enum) else str(value))


@implementer(IKind)
@frozen
class Named:
    """A Python object by the name of its module and its own."""

    words: str = 'a name such as "package.module:name"'

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if value is None or isinstance(value, _OTHERS):
            raise Unwanted(self, value)
        try:
            return PythonObject.of(value)
        except ValueError as error:
            raise Unwanted(self, value) from error

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        return json.dumps(str(value))


def _short(number: float) -> str:
    """A whole number without a point."""
    return str(int(number)) if number == int(number) else str(number)
