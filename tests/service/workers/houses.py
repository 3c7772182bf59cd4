"""
A server of several workers, in memory: a house each, and sockets between them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.mail import MailService
from smtpx.service.workers import Worker
from smtpx.service.workers.others import Others
from smtpx.service.workers.sockets import socketOf
from smtpx.spool.interfaces import IOperatedSpool
from tests.service.control.made import ROOT
from tests.service.made import NOW, Site, site

from .made import SocketReactor, Switchboard
from .spools import NumberedSpool


class HousesTestCase(SynchronousTestCase):
    """
    A test with several workers.

    @ivar board: their sockets.
    @ivar sites: their machines; all have one state folder.
    @ivar services: what runs there.
    @ivar watched: which folders each has looked after.
    """

    def setUp(self) -> None:
        """Nobody is there yet."""
        self.board = Switchboard()
        self.sites: list[Site] = []
        self.watched: list[tuple[int, Path]] = []
        self.services: dict[int, MailService] = {}
        # The paths of sockets are to be short.
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, count: int, **values: object) -> None:
        """Build and start all workers."""
        self.values = values
        self.sites = [self._site(number + 1, count) for number in range(count)]
        for number in range(1, count + 1):
            self.enter(number)
        self.addCleanup(self.stop)

    def _site(self, number: int, count: int) -> Site:
        made = site(self.mktemp())
        reactor = SocketReactor(self.board)
        reactor.advance(NOW)
        folder = made.read({"state": self.folder / "state"}).workersFolder
        worker = Worker(number, count, Others(reactor, folder, number, count))
        made.folder, made.reactor = self.folder, reactor

        def spool(reactor: Any, folder: str, **options: Any) -> IOperatedSpool:
            known = options["queueProfileStamps"]
            made.spools.append(
                NumberedSpool(options["number"], options["clock"], known)
            )
            return made.spools[-1]

        def hearOf(reactor: Any, folder: Path, wake: Callable[[], object]) -> None:
            self.watched.append((number, folder))

        made.machine = evolve(
            made.machine,
            hearOf=hearOf,
            reactor=reactor,
            now=reactor.seconds,
            spool=spool,
            worker=worker,
        )
        return made

    def enter(self, number: int) -> None:
        """Start a worker, for the first time or again."""
        service = self.sites[number - 1].build(self.values)
        opened = service.whenOpen()
        service.privilegedStartService()
        service.startService()
        self.board.flush()
        self.successResultOf(opened)
        self.services[number] = service
        for factory in self.board.listening.values():
            factory.callerOf = lambda transport: ROOT  # type: ignore[attr-defined]  # all are of control

    def leave(self, number: int) -> None:
        """Stop a worker."""
        stopped = self.services.pop(number).stopService()
        self.sites[number - 1].hangUp()
        self.settle()
        for _ in range(100):
            if stopped.called:
                break
            # What is under way is given some time.
            self.settle(1.0)
        self.successResultOf(stopped)

    def kill(self, number: int) -> None:
        """A worker dies, as far as the others can see."""
        self.board.kill(str(self.socket(number)))

    def stop(self) -> None:
        """Stop all."""
        for number in [*self.services]:
            self.leave(number)

    def socket(self, number: int) -> Any:
        """Where the others reach a worker."""
        return socketOf(self.folder / "state/workers", number)

    def settle(self, seconds: float = 0.0) -> None:
        """Time goes by for all, and what they say gets to the others."""
        self.board.flush()
        for each in self.sites:
            each.reactor.advance(seconds)
        self.board.flush()

    def result(self, wanted: Deferred[Any]) -> Any:
        """What comes of something that others are asked for."""
        self.settle()
        return self.successResultOf(wanted)


__all__ = ["HousesTestCase"]
