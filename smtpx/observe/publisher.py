"""
Where events go out.

A L{Publisher} has observers of its own, rather than all of Twisted's, because a
busy server tells of thousands of events a second, and the text log of C{twistd}
would format each.  L{important} lets another observer have what an operator
ought to see there as well::

    publisher = Publisher([JSONLines(file), important(globalLogPublisher)])
    journal = Journal(publisher)

Most observers are for a few kinds of events.  One that says so (L{IListening}) is told
of no others, and is asked only once.  One that can be told in short
(L{smtpx.observe.brief}) is, where all that listen can.
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
    Logger,
    LogLevel,
    LogPublisher,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from .brief import Briefs, IBriefed
from .event import Event
from .harmless import decoded

#: What our events are filed under in C{twisted.logger}.
NAMESPACE = "smtpx"

#: What an observer has to do with an event.
Listener = Callable[[LogEvent], None]


class IListening(Interface):
    """An observer that has something to do with some kinds of events only."""

    def listener(event: Event) -> Listener | None:
        """
        Who is to be told of events of a kind; asked once.

        @return: L{None}: nobody.
        """


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

    return _Important(observer, level)


@implementer(ILogObserver, IListening)
class _Important:
    """Tells another observer of what matters; see L{important}."""

    def __init__(self, observer: ILogObserver, level: NamedConstant) -> None:
        self._observer = observer
        self._matters = {each for each in LogLevel.iterconstants() if each >= level}

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        if event["log_level"] in self._matters:
            copied = {name: _readable(value) for name, value in event.items()}
            self._observer(copied)

    def listener(self, event: Event) -> Listener | None:
        """See L{IListening}."""
        return self if event.level in self._matters else None


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
        self._observers = listening or (important(globalLogPublisher),)
        self._listeners: dict[Event, list[tuple[Listener, ILogObserver]]] = {}

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
        listeners = self._listeners.get(event)
        if listeners is None:
            listeners = self._whoListens(event)
        broken = None
        for tell, observer in listeners:
            try:
                tell(fields)
            except Exception:
                broken = [*(broken or ()), (observer, Failure())]
        if broken is not None:
            self._tellOf(broken)

    # --- in short -----------------------------------------------------------------

    def isShort(self, event: Event) -> bool:
        """May it be that all who listen can be told of events of a kind in short?"""
        listeners = self._whoListens(event)
        return all(hasattr(observer, "brief") for _, observer in listeners)

    def briefs(self, event: Event, fields: dict[str, object]) -> Briefs | None:
        """
        Who is to be told of further events like one.

        @param fields: its fields, as of L{publish}.
        @return: L{None}: whoever listens has to see each as a whole.
        """
        if not self.isShort(event):
            return None
        found: Briefs = []
        for _, observer in self._whoListens(event):
            brief = cast(IBriefed, observer).brief(event, fields)
            if brief is None:
                return None
            found.append((brief, observer))
        return found

    def failed(self, observer: ILogObserver) -> None:
        """
        An observer that was told in short has failed, just now: tell the others.
        """
        self._tellOf([(observer, Failure())])

    # --- who listens --------------------------------------------------------------

    def _whoListens(self, event: Event) -> list[tuple[Listener, ILogObserver]]:
        """Who has to do with events of a kind: what is called, and whose it is."""
        known = self._listeners.get(event)
        if known is not None:
            return known
        found = self._listeners[event] = []
        for each in self._observers:
            choose = getattr(each, "listener", None)
            listener = each if choose is None else choose(event)
            if listener is not None:
                found.append((listener, each))
        return found

    def _tellOf(self, broken: Iterable[tuple[ILogObserver, Failure]]) -> None:
        """Tell of observers that failed: of each, all others."""
        for observer, failure in broken:
            others = [each for each in self._observers if each is not observer]
            Logger(NAMESPACE, observer=LogPublisher(*others)).failure(
                "an observer of events failed: {observer}",
                failure=failure,
                observer=observer,
            )


def errorFields(owner: str, error: BaseException) -> dict[str, object]:
    """The fields of an event that tells of an exception."""
    return {
        "owner": owner,
        "error": "".join(traceback.format_exception_only(error)).strip(),
        "traceback": "".join(traceback.format_exception(error)),
    }
