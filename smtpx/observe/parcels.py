"""
Values, packed so that another process of the same program can have them as they are.

What is packed are the values of this room, such as L{smtpx.observe.watch.Status}:
L{attrs} classes of plain things.  What comes out is what JSON can say::

    unpack(Flight, json.loads(json.dumps(pack(flight)))) == flight

It is no format for anybody else: the fields of a class have no names there, but stand
in their order, behind the name of the class.  That is enough to notice a process of
another version, whose parcels are L{Malformed}.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from ..core.errors import Malformed

T = TypeVar("T")

#: Unpacks values of one kind.
_Read = Callable[[object], Any]


def pack(value: object) -> object:
    """
    Pack a value.

    @raise TypeError: it is of a kind that nobody has packed yet.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, tuple | list):
        return [pack(each) for each in value]
    if isinstance(value, Mapping):
        return {name: pack(each) for name, each in value.items()}
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, Enum):
        return pack(value.value)
    if isinstance(value, Path):
        return str(value)
    if attrs.has(type(value)):
        kind: Any = type(value)
        return [kind.__name__, *(pack(getattr(value, each)) for each in _names(kind))]
    raise TypeError(f"{type(value)} cannot be packed")


def unpack(kind: type[T], packed: object) -> T:
    """
    The inverse of L{pack}.

    @param kind: of the value.
    @raise Malformed: it is none of that kind.
    """
    wanted: Any = kind
    found: T = _reader(wanted)(packed)
    return found


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in attrs.fields(kind))


# Types are looked at once, and not for each value: there are thousands of these.
@cache
def _reader(kind: Any) -> _Read:
    """What unpacks values of a kind."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is types.UnionType or origin is Union:
        return _oneOf(inner)
    if origin is tuple:
        return _several(inner[0]) if inner[1:] == (Ellipsis,) else _tuple(inner)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(inner[1])
    if kind in _PLAIN:
        return _PLAIN[kind]
    if attrs.has(kind):
        return _instance(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return partial(_member, kind)
    raise TypeError(f"{kind} cannot be unpacked")


def _checked(kind: type[T], packed: object) -> T:
    """
    @raise Malformed: it is not of that kind.
    """
    if not isinstance(packed, kind):
        raise Malformed(f"{packed!r:.80} is no {kind.__name__}")
    return packed


def _oneOf(kinds: tuple[Any, ...]) -> _Read:
    """One of several kinds: nothing, or by the name of the class."""
    readers = {each.__name__: _reader(each) for each in kinds if each is not type(None)}
    mayBeNone = len(readers) < len(kinds)
    only = next(iter(readers.values())) if len(readers) == 1 else None

    def read(packed: object) -> Any:
        if packed is None and mayBeNone:
            return None
        if only is not None:
            return only(packed)
        name = packed[0] if isinstance(packed, list) and packed else None
        reader = readers.get(name) if isinstance(name, str) else None
        if reader is None:
            raise Malformed(f"{packed!r:.80} is none of {kinds}")
        return reader(packed)

    return read


def _several(kind: Any) -> _Read:
    reader = _reader(kind)
    return lambda packed: tuple([reader(each) for each in _checked(list, packed)])


def _tuple(kinds: tuple[Any, ...]) -> _Read:
    readers = [_reader(each) for each in kinds]

    def read(packed: object) -> tuple[Any, ...]:
        found = _checked(list, packed)
        if len(readers) != len(found):
            raise Malformed(f"{packed!r:.80} are not {len(readers)}")
        return tuple(
            [reader(each) for reader, each in zip(readers, found, strict=True)]
        )

    return read


def _mapping(kind: Any) -> _Read:
    reader = _reader(kind)
    return lambda packed: {
        str(name): reader(each) for name, each in _checked(dict, packed).items()
    }


def _instance(kind: Any) -> _Read:
    known = get_type_hints(kind)
    readers = [(each.alias, _reader(known[each.name])) for each in attrs.fields(kind)]

    def read(packed: object) -> Any:
        found = _checked(list, packed)
        if len(found) != len(readers) + 1 or found[0] != kind.__name__:
            raise Malformed(f"{packed!r:.80} is no {kind.__name__}")
        return kind(
            **{
                name: reader(each)
                for (name, reader), each in zip(readers, found[1:], strict=True)
            }
        )

    return read


def _member(kind: Any, packed: object) -> Enum:
    try:
        found: Enum = kind(packed)
    except ValueError as error:
        raise Malformed(str(error)) from None
    return found


def _float(packed: object) -> float:
    if not isinstance(packed, int | float):
        raise Malformed(f"{packed!r:.80} is no number")
    try:
        return float(packed)
    except OverflowError as error:
        raise Malformed(str(error)) from None


def _octets(packed: object) -> bytes:
    try:
        return _checked(str, packed).encode("latin-1")
    except UnicodeEncodeError:
        raise Malformed(f"{packed!r:.80} are no octets") from None


def _moment(packed: object) -> datetime:
    try:
        return datetime.fromtimestamp(_float(packed), UTC)
    except (ValueError, OverflowError, OSError):
        raise Malformed(f"{packed!r:.80} is no time") from None


#: What is not made of other things.
_PLAIN: dict[Any, _Read] = {
    bool: lambda packed: _checked(bool, packed),
    int: lambda packed: _checked(int, packed),
    float: _float,
    str: lambda packed: _checked(str, packed),
    bytes: _octets,
    datetime: _moment,
    Path: lambda packed: Path(_checked(str, packed)),
}


__all__ = ["pack", "unpack"]
