"""
What is known of all workers of a server, so that no number of theirs is lost.

Each worker counts for itself, from 0 on.  What is told of the server is the sum, and
to Prometheus a counter that goes back is one that has begun anew: it would count again
all that there was.  So here it is kept what each worker told last.  Of one that does
not answer in time that stands.  When a worker is started again, what its process before
it told last is added to the L{past<Ledger.past>}.  What that one counted after it had
told for the last time is lost, as it is with one process that ends.

The worker that keeps this may end as well.  So all of it lies in a L{Keeping}, from
which its successor goes on.  Where all workers are gone at once all counters begin
anew, and so does the sum.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from ..core.errors import Malformed
from .families import Families, addedUp, packFamilies, together, unpackFamilies
from .parcels import pack, unpack
from .reports import Report
from .together import Plots, plotted

_NOBODY: Mapping[str, Families] = {}


class IKeeping(Protocol):
    """
    Keeps some octets, whoever of those that share them ends.
    """

    def load(self) -> bytes:
        """What was saved last, whole; empty: nothing yet."""

    def save(self, octets: bytes) -> None:
        """Have these from now on."""


class InMemory:
    """Keeps octets for as long as this process lives."""

    def __init__(self) -> None:
        self._octets = b""

    def load(self) -> bytes:
        """See L{IKeeping}."""
        return self._octets

    def save(self, octets: bytes) -> None:
        """See L{IKeeping}."""
        self._octets = octets


class Ledger:
    """
    What is known of all workers.

    @ivar last: what each has told last, by its number.
    @ivar here: the numbers of those that have told it in the last round.
    @ivar past: what was counted by processes that are no more.
    @ivar departed: what was plotted of these; L{None}: there are none.
    """

    def __init__(self, keeping: IKeeping) -> None:
        self._keeping = keeping
        self.last: dict[int, Report] = {}
        self.here: frozenset[int] = frozenset()
        self.past: Families = ()
        self.departed: Plots | None = None
        self._load()

    def note(self, reports: Mapping[int, Report]) -> None:
        """
        A round is over.

        @param reports: of those who have answered, by their numbers.
        """
        for number, report in reports.items():
            before = self.last.get(number)
            if before is not None and before.life != report.life:
                self.past = addedUp([self.past, before.families])
                self._depart(before)
            self.last[number] = report
        self.here = frozenset(reports)
        self._keeping.save(self._packed())

    def families(self, beside: Mapping[str, Families] = _NOBODY) -> Families:
        """
        The metrics of the whole server.

        @param beside: what processes tell that are no workers, by what these are
            called.
        """
        here = {number: self.last[number].families for number in sorted(self.here)}
        away = [
            report.families
            for number, report in sorted(self.last.items())
            if number not in self.here
        ]
        return together(here, away, self.past, beside)

    def _depart(self, report: Report) -> None:
        """What a process has told is to be seen still when it is no more."""
        try:
            plots = Plots.of(report.look())
        except Malformed:
            return
        before = self.departed
        self.departed = plots if before is None else plotted([before, plots])

    def _packed(self) -> bytes:
        kept = {
            "past": packFamilies(self.past),
            "departed": pack(self.departed),
            "last": [report.packed() for report in self.last.values()],
        }
        return json.dumps(kept, separators=(",", ":")).encode("ascii")

    def _load(self) -> None:
        """Go on from where another process has left off."""
        octets = self._keeping.load()
        if not octets:
            return
        kept = json.loads(octets)
        try:
            reports = [Report.read(each) for each in kept["last"]]
            self.past = unpackFamilies(kept["past"])
            if kept["departed"] is not None:
                self.departed = unpack(Plots, kept["departed"])
        except (Malformed, KeyError):
            # It is of another version of the program: so counters begin anew.
            self.past = ()
            return
        self.last = {report.number: report for report in reports}


__all__ = ["IKeeping", "InMemory", "Ledger"]
