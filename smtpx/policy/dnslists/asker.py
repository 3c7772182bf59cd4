"""
Who asks DNS lists: within limits, once for each client, and with an eye on lists that
are no more.

That a list answers says little.  Its answers are in 127.0.0.0/8 (RFC 5782 section 2.1):
others are those of somebody who has the domain now, or of a name server that answers
everything, and list nobody.  Those in 127.255.255.0/24 are errors: the list will not
answer this name server, or not that many questions.  Who takes them for listings
refuses all mail, so that here they say nothing of the client, and the operator is told.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, TimeoutError as DeferredTimeout, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...core.envelope import Stamp
from ...core.interfaces import IServerSession
from ...dns.interfaces import (
    Answer,
    IResolver,
    LookupFailed,
    LookupPutOff,
    NoSuchDomain,
)

#: How long the lists of one rule may take together, in seconds.
SECONDS = 5.0

#: How many lists of a rule are asked side by side.
AT_ONCE = 16

#: How often an operator is told of one list, in seconds.
_TOLD_SECONDS = 3600.0

#: How long a list that could not be asked is not asked again in a session, in seconds.
_DOUBT_SECONDS = 60.0

#: How many answers a session keeps: what is asked may be made of what a client says.
_KEPT_MOST = 500

#: Where all answers of lists are, and which of them are errors.
LISTINGS = IPv4Network("127.0.0.0/8")
ERRORS = IPv4Network("127.255.255.0/24")


@frozen
class Listing:
    """
    What a list says.

    @ivar values: its answers; empty: nobody is listed.
    @ivar known: could it be asked?
    """

    values: tuple[bytes, ...] = ()
    known: bool = True


#: What a list says that could not be asked.
UNTOLD = Listing(known=False)

_NOT_LISTED = Listing()

_Kept = dict[bytes, tuple[Listing, float]]


def _unloadable(text: str) -> _Kept:
    raise ValueError("it ends with the session")


#: On a session: what lists have said, with until when that holds.
_KEPT = Stamp[_Kept]("dns-lists", None, _unloadable)

#: Told what is wrong with a list.
Told = Callable[[bytes, str], None]

#: Told what a list says of somebody: C{listed}, C{unlisted} or C{failed}.
Count = Callable[[bytes, str], object]

_log = Logger()


def warn(zone: bytes, why: str) -> None:
    """Tell the operator of a list."""
    _log.warn(
        "The DNS list {zone} is of no use now: {why}",
        zone=zone.decode("ascii"),
        why=why,
    )


def _uncounted(zone: bytes, answer: str) -> None:
    """Nobody counts."""


@define(eq=False)
class ListAsker:
    """
    Asks lists.

    @ivar resolver: asks the DNS.
    @ivar seconds: how long the lists of one rule may take together.
    @ivar atOnce: how many of them are asked side by side; 1: one after the other, and
        none that is not needed, as Exim does.
    @ivar told: is told of lists that are of no use, of each once an hour.
    @ivar count: is told of each answer; not of those that a session has kept.
    """

    resolver: IResolver
    clock: IReactorTime
    seconds: float = SECONDS
    atOnce: int = AT_ONCE
    told: Told = warn
    count: Count = _uncounted
    _toldAt: dict[bytes, float] = field(factory=dict, init=False)

    def until(self) -> float:
        """When questions that begin now have to end."""
        return self.clock.seconds() + self.seconds

    def ask(
        self, session: IServerSession, zone: bytes, name: bytes, until: float
    ) -> Deferred[Listing]:
        """
        Ask a list.

        @param session: keeps the answer.
        @param zone: the list.
        @param name: the whole name.
        @param until: by when, as of L{until}.
        @return: never fails, but where it is cancelled.
        """
        kept = session.stamps.get(_KEPT)
        if kept is None:
            kept = session.stamps[_KEPT] = {}
        before, now = kept.get(name), self.clock.seconds()
        if before is not None and now < before[1]:
            return succeed(before[0])
        asked = self._lookUp(name, "A", until)
        heard = asked.addCallback(self._read, zone).addErrback(self._failed, zone)
        return heard.addCallback(self._keep, kept, zone, name)

    def text(self, name: bytes, until: float) -> Deferred[str]:
        """
        Why somebody is in a list (RFC 5782 section 2.1), for people.

        @return: fires with an empty one where nothing is said; never fails, but where
            it is cancelled.
        """

        def said(answer: Answer) -> str:
            texts = answer.of(bytes)
            return texts[0].decode("utf-8", "replace") if texts else ""

        def failed(failure: Failure) -> str:
            failure.trap(NoSuchDomain, LookupFailed, DeferredTimeout)
            return ""

        return self._lookUp(name, "TXT", until).addCallbacks(said).addErrback(failed)

    def _lookUp(self, name: bytes, kind: str, until: float) -> Deferred[Answer]:
        asked = self.resolver.lookUp(name, kind)
        if not asked.called:
            left = max(0.0, until - self.clock.seconds())
            asked.addTimeout(left, self.clock)
        return asked

    def _read(self, answer: Answer, zone: bytes) -> Listing:
        values = answer.of(bytes)
        listed = tuple(each for each in values if _within(each, LISTINGS))
        if len(listed) < len(values):
            strange = next(each for each in values if each not in listed)
            self._tell(zone, f"it answers {_text(strange)}, which is no listing")
        errors = [each for each in listed if _within(each, ERRORS)]
        if errors:
            self._tell(zone, f"it answers {_text(errors[0])}, which is an error")
            return UNTOLD
        return Listing(listed)

    def _failed(self, failure: Failure, zone: bytes) -> Listing:
        if failure.check(NoSuchDomain):
            return _NOT_LISTED
        failure.trap(LookupFailed, DeferredTimeout)
        if failure.check(DeferredTimeout):
            self._tell(zone, f"no answer in {self.seconds:g} s")
        elif not failure.check(LookupPutOff):
            self._tell(zone, failure.getErrorMessage())
        return UNTOLD

    def _tell(self, zone: bytes, why: str) -> None:
        now = self.clock.seconds()
        if now >= self._toldAt.get(zone, now):
            self._toldAt[zone] = now + _TOLD_SECONDS
            self.told(zone, why)

    def _keep(self, found: Listing, kept: _Kept, zone: bytes, name: bytes) -> Listing:
        known = "listed" if found.values else "unlisted"
        self.count(zone, known if found.known else "failed")
        if len(kept) >= _KEPT_MOST:
            kept.clear()
        until = float("inf") if found.known else self.clock.seconds() + _DOUBT_SECONDS
        kept[name] = found, until
        return found


def _within(address: bytes, network: IPv4Network) -> bool:
    return IPv4Address(address.decode("ascii")) in network


def _text(address: bytes) -> str:
    return address.decode("ascii")


__all__ = [
    "AT_ONCE",
    "ERRORS",
    "LISTINGS",
    "SECONDS",
    "UNTOLD",
    "ListAsker",
    "Listing",
    "Told",
    "warn",
]
