"""
What hosts answered to EHLO, as PIPECONNECT wants it.

An answer is kept for each host, address and port, for each address of ours that a
route has connections come from, and for each way in which it was given: in clear,
behind STARTTLS, or where TLS comes first.  It counts for C{retry_data_expire} from
the last time that the host gave it.

An answer that was not as expected costs more than it saves.  So a host that no longer
offers what it did, or that does not take to being talked to early, is left alone for
an hour, then for two, four and so on, in that way; and one whose answer is another one
twice in a row, because there are several servers behind its address, for a day.
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

#: Of how many answers it is remembered how often they were right, until that is
#: written down.
_COUNTED_MOST = 5000


@implementer(IHelloMemory)
class HelloMemory:
    """Remembers what hosts answered to EHLO."""

    def __init__(
        self,
        knowledge: IPeerKnowledge,
        now: Callable[[], float],
        expireSeconds: float = EXPIRE_SECONDS,
    ) -> None:
        """
        @param knowledge: where to.
        @param now: seconds since the epoch.
        @param expireSeconds: how long an answer counts.
        """
        self._shelf = Shelf(knowledge, EHLO)
        self._now = now
        self._expireSeconds = expireSeconds
        #: How often an answer was right, since that was last written down.
        self._right: dict[bytes, int] = {}

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
        now = self._now()
        history = self._known(_name(target, way), now)
        return None if history is None or now < history.quiet else history.hello

    def _known(self, name: bytes, now: float) -> HelloHistory | None:
        """What is known, unless that is too long ago, however it was kept."""
        history = self._shelf.recall(name)
        if history is None or now - history.last >= self._expireSeconds:
            return None
        return history

    def remember(
        self, target: Target, secured: bool, hello: Hello, early: bool
    ) -> None:
        """See L{IHelloMemory}."""
        name, now = _name(target, _way(target, secured)), self._now()
        before = self._known(name, now)
        if early:
            if len(self._right) >= _COUNTED_MOST:
                self._right.clear()
            self._right[name] = self._right.get(name, 0) + 1
        if before is None:
            history = HelloHistory(hello, now, first=now)
        else:
            history = _followed(before, hello, now)
            news = history != before or (early and not before.successes)
            if not news and now - before.last < _AGAIN_SECONDS:
                return
        self._keep(name, history, now)

    def forget(self, target: Target, secured: bool) -> None:
        """See L{IHelloMemory}."""
        name, now = _name(target, _way(target, secured)), self._now()
        before = self._known(name, now)
        if before is None or before.hello is None:
            return
        failures = before.failures + 1
        wait = min(_FIRST_QUIET * 2.0 ** min(failures - 1, 30), self._expireSeconds)
        history = evolve(
            before,
            hello=None,
            since=now,
            changes=0,
            failures=failures,
            misses=before.misses + 1,
            quiet=now + wait,
        )
        self._keep(name, history, now)

    def _keep(self, name: bytes, history: HelloHistory, now: float) -> None:
        successes = history.successes + self._right.pop(name, 0)
        history = evolve(history, last=now, successes=successes)
        self._shelf.remember(name, history, now, now + self._expireSeconds)


def _followed(before: HelloHistory, hello: Hello, now: float) -> HelloHistory:
    """What is known once a host answers again."""
    if before.hello is None:
        return evolve(before, hello=hello, since=now)
    if set(before.hello.keywords) == set(hello.keywords):
        # Many servers behind an address that offer the same are as good as one.
        if now < before.quiet:
            return evolve(before, hello=hello, changes=0)
        return evolve(before, hello=hello, changes=0, failures=0, quiet=0.0)
    changes, quiet = before.changes + 1, before.quiet
    if changes >= _CHANGES_MOST:
        quiet = max(quiet, now + _CHANGING_QUIET)
    return evolve(before, hello=hello, since=now, changes=changes, quiet=quiet)


def _way(target: Target, secured: bool) -> bytes:
    if target.implicitTLS:
        return _IMPLICIT
    return _SECURED if secured else _CLEAR


def _name(target: Target, way: bytes) -> bytes:
    rest = b"%b from %b" % (way, target.source) if target.source else way
    return hostName(target.host, target.address, target.port, rest)
