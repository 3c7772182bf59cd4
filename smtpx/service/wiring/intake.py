"""
Whom mail is taken for: our own people, those whom aliases lead to, and recipients at
domains that we relay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from attrs import frozen

from ...core.interfaces import IExtension
from ...policy.aliastable import Reach
from ...policy.chain import NamedPolicy
from ...policy.local import nowhere
from ...policy.ours import LocalAddresses
from ...policy.redirect import Redirection
from ...policy.rules import Vocabulary
from ...policy.srs import Returns
from ..config import Configuration
from ..logs import Logs
from ..machine import Machine
from .addresses import localAddresses
from .aliases import redirection
from .relaying import recipientCheck, recipientPolicy, relayedDomains
from .rules import vocabulary
from .sending import Ways


@frozen
class Intake:
    """
    What decides whom mail is taken for.

    @ivar local: whom we are the final host of.
    @ivar goes: is there a way for messages to a recipient from a sender?
    @ivar redirection: the aliases; L{None}: there are none.
    @ivar relayed: is a recipient at a domain that we relay?
    @ivar last: policies to be asked when no other has an objection.
    @ivar returns: knows whom mail comes back to that goes to senders as we rewrote
        them; L{None}: none are.
    @ivar words: those that rules can have; L{None}: there are no rules.
    """

    local: LocalAddresses
    goes: Callable[[bytes, bytes], bool]
    redirection: Redirection | None = None
    relayed: Callable[[bytes], bool] = nowhere
    last: Sequence[NamedPolicy] = ()
    returns: Returns | None = None
    words: Vocabulary | None = None


def intake(
    machine: Machine,
    configuration: Configuration,
    name: str,
    ways: Ways,
    extensions: Sequence[IExtension],
    logs: Logs,
    stack: AsyncExitStack,
) -> Intake:
    """
    Find out whom mail is taken for.

    @param name: what the server calls itself.
    @param ways: how messages leave the spool.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    publish = logs.publisher.publish
    local = localAddresses(configuration, name)
    reach = Reach(local, ways.routes.goes)
    relayed = relayedDomains(configuration, local)
    last: list[NamedPolicy] = []
    check = recipientCheck(machine, configuration, ways.callout, publish, stack)
    if check is not None:
        last.append(recipientPolicy(configuration, relayed, check, publish))
    redirected = redirection(machine, configuration, reach, extensions, logs, stack)
    returns = None if ways.rewriting is None else ways.rewriting.returns
    words = vocabulary(configuration, extensions)
    goes = ways.routes.goesFrom
    return Intake(local, goes, redirected, relayed, last, returns, words)
