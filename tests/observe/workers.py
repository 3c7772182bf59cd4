"""
Several workers of one server, without processes: each has a watch of its own, and
asks the others at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from smtpx.observe.ledger import IKeeping, InMemory, Ledger
from smtpx.observe.wholeserver import Fields, Teller, WholeServer

from .web.houses import Server


class Staff:
    """
    The workers, and whether they answer.

    @ivar servers: what is seen of each, by its number.
    @ivar tellers: who tells of each.
    @ivar away: those that do not answer now.
    @ivar garbled: what those say that say nothing sensible.
    @ivar held: not L{None}: those who are asked do not answer yet.
    @ivar asked: what they were asked, and how long they had.
    """

    def __init__(self, count: int = 2, keeping: IKeeping | None = None) -> None:
        """
        @param count: how many there are.
        @param keeping: where it is kept what they have told.
        """
        self.clock = Clock()
        self.keeping = InMemory() if keeping is None else keeping
        self.servers: dict[int, Server] = {}
        self.tellers: dict[int, Teller] = {}
        self.starts = dict.fromkeys(range(1, count + 1), 0)
        self.away: set[int] = set()
        self.garbled: dict[int, Fields] = {}
        self.held: list[Deferred[Any]] | None = None
        self.asked: list[tuple[str, float]] = []
        for number in self.starts:
            self.begin(number)

    def begin(self, number: int) -> Server:
        """A worker starts, for the first time or again; it knows of nothing."""
        self.starts[number] += 1
        server = self.servers[number] = Server()
        self.tellers[number] = Teller(server.watch, number, f"{self.starts[number]}")
        if number == 1:
            self.whole = WholeServer(
                self.tellers[1],
                len(self.starts),
                self.ask,
                self.clock,
                Ledger(self.keeping),
                self.starts.__getitem__,
            )
        return server

    def ask(
        self, verb: str, fields: Fields, seconds: float
    ) -> Deferred[Mapping[int, Sequence[Fields]]]:
        """See L{smtpx.service.workers.interfaces.IOthers}."""
        self.asked.append((verb, seconds))
        if self.held is not None:
            waiting: Deferred[Any] = Deferred()
            self.held.append(waiting)
            return waiting.addCallback(lambda _: self._answers(verb, fields))
        return succeed(self._answers(verb, fields))

    def _answers(self, verb: str, fields: Fields) -> Mapping[int, Sequence[Fields]]:
        return {
            number: [json.loads(json.dumps(self._answer(number, verb, fields)))]
            for number in self.starts
            if number != 1 and number not in self.away
        }

    def _answer(self, number: int, verb: str, fields: Fields) -> Fields:
        if number in self.garbled:
            return self.garbled[number]
        return self.tellers[number].answers[verb](fields)
