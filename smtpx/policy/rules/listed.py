"""
Lists of conditions in which there are look-ups (L{smtpx.policy.lookups.lists}).

A list without any is asked as it is.  With some, who is in it may take a while, or
cannot be told now; in rules all kinds of look-ups are welcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

from ...core.asked import Ask
from ...core.errors import Untold, UsageError
from ...core.hostlist import HostList, clientNames, lookupKeys
from ...core.interfaces import IServerSession
from ..lookups.interfaces import ILookup, LookupDeferred
from ..lookups.lists import Said, Weighing, asksOf, weighed
from .faults import Place
from .interfaces import Means

K = TypeVar("K")


class Listed(Protocol):
    """A list that can have look-ups."""

    @property
    def lookups(self) -> Iterable[tuple[int, str]]:
        """Their names, with their places."""


def named(listed: Listed) -> Sequence[tuple[Place, str]]:
    """The look-ups of a list, for a condition that has no more than that."""
    return [((index,), name) for index, name in listed.lookups]


def namedHosts(hosts: HostList) -> Sequence[tuple[Place, str]]:
    """The look-ups of a host list, likewise."""
    found = ((index, item.lookup) for index, item in enumerate(hosts.items))
    return [((index,), name) for index, name in found if name is not None]


def _lent(names: Iterable[str], means: Means) -> Mapping[str, ILookup] | None:
    """
    The look-ups of these names.

    @return: L{None}: nothing is lent, for rules are only looked at.
    @raise UsageError: there is none of a name.
    """
    if not means.lookups:
        return None
    missing = [name for name in names if name not in means.lookups]
    if missing:
        raise UsageError(f"there is no look-up {missing[0]}")
    return {name: means.lookups[name] for name in names}


def told(
    listed: Listed,
    has: Callable[[K], bool],
    weigh: Callable[[K], Weighing],
    means: Means,
) -> Callable[[K], Said]:
    """
    What asks a list.

    @param has: asks it where it has no look-ups.
    @param weigh: asks it where it has some.
    """
    names = [name for _, name in listed.lookups]
    if not names:
        return has
    lookups = _lent(names, means)
    if lookups is None:
        return lambda key: None
    return lambda key: weighed(weigh(key), lookups)


def toldHosts(hosts: HostList, means: Means) -> Callable[[IServerSession], Said]:
    """What asks a host list that has look-ups."""
    lookups = _lent(hosts.lookups, means)
    if lookups is None:
        return lambda session: None
    if all(each.prompt for each in lookups.values()):
        verdict = means.keep(hosts.asking(asksOf(lookups))).verdict
        return lambda session: verdict(
            session.peer, clientNames(session), session.peerNameKnown
        )
    return _SlowHosts(hosts, lookups, means).ask


class _SlowHosts:
    """A host list with look-ups that take a while: all are asked before it is."""

    def __init__(
        self, hosts: HostList, lookups: Mapping[str, ILookup], means: Means
    ) -> None:
        self._lookups = lookups
        self._answers: Mapping[tuple[str, bytes], bool | None] = {}
        asks = {name: self._answer(name) for name in lookups}
        self._kept = means.keep(hosts.asking(asks))

    def _answer(self, name: str) -> Ask:
        def answer(key: bytes) -> bool:
            found = self._answers[name, key]
            if found is None:
                raise Untold(f"the look-up {name} cannot tell")
            return found

        return answer

    def ask(self, session: IServerSession) -> Said:
        """Is a client in it?"""
        return Deferred.fromCoroutine(self._ask(session))

    async def _ask(self, session: IServerSession) -> bool | None:
        names = clientNames(session)
        answers: dict[tuple[str, bytes], bool | None] = {}
        for key in lookupKeys(session.peer, names):
            for name, lookup in self._lookups.items():
                try:
                    found = lookup.find(key)
                    value = await found if isinstance(found, Deferred) else found
                except LookupDeferred:
                    answers[name, key] = None
                else:
                    answers[name, key] = value is not None
        # Nothing is waited for from here on, so that these are this client's.
        self._answers = answers
        return self._kept.verdict(session.peer, names, session.peerNameKnown)


__all__ = ["Listed", "named", "namedHosts", "told", "toldHosts"]
