"""
The zygote's process, as the supervisor starts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from .brief import Brief, environment
from .channel import Hearing, pair, tell
from .numbers import BRIEF, ERRORS, FIRST, LIFE, NEWS, ORDERS
from .staff import Hearer, worded

#: What a fresh interpreter runs.
_MODULE = __package__

#: Starts a process: given who is told of it, and the descriptors that it is to have, by
#: its numbers.  What it returns can send it signals, as C{IProcessTransport} can.
Start = Callable[[ProcessProtocol, Mapping[int, int | str]], object]

#: The longest line that a crash may say, in octets.
_LINE_OCTETS = 4_096


def _afresh(
    reactor: Any, protocol: ProcessProtocol, handed: Mapping[int, int | str]
) -> object:
    """See L{Start}: a fresh interpreter."""
    words = [sys.executable, "-P", "-m", _MODULE]
    made: object = reactor.spawnProcess(
        protocol, sys.executable, words, environment(), childFDs=handed
    )
    return made


class Spawned(ProcessProtocol):
    """
    A zygote (L{smtpx.service.workers.staff.IZygote}).
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        brief: Brief,
        numbers: Sequence[int],
        hearer: Hearer,
        start: Start | None = None,
    ) -> None:
        """
        Start it.

        @param brief: what it has to know.
        @param numbers: descriptors of what listens, in the order of the listeners.
        @param start: starts it; L{None}: it is to be a fresh interpreter.
        @raise OSError: it cannot be started.
        """
        self._hearer = hearer
        self._said = b""
        # Descriptors may run out at any of these.
        with ExitStack() as ours, ExitStack() as its:
            self._orders, orders = pair()
            ours.enter_context(self._orders)
            its.enter_context(orders)
            mine, news = pair()
            ours.enter_context(mine)
            its.enter_context(news)
            # Nobody writes into this: that it ends says that this process has.
            life, self._life = os.pipe2(os.O_CLOEXEC)
            ours.callback(os.close, self._life)
            its.callback(os.close, life)
            file = its.enter_context(brief.write())
            nothing = its.enter_context(open(os.devnull, "rb"))
            handed: dict[int, int | str] = {0: nothing.fileno(), 1: 1, ERRORS: "r"}
            handed |= {ORDERS: orders.fileno(), NEWS: news.fileno(), LIFE: life}
            handed |= {BRIEF: file.fileno()}
            handed |= dict(enumerate(numbers, FIRST))
            begin = partial(_afresh, reactor) if start is None else start
            self._process: Any = begin(self, handed)
            ours.pop_all()
        Hearing(reactor, mine, hearer.heard, self._silent).begin()

    def order(self, do: str, **fields: object) -> None:
        """See L{smtpx.service.workers.staff.IZygote}."""
        if not tell(self._orders, {"do": do, **fields}):
            # It does not listen any more, and without it nothing goes on.
            self._log.error("The zygote does not take orders, and is ended")
            self.kill()

    def end(self) -> None:
        """See L{smtpx.service.workers.staff.IZygote}."""
        self._orders.close()

    def kill(self) -> None:
        """See L{smtpx.service.workers.staff.IZygote}."""
        try:
            self._process.signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def errReceived(self, data: bytes) -> None:
        """
        What it, or a worker, has to say without its log: something that went wrong
        altogether.
        """
        *lines, self._said = (self._said + data).split(b"\n")
        if len(self._said) > _LINE_OCTETS:
            lines, self._said = [*lines, self._said], b""
        for line in lines:
            text = line.decode("utf-8", "replace")
            self._log.error("{line}", line=text)

    def processExited(self, reason: Failure) -> None:
        """It has ended; its workers may still be there."""
        value: Any = reason.value
        code = -value.signal if value.signal is not None else value.exitCode
        self._orders.close()
        os.close(self._life)
        self._hearer.exited(worded(code or 0))

    def _silent(self) -> None:
        self._hearer.silent()


__all__ = ["Spawned", "Start"]
