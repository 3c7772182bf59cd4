"""
The tables C{[[lookup]]}: files, databases and callables in which rules and lists look
values up.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from ...policy.lookups import Default
from ..objects import PythonObject

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class LookupKind(Enum):
    """
    What values are looked up in.

    @ivar takes: the option that says where that is.
    """

    LSEARCH = "lsearch"
    WILDLSEARCH = "wildlsearch"
    NWILDLSEARCH = "nwildlsearch"
    IPLSEARCH = "iplsearch"
    LMDB = "lmdb"
    CDB = "cdb"
    SQLITE = "sqlite"
    PYTHON = "python"

    @property
    def prompt(self) -> bool:
        """Does it answer at once, so that all lists can have it?"""
        return self not in (LookupKind.SQLITE, LookupKind.PYTHON)

    @property
    def takes(self) -> tuple[str, ...]:
        """The options that it has to have, which the others must not have."""
        if self is LookupKind.PYTHON:
            return ("python",)
        return ("file", "query") if self is LookupKind.SQLITE else ("file",)


def _name(entry: LookupEntry, attribute: Attribute[str], value: str) -> None:
    if _NAME.fullmatch(value) is None:
        raise ValueError(
            "expected a name of letters, digits, hyphens and underscores, got"
            f' "{value}"'
        )


def _wanted(entry: LookupEntry, attribute: Attribute[Any], value: object) -> None:
    kind, name = entry.kind.value, attribute.name
    if (value is not None) is (name in entry.kind.takes):
        return
    if value is None:
        raise ValueError(f"a look-up of the kind {kind} cannot do without")
    raise ValueError(f"it is of no use for a look-up of the kind {kind}")


def _query(entry: LookupEntry, attribute: Attribute[Any], value: str | None) -> None:
    _wanted(entry, attribute, value)
    if value is not None and not (":key" in value or "?" in value):
        raise ValueError('there is no key in it: expected ":key" or "?"')


def _partial(entry: LookupEntry, attribute: Attribute[Any], value: int | None) -> None:
    if value is not None and entry.kind is LookupKind.IPLSEARCH:
        raise ValueError("addresses are matched as networks, not in parts")


def _affix(entry: LookupEntry, attribute: Attribute[Any], value: str) -> None:
    if len(value) > 64 or any(each.isalnum() or each.isspace() for each in value):
        raise ValueError(f'expected punctuation such as "*." or ".", got "{value}"')


@frozen
class LookupEntry:
    """A file, a database or a callable in which rules and lists look values up."""

    name: str = field(
        validator=_name, metadata={"help": "What rules and lists call it."}
    )
    kind: LookupKind = field(
        metadata={
            "help": "What it is looked up in.  ``lsearch``: a file with a key a line,"
            " as aliases have it.  ``wildlsearch`` and ``nwildlsearch``: such a file"
            " whose keys may begin with ``*``, or with ``^`` as regular expressions."
            "  ``iplsearch``: such a file whose keys are addresses and networks."
            "  ``lmdb``, ``cdb``: a file of that kind.  ``sqlite``: a database and a"
            " query.  ``python``: a callable."
        },
    )
    file: Path | None = field(
        default=None,
        validator=_wanted,
        metadata={"help": "The file; all kinds but ``python`` have one."},
    )
    query: str | None = field(
        default=None,
        validator=_query,
        metadata={
            "help": "For ``sqlite``: a query that gives one column, with ``:key`` or"
            " ``?`` where the key is wanted, such as ``SELECT relay FROM domains WHERE"
            " name = :key``.  The first row counts."
        },
    )
    python: PythonObject | None = field(
        default=None,
        validator=_wanted,
        metadata={
            "help": "For ``python``: a callable, ``package.module:name``, that takes a"
            " key as ``bytes`` and gives ``bytes``, ``str``, ``None`` where there is no"
            " such key, or a Deferred or something else to be awaited for one of them."
        },
    )
    partial: int | None = field(
        default=None,
        validator=_partial,
        metadata={
            "none": "none",
            "most": 100,
            "help": "Exim's ``partial``: where there is no ``a.b.c.example``,"
            " ``*.a.b.c.example`` is looked up, then ``*.b.c.example`` and so on, until"
            " this number of parts is left.  With 0 the last is ``*``.",
        },
    )
    affix: str = field(
        default="*.",
        validator=_affix,
        metadata={"help": "What stands in front of those parts."},
    )
    defaultKey: Default = field(
        default=Default.NONE,
        metadata={
            "help": "What is looked up when nothing else was found: ``*``; or ``*@``,"
            " which is ``*@domain`` for an address, and then ``*``."
        },
    )
    lowerCase: bool = field(
        default=False,
        metadata={
            "help": "Keys are put in lower case before they are looked up.  For files"
            " with lines case never matters."
        },
    )
    lookupSeconds: float = field(
        default=5.0,
        metadata={
            "least": 0.1,
            "help": "For ``sqlite`` and ``python``: how long a look-up may take, in"
            " seconds; after that it cannot be told.",
        },
    )


__all__ = ["LookupEntry", "LookupKind"]
