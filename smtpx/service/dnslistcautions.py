"""
DNS lists that are of no use: each that a rule names, or that has a weight, is tried
once (L{smtpx.policy.dnslists.trying}).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ..policy.dnslists.items import ListItem
from ..policy.dnslists.names import isAddress
from ..policy.dnslists.trying import tryList
from ..policy.rules import DnsLists
from .config import Configuration
from .machine import Machine
from .problems import KeyPath, Problem
from .wiring.resolving import nameServers

#: What stands for the client's address.
_CLIENT = ("$sender_host_address", "${sender_host_address}")

#: How many lists are tried at once: one that does not answer takes a while.
_AT_ONCE = 16


def dnsListCautions(
    machine: Machine, configuration: Configuration
) -> Iterator[Problem]:
    """What is wrong with lists, each where it is named first."""
    places: dict[tuple[bytes, bool], KeyPath] = {}
    for path, item in _items(configuration):
        for zone in (item.checked, item.zone):
            places.setdefault((zone, not all(map(_isAddress, item.keys))), path)
    if not places:
        return
    servers = nameServers(machine, configuration.dns).now().servers
    ask = partial(machine.addressesNow, servers)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        tried = threads.map(lambda each: tryList(each[0], each[1], ask), places)
        for (zone, _), path, why in zip(places, places.values(), tried, strict=True):
            if why is not None:
                text = f"{zone.decode('ascii')}: {why}"
                yield configuration.problem(path, text)


def _isAddress(key: str) -> bool:
    """Is what is looked up an address?"""
    return key in _CLIENT or isAddress(key.encode())


def _items(configuration: Configuration) -> Iterable[tuple[KeyPath, ListItem]]:
    """All lists, with where they stand."""
    for stage, index, entry in configuration.policy.entries():
        for condition in entry.rule.conditions:
            if isinstance(condition, DnsLists):
                lists = condition.lists
                path = ("policy", stage.value, index, condition.name)
                for place, item in zip(lists.places, lists.items, strict=True):
                    yield (*path, place), item
    for each in configuration.dnsLists.weights.entries:
        yield ("dns_lists", "weights", each.name), each.item


__all__ = ["dnsListCautions"]
