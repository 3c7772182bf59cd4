"""
Telling in short.

Of a client that sends message after message, and of a host that takes one after the
other, most fields of the events are the same each time: who it is, its TLS, what it is
called.  What an observer makes of them is the same each time, too.  So one that can
(L{IBriefed}) makes it once, of a whole event, and gives a function (L{Brief}) that is
told only what is new of each further one; nobody makes an event of that.

What is new is what changes with each message: L{OF_AN_ARRIVAL}, L{OF_A_DELIVERY} and
L{OF_AN_END}.  All other fields are as they were in the event that the observer has
seen, and the same are there.  Whoever tells sees to that: where anything else has
changed, it asks again.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.logger import ILogObserver
from zope.interface import Interface

from ..core.hooks import LogFields
from .event import Event

#: Told of one more:
#:
#:  - of C{message.accepted}: when (in seconds since the epoch), the message's id, its
#:    envelope, and its Message-ID (L{None}: it has none);
#:  - of C{message.delivered}: when, the message, the recipient's path, the outcome, and
#:    how many seconds it took;
#:  - of C{message.completed}: when, and the message.
Brief = Callable[..., None]

#: Those of several observers, each with its observer.
Briefs = list[tuple[Brief, ILogObserver]]


class IBriefed(Interface):
    """An observer that can be told in short of some events."""

    def brief(event: Event, fields: dict[str, object]) -> Brief | None:
        """
        Who is to be told of further events like this one.

        @param event: what kind of event it is: one of those above.
        @param fields: its fields.  It is not told of by this.
        @return: L{None}: it has to see each as a whole.
        """


#: The fields that change with each message that is accepted.
OF_AN_ARRIVAL = frozenset(
    {"message", "sender", "recipients", "octets", "seconds", "messageID", "log_time"}
)

#: Those that change with each delivery.
OF_A_DELIVERY = frozenset(
    {"message", "recipient", "sender", "octets", "text", "seconds", "took", "log_time"}
    # Of what the host said of it, it lasts only that it said something.
    | {"code", "status", "reply"}
)

#: Those that change with each message that is done with.
OF_AN_END = frozenset({"message", "seconds", "log_time"})

#: Of so many sessions it is kept who is told of them in short, and of so many hosts.
KEPT_MOST = 500

_PLAIN = frozenset({bytes, str, int, float, bool, type(None)})


@define(eq=False)
class Told:
    """
    What was told is perhaps told again.

    @ivar key: what it is made of, but for what changes.
    @ivar asked: was asked for C{briefs}?  That is not worth it before the second time.
    @ivar briefs: who is told of more; L{None}: nobody can be told in short.
    """

    key: tuple[object, ...]
    asked: bool = False
    briefs: Briefs | None = None


def lasts(recorded: LogFields) -> bool:
    """
    Do fields of extensions stay as they are?  Of a value that can be changed where it
    stands nobody knows.
    """
    for _, value in recorded:
        if type(value) not in _PLAIN:
            return False
    return True


__all__ = [
    "Brief",
    "Briefs",
    "IBriefed",
    "KEPT_MOST",
    "OF_AN_ARRIVAL",
    "OF_AN_END",
    "OF_A_DELIVERY",
    "Told",
    "lasts",
]
