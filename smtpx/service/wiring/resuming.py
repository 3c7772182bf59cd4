"""
Who resumes TLS sessions at which door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...core.hostlist import HostList
from ...core.interfaces import IExtension
from ...extensions.tlsresume import Hosts, TLSResume
from ...policy.names import LiveHostList
from ..config import Configuration

#: Gives a host list whose names are looked up.
Keep = Callable[[HostList], LiveHostList]


def keptLists(configuration: Configuration, keep: Keep) -> Keep:
    """
    Have the names in the lists of all listeners looked up.

    @param keep: looks up the names in a list from now on.
    @return: gives each of the lists, as it is now.
    """
    kept = {
        hosts: keep(hosts)
        for listener in configuration.listeners
        for hosts in (listener.tlsResumptionHosts, listener.tlsNoTicketHosts)
    }
    return kept.__getitem__


def resumingAt(
    extensions: Iterable[IExtension],
    hosts: HostList,
    unfit: HostList,
    listener: bytes,
    kept: Keep,
) -> list[IExtension]:
    """
    The same extensions, as a listener wants TLSRESUME.

    @param hosts: who may resume sessions.
    @param unfit: who is sent no ticket.
    @param listener: tells apart who is not to take each other's tickets.
    @param kept: gives each of the two, with names that are looked up.
    """

    def live(some: HostList) -> Hosts | None:
        return kept(some) if some.items else None

    return [
        TLSResume(live(hosts), live(unfit), listener=listener, store=each.store)
        if isinstance(each, TLSResume)
        else each
        for each in extensions
    ]


__all__ = ["Keep", "keptLists", "resumingAt"]
