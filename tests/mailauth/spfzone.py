"""
A DNS in memory for checks that ask by yielding, and what runs them over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from attrs import define, field

from smtpx.mailauth.asking import Asking, Found, Known, Lookup, Unknown

T = TypeVar("T")

#: How many CNAMEs are followed.
_CHAIN_MOST = 16


@define
class Zone:
    """
    A DNS that knows what a test wrote down.

    @ivar records: of each name, in lower case, its kinds of records.
    @ivar failing: the names, and names with kinds, of which nobody can tell.
    @ivar groups: what was asked, as it was asked together.
    """

    records: dict[bytes, dict[str, list[bytes]]] = field(factory=dict)
    failing: set[bytes | Lookup] = field(factory=set)
    groups: list[tuple[Lookup, ...]] = field(factory=list)

    @property
    def asked(self) -> list[Lookup]:
        """All that was asked, in its order."""
        return [lookup for group in self.groups for lookup in group]

    def add(self, name: str, kind: str, *records: str | bytes) -> Zone:
        """
        Take records more.

        @return: the zone itself.
        """
        kinds = self.records.setdefault(name.lower().encode("ascii"), {})
        kinds.setdefault(kind, []).extend(
            each if isinstance(each, bytes) else each.encode("ascii")
            for each in records
        )
        return self

    def answer(self, group: Iterable[Lookup]) -> tuple[Known, ...]:
        """What is known of some look-ups."""
        group = tuple(group)
        self.groups.append(group)
        return tuple(self._answer(each) for each in group)

    def _answer(self, lookup: Lookup) -> Known:
        name = lookup.name
        for _ in range(_CHAIN_MOST):
            kinds = self.records.get(name, {})
            found = kinds.get(lookup.kind)
            if found is not None:
                return Found(tuple(found))
            if name in self.failing or Lookup(name, lookup.kind) in self.failing:
                return Unknown("timeout")
            alias = kinds.get("CNAME")
            if alias is None:
                return Found((), self._exists(name))
            name = alias[0].lower().removesuffix(b".")
        return Unknown("CNAME loop")

    def _exists(self, name: bytes) -> bool:
        return any(each == name or each.endswith(b"." + name) for each in self.records)


def run(asking: Asking[T], zone: Zone) -> T:
    """What a check finds out over a zone."""
    known: tuple[Known, ...] | None = None
    try:
        while True:
            group = next(asking) if known is None else asking.send(known)
            known = zone.answer(group)
    except StopIteration as stop:
        found: T = stop.value
        return found


__all__ = ["Zone", "run"]
