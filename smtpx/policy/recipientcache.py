"""
What checks of recipients found, remembered for a while.

A recipient who is there is remembered longer than one who is not: the first seldom
goes, and the second may be made any minute.  Where nobody could tell, that is
remembered for a moment only, so that a host that does not answer is not asked for
each recipient that comes.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..core.address import domainOf, localPartOf
from ..core.addresstable import domainKey
from .recipients import Finding, IRecipientCheck, Standing, unforeseen


@frozen
class CacheBounds:
    """
    How long and how much is remembered.

    @ivar knownSeconds: that somebody is there.
    @ivar unknownSeconds: that nobody is.
    @ivar unsureSeconds: that nobody could tell.
    @ivar recipientsMax: how many recipients; the oldest are forgotten first.
    """

    knownSeconds: float = 3600.0
    unknownSeconds: float = 300.0
    unsureSeconds: float = 10.0
    recipientsMax: int = 10_000

    def seconds(self, standing: Standing) -> float:
        """How long something is remembered."""
        if standing is Standing.KNOWN:
            return self.knownSeconds
        if standing is Standing.UNKNOWN:
            return self.unknownSeconds
        return self.unsureSeconds


@implementer(IRecipientCheck)
class RecipientCache:
    """Asks another check, once for all who want to know, and remembers."""

    def __init__(
        self, check: IRecipientCheck, clock: IReactorTime, bounds: CacheBounds
    ) -> None:
        """
        @param check: who knows.
        """
        self._check = check
        self._clock = clock
        self._bounds = bounds
        self._found: dict[bytes, tuple[float, Finding]] = {}
        self._waiting: dict[bytes, list[Deferred[Finding]]] = {}
        self._work: dict[bytes, Deferred[None]] = {}

    def look(self, path: bytes, whose: bytes) -> Finding | Deferred[Finding]:
        """
        See L{IRecipientCheck}.  Who is cancelled waits no longer; when nobody waits
        any more, the check is cancelled.
        """
        # RFC 5321 section 2.4: whether the case of a local part matters is for the
        # next host to say.
        key = localPartOf(path) + b"@" + domainKey(domainOf(path))
        found = self._found.get(key)
        if found is not None and found[0] > self._clock.seconds():
            return found[1]
        if key not in self._waiting:
            self._waiting[key] = []
            work = Deferred.fromCoroutine(self._ask(path, whose))
            kept = work.addErrback(unforeseen).addCallback(self._keep, key)
            if key not in self._waiting:
                # It could tell at once.
                return self._found[key][1]
            self._work[key] = kept
        answered: Deferred[Finding] = Deferred(lambda gone: self._leave(key, gone))
        self._waiting[key].append(answered)
        return answered

    async def _ask(self, path: bytes, whose: bytes) -> Finding:
        found = self._check.look(path, whose)
        return await found if isinstance(found, Deferred) else found

    def _leave(self, key: bytes, gone: Deferred[Finding]) -> None:
        waiting = self._waiting[key]
        waiting.remove(gone)
        if not waiting:
            del self._waiting[key]
            self._work.pop(key).cancel()

    def _keep(self, found: Finding, key: bytes) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is None:
            # Nobody waited to the end.
            return
        self._work.pop(key, None)
        expires = self._clock.seconds() + self._bounds.seconds(found.standing)
        # What is found anew is the newest.
        self._found.pop(key, None)
        self._found[key] = expires, found
        if len(self._found) > self._bounds.recipientsMax:
            del self._found[next(iter(self._found))]
        for each in waiting:
            each.callback(found)


__all__ = ["CacheBounds", "RecipientCache"]
