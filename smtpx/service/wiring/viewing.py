"""
What the site shows: this process, or all workers of a server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from ...observe.gauges import ofAnotherProcess
from ...observe.keeping import Common
from ...observe.ledger import InMemory, Ledger
from ...observe.views import IView, OneProcess
from ...observe.watch import Watch
from ...observe.wholeserver import Fields, Teller, WholeServer
from ..control.exchange import Exchange, Verb
from ..machine import Machine
from ..workers.answers import Answers


def countStart(machine: Machine) -> None:
    """This worker starts: those who look at the server see how often it has."""
    seen = machine.shared.seen
    if seen is not None:
        seen.starts.begin(machine.worker.number)


def isFirstStart(machine: Machine) -> bool:
    """Is this the first process that is this worker?"""
    seen = machine.shared.seen
    return seen is None or seen.starts.of(machine.worker.number) <= 1


def viewOf(
    machine: Machine, watch: Watch, answers: Answers, stack: AsyncExitStack
) -> IView:
    """
    What the site shows; the other workers are told of this one.

    @param answers: what they are told.
    """
    worker, seen = machine.worker, machine.shared.seen
    if worker.count == 1:
        return OneProcess(watch)
    teller = Teller(watch, worker.number)
    answers.add(_verbs(teller.answers))
    whole = WholeServer(
        teller,
        worker.count,
        worker.others.ask,
        machine.reactor,
        Ledger(InMemory() if seen is None else seen.keeping),
        (lambda number: 1) if seen is None else seen.starts.of,
        {} if seen is None else _beside(seen),
    )
    if worker.leads:
        whole.start()
        stack.callback(whole.stop)
    return whole


def _beside(seen: Common) -> Mapping[str, CollectorRegistry]:
    """What there is to be told of the processes that are no workers."""
    return {name: ofAnotherProcess(pid) for name, pid in seen.beside.items()}


def _verbs(answers: Mapping[str, Callable[[Fields], Fields]]) -> Mapping[str, Verb]:
    """Answers that are known at once, as verbs of the control protocol."""

    def verb(answer: Callable[[Fields], Fields]) -> Verb:
        async def told(exchange: Exchange) -> Fields:
            return answer(exchange.fields)

        return told

    return {name: verb(answer) for name, answer in answers.items()}


__all__ = ["countStart", "viewOf"]
