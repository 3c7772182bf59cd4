"""
What to know of routes that send: addresses that connections cannot come from, hosts
that would be talked to before they greet us if we knew by then who we are, and messages
that would leave with the first packet if they had names.  Part of
L{smtpx.service.cautions}.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from ..core.hostlist import HostList
from ..extensions.checkpoint import Checkpoint
from ..extensions.pipeconnect import PipeConnect
from ..net.ownname import OwnName
from .config import Configuration
from .problems import KeyPath, Problem
from .tables import SENDING, RouteEntry


def sendingCautions(configuration: Configuration) -> Iterator[Problem]:
    """What to know of routes that send."""
    for index, entry in enumerate(configuration.routes or ()):
        if entry.transport not in SENDING:
            continue
        path: KeyPath = ("route", index)
        for option, address in (
            ("source_ipv4", entry.sourceIPv4),
            ("source_ipv6", entry.sourceIPv6),
        ):
            if address is not None:
                yield from _bound(configuration, (*path, option), address)
        if _talksEarly(configuration):
            yield from _renamed(configuration, (*path, "helo_data"), entry)
    yield from _unnamed(configuration)


def _unnamed(configuration: Configuration) -> Iterator[Problem]:
    """Messages that never ride on a SYN, as they have no names there."""
    settings = configuration.extensions.settings.get(Checkpoint.name)
    named: HostList = getattr(settings, "hostsTryCheckpoint", HostList())
    if not configuration.sending.hostsWholeInSYN.items:
        return
    for lacks, why in (
        (
            not named.items,
            "hosts_try_checkpoint of CHECKPOINT names no hosts that would know it"
            " again",
        ),
        (
            not _talksEarly(configuration),
            "hosts_pipe_connect of PIPECONNECT names no hosts to talk to early",
        ),
    ):
        if lacks:
            text = f"no message leaves with the first packet, as {why}"
            yield configuration.problem(("sending", "hosts_whole_in_syn"), text)


def _bound(
    configuration: Configuration, path: KeyPath, address: str
) -> Iterator[Problem]:
    """Can connections come from there?"""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError as error:
        text = f"mail would wait: {address}: {error.strerror or error}"
        yield configuration.problem(path, text)


def _talksEarly(configuration: Configuration) -> bool:
    settings = configuration.extensions.settings.get(PipeConnect.name)
    hosts: HostList = getattr(settings, "hostsPipeConnect", HostList())
    return hosts != HostList()


def _renamed(
    configuration: Configuration, path: KeyPath, entry: RouteEntry
) -> Iterator[Problem]:
    """Is what the server calls itself known before there is a connection?"""
    if entry.heloData not in [each.value for each in OwnName]:
        return
    missing = [
        option
        for option, address in (
            ("source_ipv4", entry.sourceIPv4),
            ("source_ipv6", entry.sourceIPv6),
        )
        if address is None
    ]
    if missing:
        text = (
            "nobody is talked to before the greeting (hosts_pipe_connect) over"
            " connections whose address the system chooses, as what the server calls"
            f" itself depends on it; {' and '.join(missing)} would say which it is"
        )
        yield configuration.problem(path, text)


__all__ = ["sendingCautions"]
