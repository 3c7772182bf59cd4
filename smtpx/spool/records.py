"""
What a spool knows of its messages beside the file, kept along with what the writer has
done: how many there are, which are to go, which are nobody's any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from .bodies import Bodies
from .ledger import Ledger
from .lending import Lender
from .nametable import Name
from .stock import Shift, Stock
from .threads import IThreads
from .writer import Alter, Insert, Remove, Write


@define(eq=False)
class Records:
    """
    Notes what the writer has done, in the reactor's thread.

    @ivar lender: lends what is to go.
    @ivar ledger: forgets what is settled.
    @ivar bodies: the files of long bodies.
    @ivar threads: where they are deleted.
    @ivar clock: seconds since the epoch.
    @ivar named: told of names that were put down.
    @ivar stock: what there is.
    """

    lender: Lender
    ledger: Ledger
    bodies: Bodies
    threads: IThreads
    clock: Callable[[], float]
    named: Callable[[Name], None]
    stock: Stock = field(factory=Stock, init=False)

    def wrote(self, jobs: Sequence[Write], shift: Shift) -> bool:
        """
        These are on the disk.

        @return: is there something to deliver at once?
        """
        stock = self.stock
        stock.shift(shift)
        agenda, keep = self.lender.agenda, self.lender.recent.keep
        fresh: list[int] = []
        settled: list[int] = []
        gone: list[int] = []
        due = False
        for job in jobs:
            if type(job) is Insert:
                key, octets, _, _, hold = job.row
                if hold is None and job.plan is None and job.name is None:
                    stock.messages += 1
                    stock.octets += octets
                    fresh.append(key)
                    if job.spare is not None:
                        keep(job)
                else:
                    due |= self._arrived(job, fresh)
                continue
            if type(job) is Remove:
                stock.remove(job.octets)
                settled.append(job.key)
                if job.filed:
                    gone.append(job.key)
            elif type(job) is Alter:
                if job.leased is not None:
                    settled.append(job.leased)
                if job.due is not None:
                    agenda.made(job.due)
                    due |= job.due <= self.clock()
            for report in job.reports:
                due |= self._arrived(report, fresh)
        if settled:
            self.ledger.settled(settled)
            self.lender.settled(settled)
        if gone:
            # The row is gone for good, so nobody will ask for the file.
            self.threads.submit(lambda: self.bodies.delete(gone))
        if fresh:
            agenda.add(fresh)
        return due or bool(fresh)

    def _arrived(self, job: Insert, fresh: list[int]) -> bool:
        """
        A message was put down.

        @param fresh: gets its key, if it is to go at once.
        @return: is it due at once, though not fresh?
        """
        key, octets, _, _, hold = job.row
        self.stock.add(octets, hold is not None)
        if job.name is not None:
            self.named(job.name)
        if hold is not None:
            return False
        if job.plan is None:
            fresh.append(key)
            if job.spare is not None:
                self.lender.recent.keep(job)
            return False
        self.lender.agenda.made(job.plan.due)
        return job.plan.due <= self.clock()


__all__ = ["Records"]
