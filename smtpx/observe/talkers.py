"""
The peers that talk most, in bounded memory.

There may be more peers than fit.  Each has a weight, which what it does adds to
and time takes away from; where there are too many, the lighter half is forgotten.
So who has much to say stays, whoever else comes by once.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

#: How many are kept, at most.
PEERS_MOST = 512

#: In how many seconds a weight becomes half of what it was.
HALF_LIFE_SECONDS = 3600.0


@frozen
class Talker:
    """
    One peer, since it was last forgotten.

    @ivar address: its address.
    @ivar sessions: its sessions.
    @ivar messages: those that were accepted.
    @ivar refusals: its commands that were refused.
    @ivar seen: when it did something last, in seconds since the epoch.
    @ivar weight: how much of that for which it is told of was of late: what is an hour
        past counts half.
    """

    address: bytes
    sessions: int
    messages: int
    refusals: int
    seen: float
    weight: float = field(default=0.0, eq=False)


@define
class _Account:
    """
    What is known of a peer.

    @ivar messageWeight: its messages, each less the longer it is past.
    @ivar refusalWeight: its refusals, likewise.
    @ivar aged: when time took from the weights last.
    """

    sessions: int = 0
    messages: int = 0
    refusals: int = 0
    seen: float = 0.0
    messageWeight: float = 0.0
    refusalWeight: float = 0.0
    aged: float = 0.0

    def age(self, now: float) -> None:
        """Let time take from its weights."""
        passed = now - self.aged
        if passed > 0:
            left = 0.5 ** (passed / HALF_LIFE_SECONDS)
            self.messageWeight *= left
            self.refusalWeight *= left
            self.aged = now


class Talkers:
    """Counts what peers do."""

    def __init__(self, most: int = PEERS_MOST) -> None:
        """
        @param most: how many peers are kept.
        """
        self._most = most
        self._accounts: dict[bytes, _Account] = {}

    def __len__(self) -> int:
        """How many are kept now."""
        return len(self._accounts)

    def connected(self, address: bytes, now: float) -> None:
        """A peer has begun a session."""
        self._account(address, now).sessions += 1

    def sent(self, address: bytes, now: float) -> None:
        """A message of it was accepted."""
        account = self._account(address, now)
        account.messages += 1
        account.messageWeight += 1

    def refused(self, address: bytes, now: float) -> None:
        """A command of it was refused."""
        account = self._account(address, now)
        account.refusals += 1
        account.refusalWeight += 1

    def byMessages(self, now: float, most: int) -> list[Talker]:
        """Who sends most lately, the first first; those who send nothing are not."""
        return self._first(lambda each: each.messageWeight, now, most)

    def byRefusals(self, now: float, most: int) -> list[Talker]:
        """Who is refused most lately, the first first; the others are not."""
        return self._first(lambda each: each.refusalWeight, now, most)

    def _account(self, address: bytes, now: float) -> _Account:
        account = self._accounts.get(address)
        if account is None:
            if len(self._accounts) >= self._most:
                self._forget(now)
            account = self._accounts[address] = _Account(aged=now)
        else:
            account.age(now)
        account.seen = now
        return account

    def _forget(self, now: float) -> None:
        """
        Forget the lighter half.  That is done once for many new peers, so that a
        flood of them costs each next to nothing.
        """
        for account in self._accounts.values():
            account.age(now)
        # Of two that have done nothing, the one that was here last stays.
        heavy = sorted(
            self._accounts.items(),
            key=lambda item: (
                item[1].messageWeight + item[1].refusalWeight,
                item[1].seen,
            ),
            reverse=True,
        )
        self._accounts = dict(heavy[: self._most // 2])

    def _first(
        self, weigh: Callable[[_Account], float], now: float, most: int
    ) -> list[Talker]:
        for account in self._accounts.values():
            account.age(now)
        heavy = [item for item in self._accounts.items() if weigh(item[1]) > 0]
        # By address where weights are alike, so that the order does not change.
        heavy.sort(key=lambda item: (-weigh(item[1]), item[0]))
        return [
            Talker(
                address,
                account.sessions,
                account.messages,
                account.refusals,
                account.seen,
                weigh(account),
            )
            for address, account in heavy[:most]
        ]
