"""
A queue to be controlled, and a client of it, in memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.control import QueueControl
from smtpx.queue.delivery import Delivery
from smtpx.queue.routes import RouteRule, Routes
from smtpx.service.control.exchange import Exchange, Verb
from smtpx.service.control.protocol import Caller, ControlFactory, ControlProtocol
from smtpx.service.control.queueverbs import QueueVerbs
from smtpx.testing.spool import MemorySpool
from tests.queue.doubles import (
    Doubling,
    RecordedJournal,
    ScriptedRelay,
    ScriptedReporter,
)

#: Who is at the other end.
ROOT = Caller(0)


class Pipe(StringTransport):
    """A transport that can be aborted."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.aborted = False

    def abortConnection(self) -> None:
        """It is over."""
        self.aborted = True


class Client:
    """
    A client.

    @ivar protocol: the server's end.
    """

    def __init__(self, factory: ControlFactory) -> None:
        """Connect."""
        self.pipe = Pipe()
        self.protocol: ControlProtocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.pipe)  # type: ignore[no-untyped-call]  # Twisted's

    def send(self, octets: bytes) -> None:
        """Send these."""
        self.protocol.dataReceived(octets)  # type: ignore[no-untyped-call]  # Twisted's

    def ask(self, do: str, **fields: object) -> list[dict[str, Any]]:
        """Ask for something, and take what was said by now."""
        self.send(json.dumps({"id": 1, "do": do, **fields}).encode() + b"\n")
        return self.heard()

    def heard(self) -> list[dict[str, Any]]:
        """What was said since."""
        lines = self.pipe.value().splitlines()
        self.pipe.clear()
        return [json.loads(line) for line in lines]


class ControlCase(SynchronousTestCase):
    """A queue, which delivers nothing by itself."""

    def setUp(self) -> None:
        """Messages for three domains have a way."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.spool = MemorySpool(self.clock.seconds)
        self.relay = ScriptedRelay("relay")
        self.journal = RecordedJournal()
        rules = [RouteRule(f"{each}.example", "relay") for each in "abs"]
        self.delivery = Delivery(
            self.spool,
            Routes(rules, [self.relay]),
            self.journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
            ScriptedReporter(),
        )
        self.control = QueueControl(
            self.spool, self.delivery, self.journal, self.clock, self.clock.seconds
        )
        self.verbs: dict[str, Verb] = dict(
            QueueVerbs(self.control, self.spool.count).verbs()
        )

    def factory(self, caller: Caller = ROOT, shared: bool = False) -> ControlFactory:
        """What lets clients in."""
        return ControlFactory(
            self.verbs, self.clock, "mx.example.org", shared, lambda _: caller
        )

    def put(self, *paths: bytes, sender: bytes = b"s@s.example") -> str:
        """Put a message in; a moment later."""
        id = self.spool.add(sender, paths or (b"ann@a.example",))
        self.clock.advance(0.25)
        return id

    def asked(
        self, do: str, **fields: object
    ) -> tuple[list[Mapping[str, object]], Mapping[str, object]]:
        """Have a verb answered: its parts, and its end."""
        parts: list[Mapping[str, object]] = []
        self.told: list[Mapping[str, object]] = []

        async def send(part: Mapping[str, object]) -> None:
            json.dumps(part)
            parts.append(part)

        exchange = Exchange({"do": do, **fields}, "joe", send, self.told.append)

        async def answer() -> Mapping[str, object]:
            return await self.verbs[do](exchange)

        done = Deferred.fromCoroutine(answer())
        self.clock.advance(1)
        return parts, self.successResultOf(done)
