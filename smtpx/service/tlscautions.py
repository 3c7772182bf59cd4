"""
What to know of options that are about TLS and the first packet, each in order by
itself, where another one, or the kernel, makes them of no use, or where they are more
dangerous than they look.  Part of L{smtpx.service.cautions}.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.hostlist import HostList
from ..extensions.checkpoint import Checkpoint
from ..net.fastopen import CLIENT_BIT, SERVER_BIT
from .config import Configuration
from .machine import Machine
from .problems import Problem
from .tables import RouteEntry, RouteTLS
from .tables.routeoptions import TransportKind
from .tables.tls import ANYBODY

_SWITCH = "net.ipv4.tcp_fastopen"


def tlsCautions(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """What to know of them."""
    yield from _kernel(machine, configuration)
    yield from _unproven(configuration)
    yield from _avoided(configuration)
    yield from _neverClear(configuration)
    yield from _policies(configuration)


def _kernel(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """Connections that are to be opened fast, by a kernel that does not."""
    bits = machine.fastOpen()
    if bits is None:
        return
    if configuration.sending.hostsTryFastOpen.items and not bits & CLIENT_BIT:
        text = f"no connection is opened fast, as {_SWITCH} is {bits}, without bit 1"
        yield configuration.problem(("sending", "hosts_try_fastopen"), text)
    settings = configuration.extensions.settings.get(Checkpoint.name)
    unproven: HostList = getattr(settings, "unprovenHosts", HostList())
    if unproven.items and not bits & SERVER_BIT:
        text = f"none of them can open one fast, as {_SWITCH} is {bits}, without bit 2"
        yield configuration.problem(_UNPROVEN, text)


_UNPROVEN = ("extensions", Checkpoint.name, "unproven_hosts")


def _unproven(configuration: Configuration) -> Iterator[Problem]:
    """Anybody whose first packet is believed."""
    settings = configuration.extensions.settings.get(Checkpoint.name)
    unproven: HostList = getattr(settings, "unprovenHosts", HostList())
    if any(each.anybody and not each.negated for each in unproven.items):
        text = (
            "whoever sees a packet of anybody's can send mail as if from there; name"
            " the hosts whose network you trust"
        )
        yield configuration.problem(_UNPROVEN, text)


def _senders(configuration: Configuration) -> list[RouteEntry]:
    """The routes that send by SMTP."""
    entries = configuration.routes or ()
    return [each for each in entries if each.transport is TransportKind.SMTP]


def _avoided(configuration: Configuration) -> Iterator[Problem]:
    """Hosts that are to show an OCSP response, and with which there is no TLS."""
    sending = configuration.sending
    required, avoided = sending.hostsRequireOCSP, sending.hostsAvoidTLS
    wanted = [each for each in required.items if not each.negated]
    if not wanted:
        return
    path = ("sending", "hosts_require_ocsp")
    entries = _senders(configuration)
    if entries and all(each.wishedTLS is RouteTLS.UNWANTED for each in entries):
        text = 'nothing is required of anybody: every route has tls = "unwanted"'
        yield configuration.problem(path, text)
        return
    if avoided == ANYBODY:
        text = "nothing is required of anybody: hosts_avoid_tls names all hosts"
        yield configuration.problem(path, text)
        return
    both = {each.text for each in wanted}
    both &= {each.text for each in avoided.items if not each.negated}
    if both:
        names = ", ".join(sorted(both))
        text = f"nothing is required of {names}: hosts_avoid_tls names it as well"
        yield configuration.problem(path, text)


def _neverClear(configuration: Configuration) -> Iterator[Problem]:
    """Whole messages in a first packet, where TLS always comes before."""
    sending, entries = configuration.sending, _senders(configuration)
    if not sending.hostsWholeInSYN.items or not entries:
        return
    strict = (RouteTLS.ENCRYPTED, RouteTLS.VERIFIED)
    everywhere = ANYBODY in (sending.hostsRequireTLS, sending.tlsVerifyHosts)
    if everywhere or all(
        each.wishedTLS in strict or each.implicitTLS for each in entries
    ):
        text = (
            "no message leaves with the first packet, as every route begins with TLS;"
            ' one with tls = "unwanted" would not'
        )
        yield configuration.problem(("sending", "hosts_whole_in_syn"), text)


def _policies(configuration: Configuration) -> Iterator[Problem]:
    """Policies that are wished for where there is no TLS."""
    for index, each in enumerate(configuration.routes or ()):
        if each.mtaSTS and each.wishedTLS is RouteTLS.UNWANTED:
            text = 'no policy is asked for, as the route has tls = "unwanted"'
            yield configuration.problem(("route", index, "mta_sts"), text)


__all__ = ["tlsCautions"]
