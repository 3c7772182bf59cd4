"""
The aliases of a server, from files that are read again when they change, and from
its configuration::

    aliases = Aliases(AliasSources((Path("/etc/aliases"),)), reach)
    aliases.expand(b"sales@example.org").paths

Files are looked at in a thread, every second, so that nothing here ever waits for
a disk.  A file that changes is read once it has not changed for a second: half of
one that is being written could look whole.  All files are taken up together or not
at all: where anything is wrong in any of them, or one is gone, aliases stay as they
were, and that is told once.

An alias that turns out broken when mail comes (a pattern that leads round in a
circle, say) is told of once, too, until the files change.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from ..observe import events
from ..observe.event import Event
from .aliascheck import PROBLEMS_MAX, checkAliases
from .aliasentry import AliasProblem, BadAliases, Entry, Place
from .aliasfile import parseAliases
from .aliastable import AliasBounds, AliasTable, Expansion, Reach, Step

#: How often files are looked at, in seconds.
LOOK_SECONDS = 1.0

#: Of how many broken aliases it is remembered that they were told of.
_TOLD_MOST = 1000

#: What tells files apart, and a file from what it was.
Mark = tuple[int, ...] | None

#: Tells of an event; C{smtpx.observe.publisher.Publisher.publish} is one.
Publish = Callable[[Event, dict[str, object]], None]


def unheard(event: Event, fields: dict[str, object]) -> None:
    """Tell nobody."""


@frozen
class AliasSources:
    """
    Where aliases come from.

    @ivar files: aliases files (L{smtpx.policy.aliasfile}).
    @ivar entries: others.
    """

    files: tuple[Path, ...] = ()
    entries: tuple[Entry, ...] = ()

    def marks(self) -> tuple[Mark, ...]:
        """What tells each file from what it was; C{None}: it is not to be seen."""
        return tuple(map(_mark, self.files))

    def read(self, reach: Reach, bounds: AliasBounds | None = None) -> AliasTable:
        """
        Read them all.

        @raise BadAliases: with everything that is wrong.
        """
        entries = list(self.entries)
        problems: list[AliasProblem] = []
        for path in self.files:
            try:
                octets = path.read_bytes()
            except OSError as error:
                why = f"cannot be read: {error.strerror or error}"
                problems.append(AliasProblem(Place(str(path), None), "", why))
                continue
            found, wrong = parseAliases(octets, str(path))
            entries += found
            problems += wrong
        # What could be read only in part may be what another leads to.
        lefts = {each.left: each.place for each in problems}
        entries += [Entry(left, (), at) for left, at in lefts.items() if left]
        table = AliasTable(entries, reach, bounds)
        problems += table.problems if None in lefts else checkAliases(table)
        if problems:
            raise BadAliases(self._sorted(problems))
        return table

    def _sorted(self, problems: Sequence[AliasProblem]) -> list[AliasProblem]:
        order = {str(path): at for at, path in enumerate(self.files)}

        def position(problem: AliasProblem) -> tuple[int, int]:
            file, line = problem.place
            return order.get(file, -1), line or 0

        told = sorted(problems, key=position)
        if len(told) > PROBLEMS_MAX:
            last = told[PROBLEMS_MAX - 1].place
            told[PROBLEMS_MAX:] = [AliasProblem(last, "", "there is more wrong")]
        return told


def _mark(path: Path) -> Mark:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # The last tells that somebody has changed who may read it.
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


@frozen
class Reading:
    """
    Files as they were found.

    @ivar marks: how they looked before they were read.
    @ivar table: what is in them; L{None}: they were not read.
    @ivar bad: what is wrong with them; L{None}: nothing, or they were not read.
    """

    marks: tuple[Mark, ...]
    table: AliasTable | None = None
    bad: BadAliases | None = field(default=None, eq=False)


#: Runs a job somewhere where it may block.
Work = Callable[[Callable[[], Reading | None]], Deferred[Reading | None]]


class Aliases:
    """
    The aliases of a server.

    @ivar table: as they are now.
    """

    def __init__(
        self,
        sources: AliasSources,
        reach: Reach,
        bounds: AliasBounds | None = None,
        publish: Publish = unheard,
    ) -> None:
        """
        Read them.

        @param reach: whom mail can be delivered to.
        @param bounds: how far they are followed; L{None}: as usual.
        @param publish: told of what goes wrong later.
        @raise BadAliases: with everything that is wrong.
        """
        self._sources = sources
        self._reach = reach
        self._bounds = bounds
        self._publish = publish
        self._marks = self._candidate = sources.marks()
        self._told: set[str] = set()
        self._complaint: str | None = None
        self._looking: LoopingCall | None = None
        self.table = sources.read(reach, bounds)

    def expand(self, path: bytes, steps: list[Step] | None = None) -> Expansion | None:
        """See L{AliasTable.expand}; tells of an alias that is broken."""
        expansion = self.table.expand(path, steps)
        if expansion is not None and expansion.problem is not None:
            self._tellOf(expansion.problem)
        return expansion

    def _tellOf(self, problem: AliasProblem) -> None:
        text = str(problem)
        if text not in self._told and len(self._told) < _TOLD_MOST:
            self._told.add(text)
            fields: dict[str, object] = {
                "alias": problem.alias,
                "file": problem.place.file,
                "why": problem.why,
            }
            if problem.place.line is not None:
                fields["line"] = problem.place.line
            self._publish(events.ALIAS_BROKEN, fields)

    # --- reading again ---------------------------------------------------------------

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the files from now on.

        @param work: where that is done.
        """
        if self._sources.files:
            self._looking = LoopingCall(self._look, work)
            self._looking.clock = clock
            self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.stop()
            self._looking = None

    def _look(self, work: Work) -> Deferred[None]:
        # The next look waits for this one: a LoopingCall skips what is too late.
        seen, candidate = self._marks, self._candidate

        def job() -> Reading | None:
            return self._read(seen, candidate)

        return work(job).addCallbacks(self._take, self._failed)

    def _read(
        self, seen: tuple[Mark, ...], candidate: tuple[Mark, ...]
    ) -> Reading | None:
        """
        In a thread: read the files if they have changed, and change no more.

        @param seen: how they looked when they were read.
        @param candidate: how they looked a second ago.
        @return: L{None}: nothing is new.
        """
        marks = self._sources.marks()
        if marks == seen and candidate == seen:
            return None
        if marks != candidate:
            return Reading(marks)
        try:
            return Reading(marks, self._sources.read(self._reach, self._bounds))
        except BadAliases as bad:
            return Reading(marks, bad=bad)

    def _take(self, reading: Reading | None) -> None:
        if reading is None:
            return
        self._candidate = reading.marks
        if reading.table is not None:
            self._marks = reading.marks
            self.table = reading.table
            self._told.clear()
            self._complaint = None
            fields: dict[str, object] = {"aliases": len(self.table)}
            self._publish(events.ALIASES_READ, fields)
        elif reading.bad is not None:
            self._marks = reading.marks
            self._stay(str(reading.bad))

    def _failed(self, failure: Failure) -> None:
        # The border: whatever comes out of a thread, the next look comes.
        self._stay(f"{type(failure.value).__name__}: {failure.getErrorMessage()}")

    def _stay(self, why: str) -> None:
        if why != self._complaint:
            self._complaint = why
            self._publish(events.ALIASES_KEPT, {"why": why})


__all__ = ["AliasSources", "Aliases", "Publish"]
