"""
Where mail for an address would go: the same parts that a server is made of, asked
without one.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from attrs import frozen
from twisted.internet.defer import succeed

from ...core.address import domainOf
from ...core.envelope import Envelope, Recipient
from ...core.hooks import TLSLevel
from ...core.queueprofile import DISCARDED, QueueProfile
from ...core.reply import Reply
from ...dns.mailhosts import MailHost
from ...mailauth.srs import isSRS
from ...observe.harmless import visible
from ...policy.aliastable import UNKNOWN, Reach, Step
from ...policy.local import LocalPolicy
from ...policy.recipientlist import RecipientList
from ...policy.recipients import Standing
from ...policy.redirect import Redirection
from ...policy.srs import Returns
from ...queue.commandline import Case, Unfit
from ...queue.interfaces import Route
from ...queue.maildir import Maildir
from ...queue.queuefile import QueueFile
from ..config import Configuration
from ..machine import Machine
from ..tables import RouteEntry, TransportKind
from .addresses import localAddresses, tagSeparators
from .aliases import aliases
from .hops import nextHops
from .pipes import commandLine
from .relaying import relayedDomains
from .resolving import mailRouter, resolver
from .routes import PlannedTransport, localRoutes
from .srs import madeWays, secretsFile

#: The longest argument that is shown, in characters.
_WORD_MOST = 500


@frozen
class Destination:
    """
    Where mail goes in the end.

    @ivar path: the address.
    @ivar route: its route; L{None}: an alias throws it away.
    @ivar folder: the Maildir; L{None}: it goes into none.
    @ivar entry: the route's, where it sends; L{None}: it does not.
    @ivar command: what is run for it, on one line; L{None}: nothing.
    @ivar released: where it is on hold, its route once somebody has released it;
        L{None}: it is not on hold, or there is no other route.
    """

    path: bytes
    route: Route | None
    folder: Path | None = None
    entry: RouteEntry | None = None
    command: str | None = None
    released: Route | None = None


@frozen
class Verdict:
    """
    What becomes of mail for an address.

    @ivar ours: is its domain ours?
    @ivar relayed: or one that everybody may send to, since we relay it?
    @ivar steps: the aliases on the way.
    @ivar reply: how it is refused; L{None}: it is not.
    @ivar problem: what is wrong with an alias; L{None}: nothing.
    @ivar destinations: where it goes.
    """

    ours: bool
    steps: tuple[Step, ...] = ()
    reply: Reply | None = None
    problem: str | None = None
    destinations: tuple[Destination, ...] = ()
    relayed: bool = False


class Destinations:
    """Tells where mail for addresses would go."""

    def __init__(self, machine: Machine, configuration: Configuration) -> None:
        """
        @raise smtpx.core.errors.SMTPXError: the configuration is of no use.
        """
        self._machine = machine
        self._configuration = configuration
        self._name = name = configuration.name or machine.name
        self._routes = localRoutes(
            configuration, name, lambda job: succeed([]), machine.now
        )
        self._local = localAddresses(configuration, name)
        self._relayed = relayedDomains(configuration, self._local)
        self._listed: RecipientList | None = None
        if configuration.relay.recipientsFile is not None:
            separators = tagSeparators(configuration)
            self._listed = RecipientList(configuration.relay.recipientsFile, separators)
        reach = Reach(self._local, self._routes.goes)
        srs = configuration.srs.domain is not None
        self._aliases = aliases(configuration, reach, wanted=srs)
        self._redirection: Redirection | None = None
        if self._aliases is not None:
            self._redirection = Redirection(self._aliases, QueueProfile())
        self._policy = LocalPolicy(
            self._local, self._routes.goesFrom, redirection=self._redirection
        )

    def find(self, path: bytes, sender: bytes = b"") -> Verdict:
        """
        What becomes of mail for an address.

        @param path: a mailbox, as an envelope has it.
        @param sender: whose mail; empty: the null sender's.
        @raise smtpx.core.errors.SMTPXError: it takes secrets to tell, and they are of
            no use.
        """
        returns = self._returns(path)
        if returns is not None:
            return self._back(returns, path, sender)
        known = self._local.knows(path)
        recipient = Recipient(path)
        if known is None:
            return self._elsewhere(recipient, sender)
        steps: list[Step] = []
        problem: str | None = None
        if self._aliases is not None:
            expansion = self._aliases.expand(path, steps)
            if expansion is not None and expansion.problem is not None:
                problem = str(expansion.problem)
        envelope = Envelope(sender, 0.0)
        reply = self._policy.admit(envelope, recipient, known)
        if reply is not None:
            return Verdict(True, tuple(steps), reply, problem)
        envelope.recipients.append(recipient)
        if self._redirection is not None:
            envelope = self._redirection.redirected(envelope)
        found = self._whither(envelope.recipients, sender)
        return Verdict(True, tuple(steps), None, problem, found)

    def _returns(self, path: bytes) -> Returns | None:
        """
        Who knows whom an address leads back to that we made of a sender; L{None}: it
        is none.  Who asks for others need not be able to read the secrets.
        """
        if not isSRS(path):
            return None
        secrets = secretsFile(self._configuration)
        if secrets is None:
            return None
        made = madeWays(self._machine, self._configuration, self._name, secrets)
        return made.returns if made.returns.claims(path) else None

    def _back(self, returns: Returns, path: bytes, sender: bytes) -> Verdict:
        """What becomes of mail for an address that we made of a sender."""
        envelope, recipient = Envelope(sender, 0.0), Recipient(path)
        reply = self._policy.giveBack(returns, envelope, recipient)
        if reply is not None:
            return Verdict(True, (), reply)
        assert self._redirection is not None, "there is, where there are secrets"
        envelope.recipients.append(recipient)
        redirected = self._redirection.redirected(envelope)
        return Verdict(
            True, (), destinations=self._whither(redirected.recipients, sender)
        )

    def _elsewhere(self, recipient: Recipient, sender: bytes) -> Verdict:
        """What becomes of mail for somebody who is not ours."""
        found = self._whither([recipient], sender)
        relayed = self._relayed(recipient.path)
        refusal: Reply | None = None
        if relayed and self._listed is not None and found:
            if self._listed.look(recipient.path, b"").standing is Standing.UNKNOWN:
                refusal = UNKNOWN
        return Verdict(False, (), refusal, None, found, relayed)

    def _whither(
        self, recipients: list[Recipient], sender: bytes
    ) -> tuple[Destination, ...]:
        found: list[Destination] = []
        for each in recipients:
            if each.stamp(DISCARDED):
                found.append(Destination(each.path, None))
                continue
            route = self._routes.find(each.path, sender)
            if route is not None:
                found.append(self._destination(each, route, sender))
        return tuple(found)

    def _destination(
        self, recipient: Recipient, route: Route, sender: bytes
    ) -> Destination:
        transport, path = route.transport, recipient.path
        if transport.holds:
            onward = self._routes.onward(path, sender)
            return Destination(path, route, released=onward)
        if isinstance(transport, Maildir):
            return Destination(path, route, transport.folder(recipient))
        if isinstance(transport, QueueFile):
            return Destination(path, route, transport.folder(path, sender))
        if not isinstance(transport, PlannedTransport):
            return Destination(path, route)
        if transport.entry.transport is not TransportKind.PIPE:
            return Destination(path, route, entry=transport.entry)
        command = self._command(transport.entry, recipient, sender)
        return Destination(path, route, command=command)

    def _command(self, entry: RouteEntry, recipient: Recipient, sender: bytes) -> str:
        """What is run, as it would be typed into a shell; or why nothing is."""
        made = commandLine(self._configuration, self._name, entry)
        case = Case(Envelope(sender, 0.0, [recipient]), (0,), "ID")
        try:
            words = made.arguments(case)
        except Unfit as error:
            return f"fails: {error}"
        return shlex.join(visible(each, _WORD_MOST) for each in words)


class NextHosts:
    """
    Finds the hosts that mail would be sent to next, as the DNS has them now.
    """

    def __init__(
        self, machine: Machine, configuration: Configuration, stack: AsyncExitStack
    ) -> None:
        """
        @param stack: ends it.
        """
        self._configuration = configuration
        self._name = configuration.name or machine.name
        places = [
            (each.address.encode("ascii"), each.port)
            for each in configuration.listeners
            if each.port is not None
        ]
        asked = resolver(machine, configuration, stack)
        self._router = mailRouter(configuration, self._name, asked, lambda: places)

    async def find(
        self, destination: Destination
    ) -> Sequence[tuple[MailHost, TLSLevel]]:
        """
        The hosts, in their order, each with what TLS has to be.

        @param destination: its route sends.
        @raise smtpx.dns.mailhosts.Unroutable: there are none.
        """
        entry = destination.entry
        assert entry is not None, "its route sends"
        hops = nextHops(self._configuration, self._name, entry, logsIn=False)
        found = await hops.find(self._router, domainOf(destination.path))
        return [(each, hops.wayTo(each).policy.tls) for each in found.hosts]


__all__ = ["Destination", "Destinations", "NextHosts", "Verdict"]
