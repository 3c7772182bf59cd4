"""
What the tools of an operator want of an embedded spool: to look at all that there is,
and to change how it goes on.

Nothing here waits for the disk, and nothing takes more than some milliseconds at a
time: who wants to see a hundred thousand messages asks page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from ..core.envelope import Stamp
from .changes import hastened, held, letGo, released
from .desk import Desk
from .format import Row, SpooledMessage, message, unreadable
from .identity import parse, render
from .lending import OCTETS, Lender
from .selection import Entry, Page, Selection, stateOf
from .store import Store
from .writer import Alter

#: How many messages are looked at in one step of a search: to make sense of them
#: takes some milliseconds of the reactor's thread.
_STRETCH = 200


@frozen(eq=False)
class Desktop:
    """
    The operator's side of a spool.

    @ivar desk: reads and writes.
    @ivar lender: knows what is leased.
    @ivar stamps: those that can be read back, by name.
    @ivar clock: seconds since the epoch.
    """

    desk: Desk
    lender: Lender
    stamps: Mapping[str, Stamp[Any]]
    clock: Callable[[], float]

    # --- looking -----------------------------------------------------------------

    def messages(self, after: str, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """
        A page of all messages, by id, without the bodies.

        @raise ValueError: C{after} is neither an id nor empty.
        """
        behind = parse(after) if after else -1
        rows = self.desk.query(lambda store: store.page(behind, most))
        return rows.addCallback(lambda found: [self._seen(row) for row in found])

    def fetch(self, id: str) -> Deferred[SpooledMessage | None]:
        """
        One message with its body; L{None}: there is none.

        @raise ValueError: not an id.
        """
        key = parse(id)
        rows = self.desk.query(lambda store: store.whole([key], OCTETS)[0])
        return rows.addCallback(lambda found: self._seen(found[0]) if found else None)

    def find(self, selection: Selection, after: str, most: int) -> Deferred[Page]:
        """
        A page of the messages that are meant.

        @raise ValueError: C{after} is neither an id nor empty, or what the selection
            has for an id is none.
        """
        behind = parse(after) if after else -1
        keys = sorted({parse(id) for id in selection.ids})
        wanted = [key for key in keys if key > behind][:_STRETCH]

        def read(store: Store) -> list[Row]:
            if not keys:
                return store.page(behind, _STRETCH)
            return [row for row in map(store.one, wanted) if row is not None]

        def build(rows: list[Row]) -> Page:
            last = wanted[-1:] if keys else [row.key for row in rows[-1:]]
            full = len(wanted if keys else rows) == _STRETCH
            return self._chosen(selection, rows, most, last[0] if full else None)

        return self.desk.query(read).addCallback(build)

    def _chosen(
        self, selection: Selection, rows: Sequence[Row], most: int, last: int | None
    ) -> Page:
        """
        Those of some rows that are meant.

        @param last: behind which key to go on, if all fit in; L{None}: nowhere.
        """
        entries: list[Entry] = []
        now, leased = self.clock(), self.lender.agenda.leased
        for looked, row in enumerate(rows, 1):
            taken = row.key in leased
            if not selection.mayFit(row, taken, now):
                continue
            message = self._seen(row)
            entry = Entry(message, stateOf(message, taken))
            if not selection.fits(entry, now):
                continue
            entries.append(entry)
            if len(entries) >= most and (looked < len(rows) or last is not None):
                return Page(entries, entry.message.id, looked)
        return Page(entries, None if last is None else render(last), len(rows))

    def _seen(self, row: Row) -> SpooledMessage:
        """A row as a message, whatever state it is in."""
        try:
            return message(row, self.stamps)
        except Exception as error:  # the one border: an extension's load
            return unreadable(row, error)

    # --- changing ----------------------------------------------------------------

    def hold(self, ids: Sequence[str], note: str) -> Deferred[None]:
        """
        Put messages on hold.

        @raise ValueError: something is not an id.
        """
        keys = [parse(id) for id in ids]
        for key in keys:
            # Whoever wants it has to look whether it is on hold.
            self.lender.recent.take(key)
        return self._altered(Alter([held(key, note) for key in keys]))

    def release(self, ids: Sequence[str]) -> Deferred[None]:
        """
        Take messages off hold: they are due at once.

        @raise ValueError: something is not an id.
        """
        now = self.clock()
        changes = [released(parse(id), now) for id in ids]
        return self._altered(Alter(changes, due=now))

    def letGo(self, ids: Sequence[str]) -> Deferred[None]:
        """
        Let messages go that were put by for a moment.

        @raise ValueError: something is not an id.
        """
        now = self.clock()
        changes = [letGo(parse(id), now) for id in ids]
        return self._altered(Alter(changes, due=now))

    def _altered(self, job: Alter) -> Deferred[None]:
        return self.desk.write(job).addCallback(lambda _: None)

    def hasten(self, ids: Sequence[str]) -> Deferred[int]:
        """
        Make messages due at once; how many were to wait.

        @raise ValueError: something is not an id.
        """
        now = self.clock()
        job = Alter([hastened(parse(id), now) for id in ids], due=now)
        return self.desk.write(job).addCallback(lambda _: sum(job.found))

    def claim(self, id: str) -> Deferred[SpooledMessage | None]:
        """
        Lease one message, now or as soon as it is given back.

        @raise ValueError: not an id.
        """
        return self.lender.claim(parse(id), self._seen)


__all__ = ["Desktop"]
