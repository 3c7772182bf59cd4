"""
The epoll reactor without a log context around each event.

Twisted calls every selectable through C{log.callWithLogger}, so that the legacy
log knows which C{system} an event belongs to.  Our events say so themselves, and
an exception of a selectable is caught inside of the reactor already.  A lock-step
message is four events, and each context costs some microseconds.

This is for a process that is a mail server and nothing else: C{twistd smtpx} does
it, and the factories never do.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.epollreactor import EPollReactor

#: What of the reactor is used though it is not public.
_PRIVATE = ("_selectables", "_doReadOrWrite", "_poller")


def withoutLogContext(reactor: object) -> bool:
    """
    Change C{reactor}, if it is the epoll reactor as we know it.

    @return: was it changed?
    """
    if type(reactor) is not EPollReactor:
        return False
    if not all(hasattr(reactor, name) for name in _PRIVATE):
        return False
    inner: Any = reactor
    find, work, poller = inner._selectables.get, inner._doReadOrWrite, inner._poller

    def doPoll(timeout: float | None) -> None:
        try:
            events = poller.poll(
                -1 if timeout is None else timeout, len(inner._selectables) or 1
            )
        except InterruptedError:
            return
        for number, event in events:
            # One that was looked at before may have closed this one.
            selectable = find(number)
            if selectable is not None:
                work(selectable, number, event)

    inner.doPoll = inner.doIteration = doPoll
    return True
