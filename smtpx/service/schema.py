"""
What options an attrs class stands for.

A class of settings is the schema: each attribute is an option, its annotation
the kind of value, its name in snake_case the option's name, its metadata (or
the C{@ivar} of the class's docstring) the help.  A unit at the end of the name
lets the value be given in words: C{_octets} takes C{"50 MiB"}, C{_seconds}
takes C{"5 min"}.

Metadata that count:

  - C{help}: what the option is for;
  - C{option}: its name, where it is not the attribute's in snake_case; L{None}:
    it is no option;
  - C{least}, C{most}: the range of a number (0 is the least otherwise);
  - C{none}: the word for L{None} (C{"unlimited"} for numbers otherwise);
  - C{flat}: the attribute's own options stand in the table beside the others;
  - C{least} of a flat one: by option name;
  - C{kind}: an L{IKind} of its own.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen
from zope.interface import implementer

from ..core.errors import UsageError
from ..core.hostlist import HostList
from .kinds import (
    FAULT,
    Choice,
    FilePath,
    Flag,
    IKind,
    IReading,
    Named,
    Number,
    Text,
    Wrong,
    durationInSeconds,
    sizeInOctets,
    spellValue,
)
from .nested import ListOf, Optional, Parsed, TableOf
from .objects import PythonObject
from .problems import KeyPath, closest

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IVAR = re.compile(r"@ivar (\w+):((?:(?!@ivar).)*)", re.DOTALL)
_MARKUP = re.compile(r"[A-Z]\{([^{}]*)\}")

# For attrs' stub it is a function.
_FACTORY: Any = attrs.Factory

UNLIMITED = "unlimited"


def optionName(attribute: str) -> str:
    """
    The option for an attribute: C{commandSeconds} is C{command_seconds}, and a
    name that is in snake_case already stays.
    """
    return _HUMP.sub("_", attribute).lower()


@frozen
class Option:
    """
    One option of a table.

    @ivar name: as it stands in the file.
    @ivar attribute: the attribute's name in the class.
    @ivar argument: the constructor's name for it.
    @ivar kind: what it takes.
    @ivar default: C{attrs.NOTHING}: it has to be given.
    @ivar help: what it is for.
    @ivar flat: see the module.
    """

    name: str
    attribute: str
    argument: str
    kind: IKind
    default: object
    help: str
    flat: bool = False

    @property
    def required(self) -> bool:
        """Has it to be given?"""
        return self.default is attrs.NOTHING


def optionsOf(cls: type[Any]) -> tuple[Option, ...]:
    """
    The options of a class, in its order.

    @raise UsageError: not an attrs class, or an attribute has a type that no
        option can have.
    """
    return tuple(_options(cls, {}))


def _options(cls: type[Any], least: Mapping[str, float]) -> Iterator[Option]:
    if not attrs.has(cls):
        raise UsageError(f"{cls!r} is no attrs class")
    annotations = get_type_hints(cls)
    described = _described(cls)
    for attribute in attrs.fields(cls):
        if not attribute.init:
            continue
        metadata = attribute.metadata
        argument = attribute.alias or attribute.name
        name = metadata.get("option", optionName(argument))
        if name is None:
            continue
        try:
            kind = metadata.get("kind") or _kind(
                annotations[attribute.name],
                name,
                {"least": least.get(name, 0)} | metadata,
            )
        except TypeError as error:
            raise UsageError(
                f"{cls.__qualname__}.{attribute.name} cannot be an option: {error}"
            ) from error
        default: Any = attribute.default
        if isinstance(default, _FACTORY):
            # One that needs the instance has no value to show.
            default = None if default.takes_self else default.factory()
        yield Option(
            name,
            attribute.name,
            argument,
            kind,
            default,
            metadata.get("help") or described.get(attribute.name, ""),
            bool(metadata.get("flat")),
        )


def _described(cls: type[Any]) -> dict[str, str]:
    """What the docstring's C{@ivar}s say, with other names as options."""
    text = inspect.cleandoc(cls.__doc__ or "")
    found = dict(_IVAR.findall(text))
    out = {}
    for name, words in found.items():
        words = words.split("\n\n")[0]
        words = _MARKUP.sub(
            lambda match: (
                f"``{optionName(match[1]) if match[1] in found else match[1]}``"
            ),
            words,
        )
        out[name] = " ".join(words.split())
    return out


