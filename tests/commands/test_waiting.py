"""Tests for L{smtpx.commands.waiting}."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.console import CommandFailed
from smtpx.commands.waiting import wait


@define
class Reactor:
    """
    Does one thing when it runs.

    @ivar happens: what.
    @ivar told: what was done with it.
    """

    happens: Callable[[], None]
    told: list[str] = field(factory=list)

    def run(self) -> None:
        """Let it happen."""
        self.told.append("run")
        self.happens()

    def stop(self) -> None:
        """It was told to stop."""
        self.told.append("stop")


class WaitTests(SynchronousTestCase):
    """Waiting for work."""

    def setUp(self) -> None:
        """Something to wait for."""
        self.waiting: Deferred[int] = Deferred()

    async def work(self) -> int:
        """Wait for it."""
        return await self.waiting

    def test_atOnce(self) -> None:
        """Where nothing has to be waited for, nothing runs."""
        self.waiting.callback(1)
        reactor = Reactor(lambda: None)
        self.assertEqual(wait(reactor, self.work()), 1)
        self.assertEqual(reactor.told, [])

    def test_waits(self) -> None:
        """The reactor runs until it is there."""
        reactor = Reactor(lambda: self.waiting.callback(2))
        self.assertEqual(wait(reactor, self.work()), 2)
        self.assertEqual(reactor.told, ["run", "stop"])

    def test_fails(self) -> None:
        """What goes wrong is raised."""
        reactor = Reactor(lambda: self.waiting.errback(ValueError("x")))
        self.assertRaises(ValueError, wait, reactor, self.work())

    def test_interrupted(self) -> None:
        """Somebody has had enough."""
        with self.assertRaises(CommandFailed):
            wait(Reactor(lambda: None), self.work())
