"""
C{twistd}'s log, for processes that are not C{twistd}'s own.

Its file is rotated by the process that owns it, so nobody else can write to it.  What
workers tell Twisted's log goes to the supervisor's process as JSON, and from there to
the observers that C{twistd} has: its file, syslog, journald.
"""

from __future__ import annotations

import socket
import sys
import warnings

from twisted.logger import (
    ILogObserver,
    LogBeginner,
    LogEvent,
    eventAsJSON,
    eventFromJSON,
    formatEvent,
    globalLogPublisher,
)
from zope.interface import implementer

from .channel import TooLong, tell

#: Of an event that is too long to be told whole, so many characters are; one may take
#: 14 octets, as JSON within JSON.
_TOLD = 4_000

#: And of its fields, these are.
_KEPT: tuple[str, ...] = ("log_level", "log_time", "log_namespace", "log_system")


@implementer(ILogObserver)
class RelayedLog:
    """
    An observer of Twisted's log that tells the supervisor.  It never waits: what there
    is no room for is counted, and the count is told as soon as there is some.
    """

    def __init__(self, news: socket.socket, number: int) -> None:
        """
        @param news: the end of a channel.
        @param number: which worker this is.
        """
        self._news = news
        self._number = number
        self._lost = 0

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        if self._lost:
            lost = {"said": "lost", "number": self._number, "events": self._lost}
            if tell(self._news, lost):
                self._lost = 0
        if not self._tell(self._spelled(event)):
            self._lost += 1

    def _spelled(self, event: LogEvent) -> LogEvent:
        """A copy that says who tells of it."""
        level = getattr(event.get("log_level"), "name", "info")
        where = event.get("log_system") or f"{event.get('log_namespace', '-')}#{level}"
        return {**event, "log_system": f"{where}, worker {self._number}"}

    def _tell(self, event: LogEvent) -> bool:
        failure = event.get("log_failure")
        if failure is not None:
            # Exceptions do not travel, but what they have to say does.
            event = _asText(event, f"{formatEvent(event)}\n{failure.getTraceback()}")
        try:
            return tell(self._news, {"said": "log", "event": eventAsJSON(event)})
        except TooLong:
            short = _asText(event, f"{formatEvent(event)[:_TOLD]} ...")
            return tell(self._news, {"said": "log", "event": eventAsJSON(short)})


def _asText(event: LogEvent, text: str) -> LogEvent:
    """An event in so many words."""
    kept = {name: event[name] for name in _KEPT if name in event}
    # As a field it would be there three times: as JSON it is flattened as well.
    return {**kept, "log_format": text.replace("{", "{{").replace("}", "}}")}


def beginLog(observer: ILogObserver) -> None:
    """
    Have all that this process logs told to an observer, and to nobody else; and what
    it prints.
    """
    forgetLog()
    beginner = LogBeginner(globalLogPublisher, sys.stderr, sys, warnings)
    beginner.beginLoggingTo([observer], discardBuffer=True)


def forgetLog() -> list[ILogObserver]:
    """
    Have nobody hear any more what this process logs.

    @return: who did.
    """
    # There is no public way to find them; nobody else is meant than all of them.
    heard: list[ILogObserver] = list(globalLogPublisher._observers)
    for each in heard:
        globalLogPublisher.removeObserver(each)
    return heard


def relayed(text: str) -> LogEvent:
    """
    An event as a worker has told it.

    @raise ValueError: it is none.
    """
    return eventFromJSON(text)


__all__ = ["RelayedLog", "beginLog", "forgetLog", "relayed"]
