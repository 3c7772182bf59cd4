"""
Alerts: the operator is told of an account that does too much, once in a while and not
once a message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

#: Of how many accounts it is remembered where they come from, and from how many places.
_ACCOUNTS_MOST, _CLIENTS_MOST = 1000, 20

#: Of how many accounts of one kind somebody is told in an hour: where strangers choose
#: what they are called, as senders do, they are not to fill anybody's mailbox.
TOLD_MOST, _TOLD_SECONDS = 20, 3600.0

#: How often an account is told of, in seconds.
EVERY_SECONDS = 86400.0


@frozen
class Alert:
    """
    An account does too much.

    @ivar per: what kind of account it is, such as C{user}.
    @ivar account: which.
    @ivar what: what is counted.
    @ivar rate: how much it is in a period.
    @ivar limit: from which on it is too much.
    @ivar period: how long the period is, in words.
    @ivar rule: what it was counted for.
    @ivar at: when that was, in seconds since the epoch.
    @ivar clients: the addresses that it comes from, with how often; those seen last
        are last.
    """

    per: str
    account: str
    what: str
    rate: float
    limit: float
    period: str
    rule: str
    at: float
    clients: tuple[tuple[str, int], ...] = ()


@define
class _Account:
    """
    What is remembered of an account.

    @ivar clients: how often it came from where.
    @ivar told: until when nobody need be told of it; L{None}: somebody has to.
    """

    clients: dict[str, int] = field(factory=dict)
    told: float | None = None


@define
class _Room:
    """
    How many are told of.

    @ivar since: when that began.
    @ivar count: how many were, since then.
    """

    since: float
    count: int = 0


#: Asks all other processes where an account comes from; it never fails.
Elsewhere = Callable[[str, str], Awaitable[Sequence[Mapping[str, int]]]]


class Alerts:
    """
    Tells of accounts.

    @ivar elsewhere: says where other processes of the server have seen an account
        come from, and how often; L{None}: there are none.
    """

    _log = Logger()

    def __init__(
        self,
        now: Callable[[], float],
        claim: Callable[[str, float], Awaitable[bool]],
        tell: Callable[[Alert], object],
        every: float = EVERY_SECONDS,
        most: int = TOLD_MOST,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param claim: is it for this process to tell of an account, which nobody else
            does for so many seconds then?
        @param tell: tells the operator.
        @param every: how often an account is told of, in seconds.
        @param most: of how many accounts of one kind this process tells in an hour.
        """
        self.elsewhere: Elsewhere | None = None
        self._most = most
        self._now = now
        self._claim = claim
        self._tell = tell
        self._every = every
        self._accounts: dict[str, _Account] = {}
        #: By kinds of accounts, of which rules have few.
        self._rooms: dict[str, _Room] = {}
        self._work: set[Deferred[None]] = set()

    def saw(self, per: str, account: str, client: bytes) -> None:
        """An account does something, from an address."""
        found = self._account(per, account)
        address = client.decode("ascii", "replace") or "this machine"
        times = found.clients.pop(address, 0)
        if len(found.clients) >= _CLIENTS_MOST:
            del found.clients[next(iter(found.clients))]
        found.clients[address] = times + 1

    def clientsOf(self, per: str, account: str) -> Mapping[str, int]:
        """From which addresses an account came to this process, and how often."""
        found = self._accounts.get(f"{per} {account}")
        return {} if found is None else found.clients

    def _account(self, per: str, account: str) -> _Account:
        name = f"{per} {account}"
        found = self._accounts.pop(name, None)
        if found is None:
            if len(self._accounts) >= _ACCOUNTS_MOST:
                del self._accounts[next(iter(self._accounts))]
            found = _Account()
        # Behind all others.
        self._accounts[name] = found
        return found

    def ring(self, alert: Alert) -> None:
        """
        An account does too much: tell of it, unless somebody has.

        @param alert: where it comes from is filled in here.
        """
        found = self._account(alert.per, alert.account)
        now = self._now()
        if found.told is not None and found.told - self._every <= now < found.told:
            return
        room = self._room(alert.per, now)
        if room.count == self._most:
            self._log.warn(
                "More than {most} accounts do too much; nobody is told of {per}"
                " {account!r}, nor of others like it, before an hour is over",
                most=self._most,
                per=alert.per,
                account=alert.account,
            )
        room.count += 1
        if room.count > self._most:
            return
        found.told = now + self._every
        self._begin(self._ring(alert, found, room))

    def _room(self, per: str, now: float) -> _Room:
        """How many of a kind were told of in this hour."""
        found = self._rooms.get(per)
        if found is None or not 0 <= now - found.since < _TOLD_SECONDS:
            found = self._rooms[per] = _Room(now)
        return found

    async def _ring(self, alert: Alert, found: _Account, room: _Room) -> None:
        if await self._claim(f"{alert.per} {alert.account}", self._every):
            clients = await self._everywhere(alert, found)
            self._tell(evolve(alert, clients=tuple(clients.items())))
        elif room.count <= self._most:
            # Somebody else tells of it.
            room.count -= 1

    async def _everywhere(self, alert: Alert, found: _Account) -> Mapping[str, int]:
        """Where an account comes from, whichever process it came to."""
        if self.elsewhere is None:
            return found.clients
        counts = Counter(found.clients)
        for theirs in await self.elsewhere(alert.per, alert.account):
            counts.update(theirs)
        # Who came last nobody knows of all together: so it is who came most.
        return dict(reversed(counts.most_common(_CLIENTS_MOST)))

    def _begin(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        running = Deferred.fromCoroutine(work)
        self._work.add(running)

        def over(result: object) -> None:
            self._work.discard(running)

        running.addErrback(lambda why: self._log.failure("An alert went wrong", why))
        running.addCallback(over)

    async def stop(self) -> None:
        """Wait until what was to be told is."""
        for each in list(self._work):
            await each


__all__ = ["EVERY_SECONDS", "TOLD_MOST", "Alert", "Alerts"]
