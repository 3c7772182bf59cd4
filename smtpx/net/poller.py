"""
The epoll reactor without a log context around each event, and with a straight way
from the socket to the protocol.

Twisted calls every selectable through C{log.callWithLogger}, so that the legacy
log knows which C{system} an event belongs to.  Our events say so themselves, and
an exception of a selectable is caught inside of the reactor already.  A lock-step
message that is relayed is six events, and each context costs some microseconds.

Most events are octets on a TCP connection, and nothing else.  They are given to the
protocol from here, without three functions of the reactor and the transport in
between.  Whatever else there is, C{EPollReactor._doReadOrWrite} sees to: where there
is no octet to be had, nothing was done yet, and it finds out why.  And as long as there
is nothing for the loop of the reactor to do, neither calls whose time has come nor such
out of threads, nor an end of it all, the next events are waited for at once.

A call out of another thread wakes the reactor up only where that waits: otherwise it
looks for such calls before it waits again.  An octet through a pipe is an event more,
and four times that the interpreter's lock changes hands.

This is for a process that is a mail server and nothing else: C{twistd smtpx} does
it, and the factories never do.
"""

from __future__ import annotations

from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.tcp import Client, Server
from twisted.python import log

#: What of the reactor is used though it is not public.
_PRIVATE = (
    "_disconnectSelectable",
    "_doReadOrWrite",
    "_justStopped",
    "_newTimedCalls",
    "_pendingTimedCalls",
    "_poller",
    "_selectables",
    "threadCallQueue",
    "wakeUp",
)

#: The longest time that can be waited for, in seconds.
_LONGEST_SECONDS = 2_000_000.0

#: The connections whose C{doRead} is that of Twisted, and no other.
_PLAIN = (Server, Client)


def withoutLogContext(reactor: object) -> bool:
    """
    Change C{reactor}, if it is the epoll reactor as we know it.  This function is long:
    it is one loop, which each event goes through, and what the loop knows.

    @return: was it changed?
    """
    if type(reactor) is not EPollReactor:
        return False
    if not all(hasattr(reactor, name) for name in _PRIVATE):
        return False
    inner: Any = reactor
    find, work = inner._selectables.get, inner._doReadOrWrite
    poller, disconnect = inner._poller, inner._disconnectSelectable
    seconds, rouse = inner.seconds, inner.wakeUp
    #: Does it wait, or has it seen for the last time whether there is a reason not to?
    waits = False

    def wakeUp() -> None:
        if waits:
            rouse()

    def doPoll(timeout: float | None) -> None:
        nonlocal waits
        wait = -1 if timeout is None else timeout
        while True:
            # In this order: who puts a call there looks at the other behind that.
            waits = True
            if inner.threadCallQueue:
                wait = 0
            try:
                events = poller.poll(wait, len(inner._selectables) or 1)
            except InterruptedError:
                return
            finally:
                waits = False
            for number, event in events:
                # One that was looked at before may have closed this one.
                selectable = find(number)
                if selectable is None:
                    continue
                # What is still to be connected is waited for as if it were read.
                if (
                    event == EPOLLIN
                    and type(selectable) in _PLAIN
                    and selectable.connected
                ):
                    try:
                        data = selectable.socket.recv(selectable.bufferSize)
                    except (OSError, AttributeError):
                        data = b""
                    if data:
                        try:
                            selectable.protocol.dataReceived(data)
                        except BaseException as error:
                            log.err()
                            disconnect(selectable, error, False)
                        continue
                work(selectable, number, event)
            calls = inner._pendingTimedCalls
            if (
                inner.threadCallQueue
                or inner._newTimedCalls
                or inner._justStopped
                or not (inner.running and events and calls)
            ):
                return
            wait = min(calls[0].time - seconds(), _LONGEST_SECONDS)
            if wait <= 0:
                return

    inner.doPoll = inner.doIteration = doPoll
    inner.wakeUp = wakeUp
    return True
