"""
The policies of MTA-STS that domains have, as far as we know them (RFC 8461 section
5.1).

A policy that was fetched once is kept, beyond restarts, until it expires; until then
it is what counts, whether or not the domain can still be asked: whoever is able to keep
us from its record or from its web server does not get mail sent without it.  A newer
policy, which the record in the DNS announces by another identity, is fetched before
the next message goes.  Where there is no policy and none can be fetched, mail goes as
if there were no MTA-STS; unless it is we who have too much to do (L{STSFault.BUSY}):
then it waits, for anybody could bring that about.

What is known is fetched again once a day (section 10.2), in the background, for as long
as somebody sends mail there.  A host that could not be fetched from is left alone for
five minutes, then for longer (section 3.3).

Knowledge of hosts may be lost at any time (L{smtpx.knowledge.interfaces}).  A policy
that is lost is fetched again with the next message, as on the first day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve, field, frozen
from attrs.validators import gt
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from ..core.errors import Malformed
from ..dns.idn import asciiDomain
from ..knowledge.interfaces import IPeerKnowledge
from ..knowledge.kinds import POLICY, KnownPolicy, Shelf
from ..knowledge.names import domainName
from ..tls.mtasts import Mode, STSPolicy, STSRecord
from .stssource import ISTSSource, STSFault, STSTrouble

#: How long a policy counts at least, in seconds, whatever it says: one that is good
#: for no time at all would be fetched for each message.
_LEAST_SECONDS = 60.0

#: What stands for the identity where there is no record.
_NO_RECORD = b""

#: Of how many domains it is remembered that their policy could not be fetched.
_FAILED_MOST = 10_000


@frozen
class STSBounds:
    """
    How often and how many policies are fetched.

    @ivar refreshSeconds: a policy that is older is fetched again.
    @ivar idleSeconds: one that nobody wanted to know for so long is not.
    @ivar againSeconds: how long a host that failed is left alone, the first time.
    @ivar againMostSeconds: how long at most; it is twice as long each time.
    @ivar sweepSeconds: how often it is looked which of them are old.
    @ivar atOnce: how many are fetched at once.
    @ivar waitingMost: how many more wait for that, at most.
    """

    refreshSeconds: float = field(default=86400.0, validator=gt(0))
    idleSeconds: float = 30 * 86400.0
    againSeconds: float = field(default=300.0, validator=gt(0))
    againMostSeconds: float = 3600.0
    sweepSeconds: float = field(default=600.0, validator=gt(0))
    atOnce: int = field(default=20, validator=gt(0))
    waitingMost: int = 100


_BOUNDS = STSBounds()


@frozen
class Standing:
    """
    What counts for a domain.

    @ivar policy: L{None}: it has none, as far as we know.
    @ivar identity: of the policy.
    @ivar fetched: when it was, in seconds since the epoch.
    @ivar trouble: why there is no policy, or not the newest one, though there should
        be; L{None}: nothing.
    """

    policy: STSPolicy | None = None
    identity: bytes = b""
    fetched: float = 0.0
    trouble: STSTrouble | None = None


#: There is nothing.
NO_POLICY = Standing()


class ISTSPolicies(Interface):
    """Knows the policies of domains."""

    def find(domain: bytes) -> Deferred[Standing]:
        """
        What counts for a domain, now.

        @param domain: what stands behind the C{@}, beyond ASCII too; of an address
            literal there is no policy (RFC 8461 section 3.4).
        @return: never fails, but cancelled.
        """


@frozen
class _Failed:
    """
    A policy that could not be fetched.

    @ivar since: when that was.
    @ivar until: when it is tried again.
    @ivar wait: how long that was put off.
    """

    trouble: STSTrouble
    since: float
    until: float
    wait: float


def _nobody(domain: bytes, trouble: STSTrouble) -> None:
    """Nobody is told."""


@implementer(ISTSPolicies)
class STSPolicies:
    """See L{ISTSPolicies}."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        source: ISTSSource,
        knowledge: IPeerKnowledge,
        now: Callable[[], float],
        bounds: STSBounds = _BOUNDS,
        told: Callable[[bytes, STSTrouble], None] = _nobody,
    ) -> None:
        """
        @param reactor: has time.
        @param knowledge: where policies are kept.
        @param now: seconds since the epoch.
        @param told: told of each domain whose policy could not be fetched, though it
            should have one.
        """
        self._source = source
        self._shelf = Shelf(knowledge, POLICY)
        self._now = now
        self._bounds = bounds
        self._told = told
        self._tokens = DeferredSemaphore(bounds.atOnce)
        #: What is being fetched, and who waits for it.
        self._fetching: dict[bytes, list[Deferred[STSTrouble | None]]] = {}
        self._work: set[Deferred[Any]] = set()
        #: Domains with the identity that could not be fetched.
        self._failed: dict[tuple[bytes, bytes], _Failed] = {}
        #: Whose turn is still to come, of those that are looked at.
        self._round: list[bytes] = []
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = reactor

    def start(self) -> None:
        """Begin to keep what is known up to date."""
        self._sweeping.start(self._bounds.sweepSeconds, now=False)

    def stop(self) -> None:
        """Do nothing any more; who waits goes on with what is known."""
        if self._sweeping.running:
            self._sweeping.stop()
        for work in list(self._work):
            work.cancel()

    # --- for whoever sends ------------------------------------------------------

    def find(self, domain: bytes) -> Deferred[Standing]:
        """See L{ISTSPolicies}."""
        return Deferred.fromCoroutine(self._find(domain))

    def known(self, domain: bytes) -> Standing:
        """What counts for a domain, as long as nobody is asked."""
        known = self._recall(domainName(domain))
        return NO_POLICY if known is None else _standing(known)

    async def _find(self, domain: bytes) -> Standing:
        if domain.startswith(b"["):
            return NO_POLICY
        try:
            name = asciiDomain(domain)
        except Malformed:
            return NO_POLICY
        known = self._asked(name)
        record, trouble = await self._record(name, known)
        if record is None:
            if known is None:
                # Where the record is in disorder there is no policy; it is worth a
                # word to the domain.
                return self._nothing(name, trouble)
            return self._missed(name, known, trouble)
        if known is None or known.identity != record.identity:
            failed = self._failing(name, record.identity)
            if failed is None:
                trouble = await self._fetch(name, record.identity)
            else:
                trouble = failed.trouble
            known = self._recall(name)
        elif self._isOld(known) and self._failing(name, known.identity) is None:
            self._begin(name, known.identity)
        standing = NO_POLICY if known is None else _standing(known)
        return evolve(standing, trouble=trouble)

    async def _record(
        self, name: bytes, known: KnownPolicy | None
    ) -> tuple[STSRecord | None, STSTrouble | None]:
        """
        The record of a domain, or why there is none.  Where nobody could tell, and no
        policy is known, it is not asked again at once: messages would wait for that,
        one after the other.
        """
        failed = self._failing(name, _NO_RECORD)
        if failed is not None and known is None:
            return None, failed.trouble
        try:
            return await self._source.record(name), None
        except STSTrouble as error:
            if error.fault is STSFault.FETCH:
                self._fail(name, _NO_RECORD, error, _LEAST_SECONDS)
            return None, error

    def _nothing(self, name: bytes, trouble: STSTrouble | None) -> Standing:
        if trouble is not None and trouble.fault is STSFault.INVALID:
            self._told(name, trouble)
        return Standing(trouble=trouble)

    def _missed(
        self, name: bytes, known: KnownPolicy, trouble: STSTrouble | None
    ) -> Standing:
        """The record is not there any more, but the policy counts."""
        trouble = trouble or STSTrouble(STSFault.FETCH, "its record is gone")
        if known.mode == Mode.NONE.value and trouble.fault is not STSFault.BUSY:
            return _standing(known)
        if self._isOld(known) and self._failing(name, known.identity) is None:
            self._begin(name, known.identity)
        return evolve(_standing(known), trouble=trouble)

    # --- what is known ------------------------------------------------------------

    def _recall(self, name: bytes) -> KnownPolicy | None:
        known = self._shelf.recall(name)
        if known is None or known.mode not in _MODES:
            return None
        return known

    def _asked(self, name: bytes) -> KnownPolicy | None:
        """The same, and note that somebody wanted to know."""
        known, now = self._recall(name), self._now()
        if known is not None and now - known.asked >= self._bounds.refreshSeconds:
            known = evolve(known, asked=now)
            # It was not found out now: another process may have a newer one by then.
            self._shelf.remember(name, known, known.fetched, _ends(known))
        return known

    def _isOld(self, known: KnownPolicy) -> bool:
        return self._now() - known.fetched >= self._bounds.refreshSeconds

    def _failing(self, name: bytes, identity: bytes) -> _Failed | None:
        """Was it tried in vain, so that it is not tried now?"""
        failed = self._failed.get((name, identity))
        # What failed by a clock that was ahead would be so for years, and certificates
        # do fail then.
        if failed is None or not failed.since <= self._now() < failed.until:
            return None
        return failed

    # --- fetching -----------------------------------------------------------------

    def _fetch(self, name: bytes, identity: bytes) -> Deferred[STSTrouble | None]:
        """
        Fetch a policy, or wait for who does.

        @return: fires when that is over, with why nothing came of it; L{None}: it is
            known now.
        """
        done: Deferred[STSTrouble | None] = Deferred(lambda done: _leave(waiting, done))
        waiting = self._fetching.get(name)
        if waiting is None:
            waiting = self._begin(name, identity, done)
        else:
            waiting.append(done)
        return done

    def _begin(
        self, name: bytes, identity: bytes, *waiting: Deferred[STSTrouble | None]
    ) -> list[Deferred[STSTrouble | None]]:
        """Begin to fetch, unless somebody does."""
        found = self._fetching.get(name)
        if found is not None:
            return found
        found = self._fetching[name] = list(waiting)
        work = Deferred.fromCoroutine(self._fetched(name, identity))
        self._work.add(work)

        def over(result: object) -> object:
            self._work.discard(work)
            if isinstance(result, Failure) and result.check(CancelledError):
                trouble: STSTrouble | None = _busy("this server is about to stop")
            else:
                trouble = result if isinstance(result, STSTrouble) else None
            for each in self._fetching.pop(name):
                each.callback(trouble)
            return result

        work.addBoth(over)
        work.addErrback(self._unforeseen)
        return found

    def _unforeseen(self, failure: Failure) -> None:
        """It was cancelled; anything else nobody foresaw."""
        if not failure.check(CancelledError):
            self._log.failure("A policy was not fetched", failure)

    async def _fetched(self, name: bytes, identity: bytes) -> STSTrouble | None:
        """
        Fetch it.

        @return: why nothing came of it; see L{_fetch}.
        """
        try:
            if len(self._tokens.waiting) >= self._bounds.waitingMost:
                raise _busy("too many other policies are being fetched")
            await self._tokens.acquire()
            try:
                policy = await self._source.policy(name)
            finally:
                self._tokens.release()
        except STSTrouble as error:
            # Of what we are to blame for, it says nothing of the domain, and may be
            # over in a moment.
            if error.fault is not STSFault.BUSY:
                self._miss(name, identity, error)
            return error
        self._failed.pop((name, identity), None)
        self._keep(name, identity, policy)
        return None

    def _keep(self, name: bytes, identity: bytes, policy: STSPolicy) -> None:
        now, before = self._now(), self._recall(name)
        known = KnownPolicy(
            identity,
            policy.mode.value,
            policy.maxAge,
            policy.mx,
            now,
            now if before is None else before.asked,
        )
        self._shelf.remember(name, known, now, _ends(known))
        if before is None or _standing(before).policy != policy:
            self._log.info(
                "The MTA-STS policy of {domain} is in mode {mode}, for {age} seconds",
                domain=name.decode("ascii"),
                mode=policy.mode.value,
                age=policy.maxAge,
            )

    def _fail(
        self, name: bytes, identity: bytes, trouble: STSTrouble, wait: float
    ) -> None:
        """Remember that something could not be had."""
        # What hangs on it holds all that was fetched.
        trouble.__traceback__ = trouble.__cause__ = trouble.__context__ = None
        now = self._now()
        self._failed[name, identity] = _Failed(trouble, now, now + wait, wait)
        if len(self._failed) > _FAILED_MOST:
            del self._failed[next(iter(self._failed))]

    def _miss(self, name: bytes, identity: bytes, trouble: STSTrouble) -> None:
        """A policy could not be fetched."""
        now, bounds = self._now(), self._bounds
        before = self._failed.pop((name, identity), None)
        wait = bounds.againSeconds
        if before is not None:
            wait = min(2 * before.wait, bounds.againMostSeconds)
        self._fail(name, identity, trouble, wait)
        known = self._recall(name)
        domain = name.decode("ascii")
        if known is None:
            self._log.info(
                "The MTA-STS policy of {domain} cannot be fetched: {why}",
                domain=domain,
                why=str(trouble),
            )
        elif known.mode != Mode.NONE.value:
            # RFC 8461 section 10.2: somebody may be keeping us from it.
            self._log.warn(
                "The MTA-STS policy of {domain} cannot be fetched again, and counts for"
                " {left} more seconds: {why}",
                domain=domain,
                left=int(_ends(known) - now),
                why=str(trouble),
            )
        if known is None or known.mode != Mode.NONE.value:
            self._told(name, trouble)

    # --- every now and then ---------------------------------------------------------

    def _sweep(self) -> None:
        """Fetch again what is old, and in use; nobody has two turns before all had."""
        now, bounds = self._now(), self._bounds
        if not self._round:
            self._round = list(self._shelf.names())[::-1]
        while self._round:
            if len(self._work) >= bounds.waitingMost // 2:
                # The others have their turn the next time.
                return
            name = self._round.pop()
            if name in self._fetching:
                continue
            known = self._recall(name)
            if known is None or not self._isOld(known):
                continue
            if now - known.asked >= bounds.idleSeconds:
                continue
            if self._failing(name, known.identity) is None:
                self._renew(name, known)

    def _renew(self, name: bytes, known: KnownPolicy) -> None:
        """Fetch a policy again, whatever the record says."""
        work = Deferred.fromCoroutine(self._renewed(name, known))
        self._work.add(work)

        def over(result: object) -> object:
            self._work.discard(work)
            return result

        work.addBoth(over)
        work.addErrback(self._unforeseen)

    async def _renewed(self, name: bytes, known: KnownPolicy) -> None:
        identity = known.identity
        try:
            record = await self._source.record(name)
        except STSTrouble:
            record = None
        if record is not None:
            identity = record.identity
        if self._failing(name, identity) is None:
            await self._fetch(name, identity)


def _busy(why: str) -> STSTrouble:
    return STSTrouble(STSFault.BUSY, why)


_MODES = frozenset(each.value for each in Mode)


def _standing(known: KnownPolicy) -> Standing:
    policy = STSPolicy(Mode(known.mode), known.maxAge, known.mx)
    return Standing(policy, known.identity, known.fetched)


def _ends(known: KnownPolicy) -> float:
    """Until when a policy counts, in seconds since the epoch."""
    return known.fetched + max(known.maxAge, _LEAST_SECONDS)


def _leave(
    waiting: list[Deferred[STSTrouble | None]] | None,
    done: Deferred[STSTrouble | None],
) -> None:
    """Somebody waits no more."""
    if waiting is not None and done in waiting:
        waiting.remove(done)


__all__ = ["NO_POLICY", "ISTSPolicies", "STSBounds", "STSPolicies", "Standing"]
