"""
The zygote: a small process that forks the workers.

It is a fork of the supervisor (L{smtpx.service.workers.forking}), or a fresh
interpreter that the supervisor has started.  It has one thread, no reactor, no open
database and no connection, so that a fork of it is whole.  It has the configuration,
has made what all workers share (L{smtpx.service.wiring.sharing.prepare}), and then does
what it is told: it forks workers, and sends them signals.  Only the zygote does that,
because it reaps them: a process id cannot have become somebody else's by then.

What it has inherited is in L{smtpx.service.workers.numbers}.

Orders: C{fork} a worker; C{open} the gate, where those that are ready wait
(L{smtpx.service.workers.gate}); C{signal} one; C{leave}, which is the last: the sockets
are closed, and all workers told to leave.

News: C{prepared}, or C{unprepared} with C{why}; C{renewed}, when something was made
that the workers of now do not have, so that they are to be replaced; C{forked} and
C{ended}, with the C{number} of a worker, its C{pid} and C{status}; C{unforked}, with
C{why}; C{hangs}, with the C{number} of a worker that does not move
(L{smtpx.service.workers.pulse}), its C{pid}, and for how many C{seconds}.  What workers
say is in L{smtpx.service.workers.forked}.  Of the zygote's own news none is lost: where
what workers have for the log leaves no room, they wait.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

from attrs import define, field, frozen

from ...core.errors import SMTPXError
from ...core.interfaces import IExtension
from ..config import Configuration
from ..extensions import findExtensions
from ..machine import usePythonPath
from ..wiring.sharing import prepare
from .brief import Brief
from .channel import Message, hear, tell
from .forked import Charge, work
from .gate import makeGate, openGate
from .kinship import call, dieWith, threads
from .leaving import leaveSeconds
from .numbers import BRIEF, FIRST, LIFE, NEWS, ORDERS
from .pulse import Watch
from .shared import Shared

#: What ^C, the end of a terminal, and a supervisor of services send to all processes at
#: once: it is for twistd's process to decide what becomes of it.
_FOR_TWISTD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: What a worker must not be sent before it knows what to do then.
BLOCKED = frozenset({signal.SIGTERM, signal.SIGUSR1})

#: How often it is looked whether the last workers have gone, in seconds.
_LOOK_SECONDS = 0.02


#: How often it is looked at least whether what is shared has to be renewed, in seconds.
_RENEW_SECONDS = 10.0

#: How often it is tried to say what there was no room for, in seconds.
_AGAIN_SECONDS = 0.1


class Threaded(RuntimeError):
    """There is a thread: what it holds at a fork stays locked for ever."""


def _reap() -> tuple[int, int]:
    return os.waitpid(-1, os.WNOHANG)


@frozen
class Kernel:
    """
    What a zygote wants of the system.

    @ivar fork: see C{os.fork}.
    @ivar kill: see C{os.kill}.
    @ivar reap: the process that has ended, and how (C{os.waitpid}); 0: none has.
    @ivar threads: how many threads this process has.
    @ivar now: the time, in seconds.
    @ivar sleep: waits for some seconds.
    """

    fork: Callable[[], int] = os.fork
    kill: Callable[[int, int], None] = os.kill
    reap: Callable[[], tuple[int, int]] = _reap
    threads: Callable[[], int] = threads
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@define
class Zygote:
    """
    The zygote, once it knows what it has to.

    @ivar workers: numbers of workers by their process ids.
    @ivar unsaid: news that there was no room for.
    """

    _orders: socket.socket
    _news: socket.socket
    _sockets: list[int]
    _become: Callable[[int, int], NoReturn]
    _open: Callable[[], object]
    _leaveSeconds: float
    _cleared: Callable[[int], object]
    _kernel: Kernel = field(factory=Kernel)
    _watch: Watch | None = None
    workers: dict[int, int] = field(factory=dict)
    unsaid: deque[Message] = field(factory=deque)

    def obey(self, order: Message) -> None:
        """Do what the supervisor wants."""
        match order:
            case {"do": "fork", "number": int(number)}:
                self._fork(number)
            case {"do": "open"}:
                self._open()
            case {"do": "signal", "number": int(number), "signal": int(which)}:
                for pid, each in self.workers.items():
                    if each == number:
                        self._kernel.kill(pid, which)
            case {"do": "leave"}:
                self._leave()

    def reap(self) -> None:
        """Tell of the workers that have ended."""
        while self.workers:
            pid, status = self._kernel.reap()
            if not pid:
                return
            number = self.workers.pop(pid)
            # Its connections are closed by now; others may have their places.
            self._cleared(number)
            code = os.waitstatus_to_exitcode(status)
            self.tell("ended", number=number, pid=pid, status=code)

    def look(self) -> None:
        """Tell of workers that hang."""
        if self._watch is None:
            return
        hanging = self._watch.look(self._kernel.now(), self.workers.values())
        for pid, number in self.workers.items():
            if number in hanging:
                seconds = self._watch.silentSeconds
                self.tell("hangs", number=number, pid=pid, seconds=seconds)

    def end(self) -> None:
        """
        End all workers: gently, and when their time is up, at once.  The supervisor is
        gone, in order or not.
        """
        self._leave()
        until = self._kernel.now() + self._leaveSeconds
        self.reap()
        while self.workers and self._kernel.now() < until:
            self._kernel.sleep(_LOOK_SECONDS)
            self.reap()
        for pid in self.workers:
            self._kernel.kill(pid, signal.SIGKILL)

    def _leave(self) -> None:
        # Nobody waits for a server that is about to go: without this, clients would
        # be connected to nobody as long as the last worker sees others out.
        for number in self._sockets:
            os.close(number)
        self._sockets.clear()
        for pid in self.workers:
            self._kernel.kill(pid, signal.SIGTERM)

    def _fork(self, number: int) -> None:
        count = self._kernel.threads()
        if count != 1:
            raise Threaded(f"the zygote has {count} threads")
        # A SIGTERM to a worker that is not ready yet has to wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
        parent = os.getpid()
        try:
            pid = self._kernel.fork()
        except OSError as error:
            # No memory, or too many processes: those that there are go on.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
            self.tell("unforked", number=number, why=str(error))
            return
        if not pid:
            self._become(number, parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
        self.workers[pid] = number
        self.tell("forked", number=number, pid=pid)

    def tell(self, said: str, **fields: object) -> None:
        """Tell the supervisor, as soon as there is room, and in this order."""
        self.unsaid.append({"said": said, **fields})
        self.say()

    def say(self) -> None:
        """Say what there was no room for, if there is some now."""
        while self.unsaid and tell(self._news, self.unsaid[0]):
            self.unsaid.popleft()


def main() -> NoReturn:
    """Be a zygote, in a fresh interpreter, and then no more."""
    brief = Brief.read(BRIEF)
    brief.restore()
    numbers = range(FIRST, FIRST + len(brief.families))
    own = {number: number for number in (ORDERS, NEWS, LIFE, BRIEF, *numbers)}
    for number in own:
        os.set_inheritable(number, False)

    def read() -> Read:
        found = findExtensions()
        return brief.configuration(found), found

    begin(own, brief.families, read)


#: A configuration, and the extensions that there are, by name.
Read = tuple[Configuration, Mapping[str, IExtension]]


def begin(
    own: Mapping[int, int], families: Sequence[int], read: Callable[[], Read]
) -> NoReturn:
    """
    Be a zygote, and then no more.

    @param own: its descriptors, by the numbers of L{smtpx.service.workers.numbers}.
    @param families: of the sockets that listen, in the order of the listeners.
    @param read: gives the configuration; fails with L{SMTPXError} or L{OSError}.
    """
    for which in _FOR_TWISTD:
        signal.signal(which, signal.SIG_IGN)
    call("smtpx zygote")
    orders, news = socket.socket(fileno=own[ORDERS]), socket.socket(fileno=own[NEWS])
    try:
        configuration, found = read()
        usePythonPath(configuration)
        shared = prepare(configuration)
    except (SMTPXError, OSError, ValueError) as error:
        tell(news, {"said": "unprepared", "why": str(error)})
        os._exit(1)
    # So that the collector of garbage writes to no page that workers share.
    gc.collect()
    gc.freeze()
    handed = [(own[FIRST + place], each) for place, each in enumerate(families)]
    ours = Ours(orders, news, own[LIFE], own[BRIEF], handed)
    _run(ours, configuration, found, shared)
    os._exit(0)


@frozen
class Ours:
    """
    What a zygote has from its supervisor.

    @ivar orders: the end of a channel, as are C{news}.
    @ivar life: ends when the supervisor is gone.
    @ivar brief: see L{BRIEF}.
    @ivar handed: descriptors of what listens, each with its family.
    """

    orders: socket.socket
    news: socket.socket
    life: int
    brief: int
    handed: Sequence[tuple[int, int]]


def _run(
    ours: Ours,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    shared: Shared,
) -> None:
    """Obey until the supervisor says no more."""
    orders, news = ours.orders, ours.news
    sockets = [number for number, _ in ours.handed]
    alive, mine = os.pipe2(os.O_CLOEXEC)
    woken, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    gate = makeGate()

    def become(number: int, parent: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        orders.close()
        for each in (mine, woken, waker, ours.brief):
            os.close(each)
        lives, handed = (ours.life, alive), ours.handed
        charge = Charge(number, configuration, found, shared, news, lives, gate, handed)
        _beWorker(charge, parent)

    seconds, kernel, pulses = leaveSeconds(configuration), Kernel(), shared.pulses
    watch = None if pulses is None else Watch(pulses, kernel.now())
    do = (become, partial(openGate, gate))
    zygote = Zygote(orders, news, sockets, *do, seconds, shared.clear, kernel, watch)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    poll.register(woken, select.POLLIN)
    zygote.tell("prepared")
    every = _RENEW_SECONDS
    if pulses is not None:
        every = min(every, pulses.everySeconds)
    while _turn(zygote, poll, orders, woken, every):
        zygote.say()
        zygote.look()
        if shared.renew():
            zygote.tell("renewed")
    zygote.end()


def _turn(
    zygote: Zygote,
    poll: select.poll,
    orders: socket.socket,
    woken: int,
    every: float,
) -> bool:
    """
    Do what there is to do now.

    @param every: how long to wait for that, in seconds.
    @return: L{False}: nobody is left who could order anything.
    """
    seconds = _AGAIN_SECONDS if zygote.unsaid else every
    for number, _ in poll.poll(seconds * 1000):
        if number == woken:
            os.read(woken, 4096)
            zygote.reap()
            continue
        order = hear(orders)
        if order is None:
            return False
        zygote.obey(order)
    return True


def _beWorker(charge: Charge, parent: int) -> NoReturn:
    """Be a worker, in the child, and then no more."""
    status = 1
    try:
        dieWith(parent)
        status = work(charge)
    except BaseException:
        # The last border of this process: what is above is the zygote's own stack.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


__all__ = ["BLOCKED", "Kernel", "Threaded", "Zygote", "begin", "main"]
