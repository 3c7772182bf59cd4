"""
The messages of all workers as one list, by id, which is by age: page by page, so that
however many there are, only a page of each is in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, DeferredList

from ...dns.together import together
from .interfaces import Fields
from .sources import Inquiry, Source

#: How many messages of each are in memory.
PAGE = 100


@define(eq=False)
class _Row:
    """
    The messages of one source.

    @ivar after: behind which message the next page begins; L{None}: there is none.
    @ivar looked: how many messages were looked at.
    @ivar of: how many there are.
    """

    source: Source
    selection: Fields
    entries: deque[Fields] = field(factory=deque, init=False)
    after: object = field(default="", init=False)
    looked: int = field(default=0, init=False)
    of: int = field(default=0, init=False)

    @property
    def isThrough(self) -> bool:
        """Is there no more?"""
        return self.after is None and not self.entries

    async def fill(self, inquiry: Inquiry) -> None:
        """
        Have at least one message here, if there is another one.

        @raise smtpx.core.errors.SMTPXError: the request makes no sense.
        """
        while not self.entries and self.after is not None:
            await self._page(inquiry)

    async def _page(self, inquiry: Inquiry) -> None:
        found: dict[object, Fields] = {}

        async def keep(part: Fields) -> None:
            # It may be asked twice.
            found[part.get("message")] = part

        fields = {"selection": self.selection, "after": self.after, "most": PAGE}
        end = await inquiry.ask(self.source, "queue.page", fields, keep, again=True)
        if end is None:
            self.after = None
            return
        self.entries.extend(found.values())
        self.after = end.get("after")
        self.looked += _number(end.get("looked"))
        self.of = _number(end.get("of"))


class Merging:
    """
    Goes through the messages of several sources, the oldest first.

    @ivar found: how many it has given.
    """

    def __init__(
        self, sources: Sequence[Source], selection: Fields, inquiry: Inquiry
    ) -> None:
        """
        @param selection: which messages, as they are told over the socket.
        @param inquiry: told of sources that do not answer.
        """
        self._rows = [_Row(source, selection) for source in sources]
        self._inquiry = inquiry
        self.found = 0

    async def next(self) -> tuple[int, Fields] | None:
        """
        One more.

        @return: whose it is, and the message; L{None}: there is none.
        @raise smtpx.core.errors.SMTPXError: the request makes no sense.
        """
        rows = self._rows
        empty = [row for row in rows if not row.entries and not row.isThrough]
        if empty:
            await together(row.fill(self._inquiry) for row in empty)
        ready = [row for row in rows if row.entries]
        if not ready:
            return None
        # Text and age of ids have one order.
        first = min(ready, key=lambda row: str(row.entries[0].get("message")))
        self.found += 1
        return first.source.number, first.entries.popleft()

    def progress(self) -> Fields:
        """How far it is."""
        rows = self._rows
        looked, of = sum(row.looked for row in rows), sum(row.of for row in rows)
        return {"looked": looked, "done": self.found, "of": of}


async def named(
    sources: Sequence[Source], selection: Fields, ids: Sequence[str], inquiry: Inquiry
) -> list[tuple[int, Fields]]:
    """
    Find messages that are named.  As soon as all are found nobody else is waited for:
    who does not answer cannot have any of them.

    @param selection: which messages, as they are told over the socket.
    @param ids: their ids.
    @param inquiry: told of sources that do not answer.
    @return: whose each is, and the message, the oldest first.
    @raise smtpx.core.errors.SMTPXError: the request makes no sense.
    """
    found: dict[str, tuple[int, Fields]] = {}

    async def look(row: _Row) -> None:
        while not row.isThrough:
            await row.fill(inquiry)
            while row.entries:
                entry = row.entries.popleft()
                found[str(entry.get("message"))] = row.source.number, entry

    rows = [_Row(source, selection) for source in sources]
    looking = [Deferred.fromCoroutine(look(row)) for row in rows]

    def leaveOff(result: None) -> None:
        if len(found) == len({*ids}):
            for each in looking:
                each.cancel()

    for each in looking:
        each.addCallback(leaveOff)
    outcomes = await DeferredList(looking, consumeErrors=True)
    failures: list[Any] = [outcome for success, outcome in outcomes if not success]
    for failure in failures:
        if not (failure.check(CancelledError) and len(found) == len({*ids})):
            failure.raiseException()
    # Text and age of ids have one order.
    return [found[id] for id in sorted(found)]


def summed(ends: Sequence[Fields | None]) -> dict[str, int]:
    """The numbers of several answers, added up."""
    total: dict[str, int] = {}
    for end in ends:
        for name, count in _counts(end or {}):
            total[name] = total.get(name, 0) + count
    return total


def _counts(end: Fields) -> Iterator[tuple[str, int]]:
    for name, value in end.items():
        if isinstance(value, int):
            yield name, value


def _number(found: object) -> int:
    return found if isinstance(found, int) else 0


__all__ = ["PAGE", "Merging", "named", "summed"]
