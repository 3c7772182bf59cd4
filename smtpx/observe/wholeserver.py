"""
Several workers, as one server for who looks at it.

Each worker has a L{Teller}, which tells of it whoever asks.  The leading worker, which
has the site, asks all others and puts together what they say: a L{WholeServer}.  One
that does not answer in time is not waited for, and what is shown says so.

Every few seconds they are asked though nobody looks, so that little is lost of what
was counted by a worker that is killed (L{smtpx.observe.ledger}).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from attrs import field, frozen
from prometheus_client import CollectorRegistry
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.errors import Malformed
from . import metrics
from .families import Family, Labels, expositionOf, familiesOf, gauge
from .ledger import Ledger
from .parcels import pack, unpack
from .reports import Report
from .together import Told, remarksOf, together, unreadyOf
from .trace import SessionTrace, TraceLine
from .views import IView, Readiness
from .watch import Status, Watch

T = TypeVar("T")

#: What workers are asked.
REPORT, READY = "page.report", "page.ready"
TRACES, TRACE = "page.traces", "page.trace"

#: How long they have, in seconds.  Who wants to know whether mail can be sent here
#: mostly waits a second or two.
REPORT_SECONDS, READY_SECONDS, TRACE_SECONDS = 3.0, 1.0, 3.0

#: How often they are asked though nobody looks, in seconds.
ROUND_SECONDS = 10.0

#: The most peers and destinations that a worker tells of, more than are shown.
ROWS_TOLD = 100

#: What is said of one that does not answer.
_AWAY = ("It does not answer.",)

#: A value of JSON.
Fields = Mapping[str, object]

_NOBODY: Mapping[str, CollectorRegistry] = {}

#: Asks all other workers the same, as C{IOthers.ask} of L{smtpx.service.workers} does.
Ask = Callable[[str, Fields, float], "Deferred[Mapping[int, Sequence[Fields]]]"]


@frozen
class Teller:
    """
    Tells of one worker.

    @ivar watch: watches it.
    @ivar number: which it is.
    @ivar life: which of its lives this is.
    """

    watch: Watch
    number: int
    life: str = field(factory=lambda: secrets.token_hex(8))

    def report(self) -> Report:
        """All that there is to be told."""
        watch = self.watch
        return Report(
            self.number,
            self.life,
            os.getpid(),
            tuple(watch.house.unready()),
            familiesOf(watch.registry),
            pack(watch.look(ROWS_TOLD)),
        )

    def unready(self) -> Sequence[str]:
        """Why it takes no messages; empty: it does."""
        return self.watch.house.unready()

    def traces(self) -> list[TraceLine]:
        """The sessions that were traced here."""
        return [TraceLine.of(each, self.number) for each in self.watch.traces.recent()]

    @property
    def answers(self) -> Mapping[str, Callable[[Fields], Fields]]:
        """What it answers to others, by what it is asked."""
        return {
            REPORT: lambda asked: self.report().packed(),
            READY: lambda asked: {"unready": list(self.unready())},
            TRACES: lambda asked: {"traces": pack(self.traces())},
            TRACE: self._trace,
        }

    def _trace(self, asked: Fields) -> Fields:
        found = self.watch.traces.find(str(asked.get("session")))
        return {"trace": pack(found)}


@implementer(IView)
class WholeServer:
    """
    All workers of a server.

    @ivar ledger: what is known of them.
    """

    _log = Logger()

    def __init__(
        self,
        teller: Teller,
        count: int,
        ask: Ask,
        clock: IReactorTime,
        ledger: Ledger,
        starts: Callable[[int], int],
        beside: Mapping[str, CollectorRegistry] = _NOBODY,
    ) -> None:
        """
        @param teller: tells of the worker that this is.
        @param count: how many there are.
        @param starts: how often one of them was started, by its number.
        @param beside: metrics of processes that are no workers, by what these are
            called.
        """
        self.ledger = ledger
        self._teller = teller
        self._watch = teller.watch
        self._numbers = range(1, count + 1)
        self._ask = ask
        self._clock = clock
        self._starts = starts
        self._beside = beside
        self._waiting: list[Deferred[None]] = []
        self._call: IDelayedCall | None = None
        self._garbled = False

    # --- rounds ---------------------------------------------------------------------

    def start(self) -> None:
        """Ask now and then, from now on."""
        self._call = self._clock.callLater(ROUND_SECONDS, self.start)
        self.round().addErrback(
            lambda why: self._log.failure("The workers cannot be asked", why)
        )

    def stop(self) -> None:
        """Do not."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def round(self) -> Deferred[None]:
        """
        Ask all workers.  Who comes while they are asked waits for the same answers.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            asked = self._ask(REPORT, {}, REPORT_SECONDS)
            asked.addCallback(self._heard).addBoth(self._over)
        return waiting

    def _heard(self, answers: Mapping[int, Sequence[Fields]]) -> None:
        reports = {self._teller.number: self._teller.report()}
        for number, report in self._read(answers, Report.read).items():
            if report.number == number:
                reports[number] = report
        self.ledger.note(reports)

    def _over(self, result: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(result)

    def _read(
        self,
        answers: Mapping[int, Sequence[Fields]],
        read: Callable[[Fields], T],
    ) -> dict[int, T]:
        """What workers have answered; who says nothing sensible has not."""
        found: dict[int, T] = {}
        for number, parts in answers.items():
            try:
                found[number] = read(parts[-1])
            except Malformed as error:
                if not self._garbled:
                    self._garbled = True
                    self._log.error(
                        "Worker {number} tells of itself what cannot be read: {error}",
                        number=number,
                        error=error,
                    )
        return found

    # --- what is shown --------------------------------------------------------------

    @property
    def name(self) -> str:
        """See L{IView}."""
        return self._watch.house.name

    def now(self) -> float:
        """See L{IView}."""
        return self._watch.clock()

    def look(self) -> Deferred[Status]:
        """See L{IView}."""
        return self.round().addCallback(lambda _: self._status())

    def _status(self) -> Status:
        ledger, own = self.ledger, self._teller.number
        order = sorted(self._numbers, key=lambda number: (number != own, number))
        workers = [self._told(number) for number in order]
        return together(workers, ledger.families(), ledger.departed)

    def _told(self, number: int) -> Told:
        report, status = self.ledger.last.get(number), None
        if report is not None:
            try:
                status = report.look()
            except Malformed:
                report = None
        return Told(
            number,
            status,
            number in self.ledger.here and report is not None,
            None if report is None else report.pid,
            self._starts(number),
        )

    def exposition(self) -> Deferred[bytes]:
        """See L{IView}."""
        return self.round().addCallback(lambda _: self._exposition())

    def _exposition(self) -> bytes:
        beside = {name: familiesOf(each) for name, each in self._beside.items()}
        return expositionOf([*self.ledger.families(beside), *self._workers()])

    def _workers(self) -> list[Family]:
        """Metrics of the workers as such."""
        last, here = self.ledger.last, self.ledger.here
        ready = {n: n in here and not last[n].unready for n in self._numbers}

        def each(values: Mapping[int, float]) -> Mapping[Labels, float]:
            return {(("worker", str(n)),): float(v) for n, v in values.items()}

        starts = {number: self._starts(number) for number in self._numbers}
        return [
            gauge(metrics.WORKERS, {(): float(len(self._numbers))}),
            gauge(metrics.WORKERS_ANSWERED, {(): float(len(here))}),
            gauge(metrics.WORKER_READY, each(ready)),
            gauge(metrics.WORKER_STARTS, each(starts)),
        ]

    def readiness(self) -> Deferred[Readiness]:
        """See L{IView}."""
        return self._ask(READY, {}, READY_SECONDS).addCallback(self._ready)

    def _ready(self, answers: Mapping[int, Sequence[Fields]]) -> Readiness:
        told = self._read(answers, _words)
        told[self._teller.number] = tuple(self._teller.unready())
        workers = {number: told.get(number, _AWAY) for number in self._numbers}
        reasons = unreadyOf(workers)
        return Readiness(reasons, () if reasons else remarksOf(workers))

    def traces(self) -> Deferred[Sequence[TraceLine]]:
        """See L{IView}."""
        return self._ask(TRACES, {}, TRACE_SECONDS).addCallback(self._traces)

    def _traces(self, answers: Mapping[int, Sequence[Fields]]) -> Sequence[TraceLine]:
        lines = self._teller.traces()
        for told in self._read(answers, _lines).values():
            lines += told
        return sorted(lines, key=lambda each: each.began, reverse=True)

    def trace(self, session: str) -> Deferred[SessionTrace | None]:
        """See L{IView}."""
        asked = self._ask(TRACE, {"session": session}, TRACE_SECONDS)
        return asked.addCallback(self._trace, session)

    def _trace(
        self, answers: Mapping[int, Sequence[Fields]], session: str
    ) -> SessionTrace | None:
        own = self._watch.traces.find(session)
        told = self._read(answers, _traceOf).values()
        return next((each for each in (own, *told) if each is not None), None)


def _words(answer: Fields) -> tuple[str, ...]:
    return unpack(tuple[str, ...], answer.get("unready"))


def _lines(answer: Fields) -> tuple[TraceLine, ...]:
    return unpack(tuple[TraceLine, ...], answer.get("traces"))


def _traceOf(answer: Fields) -> SessionTrace | None:
    found = answer.get("trace")
    return None if found is None else unpack(SessionTrace, found)


__all__ = ["Ask", "Fields", "Teller", "WholeServer"]
