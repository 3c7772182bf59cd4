"""
A server as its site shows it: one process, or several that are one server
(L{smtpx.observe.wholeserver}).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import Attribute, Interface, implementer

from .series import exposition
from .trace import SessionTrace, TraceLine
from .watch import Status, Watch


@frozen
class Readiness:
    """
    Does a server take messages?

    @ivar reasons: why it does not, in words for an operator; empty: it does.
    @ivar remarks: what is to be said although it does.
    """

    reasons: Sequence[str] = ()
    remarks: Sequence[str] = ()


class IView(Interface):
    """What a site shows; nothing of it fails but by a fault of ours."""

    name: str = Attribute("What the server calls itself.")

    def now() -> float:
        """The time, in seconds since the epoch."""

    def look() -> Deferred[Status]:
        """How the server is now."""

    def exposition() -> Deferred[bytes]:
        """Its metrics, in Prometheus's text format."""

    def readiness() -> Deferred[Readiness]:
        """Does it take messages?"""

    def traces() -> Deferred[Sequence[TraceLine]]:
        """The sessions that were traced, the newest first."""

    def trace(session: str) -> Deferred[SessionTrace | None]:
        """
        The trace of a session.

        @return: L{None}: there is none, or not any more.
        """


@implementer(IView)
class OneProcess:
    """A server that is one process: all is known at once."""

    def __init__(self, watch: Watch) -> None:
        """
        @param watch: watches it.
        """
        self._watch = watch

    @property
    def name(self) -> str:
        """See L{IView}."""
        return self._watch.house.name

    def now(self) -> float:
        """See L{IView}."""
        return self._watch.clock()

    def look(self) -> Deferred[Status]:
        """See L{IView}."""
        return succeed(self._watch.look())

    def exposition(self) -> Deferred[bytes]:
        """See L{IView}."""
        return succeed(exposition(self._watch.registry))

    def readiness(self) -> Deferred[Readiness]:
        """See L{IView}."""
        return succeed(Readiness(self._watch.house.unready()))

    def traces(self) -> Deferred[Sequence[TraceLine]]:
        """See L{IView}."""
        return succeed([TraceLine.of(each) for each in self._watch.traces.recent()])

    def trace(self, session: str) -> Deferred[SessionTrace | None]:
        """See L{IView}."""
        return succeed(self._watch.traces.find(session))


__all__ = ["IView", "OneProcess", "Readiness"]
