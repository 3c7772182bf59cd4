"""
The keys of the configuration, and who signs with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

from ...core.hostlist import HostList
from ...extensions.dkim import DKIM
from ...mailauth.canonical import Form
from ...mailauth.dkimsign import SignTerms
from ...mailauth.dkimsignature import KeyName
from ...mailauth.idn import asciiDomain
from ...policy.names import LiveHostList
from ...policy.signingkeys import KeyEntry, SigningKeys
from ..config import Configuration
from ..machine import Machine
from ..tables import DKIMKey
from .policies import relaySubjects
from .threads import threads


def keyName(key: DKIMKey) -> KeyName:
    """Where the DNS has a key."""
    domain = asciiDomain(key.domain.encode("utf-8"))
    return KeyName(domain, key.selector.encode("ascii").lower())


def signTerms(key: DKIMKey) -> SignTerms:
    """How a key signs."""
    header, _, body = key.canonicalization.value.partition("/")
    return SignTerms(
        keyName(key),
        _names(key.signedFields),
        _names(key.oversignedFields),
        Form(header.encode("ascii")),
        Form(body.encode("ascii")),
        b"" if key.identity is None else key.identity.encode("utf-8"),
        None if key.expire is None else int(key.expire),
    )


def _names(fields: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(each.lower().encode("ascii") for each in fields)


def _domain(pattern: str) -> bytes:
    # One that stands for those below has its mark before it.
    star = "*." if pattern.startswith("*.") else ""
    rest = asciiDomain(pattern.removeprefix("*.").encode("utf-8"))
    return star.encode("ascii") + rest


def keyEntries(configuration: Configuration) -> Iterator[KeyEntry]:
    """The keys that sign."""
    for key in configuration.dkim.keys:
        if key.sign:
            domains = tuple(_domain(each) for each in key.domains)
            yield KeyEntry(key.file, signTerms(key), domains)


def signing(
    machine: Machine,
    configuration: Configuration,
    keep: Callable[[HostList], LiveHostList],
    stack: AsyncExitStack,
) -> DKIM:
    """
    What signs.

    @param keep: looks up the names in a host list from now on.
    @raise smtpx.core.errors.SMTPXError: a key is of no use.
    """
    table = configuration.dkim
    entries = list(keyEntries(configuration))
    if not entries:
        return DKIM()
    keys = SigningKeys(entries)
    keys.start(machine.reactor, threads(machine, 1, "keys", stack))
    stack.callback(keys.stop)
    relayed = table.hosts is None
    hosts = configuration.relay.hosts if table.hosts is None else table.hosts
    return DKIM(
        keys,
        hosts=keep(hosts),
        subjects=relaySubjects(configuration) if relayed else (),
        sendsUnsigned=table.sendUnsigned,
    )


__all__ = ["keyEntries", "keyName", "signTerms", "signing"]
