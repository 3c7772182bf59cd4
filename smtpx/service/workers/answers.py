"""
What a worker answers to the others.

Every room of the house that wants to know something of the other workers, or to tell
them something, adds a verb here, in its part of L{smtpx.service.wiring}::

    async def state(exchange: Exchange) -> Fields:
        await exchange.send({"sessions": 3})    # as many parts as it takes
        return {}                               # the end of the answer

    answers.add({"page.state": state})

and asks the others for it::

    found = await machine.worker.others.ask("page.state", {}, 2.0)
    for number, (*parts, end) in found.items():
        ...

The name of a verb begins with its room's.  What stands in C{exchange.fields} beside
C{id} and C{do}, and what is answered, are values of JSON.  A request has at most a
megabyte, an answer is as long as it likes, but to C{ask} at most 16 megabytes.  The
others are asked when the whole house stands, and until it is taken down; so an answer
may have to wait, as a coroutine does, but nothing it needs is missing.

Who has to tell the others something as soon as they can ask in their turn has itself
called then (L{Answers.whenOpen}): nothing is missed in between.

A server of one process has nobody to answer; verbs are added all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import define, evolve, field

from ...core.errors import UsageError
from ..control.exchange import Exchange, Verb
from .interfaces import Fields


@define(eq=False)
class Answers:
    """
    Who answers what to other workers.
    """

    _verbs: dict[str, Verb] = field(factory=dict, init=False)
    _watchers: list[Callable[[], object]] = field(factory=list, init=False)

    def whenOpen(self, call: Callable[[], object]) -> None:
        """
        Have something called when the others can ask us; where there are none, never.
        """
        self._watchers.append(call)

    def opened(self) -> None:
        """The others can ask us."""
        for call in self._watchers:
            call()

    def add(self, verbs: Mapping[str, Verb]) -> None:
        """
        Have some verbs answered.

        @param verbs: who answers what.
        @raise UsageError: somebody else answers one of them.
        """
        for name, verb in verbs.items():
            if name in self._verbs:
                raise UsageError(f"{name} is answered already")
            self._verbs[name] = _inTheName(verb)

    @property
    def verbs(self) -> Mapping[str, Verb]:
        """Who answers what, at a worker's socket."""
        return self._verbs


def _inTheName(verb: Verb) -> Verb:
    """The same, in the name of the one that the other worker asks for."""

    async def answer(exchange: Exchange) -> Fields:
        fields = dict(exchange.fields)
        # Whoever is let in to that socket is one of us.
        by = fields.pop("asker", "") or exchange.by
        return await verb(evolve(exchange, fields=fields, by=str(by)))

    return answer


__all__ = ["Answers"]
