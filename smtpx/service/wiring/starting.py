"""
Who starts the queue when a client asks for it (RFC 1985): this worker, and all others.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred

from ...core.errors import Malformed
from ...dns.together import together
from ...queue.interfaces import IQueueControl
from ...queue.starter import QueueStarter
from ..control.exchange import Exchange, Refused
from ..control.values import lineOf
from ..control.wire import Kind
from ..machine import Machine
from ..workers.answers import Answers
from ..workers.merging import summed
from ..workers.sources import Inquiry, There

#: How long a worker is waited for that is being started again, in seconds; the client
#: has its answer before.
_PATIENCE = 60.0


def openStarter(
    machine: Machine, starter: QueueStarter, queue: IQueueControl, answers: Answers
) -> None:
    """
    Start the queue for whoever asks, from now on.

    @param queue: what waits here.
    @param answers: what other workers ask for.
    """
    starter.control = queue
    others = machine.worker.others
    if not others.numbers:
        return
    there = [There(each, others, machine.reactor, _PATIENCE) for each in others.numbers]

    async def ask(node: str, below: bool) -> int | None:
        inquiry, fields = Inquiry("etrn"), {"node": node, "below": below}
        ends = await together(
            inquiry.ask(each, "etrn.start", fields, again=True) for each in there
        )
        return None if inquiry.unasked else summed(ends).get("started", 0)

    async def start(exchange: Exchange) -> Mapping[str, object]:
        node = lineOf("node", exchange.fields.get("node"))
        below = exchange.fields.get("below")
        if not isinstance(below, bool):
            raise Malformed("below: expected true or false")
        started = await starter.startHere(node, below)
        if started is None:
            raise Refused(Kind.BUSY, "the queue is being started for others")
        return {"started": started}

    starter.elsewhere = lambda *asked: Deferred.fromCoroutine(ask(*asked))
    answers.add({"etrn.start": start})


__all__ = ["openStarter"]
