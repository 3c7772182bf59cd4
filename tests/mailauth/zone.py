"""
Answers of the DNS for checks, from memory.
"""

from __future__ import annotations

from typing import TypeVar

from smtpx.mailauth.asking import Asking, Found, Known, Lookup, Unknown

T = TypeVar("T")


class Zone:
    """
    What the DNS has.

    @ivar asked: what it was asked, group by group.
    """

    def __init__(self) -> None:
        self._texts: dict[bytes, list[bytes]] = {}
        self._broken: set[bytes] = set()
        self.asked: list[list[bytes]] = []

    def dmarc(self, domain: str, *texts: str) -> Zone:
        """The domain has such records of DMARC."""
        return self.text("_dmarc." + domain, *texts)

    def text(self, name: str, *texts: str) -> Zone:
        """The name has such records."""
        octets = name.encode("ascii")
        self._texts.setdefault(octets, []).extend(map(str.encode, texts))
        return self

    def broken(self, name: str) -> Zone:
        """Nobody can tell what the name has."""
        self._broken.add(name.encode("ascii"))
        return self

    def run(self, asking: Asking[T]) -> T:
        """Run a check to its end."""
        known: tuple[Known, ...] | None = None
        while True:
            try:
                group = next(asking) if known is None else asking.send(known)
            except StopIteration as stop:
                outcome: T = stop.value
                return outcome
            self.asked.append([each.name for each in group])
            known = tuple(map(self._answer, group))

    def _answer(self, lookup: Lookup) -> Known:
        name = lookup.name
        if name in self._broken:
            return Unknown("SERVFAIL")
        exists = any(each == name or each.endswith(b"." + name) for each in self._texts)
        records = self._texts.get(name, []) if lookup.kind == "TXT" else []
        return Found(tuple(records), exists)
