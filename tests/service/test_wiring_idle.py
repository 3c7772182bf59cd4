"""
Tests for L{smtpx.service.wiring.idle}: the queue of a server that does not run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.control.exchange import Exchange
from smtpx.service.wiring.idle import idleQueue

from .made import FOUND, site


class IdleTests(SynchronousTestCase):
    """A queue without a server."""

    def do(self, what: str, values: Mapping[str, object], **fields: object) -> Any:
        """Do something to a queue with one message in it."""
        self.site = site(self.mktemp())
        stack = AsyncExitStack()
        configuration = self.site.read(values)
        opened = idleQueue(self.site.machine, configuration, FOUND, stack)
        verbs = self.successResultOf(Deferred.fromCoroutine(opened))
        [self.spool] = self.site.spools
        self.key = self.spool.add(b"ann@client.example", [b"a@localhost"])
        self.site.reactor.advance(1)

        async def send(part: object) -> None:
            """Nobody reads."""

        async def answer() -> object:
            exchange = Exchange({"do": what, **fields}, "root", send)
            return await verbs[what](exchange)

        done = self.successResultOf(Deferred.fromCoroutine(answer()))
        self.successResultOf(Deferred.fromCoroutine(stack.aclose()))
        return done

    def log(self) -> str:
        """What the main log says."""
        return (self.site.folder / "state" / "main.log").read_text()

    def test_bounce(self) -> None:
        """A sender with a way back is told, by a report that stays in the spool."""
        relay = {"relay": {"hosts": ["192.0.2.1"]}}
        done = self.do("queue.bounce", relay, selection={}, why="moved")
        self.assertEqual(done, {"done": 1, "later": 0, "kept": 0})
        [report] = self.spool.kept.values()
        self.assertEqual(report.envelope.recipients[0].path, b"ann@client.example")
        self.assertIn(b"moved", self.spool.whole(report.id))
        self.assertIn(f"{self.key} cancelled by root\n", self.log())

    def test_noWayBack(self) -> None:
        """One without is not, and so the message stays."""
        done = self.do("queue.bounce", {}, selection={})
        self.assertEqual(done, {"done": 0, "later": 0, "kept": 1})
        self.assertTrue(self.spool.kept[self.key].held)

    def test_nothingIsDelivered(self) -> None:
        """What is retried waits for the server."""
        self.assertEqual(self.do("queue.retry", {}, selection={}), {"done": 1})
        self.assertEqual([*self.spool.kept], [self.key])

    def test_logsToTheOutput(self) -> None:
        """Logs that go to the output do not come between what a command says."""
        logs = {"log": {"main": "-", "json": "-"}}
        done = self.do("queue.remove", logs, selection={})
        self.assertEqual(done["done"], 1)
        self.assertFalse((self.site.folder / "state" / "main.log").exists())

    def test_otherLogs(self) -> None:
        """Others are written as ever."""
        logs = {"log": {"json": "events.json"}}
        self.do("queue.remove", logs, selection={})
        path = self.site.read(logs).log.json
        lines = Path(str(path)).read_text().splitlines()
        events = [json.loads(line)["event"] for line in lines]
        self.assertEqual(events, ["message.removed", "message.completed"])

    def test_templatesOfReports(self) -> None:
        """Faults in them are the server's to tell, not each command's."""
        folder = Path(self.mktemp()).absolute()
        (folder / "de").mkdir(parents=True)
        (folder / "de" / "failed.txt").write_text("Subject: $nothing\n\n$recipients\n")
        values = {"reports": {"templates": str(folder), "language": "de"}}
        with capturedLogs() as told:
            self.do("queue.count", values, selection={})
        self.assertEqual([formatEvent(each) for each in told if "flaw" in each], [])

    def test_workers(self) -> None:
        """What several workers have is one queue, and stays with each of them."""
        self.site = site(self.mktemp())
        numbers: list[tuple[int, int]] = []
        make = self.site.machine.spool

        def spool(reactor: object, folder: str, **options: Any) -> Any:
            numbers.append((options["number"], options["workers"]))
            return make(reactor, folder, **options)

        stack = AsyncExitStack()
        machine = evolve(self.site.machine, spool=spool)
        configuration = self.site.read({"workers": 3})
        opened = idleQueue(machine, configuration, FOUND, stack)
        verbs = self.successResultOf(Deferred.fromCoroutine(opened))
        _, second, third = self.site.spools
        self.assertEqual(numbers, [(1, 3), (2, 3), (3, 3)])
        second.add(b"ann@client.example", [b"a@localhost"])
        third.add(b"ann@client.example", [b"a@localhost"])
        self.site.reactor.advance(1)
        parts: list[object] = []

        async def send(part: object) -> None:
            parts.append(part)

        async def answer(what: str, **fields: object) -> object:
            exchange = Exchange({"do": what, **fields}, "root", send)
            return await verbs[what](exchange)

        listed = Deferred.fromCoroutine(answer("queue.list"))
        self.assertEqual(self.successResultOf(listed), {"found": 2})
        self.assertEqual(len(parts), 2)
        removed = Deferred.fromCoroutine(answer("queue.remove", selection={}))
        self.assertEqual(
            self.successResultOf(removed), {"done": 2, "later": 0, "kept": 0}
        )
        self.assertIn("spool.import", verbs)
        self.successResultOf(Deferred.fromCoroutine(stack.aclose()))
