"""
What hosts answered to EHLO, as PIPECONNECT wants it.

An answer is kept for each host, address and port, and for each way in which it was
given: in clear, behind STARTTLS, or where TLS comes first.  It counts for
C{retry_data_expire} from the last time that the host gave it.

An answer that was not as expected costs more than it saves.  So a host that no longer
offers what it did is left alone for an hour, then for two, four and so on; and one
whose answer is another one twice in a row, because there are several servers behind
its address, for a day.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve
from zope.interface import implementer

from ..core.hooks import Forecast, Hello, Target
from ..extensions.pipeconnect import IHelloMemory
from .hints import EXPIRE_SECONDS
from .interfaces import IPeerKnowledge
from .kinds import EHLO, HelloHistory, Shelf
from .names import hostName

_CLEAR, _SECURED, _IMPLICIT = b"clear", b"starttls", b"implicit"

#: How long nothing is forecast after the first failure, in seconds.
_FIRST_QUIET = 3600.0

#: How many different answers in a row are too many, and how long nothing is forecast
#: then, in seconds.
_CHANGES_MOST, _CHANGING_QUIET = 2, 86400.0

#: How often it is written down that an answer is still the same, in seconds.
_AGAIN_SECONDS = 3600.0


@implementer(IHelloMemory)
class HelloMemory:
    """Remembers what hosts answered to EHLO."""

    def __init__(
        self,
        knowledge: IPeerKnowledge,
        now: Callable[[], float],
        expireSeconds: float = EXPIRE_SECONDS,
        ourselves: bytes = b"",
    ) -> None:
        """
        @param knowledge: where to.
        @param now: seconds since the epoch.
        @param expireSeconds: how long an answer counts.
        @param ourselves: how hosts see us where that is not the same for all, such
            as our address and what we say in EHLO: they may answer otherwise.
        """
        self._shelf = Shelf(knowledge, EHLO)
        self._now = now
        self._expireSeconds = expireSeconds
        self._ourselves = ourselves

    def recall(self, target: Target) -> Forecast | None:
        """See L{IHelloMemory}."""
        if target.implicitTLS:
            secured = self._forecast(target, _IMPLICIT)
            return None if secured is None else Forecast(None, secured)
        clear = self._forecast(target, _CLEAR)
        if clear is None:
            # What is said under TLS comes behind what is said in clear.
            return None
        return Forecast(clear, self._forecast(target, _SECURED))

    def _forecast(self, target: Target, way: bytes) -> Hello | None:
        """What a host is expected to answer; L{None}: nothing can be said."""
        history = self._shelf.recall(self._name(target, way))
        if history is None or self._now() < history.quiet:
            return None
        return history.hello

    def remember(self, target: Target, secured: bool, hello: Hello) -> None:
        """See L{IHelloMemory}."""
        name = self._name(target, self._way(target, secured))
        now = self._now()
        before = self._shelf.recall(name)
        history = HelloHistory(hello, now)
        if before is not None:
            history = self._followed(before, hello, now)
            if history == before and not self._old(name, now):
                return
        self._shelf.remember(name, history, now, now + self._expireSeconds)

    def _followed(self, before: HelloHistory, hello: Hello, now: float) -> HelloHistory:
        """What is known once a host answers again."""
        if before.hello == hello:
            if now < before.quiet:
                return evolve(before, changes=0)
            return HelloHistory(hello, before.since)
        if before.hello is None:
            return evolve(before, hello=hello, since=now)
        changes = before.changes + 1
        quiet = before.quiet
        if changes >= _CHANGES_MOST:
            quiet = max(quiet, now + _CHANGING_QUIET)
        return HelloHistory(hello, now, changes, before.failures, quiet)

    def _old(self, name: bytes, now: float) -> bool:
        """Is it time to write down that an answer is still the same?"""
        written = self._shelf.written(name)
        return written is None or now - written >= _AGAIN_SECONDS

    def forget(self, target: Target) -> None:
        """See L{IHelloMemory}."""
        ways = (_IMPLICIT,) if target.implicitTLS else (_CLEAR, _SECURED)
        now = self._now()
        for way in ways:
            name = self._name(target, way)
            before = self._shelf.recall(name)
            if before is None or before.hello is None:
                continue
            failures = before.failures + 1
            wait = min(_FIRST_QUIET * 2.0 ** min(failures - 1, 30), self._expireSeconds)
            history = HelloHistory(None, now, 0, failures, now + wait)
            self._shelf.remember(name, history, now, now + self._expireSeconds)

    def _way(self, target: Target, secured: bool) -> bytes:
        if target.implicitTLS:
            return _IMPLICIT
        return _SECURED if secured else _CLEAR

    def _name(self, target: Target, way: bytes) -> bytes:
        rest = b"%b %b" % (way, self._ourselves) if self._ourselves else way
        return hostName(target.host, target.address, target.port, rest)