def _kind(annotation: object, name: str, metadata: Mapping[str, Any]) -> IKind:
    """
    The kind for a type.

    @raise TypeError: there is none.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        inside = [each for each in arguments if each is not types.NoneType]
        if len(inside) != 1 or len(inside) == len(arguments):
            raise TypeError(f"{annotation} is more than one kind")
        kind = _kind(inside[0], name, metadata)
        numeric = isinstance(kind, Number)
        return Optional(kind, metadata.get("none", UNLIMITED if numeric else None))
    if origin in (tuple, list, Sequence, frozenset):
        if origin is tuple and arguments[1:] != (Ellipsis,):
            raise TypeError(f"{annotation} has places of its own")
        item = _kind(arguments[0], name, metadata)
        makers: Mapping[object, Callable[..., object]] = {
            list: list,
            frozenset: frozenset,
        }
        return ListOf(item, makers.get(origin, tuple))
    if origin is Mapping or origin is dict:
        return TableOf(_kind(arguments[1], name, metadata))
    if isinstance(annotation, type):
        return _plainKind(annotation, name, metadata)
    raise TypeError(f"{annotation} is not a type")


def _plainKind(cls: type[Any], name: str, metadata: Mapping[str, Any]) -> IKind:
    simple: Mapping[type[Any], Callable[[], IKind]] = {
        bool: Flag,
        str: Text,
        bytes: lambda: Text(encoded=True),
        Path: FilePath,
        PythonObject: Named,
        HostList: hosts,
    }
    if cls in simple:
        return simple[cls]()
    if cls in (int, float):
        least, most = metadata.get("least", 0), metadata.get("most")
        if name.endswith("_octets"):
            return sizeInOctets(least, most)
        if name.endswith("_seconds"):
            return durationInSeconds(cls is int, least, most)
        return Number(cls is int, least, most)
    if issubclass(cls, Enum):
        return Choice(cls)
    if attrs.has(cls):
        ranges = metadata["least"] if metadata.get("flat") else {}
        return Table(cls, tuple(_options(cls, ranges)))
    raise TypeError(f"{cls.__name__} is not a kind of value")


def hosts() -> IKind:
    """A host list: names, C{*.suffix}, addresses, networks, C{*}, C{!}."""
    return Parsed(
        HostList,
        ListOf(Text()),
        HostList.parse,
        HostList.render,
        'a list of hosts such as ["*.example", "192.0.2.0/24"]',
    )


@implementer(IKind)
@frozen
class Table:
    """
    A table with known options, which becomes an instance of a class.

    @ivar cls: the class.
    @ivar options: its options.
    """

    cls: type[Any]
    options: tuple[Option, ...]
    words: str = "a table"

    @classmethod
    def of(cls, settings: type[Any], **kinds: IKind) -> Table:
        """
        @param settings: the class.
        @param kinds: other kinds for some options, by name.
        """
        options = tuple(
            attrs.evolve(option, kind=kinds.get(option.name, option.kind))
            for option in optionsOf(settings)
        )
        return cls(settings, options)

    def names(self) -> Iterator[str]:
        """The names that can stand in the table, those of flat ones among them."""
        for option in self.options:
            if option.flat and isinstance(option.kind, Table):
                yield from option.kind.names()
            else:
                yield option.name

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, self.cls):
            return value
        if not isinstance(value, Mapping):
            raise Wrong(f"expected a table, got {spellValue(value)}")
        known = list(self.names())
        strange = [str(key) for key in value if key not in known]
        for name in strange:
            meant = closest(name, known)
            reading.refuse((*path, name), "there is no such option", meant)
        made = self._make(value, path, reading, whole=not strange)
        return FAULT if strange else made

    def _make(
        self,
        value: Mapping[str, object],
        path: KeyPath,
        reading: IReading,
        whole: bool,
    ) -> object:
        """
        @param whole: is there nothing wrong with this table yet?
        """
        arguments: dict[str, object] = {}
        for option in self.options:
            if option.flat and isinstance(option.kind, Table):
                read = option.kind._make(value, path, reading, whole)
            elif option.name in value:
                inside = (*path, option.name)
                read = reading.take(option.kind, value[option.name], inside)
            elif option.required:
                read = reading.refuse(path, f"{option.name} is missing")
            else:
                continue
            if read is FAULT:
                whole = False
            else:
                arguments[option.argument] = read
        return self._build(arguments, path, reading, whole)

    def _build(
        self,
        arguments: dict[str, object],
        path: KeyPath,
        reading: IReading,
        whole: bool,
    ) -> object:
        # Validators run one by one on the finished instance, so that each can
        # tell its fault; in the constructor the first would hide the others.
        try:
            with attrs.validators.disabled():
                made: object = self.cls(**arguments)
        except (ValueError, TypeError) as error:
            # What is wrong with a part is no news of the whole.
            return reading.refuse(path, str(error)) if whole else FAULT
        for option in self.options:
            attribute = getattr(attrs.fields(self.cls), option.attribute)
            if attribute.validator is None:
                continue
            try:
                attribute.validator(made, attribute, getattr(made, option.attribute))
            except (ValueError, TypeError) as error:
                text = str(error.args[0]).removeprefix(f"'{option.attribute}' ")
                reading.refuse((*path, option.name), text)
                whole = False
        return made if whole else FAULT

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        spelled = (
            (option.name, option.kind.spell(getattr(value, option.attribute)))
            for option in self.options
        )
        # What is not given has no spelling.
        inside = ", ".join(f"{name} = {text}" for name, text in spelled if text)
        return f"{{ {inside} }}"


def tableOf(kind: IKind) -> Table | None:
    """The table that a kind is, or is a list of; L{None}: neither."""
    if isinstance(kind, Optional):
        return tableOf(kind.inside)
    if isinstance(kind, ListOf):
        return tableOf(kind.item)
    return kind if isinstance(kind, Table) else None


def flatOptions(table: Table) -> Iterator[Option]:
    """The options of a table, with those that are flat among the others."""
    for option in table.options:
        if option.flat and isinstance(option.kind, Table):
            yield from flatOptions(option.kind)
        else:
            yield option
