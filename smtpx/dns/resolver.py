"""
Asks the DNS, on the reactor: the octets are dnspython's work, all else is here.

A question goes to one server after the other, over UDP, and over TCP where the answer
does not fit, until one knows; a server that does not answer is asked last for a while.
What was said is kept (L{smtpx.dns.cache}); who asks what is being asked already waits
for the same answer.  Only so many questions are under way at once, and only so many
wait for their turn.

dnspython's own resolver is not used: its time is the system's, not the reactor's, it
cannot be cancelled cleanly under Twisted, and it knows neither shared questions nor
servers that are down.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define, field, frozen
from dns.name import Name
from dns.rdatatype import RdataType
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredSemaphore,
    fail,
    succeed,
)
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .cache import Cache, CacheBounds
from .exchange import IExchange
from .interfaces import Answer, IResolver, LookupFailed, LookupPutOff, NoSuchDomain
from .records import KINDS, checkKind, plainName, wireName
from .servers import Asking, IServers, Server
from .wire import Query, Said, Truncated, Unusable, spelledQuestion

T = TypeVar("T")

#: A question as the cache knows it: the name in lower case, and the kind.
_Question = tuple[bytes, str]

#: What was said, as it is kept: exceptions are made anew for each who asks.
_Outcome = Answer | NoSuchDomain | LookupFailed


_CROWDED = "too many other questions are under way"


class _Late(Exception):
    """It took too long."""


@frozen
class ResolverBounds:
    """
    How much at once, and how long.

    @ivar questionSeconds: how long a question takes at most, waiting included.
    @ivar atOnceMost: how many questions are under way.
    @ivar waitingMost: how many wait for their turn; more fail.
    @ivar aliasesMost: how many CNAMEs are followed.
    @ivar silentMost: how often in a row a server may be silent that is not asked last.
    @ivar downSeconds: how long a server that does not answer is asked last.
    @ivar plainSeconds: how long a server that does not know EDNS is not asked with
        it.
    @ivar cache: how long answers are kept, and how many.
    """

    questionSeconds: float = 20.0
    atOnceMost: int = 100
    waitingMost: int = 10_000
    aliasesMost: int = 16
    silentMost: int = 3
    downSeconds: float = 30.0
    plainSeconds: float = 900.0
    cache: CacheBounds = field(factory=CacheBounds)


@define(eq=False)
class _Flight:
    """
    A question under way.

    @ivar waiting: who wants the answer.
    @ivar work: the asking; L{None}: it has not begun, or is over.
    """

    waiting: list[Deferred[Answer]] = field(factory=list)
    work: Deferred[None] | None = None


@define
class _Health:
    """
    What is known of a server, in seconds of the clock.

    @ivar silent: how often in a row it did not answer.  One that looks up what others
        do not answer may well be late; that says nothing of the rest.
    @ivar down: has it been told of as one that does not answer?
    @ivar downUntil: it is asked last until then.
    @ivar plainUntil: it does not know EDNS, and is asked without it until then.
    """

    silent: int = 0
    down: bool = False
    downUntil: float = float("-inf")
    plainUntil: float = float("-inf")


@implementer(IResolver)
class Resolver:
    """
    A resolver with a cache.
    """

    _log = Logger()

    def __init__(
        self,
        exchange: IExchange,
        servers: IServers,
        clock: IReactorTime,
        trusted: bool = False,
        bounds: ResolverBounds = ResolverBounds(),
        identifier: Callable[[], int] = lambda: secrets.randbelow(1 << 16),
    ) -> None:
        """
        @param trusted: do the servers check DNSSEC, and does nobody between them and
            us change what they say?  Only then is their word (AD) taken.
        @param identifier: makes the identifiers of questions, which nobody must be
            able to guess.
        """
        self._exchange = exchange
        self._servers = servers
        self._clock = clock
        self._trusted = trusted
        self._bounds = bounds
        self._identifier = identifier
        self._cache: Cache[_Outcome] = Cache(clock.seconds, bounds.cache.most)
        self._flights: dict[_Question, _Flight] = {}
        self._turns = DeferredSemaphore(bounds.atOnceMost)
        self._health: dict[Server, _Health] = {}
        self._rotation = 0

    def lookUp(self, name: bytes, kind: str) -> Deferred[Answer]:
        """See L{IResolver}."""
        checkKind(kind)
        question = name.lower().removesuffix(b"."), kind
        kept = self._cache.get(question)
        if kept is not None:
            return _given(kept)
        flight = self._flights.get(question)
        if flight is not None:
            return self._wait(question, flight)
        try:
            asked = wireName(name)
        except NoSuchDomain as error:
            return fail(error)
        if len(self._turns.waiting) >= self._bounds.waitingMost:
            text = f"{spelledQuestion(asked, KINDS[kind])}: too many questions wait"
            return fail(LookupPutOff(text))
        flight = self._flights[question] = _Flight()
        answer = self._wait(question, flight)
        flight.work = Deferred.fromCoroutine(self._fly(question, asked, flight))
        flight.work.addErrback(self._lost, question, flight)
        return answer

    @property
    def underWay(self) -> int:
        """How many questions are under way, or wait for their turn."""
        return len(self._flights)

    def close(self) -> None:
        """
        Give up all questions; who waits for one is told that it failed.
        """
        for question, flight in list(self._flights.items()):
            self._land(question, flight, LookupPutOff("the resolver was closed"))
            if flight.work is not None:
                flight.work.cancel()

    def _wait(self, question: _Question, flight: _Flight) -> Deferred[Answer]:
        def cancel(answer: Deferred[Answer]) -> None:
            flight.waiting.remove(answer)
            if not flight.waiting:
                # Nobody wants to know any more.
                self._flights.pop(question, None)
                if flight.work is not None:
                    flight.work.cancel()

        answer: Deferred[Answer] = Deferred(cancel)
        flight.waiting.append(answer)
        return answer

    async def _fly(self, question: _Question, name: Name, flight: _Flight) -> None:
        kind = KINDS[question[1]]
        deadline = self._clock.seconds() + self._bounds.questionSeconds
        bounds = self._bounds.cache
        octets = 0
        outcome: _Outcome
        try:
            await self._turn(deadline)
            try:
                outcome, octets = await self._follow(name, kind, deadline)
                expires = outcome.expires
            finally:
                self._turns.release()
        except NoSuchDomain as error:
            outcome, expires = error, error.expires
        except LookupPutOff as error:
            text = f"{spelledQuestion(name, kind)}: {error}"
            self._land(question, flight, LookupPutOff(text))
            return
        except LookupFailed as error:
            outcome = LookupFailed(f"{spelledQuestion(name, kind)}: {error}")
            expires = self._clock.seconds() + bounds.failureSeconds
        self._cache.keep(question, outcome, expires, octets)
        self._land(question, flight, outcome)

    async def _turn(self, deadline: float) -> None:
        """
        Wait for a turn.

        @raise LookupPutOff: it does not come in time.
        """
        turn = self._turns.acquire()
        try:
            await self._within(deadline - self._clock.seconds(), turn)
        except _Late:
            raise LookupPutOff(_CROWDED) from None

    def _land(self, question: _Question, flight: _Flight, outcome: _Outcome) -> None:
        """Tell all who wait."""
        if self._flights.get(question) is flight:
            del self._flights[question]
        waiting, flight.waiting = flight.waiting, []
        for answer in waiting:
            _given(outcome).chainDeferred(answer)

    def _lost(self, failure: Failure, question: _Question, flight: _Flight) -> None:
        """
        The asking ended without an outcome: nobody wants to know any more, or there
        is an error of ours, of which those who wait must hear too.
        """
        if failure.check(CancelledError):
            return
        self._log.failure("While asking the DNS", failure)
        self._land(question, flight, LookupFailed("there was an error"))

    async def _follow(
        self, name: Name, kind: RdataType, deadline: float
    ) -> tuple[Answer, int]:
        """
        Ask, and go on where an alias leads to a name of which nothing was said.

        @return: the answer, and how long it was, in octets.
        @raise NoSuchDomain: there is no such name.
        @raise LookupFailed: nobody knows.
        """
        authentic, ttl, octets, aliases = True, float("inf"), 0, 0
        seen = {name}
        while True:
            said = await self._ask(name, kind, deadline)
            authentic = authentic and said.authentic
            ttl = min(ttl, said.ttlSeconds)
            octets += said.octets
            aliases += said.aliases
            if not said.unfinished:
                break
            if said.name in seen or aliases > self._bounds.aliasesMost:
                raise LookupFailed("it is a loop of aliases, or too many of them")
            seen.add(said.name)
            name = said.name
        nothing = not said.records
        lifetime = self._bounds.cache.lifetime(ttl, nothing)
        expires = self._clock.seconds() + lifetime
        if not said.exists:
            raise NoSuchDomain(plainName(said.name), authentic, expires)
        answer = Answer(said.records, authentic, expires, plainName(said.name))
        return answer, octets

    async def _ask(self, name: Name, kind: RdataType, deadline: float) -> Said:
        """
        Ask one server after the other.

        @raise LookupFailed: none of them knows.
        """
        asking = self._servers.now()
        failed: dict[Server, str] = {}
        told: set[Server] = set()
        for number in range(asking.rounds):
            for server in self._inOrder(asking):
                left = deadline - self._clock.seconds()
                if left <= 0:
                    break
                if server in told:
                    # It has said that it does not know; it has not been silent.
                    continue
                limit = min(left, asking.trySeconds * 2**number)
                try:
                    said = await self._try(server, name, kind, limit)
                except Unusable as error:
                    self._up(server)
                    failed[server] = str(error)
                    told.add(server)
                except _Late:
                    failed[server] = "no answer"
                    self._silent(server)
                except OSError as error:
                    failed[server] = error.strerror or str(error)
                    self._down(server, failed[server])
                else:
                    self._up(server)
                    return said
        reasons = [f"{server}: {text}" for server, text in failed.items()]
        if not reasons:
            raise LookupPutOff(_CROWDED)
        raise LookupFailed("; ".join(reasons))

    def _inOrder(self, asking: Asking) -> list[Server]:
        """The servers, those that are down last."""
        servers = list(asking.servers)
        if asking.rotate:
            self._rotation += 1
            first = self._rotation % len(servers)
            servers = servers[first:] + servers[:first]
        now = self._clock.seconds()
        return sorted(servers, key=lambda each: self._healthOf(each).downUntil > now)

    async def _try(
        self, server: Server, name: Name, kind: RdataType, seconds: float
    ) -> Said:
        """
        Ask one server, in whatever way it understands.

        @param seconds: how long each way may take.
        @raise Unusable: it answers, but does not help.
        @raise OSError: there is no way to it.
        @raise _Late: it does not answer.
        """
        health = self._healthOf(server)
        now = self._clock.seconds()
        edns = health.plainUntil <= now
        try:
            said = await self._both(server, name, kind, edns, seconds)
        except Unusable as error:
            if not error.plainly:
                raise
            said = await self._both(server, name, kind, False, seconds)
            health.plainUntil = now + self._bounds.plainSeconds
        return said

    async def _both(
        self, server: Server, name: Name, kind: RdataType, edns: bool, seconds: float
    ) -> Said:
        """Ask over UDP, and over TCP where that will not do."""
        query = Query(name, kind, self._identifier(), self._trusted, edns)
        try:
            return await self._within(seconds, self._exchange.overUDP(server, query))
        except Truncated:
            return await self._within(seconds, self._exchange.overTCP(server, query))

    def _within(self, seconds: float, work: Deferred[T]) -> Deferred[T]:
        """The same, but cancelled, and failing with L{_Late}, after so long."""
        if work.called:
            return work
        return work.addTimeout(seconds, self._clock, onTimeoutCancel=_late)

    def _healthOf(self, server: Server) -> _Health:
        return self._health.setdefault(server, _Health())

    def _up(self, server: Server) -> None:
        """It answers, whatever it says."""
        health = self._healthOf(server)
        if health.down:
            self._log.info("The name server {server} answers again", server=str(server))
        health.silent, health.down, health.downUntil = 0, False, float("-inf")

    def _silent(self, server: Server) -> None:
        """It did not answer in time."""
        health = self._healthOf(server)
        health.silent += 1
        if health.silent >= self._bounds.silentMost:
            self._down(server, "no answer")

    def _down(self, server: Server, why: str) -> None:
        """It is to be asked last for a while."""
        health = self._healthOf(server)
        if not health.down:
            self._log.warn(
                "The name server {server} does not answer: {why}",
                server=str(server),
                why=why,
            )
        health.down = True
        health.downUntil = self._clock.seconds() + self._bounds.downSeconds


def _late(value: Any, seconds: float) -> Any:
    """It was cancelled because it took too long."""
    if isinstance(value, Failure):
        value.trap(CancelledError)
        raise _Late from None
    return value


def _given(outcome: _Outcome) -> Deferred[Answer]:
    """What was said, for one who asks."""
    match outcome:
        case Answer():
            return succeed(outcome)
        case NoSuchDomain():
            # One who asks adds his traceback to it: it cannot be shared.
            return fail(NoSuchDomain(outcome.name, outcome.authentic, outcome.expires))
    kind = LookupPutOff if isinstance(outcome, LookupPutOff) else LookupFailed
    return fail(kind(str(outcome)))


__all__ = ["Resolver", "ResolverBounds"]
