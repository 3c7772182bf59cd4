"""
Senders of forwarded mail: how they are rewritten, and what comes back to them.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from attrs import frozen

from ...core.address import domainOf
from ...core.addresstable import AddressTable, domainKey
from ...core.errors import UsageError
from ...mailauth.srs import Style
from ...policy.aliases import Publish, unheard
from ...policy.ours import LocalAddresses
from ...policy.srs import Returns, SecretsFile, keysOf
from ...queue.srs import Forwarding
from ..config import Configuration
from ..machine import Machine
from ..tables import Returning, SRSOptions
from .addresses import localAddresses
from .relaying import relayedDomains
from .threads import threads


@frozen
class SRSWays:
    """
    Both ways of senders that are rewritten.

    @ivar forwarding: says which sender mail goes out with.
    @ivar returns: knows whom it comes back to.
    """

    forwarding: Forwarding
    returns: Returns


def styleOf(options: SRSOptions) -> Style:
    """How addresses are made and checked."""
    return Style(
        options.hashLength,
        options.hashMin,
        options.maxAgeDays,
        options.separator.value.encode("ascii"),
        options.eximAddresses,
    )


def checkSRSDomains(configuration: Configuration, local: LocalAddresses) -> None:
    """
    See that what comes back comes to us.

    @raise UsageError: a domain is not ours.
    """
    options = configuration.srs
    for each in (options.domain, *options.formerDomains):
        if each is not None and local.domain(domainKey(each.lower().encode())) is None:
            raise UsageError(
                f'"{each}" is none of our domains; local.domains names them, and'
                " [[local.virtual]] those where nobody else is known"
            )


def keptSenders(configuration: Configuration) -> AddressTable[bool]:
    """
    Senders that stay as they are, though they are not ours.

    @raise UsageError: a pattern is none.
    """
    return AddressTable([(each, True) for each in configuration.srs.keepSenders])


def secretsFile(
    configuration: Configuration, publish: Publish = unheard
) -> SecretsFile | None:
    """
    The secrets, and how they are used.

    @param publish: told of what goes wrong later.
    @return: L{None}: senders stay as they are.
    @raise smtpx.policy.watchedfile.BadList: the file is of no use.
    """
    options = configuration.srs
    if options.domain is None:
        return None
    assert options.secretsFile is not None, "its table demands it"
    return SecretsFile(options.secretsFile, styleOf(options), publish)


def srsWays(
    machine: Machine,
    configuration: Configuration,
    name: str,
    publish: Publish,
    stack: AsyncExitStack,
) -> SRSWays | None:
    """
    What rewrites senders; from now on, secrets are read again when they change.

    @param name: what the server calls itself.
    @param publish: told of what goes wrong later.
    @return: L{None}: nothing does.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    secrets = secretsFile(configuration, publish)
    if secrets is None:
        return None
    secrets.start(machine.reactor, threads(machine, 1, "srs", stack))
    stack.callback(secrets.stop)
    return madeWays(machine, configuration, name, secrets, publish)


def madeWays(
    machine: Machine,
    configuration: Configuration,
    name: str,
    secrets: SecretsFile,
    publish: Publish = unheard,
) -> SRSWays:
    """
    Both ways.

    @param name: what the server calls itself.
    @param publish: told of senders that cannot be rewritten.
    @raise UsageError: what the configuration names is of no use.
    """
    options = configuration.srs
    assert options.domain is not None, "there are secrets"
    local = localAddresses(configuration, name)
    checkSRSDomains(configuration, local)
    relayed = relayedDomains(configuration, local)
    kept = keptSenders(configuration)

    def isKept(sender: bytes) -> bool:
        # Whoever is at a domain of ours: it is the SPF record that counts.
        ours = local.domain(domainKey(domainOf(sender))) is not None
        return ours or kept.find(sender) is not None

    def isInside(path: bytes) -> bool:
        return local.knows(path) is not None or relayed(path)

    forwarding = Forwarding(
        secrets.srs,
        options.domain.encode("ascii"),
        isKept,
        isInside,
        machine.now,
        publish,
    )
    returns = Returns(
        secrets.srs,
        keysOf((options.domain, *options.formerDomains)),
        machine.now,
        options.returning is Returning.ALL,
    )
    return SRSWays(forwarding, returns)


__all__ = [
    "SRSWays",
    "checkSRSDomains",
    "keptSenders",
    "madeWays",
    "secretsFile",
    "srsWays",
    "styleOf",
]
