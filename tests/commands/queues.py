"""
A queue in memory, and somebody at a terminal who asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from smtpx.commands.queuereach import IdleQueue, ReachedQueue
from smtpx.commands.queuework import QueueWork
from smtpx.core.interfaces import IExtension
from smtpx.service.config import Configuration
from smtpx.service.machine import Machine
from smtpx.spool.format import Outcome
from tests.service.control.made import ControlCase

from .terminals import Ran, Terminal

ANN, BOB, EVE = b"ann@a.example", b"bob@b.example", b"eve@\x1b[2J.example"


class Delivering(IdleQueue):
    """The queue of a server that runs."""

    delivers = True


class QueueCase(ControlCase):
    """C{smtpx queue}, on a queue in memory."""

    def setUp(self) -> None:
        """Somebody called joe sits at a terminal."""
        super().setUp()
        self.queue: ReachedQueue = Delivering(self.verbs, "joe")
        self.terminal = Terminal()
        self.configured: list[object] = []
        self.patch(QueueWork, "reach", staticmethod(self.reach))
        self.patch(QueueWork, "now", staticmethod(self.clock.seconds))

    async def reach(
        self,
        machine: Machine,
        configuration: Configuration,
        found: Mapping[str, IExtension],
        stack: AsyncExitStack,
    ) -> ReachedQueue:
        """It is there."""
        self.configured.append(configuration.name)
        return self.queue

    def run_(self, *words: str) -> Ran:
        """Run a command."""
        return self.terminal.run("queue", *words)

    def said(self, *words: str) -> list[str]:
        """What is printed where all is well."""
        ran = self.run_(*words)
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out.splitlines()

    def failed(self, *words: str, status: int = 1) -> str:
        """What is wrong."""
        ran = self.run_(*words)
        self.assertEqual(ran.status, status, ran.err)
        return ran.err.removeprefix("smtpx: ").removesuffix("\n")

    def settle(self, id: str, due: float | None, *outcomes: Outcome) -> None:
        """A message was tried."""
        message = self.successResultOf(self.spool.claim(id))
        assert message is not None
        self.successResultOf(self.spool.settle(message, outcomes, due))
