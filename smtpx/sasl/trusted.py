"""
Clients and users whom an operator trusts with something.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.hostlist import HostList, clientNames
from ..core.interfaces import IServerSession
from .prepare import prepare


def checkUsers(instance: object, attribute: Any, names: tuple[str, ...]) -> None:
    """
    A validator of attrs: are these names of users, or C{*}?

    @raise smtpx.core.errors.Malformed: one is none.
    """
    for name in names:
        prepare(name.encode("utf-8"))


class Trusted:
    """
    Those who are on a list of hosts, or log in as one of some users.

    @ivar nobody: can it be nobody at all?
    """

    __slots__ = ("_hosts", "_users", "nobody")

    def __init__(self, hosts: HostList, users: Iterable[str] = ()) -> None:
        """
        @param users: their names; C{*} is everybody who has logged in.
        """
        self._hosts = hosts
        self._users = frozenset(prepare(name.encode("utf-8")) for name in users)
        self.nobody = hosts == HostList() and not self._users

    def includes(self, session: IServerSession) -> bool:
        """Is the client of a session one of them?"""
        user = session.identity
        if user is not None and (b"*" in self._users or user in self._users):
            return True
        return self._hosts.matches(session.peer, clientNames(session))


__all__ = ["Trusted", "checkUsers"]
