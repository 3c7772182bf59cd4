"""
Domains that we relay: which they are, and who knows their recipients.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint

from ...core.addresstable import AddressTable
from ...core.asked import lookupIn
from ...core.errors import Untold, UsageError
from ...policy.aliases import Publish
from ...policy.chain import NamedPolicy
from ...policy.local import nowhere
from ...policy.ours import LocalAddresses
from ...policy.recipientcache import CacheBounds, RecipientCache
from ...policy.recipientlist import RecipientList
from ...policy.recipients import IRecipientCheck, RecipientPolicy
from ...policy.socketmap import SocketMap
from ...policy.turnstile import Turnstile
from ..config import Configuration
from ..machine import Machine
from ..tables import Unsure
from .addresses import tagSeparators
from .threads import threads

#: Makes what asks the next host for recipients.
MakeCallout = Callable[[Turnstile], IRecipientCheck]

#: How many may wait for each that is asked for.
_WAITING = 5


def _isOurs(local: LocalAddresses, domain: str) -> bool:
    """Is a domain ours, as far as that can be told now?"""
    try:
        return local.knows(f"x@{domain}".encode()) is not None
    except Untold:
        return False


def relayedDomains(
    configuration: Configuration, local: LocalAddresses
) -> Callable[[bytes], bool]:
    """
    Is a recipient at a domain that we relay?

    @param local: what is ours is not relayed.
    @return: what asks it, and raises L{smtpx.core.errors.Untold} where a look-up cannot
        tell now.
    @raise UsageError: a domain is none, or ours.
    """
    domains = configuration.relay.domains
    if not domains:
        return nowhere
    entries = [(each, True) for each in domains]
    table = AddressTable(entries, asks=configuration.listAsks)
    for each in domains:
        # Who is in a look-up is not known now; what is ours goes before.
        if (
            lookupIn(each) is None
            and not each.startswith("*.")
            and _isOurs(local, each)
        ):
            raise UsageError(f'"{each}" is a domain of ours, so nothing is relayed')

    def relayed(path: bytes) -> bool:
        return local.knows(path) is None and table.find(path) is not None

    return relayed


def mapEndpoint(
    machine: Machine, configuration: Configuration
) -> IStreamClientEndpoint:
    """
    What leads to the program that knows recipients.

    @raise ValueError: there is no such kind of endpoint.
    """
    text = configuration.relay.recipientsSocket
    assert text is not None, "it is given"
    endpoint: IStreamClientEndpoint = clientFromString(machine.reactor, text)
    return endpoint


def recipientCheck(
    machine: Machine,
    configuration: Configuration,
    callout: MakeCallout | None,
    publish: Publish,
    stack: AsyncExitStack,
) -> IRecipientCheck | None:
    """
    Who knows the recipients at domains that we relay.

    @param callout: makes what asks the next host; L{None}: nothing is sent.
    @param publish: told of what goes wrong later.
    @return: L{None}: nobody, so all are taken.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    relay = configuration.relay
    if relay.recipientsFile is not None:
        separators = tagSeparators(configuration)
        listed = RecipientList(relay.recipientsFile, separators, publish)
        listed.start(machine.reactor, threads(machine, 1, "recipients", stack))
        stack.callback(listed.stop)
        return listed
    atOnce = relay.recipientsAtOnce
    turnstile = Turnstile(
        machine.reactor, atOnce, atOnce * _WAITING, relay.recipientsSeconds
    )
    check: IRecipientCheck
    if relay.recipientsSocket is not None:
        name = relay.recipientsMap.encode("utf-8")
        asked = SocketMap(mapEndpoint(machine, configuration), turnstile, name)
        stack.callback(asked.stop)
        check = asked
    elif relay.recipientsCallout:
        if callout is None:
            raise UsageError("no next host can be asked: no route sends anything")
        check = callout(turnstile)
    else:
        return None
    bounds = CacheBounds(relay.recipientsKnownSeconds, relay.recipientsUnknownSeconds)
    return RecipientCache(check, machine.reactor, bounds)


def recipientPolicy(
    configuration: Configuration,
    relayed: Callable[[bytes], bool],
    check: IRecipientCheck,
    publish: Publish,
) -> NamedPolicy:
    """
    The policy that refuses recipients who are not there.

    @param relayed: which are looked at.
    """
    accepting = configuration.relay.recipientsUnsure is Unsure.ACCEPT
    policy = RecipientPolicy(relayed, check, accepting, publish)
    return NamedPolicy("recipients", policy)
