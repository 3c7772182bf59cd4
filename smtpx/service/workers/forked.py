"""
A worker: what a process does that was forked off the zygote.

It has a reactor of its own, made after the fork, takes over the sockets that listen,
and is then an ordinary mail server, but for this: once its house stands it waits at the
gate (L{smtpx.service.workers.gate}) before it opens its doors.  It ends when it is told
to (SIGTERM), and when the zygote or the supervisor is gone.

News: C{ready}, when it waits at the gate; C{serving}; or C{failed}, with C{why}, if it
cannot start; C{log}, with an C{event} for C{twistd}'s log; C{lost}, with the number of
C{events} that there was no room for.  All but C{log} have its C{number}.

Signals: SIGTERM is for the end, SIGUSR1 for new log files.  SIGHUP and SIGINT are
ignored: a terminal sends them to all processes at once, and C{twistd}'s own decides
what becomes of them.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.internet import epollreactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python.failure import Failure

from ...core.interfaces import IExtension
from ...net.poller import withoutLogContext
from ..config import Configuration
from ..garbage import collectSeldom
from ..inherited import InheritedUNIXEndpoint
from ..machine import Machine
from ..mail import EXPECTED, MailService
from ..wiring.working import worker
from .channel import Message, tell
from .gate import Waiting
from .kinship import Lifeline, call
from .leaving import FORSAKEN_SECONDS, leaveSeconds
from .others import Others
from .relayedlog import RelayedLog, beginLog
from .shared import Shared
from .staff import REOPEN
from .worker import Worker

#: Of an error, so many characters are told.
_TOLD = 4_000

#: How often it is tried to say what there was no room for, in seconds.
_AGAIN_SECONDS = 0.1


@frozen
class Charge:
    """
    What a worker is to do, and what it has been handed for it.

    @ivar number: which worker it is.
    @ivar found: the extensions that there are, by name.
    @ivar shared: what all workers have in common.
    @ivar news: the end of a channel: the supervisor hears it.
    @ivar lives: pipes that end when a process is gone without which there is no use in
        going on.
    @ivar gate: see L{smtpx.service.workers.gate}.
    @ivar sockets: descriptors of what listens, each with its family, in the order of
        the listeners.
    """

    number: int
    configuration: Configuration
    found: Mapping[str, IExtension]
    shared: Shared
    news: socket.socket
    lives: Sequence[int]
    gate: int
    sockets: Sequence[tuple[int, int]]

    def tell(self, said: str, **fields: object) -> bool:
        """
        Tell the supervisor.

        @return: L{False}: there is no room for it.
        """
        message: Message = {"said": said, "number": self.number, **fields}
        return tell(self.news, message)


def work(charge: Charge) -> int:
    """
    Be a worker, until the end.

    @return: the status to exit with.
    """
    assert "twisted.internet.reactor" not in sys.modules
    epollreactor.install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    call(f"smtpx worker {charge.number}")
    # What the zygote had to say is not ours to say again.
    beginLog(RelayedLog(charge.news, charge.number))
    withoutLogContext(reactor)
    at = Work(reactor, charge)
    at.begin()
    reactor.run()
    return at.status


class Work:
    """
    A worker at work.

    @ivar status: what it is to exit with.
    """

    def __init__(self, reactor: Any, charge: Charge) -> None:
        self.status = 0
        self._reactor = reactor
        self._charge = charge
        self._forsaken = False
        self._ends = False
        self.service = self._service()

    def begin(self) -> None:
        """Start, as soon as the reactor runs."""
        for number in self._charge.lives:
            Lifeline(self._reactor, number, self._forsake).begin()
        self._reactor.addSystemEventTrigger("before", "shutdown", self._leave)
        self._reactor.callWhenRunning(self._hearSignals)
        self._reactor.callWhenRunning(collectSeldom)
        self._reactor.callWhenRunning(self._beat)
        self._reactor.callWhenRunning(self._start)

    def _service(self) -> MailService:
        charge = self._charge
        count, folder = charge.configuration.workers, charge.configuration.workersFolder
        pulses = charge.shared.pulses
        others = Others(self._reactor, folder, charge.number, count, pulses)
        joint = charge.shared.joint
        machine = Machine(
            self._reactor,
            worker=Worker(charge.number, count, others),
            shared=charge.shared,
            joint=None
            if joint is None
            else joint.columns(charge.number, self._reactor.seconds),
        )
        endpoints = [adopted(self._reactor, *each) for each in charge.sockets]
        service = worker(machine, charge.configuration, charge.found, endpoints)
        service.explain = self._explain
        service.ready = self._ready
        return service

    def _start(self) -> None:
        opened = self.service.whenOpen()
        opened.addCallbacks(lambda _: self._say("serving"), self._failed)
        self.service.startService()

    def _hearSignals(self) -> None:
        def on(which: int, call: Callable[[], object]) -> None:
            signal.signal(which, lambda *_: self._reactor.callFromThread(call))

        on(REOPEN, self.service.reopenLogs)
        # Twisted's own handler stands by now, but takes it ill to be told twice, as
        # happens where the zygote dies: the kernel says so, and a pipe.
        on(signal.SIGTERM, self._end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, REOPEN})

    def _beat(self) -> None:
        """Show that this one moves."""
        pulses = self._charge.shared.pulses
        if pulses is not None:
            pulses.beat(self._charge.number)
            self._reactor.callLater(pulses.everySeconds, self._beat)

    def _leave(self) -> Deferred[None]:
        seconds = leaveSeconds(self._charge.configuration)
        if self._forsaken:
            seconds = FORSAKEN_SECONDS
        # The kernel's own limit, for the case that nothing else works any more.
        signal.alarm(math.ceil(seconds) + 1)
        return self.service.stopService()

    def _forsake(self) -> None:
        self._forsaken = True
        signal.alarm(math.ceil(FORSAKEN_SECONDS) + 1)
        self._end()

    def _explain(self, failure: Failure) -> None:
        # The supervisor says it: once, where several workers have the same reason.
        self._charge.tell("failed", why=reason(failure)[:_TOLD])

    def _ready(self) -> Deferred[None]:
        """The house stands; may its doors be opened?"""
        self._say("ready")
        return Waiting(self._reactor, self._charge.gate).opened

    def _say(self, said: str) -> None:
        # Others wait to hear it: what all have for the log may leave no room now.
        if not self._charge.tell(said):
            self._reactor.callLater(_AGAIN_SECONDS, self._say, said)

    def _failed(self, failure: Failure) -> None:
        self.status = 1
        self._end()

    def _end(self) -> None:
        if self._ends:
            return
        self._ends = True
        if self._reactor.running:
            self._reactor.stop()
        else:
            self._reactor.callWhenRunning(self._reactor.stop)


def reason(failure: Failure) -> str:
    """Why something failed: in its own words, or with a traceback if it has none."""
    if isinstance(failure.value, EXPECTED):
        return str(failure.value)
    return str(failure.getTraceback())


def adopted(reactor: Any, number: int, family: int) -> IStreamServerEndpoint:
    """
    The endpoint of a socket that the supervisor has bound.

    @param number: its descriptor, which is taken over.
    """
    os.set_blocking(number, False)
    if family == socket.AF_UNIX:
        return InheritedUNIXEndpoint(reactor, number)
    made: IStreamServerEndpoint = AdoptedStreamServerEndpoint(reactor, number, family)
    return made


__all__ = ["Charge", "adopted", "reason", "work"]
