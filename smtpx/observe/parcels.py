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
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from ..core.errors import Malformed

T = TypeVar("T")


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
    found: T = _unpack(kind, packed)
    return found


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in attrs.fields(kind))


@cache
def _fieldsOf(kind: Any) -> dict[str, Any]:
    """The types of a class's fields, by their names, in their order."""
    known = get_type_hints(kind)
    return {each.name: known[each.name] for each in attrs.fields(kind)}


def _unpack(kind: Any, packed: object) -> Any:
    origin = get_origin(kind)
    if origin is types.UnionType or origin is Union:
        return _oneOf(get_args(kind), packed)
    if origin is tuple:
        return _tuple(get_args(kind), _checked(list, packed))
    if origin is not None and issubclass(origin, Mapping):
        _, inner = get_args(kind)
        found = _checked(dict, packed)
        return {str(name): _unpack(inner, each) for name, each in found.items()}
    reader = _PLAIN.get(kind)
    if reader is not None:
        return reader(packed)
    if attrs.has(kind):
        return _instance(kind, _checked(list, packed))
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(packed)
        except ValueError as error:
            raise Malformed(str(error)) from None
    raise TypeError(f"{kind} cannot be unpacked")


def _checked(kind: type[T], packed: object) -> T:
    """
    @raise Malformed: it is not of that kind.
    """
    if not isinstance(packed, kind):
        raise Malformed(f"{packed!r:.80} is no {kind.__name__}")
    return packed


def _oneOf(kinds: tuple[Any, ...], packed: object) -> Any:
    """One of several kinds: nothing, or by the name of the class."""
    if packed is None and type(None) in kinds:
        return None
    others = [each for each in kinds if each is not type(None)]
    if len(others) > 1:
        name = packed[0] if isinstance(packed, list) and packed else None
        others = [each for each in others if each.__name__ == name]
    if not others:
        raise Malformed(f"{packed!r:.80} is none of {kinds}")
    return _unpack(others[0], packed)


def _tuple(kinds: tuple[Any, ...], packed: list[Any]) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple([_unpack(kinds[0], each) for each in packed])
    if len(kinds) != len(packed):
        raise Malformed(f"{packed!r:.80} are not {len(kinds)}")
    return tuple(map(_unpack, kinds, packed))


def _instance(kind: Any, packed: list[Any]) -> Any:
    known = _fieldsOf(kind)
    if len(packed) != len(known) + 1 or packed[0] != kind.__name__:
        raise Malformed(f"{packed!r:.80} is no {kind.__name__}")
    values = {
        name.lstrip("_"): _unpack(inner, each)
        for (name, inner), each in zip(known.items(), packed[1:], strict=True)
    }
    return kind(**values)


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
_PLAIN: dict[Any, Callable[[object], object]] = {
    bool: lambda packed: _checked(bool, packed),
    int: lambda packed: _checked(int, packed),
    float: _float,
    str: lambda packed: _checked(str, packed),
    bytes: _octets,
    datetime: _moment,
    Path: lambda packed: Path(_checked(str, packed)),
}


__all__ = ["pack", "unpack"]
