"""
Look-ups in lists of the configuration: C{lookup:NAME}.

All lists but those of rules are asked at once, so that they have only look-ups that
answer at once; rules see to their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ..core.asked import Asks
from ..core.hostlist import HostList
from ..policy.lookups import ILookup
from ..policy.lookups.lists import asksOf
from .config import Configuration
from .problems import KeyPath, Problem, closest
from .rulekind import RuleEntry
from .schema import optionName


def withLookups(
    configuration: Configuration, lookups: Mapping[str, ILookup]
) -> Configuration:
    """
    A configuration whose lists ask look-ups.

    @param lookups: all of them, by name.
    @raise UsageError: a list has one that there is not, or that does not answer at
        once.
    """
    if not lookups:
        return configuration
    asks = asksOf(lookups)
    found: Configuration = _asking(configuration, asks)
    return attrs.evolve(found, asks=asks)


def _asking(value: Any, asks: Asks) -> Any:
    """The same, whose host lists ask; where there is none, it is the very same."""
    if isinstance(value, HostList):
        return value.asking(asks)
    if isinstance(value, RuleEntry):
        return value
    if isinstance(value, tuple):
        several = tuple(_asking(each, asks) for each in value)
        same = all(one is other for one, other in zip(several, value, strict=True))
        return value if same else several
    if isinstance(value, Mapping):
        table = {key: _asking(each, asks) for key, each in value.items()}
        return value if all(table[key] is value[key] for key in table) else table
    if not attrs.has(type(value)):
        return value
    changed = {}
    for each in _fields(value):
        before = getattr(value, each.name)
        after = _asking(before, asks)
        if after is not before:
            changed[each.alias] = after
    return attrs.evolve(value, **changed) if changed else value


def _fields(value: Any) -> Iterator[Any]:
    """The attributes of a value that its maker is given."""
    return (each for each in attrs.fields(type(value)) if each.init)


def checkLists(configuration: Configuration) -> Iterator[Problem]:
    """Look-ups in host lists that there are not, or that do not answer at once."""
    slow = {each.name for each in configuration.lookups if not each.kind.prompt}
    known = configuration.listAsks
    for path, hosts in _lists(configuration, ()):
        for index, item in enumerate(hosts.items):
            name = item.lookup
            if name is None or name in known:
                continue
            text, meant = f"there is no look-up {name}", closest(name, known)
            if name in slow:
                text, meant = f"{name} may have to wait, and this list cannot", None
            yield configuration.document.problem((*path, index), text, meant)


def _lists(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, HostList]]:
    """All host lists but those of rules, with where they stand."""
    if isinstance(value, HostList):
        yield path, value
    elif isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from _lists(each, (*path, index))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _lists(each, (*path, str(key)))
    elif attrs.has(type(value)) and not isinstance(value, RuleEntry):
        for each in _fields(value):
            step = _step(each)
            yield from _lists(getattr(value, each.name), (*path, *step))


def _step(attribute: Any) -> KeyPath:
    """What an attribute adds to where something stands: the name of its option."""
    metadata = attribute.metadata
    if metadata.get("flat") or metadata.get("option", "") is None:
        return ()
    return (metadata.get("option") or optionName(attribute.name),)


__all__ = ["checkLists", "withLookups"]
