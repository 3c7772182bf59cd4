"""
Where mail for an address would go: the same parts that a server is made of, asked
without one.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from twisted.internet.defer import succeed

from ...core.envelope import Envelope, Recipient
from ...core.queueprofile import DISCARDED, QueueProfile
from ...core.reply import Reply
from ...policy.aliastable import Reach, Step
from ...policy.local import LocalPolicy
from ...policy.redirect import Redirection
from ...queue.interfaces import Route
from ...queue.maildir import Maildir
from ..config import Configuration
from ..machine import Machine
from .addresses import localAddresses
from .aliases import aliases
from .routes import localRoutes


@frozen
class Destination:
    """
    Where mail goes in the end.

    @ivar path: the address.
    @ivar route: its route; L{None}: an alias throws it away.
    @ivar folder: the Maildir; L{None}: it goes into none.
    """

    path: bytes
    route: Route | None
    folder: Path | None = None


@frozen
class Verdict:
    """
    What becomes of mail for an address.

    @ivar ours: is its domain ours?
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


class Destinations:
    """Tells where mail for addresses would go."""

    def __init__(self, machine: Machine, configuration: Configuration) -> None:
        """
        @raise smtpx.core.errors.SMTPXError: the configuration is of no use.
        """
        name = configuration.name or machine.name
        self._routes = localRoutes(
            configuration, name, lambda job: succeed([]), machine.now
        )
        self._local = localAddresses(configuration, name)
        reach = Reach(self._local, self._routes.goes)
        self._aliases = aliases(configuration, reach)
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
        """
        known = self._local.knows(path)
        recipient = Recipient(path)
        if known is None:
            return Verdict(False, destinations=self._whither([recipient], sender))
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
                transport = route.transport
                folder = None
                if isinstance(transport, Maildir):
                    folder = transport.folder(each.path)
                found.append(Destination(each.path, route, folder))
        return tuple(found)


__all__ = ["Destination", "Destinations", "Verdict"]
