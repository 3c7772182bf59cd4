"""
What a route that sends says, as the queue has it: hosts, and the way to talk to them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ...core.demands import Demand, Source
from ...core.errors import Malformed, UsageError
from ...core.hooks import Dialect, RoutePolicy, TLSLevel
from ...core.hostlist import HostList
from ...extensions.auth import Auth
from ...extensions.dsn import DSN
from ...net.ownname import OwnName
from ...net.sending import Family, Way
from ...queue.nexthops import NextHops, TLSHosts
from ...sasl.values import Credentials
from ..config import Configuration
from ..tables import SENDING, Lookup, RouteEntry, TransportKind
from ..tables.tls import ANYBODY
from .arc import sealerName

#: The longest password, in octets, with its line end.
_PASSWORD_OCTETS = 1024


def readPassword(path: Path, most: int = _PASSWORD_OCTETS) -> bytes:
    """
    The first line of a file that nobody but its owner may read.

    @param most: the longest one, in octets, with its line end.
    @raise UsageError: it cannot be read, others may read it, or it is empty.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(most)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            f'{path}: others may read it; "chmod 600 {path}" keeps it to its owner'
        )
    password = line.rstrip(b"\r\n")
    if not password or len(line) == most:
        raise UsageError(f"{path}: there is no password in its first line")
    return password


def credentials(entry: RouteEntry) -> Credentials | None:
    """
    With what to log in on a route; L{None}: not at all.

    @raise UsageError: the password is not to be had, or none that can be used.
    """
    if entry.login is None or entry.passwordFile is None:
        return None
    password = readPassword(entry.passwordFile)
    try:
        return Credentials(entry.login.encode("utf-8"), password)
    except Malformed as error:
        raise UsageError(f"{entry.passwordFile}: {error}") from error


def checkLogin(configuration: Configuration, entry: RouteEntry) -> None:
    """
    See whether a login stays between us and the host.

    @raise UsageError: others could read it.
    """
    settings = configuration.extensions.settings.get(Auth.name)
    clear = bool(getattr(settings, "clear_text", False))
    if entry.login is None or clear or entry.wishedTLS.level >= TLSLevel.ENCRYPTED:
        return
    raise UsageError(
        f'with tls = "{entry.wishedTLS.value}" others could read the password;'
        ' "verified" or "encrypted" keeps it, or extensions.AUTH.clear_text says that'
        " they may"
    )


def nextHops(
    configuration: Configuration, name: str, entry: RouteEntry, logsIn: bool = True
) -> NextHops:
    """
    Where a route sends, and how.

    @param name: the server's.
    @param logsIn: is its password wanted?  Who only looks does not need it.
    @raise UsageError: its password is not to be had, or is not kept.
    """
    if logsIn:
        checkLogin(configuration, entry)
    sending = configuration.sending
    ignored = {each.encode("ascii") for each in entry.ignoreKeywords}
    if entry.speaksLMTP:
        # What is delivered is reported by us: the other side is not to do it, too.
        ignored.add(DSN.name.encode("ascii"))
    way = Way(
        policy=_policy(entry),
        implicitTLS=entry.implicitTLS,
        sourceIPv4=_octets(entry.sourceIPv4),
        sourceIPv6=_octets(entry.sourceIPv6),
        prefer=_FAMILIES.get(entry.prefer.value),
        name=_ownName(entry.heloData),
        ignored=frozenset(ignored),
        chunkingHosts=_unlessAll(entry.hostsTryChunking),
        login=credentials(entry) if logsIn else None,
        dialect=Dialect.LMTP if entry.speaksLMTP else Dialect.SMTP,
        sealer=sealerName(entry.arcSign),
    )
    lists = TLSHosts(
        sending.hostsAvoidTLS,
        sending.hostsRequireTLS,
        sending.tlsVerifyHosts,
        entry.tlsResumptionHosts,
        sending.hostsRequestOCSP,
        sending.hostsRequireOCSP,
    )
    return NextHops(
        entry.manualHosts,
        entry.shuffle,
        entry.lookup is Lookup.SRV,
        entry.wishedPort,
        way,
        lists,
        name.encode("ascii"),
        None if entry.socket is None else bytes(entry.socket),
    )


def _unlessAll(hosts: HostList) -> HostList | None:
    """Nothing says "all" in less time, where there is a key to be looked up by."""
    return None if hosts == ANYBODY else hosts


def _policy(entry: RouteEntry) -> RoutePolicy:
    """What the route says of TLS."""
    wished = entry.wishedTLS
    why = f'the route has tls = "{wished.value}"'
    if entry.tls is None and entry.login is not None:
        why = "the route logs in"
    elif entry.tls is None:
        return RoutePolicy(wished.level, terms=entry.terms)
    demand = Demand("tls", why, wished.level, by=Source.OPERATOR)
    return RoutePolicy(wished.level, terms=entry.terms, demands=(demand,))


_FAMILIES = {"ipv4": Family.IPV4, "ipv6": Family.IPV6}


def _ownName(text: str | None) -> bytes | OwnName | None:
    for each in OwnName:
        if text == each.value:
            return each
    return _octets(text)


def _octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode("ascii")


def keepsRequireTLS(
    configuration: Configuration, entries: Iterable[RouteEntry]
) -> bool:
    """
    Is what REQUIRETLS promises kept on all routes, and not by sending all such mail
    back?

    RFC 8689 section 4.2.1 wants a host to be known by DNSSEC, by MTA-STS, or because
    the operator named it; that its certificate is good is demanded where a message
    wants it, whatever the route says.
    """
    return all(_keeps(configuration, each) for each in entries)


def _keeps(configuration: Configuration, entry: RouteEntry) -> bool:
    if entry.transport is TransportKind.PIPE:
        # Whither a command sends it on, and how, nobody knows.
        return entry.finalDelivery
    if entry.transport not in SENDING:
        # Exim's spool format has no words for it, so such mail would be refused.
        return entry.transport is not TransportKind.QUEUEFILE
    if entry.socket is not None:
        # There it ends, as in a mailbox.
        return True
    level = entry.wishedTLS.level
    if level is TLSLevel.UNWANTED or entry.speaksLMTP:
        # Those who deliver seldom know of it; who has gone to the trouble of a
        # certificate may.
        return level is TLSLevel.VERIFIED
    hosts = entry.manualHosts
    if hosts and not any(each.mx for each in hosts):
        return True
    sts = configuration.sending.mtaSTS if entry.mtaSTS is None else entry.mtaSTS
    return sts or configuration.dns.trusted
