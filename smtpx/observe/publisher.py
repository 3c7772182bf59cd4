"""
Where events go out.

A L{Publisher} has observers of its own, rather than all of Twisted's, because a
busy server tells of thousands of events a second, and the text log of C{twistd}
would format each.  L{important} lets another observer have what an operator
ought to see there as well::

    publisher = Publisher([JSONLines(file), important(globalLogPublisher)])
    journal = Journal(publisher)
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from typing import cast

from constantly import NamedConstant
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    LogPublisher,
    globalLogPublisher,
)

from .event import Event
from .harmless import decoded

#: What our events are filed under in C{twisted.logger}.
NAMESPACE = "smtpx"


def important(
    observer: ILogObserver, level: NamedConstant = LogLevel.warn
) -> ILogObserver:
    """
    C{observer}, but told of what matters only.

    It is given copies: observers of Twisted's older kind change events, and even
    drop a field called C{message}.  In them octets are text, so that operators read
    C{'192.0.2.7'}, and not C{b'192.0.2.7'}; what peers chose is escaped by the
    formats of the events.

    @param level: the least that matters.
    """

    matters = {each for each in LogLevel.iterconstants() if each >= level}

    def tell(event: LogEvent) -> None:
        if event["log_level"] in matters:
            observer({name: _readable(value) for name, value in event.items()})

    return cast(ILogObserver, tell)


def _readable(value: object) -> object:
    """A field for people: octets as text, alone or in a row."""
    if isinstance(value, bytes):
        return decoded(value)
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    return value


class Publisher:
    """
    Gives events to observers.  An observer that fails is told of to the others.

    @ivar enabled: is anybody listening?
    """

    def __init__(
        self,
        observers: Iterable[ILogObserver] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        @param observers: without any, errors still go to Twisted's log.
        @param clock: seconds since the epoch.
        """
        listening = tuple(observers)
        self.enabled = bool(listening)
        self.clock = clock
        self._publish = LogPublisher(*(listening or [important(globalLogPublisher)]))

    def publish(self, event: Event, fields: dict[str, object]) -> None:
        """
        Tell of an event.

        @param fields: those that C{event} declares; it becomes the publisher's.
        """
        fields["event"] = event.name
        fields["log_time"] = self.clock()
        fields["log_level"] = event.level
        fields["log_namespace"] = NAMESPACE
        fields["log_format"] = event.format
        self._publish(fields)


def errorFields(owner: str, error: BaseException) -> dict[str, object]:
    """The fields of an event that tells of an exception."""
    return {
        "owner": owner,
        "error": "".join(traceback.format_exception_only(error)).strip(),
        "traceback": "".join(traceback.format_exception(error)),
    }
