"""
Which messages somebody asked to be tried at once, and when.

A host that was in trouble does not matter to them, if that was known before: they are
tried all the same.  The first of them that fails notes it anew, and that counts for
the others, so that a hundred thousand messages do not make as many attempts at a
host that is away.

It is in memory only: after a crash the messages are due, and wait for their hosts.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

#: How many messages are remembered by their ids.
MOST = 10_000


@define
class Asked:
    """
    Remembers who was asked for, up to a bound; above that, all messages are.

    @ivar some: is anybody remembered?
    """

    some: bool = field(default=False, init=False)

    _when: dict[str, float] = field(factory=dict, init=False)
    _all: float | None = field(default=None, init=False)

    def ask(self, ids: Iterable[str], now: float) -> None:
        """
        These are to be tried at once.

        @param now: in seconds since the epoch.
        """
        for id in ids:
            self.some = True
            if len(self._when) >= MOST and id not in self._when:
                self._when.clear()
                self._all = now
                return
            self._when[id] = now

    def when(self, id: str) -> float | None:
        """
        When somebody asked for a message, in seconds since the epoch.

        @return: L{None}: nobody did.
        """
        found = self._when.get(id)
        if found is None or self._all is None:
            return self._all if found is None else found
        return max(found, self._all)

    def tried(self, id: str) -> None:
        """It was tried."""
        self._when.pop(id, None)
        self.some = bool(self._when) or self._all is not None


__all__ = ["MOST", "Asked"]
