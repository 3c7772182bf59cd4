"""
How a command reaches the queue: through the control socket of the server that runs,
or, where none does, by opening the spool itself.

The socket of a server with several workers is the leading one's.  While that one is
being started again, and others run, it is waited for: its spool is nobody else's.

Either way the same requests have the same answers
(L{smtpx.service.control.queueverbs}).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

from attrs import frozen
from twisted.internet.task import deferLater

from ..core.interfaces import IExtension
from ..service.config import Configuration
from ..service.control import (
    BadSocketPath,
    ControlClient,
    Exchange,
    NoServer,
    Refused,
    Verb,
)
from ..service.control.client import mayNot
from ..service.control.wire import Kind, smtpxVersion
from ..service.machine import Machine
from ..service.places import whoIsThis
from ..service.privileges import Account
from ..service.wiring.idle import idleQueue
from ..service.workers.sockets import isAnyAlive
from ..spool.recovery import SpoolInUse
from .console import CommandFailed

#: How long the leading worker of a server is waited for, and how often it is looked
#: for meanwhile, in seconds.
_PATIENCE_SECONDS, _AGAIN_SECONDS = 10.0, 0.25

_CLOSED = "control.enabled is false, so a server that runs cannot be reached"

Fields = Mapping[str, object]
Told = Callable[[Fields], None]


def unheard(said: Fields) -> None:
    """Nobody wants to know."""


class ReachedQueue(Protocol):
    """A queue that can be asked."""

    @property
    def delivers(self) -> bool:
        """Is there a server that delivers what is in it?"""

    async def ask(
        self,
        wanted: str,
        fields: Fields,
        part: Told = unheard,
        progress: Told = unheard,
    ) -> Fields:
        """
        Ask for something.

        @param part: called with each part of the answer.
        @param progress: called now and then with how far it is.
        @return: the end of the answer.
        @raise smtpx.core.errors.SMTPXError: nothing came of it, or not all.
        """


@frozen
class RunningQueue:
    """The queue of a server that runs."""

    client: ControlClient
    delivers = True

    async def ask(
        self,
        wanted: str,
        fields: Fields,
        part: Told = unheard,
        progress: Told = unheard,
    ) -> Fields:
        """See L{ReachedQueue}."""
        try:
            return self.client.ask(wanted, fields, part, progress)
        except Refused as refused:
            if refused.kind is not Kind.UNKNOWN:
                raise
            theirs = self.client.hello.get("smtpx")
            text = f"the server is smtpx {theirs!s:.40}, which cannot do that"
            text += f"; this is smtpx {smtpxVersion()}: start the server again"
            raise CommandFailed(text) from refused


@frozen
class IdleQueue:
    """
    The queue of a server that does not run.

    @ivar verbs: who answers what.
    @ivar by: who asks.
    """

    verbs: Mapping[str, Verb]
    by: str
    delivers = False

    async def ask(
        self,
        wanted: str,
        fields: Fields,
        part: Told = unheard,
        progress: Told = unheard,
    ) -> Fields:
        """See L{ReachedQueue}."""

        async def send(said: Fields) -> None:
            part(said)

        exchange = Exchange({"do": wanted, **fields}, self.by, send, progress)
        return await self.verbs[wanted](exchange)


async def reachQueue(
    machine: Machine,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    stack: AsyncExitStack,
) -> ReachedQueue:
    """
    Reach the queue of a configuration.

    @param found: the extensions that there are, by name.
    @param stack: lets go of it.
    @raise CommandFailed: there is none, or somebody else has it, or we may not.
    @raise smtpx.core.errors.SMTPXError: the server is of another version, or lets
        us in not, or the spool cannot be used.
    """
    if configuration.control.enabled:
        client = await _connected(machine, configuration)
        if client is not None:
            stack.callback(client.close)
            return RunningQueue(client)
    elif isAnyAlive(configuration.workersFolder):
        raise CommandFailed(_CLOSED)
    by = whoIsThis()
    beOwner(configuration.state / "spool")
    try:
        return IdleQueue(await idleQueue(machine, configuration, found, stack), by)
    except SpoolInUse as error:
        text = "a server that runs has no control socket, or another command is at it"
        if not configuration.control.enabled:
            text = _CLOSED
        raise CommandFailed(f"{error}: {text}") from error


async def _connected(
    machine: Machine, configuration: Configuration
) -> ControlClient | None:
    """
    A connection to the server.

    @return: L{None}: none runs.
    @raise CommandFailed: it does, but cannot be asked.
    @raise smtpx.core.errors.SMTPXError: see L{reachQueue}.
    """
    for _ in range(int(_PATIENCE_SECONDS / _AGAIN_SECONDS)):
        try:
            return ControlClient(configuration.controlSocket)
        except BadSocketPath:
            # Where there can be no socket, there is no server behind one.
            return None
        except NoServer:
            if not isAnyAlive(configuration.workersFolder):
                return None
        await deferLater(machine.reactor, _AGAIN_SECONDS)
    raise CommandFailed(
        "the server runs, but its leading worker, which commands ask, does not: it is"
        " being started again; try again in a moment"
    )


def beOwner(spool: Path) -> None:
    """
    Be the user that the spool belongs to, so that what is made there can be used by
    the server.

    @raise CommandFailed: there is no spool, or we are neither that user nor root.
    """
    try:
        found = os.lstat(spool)
        if stat.S_ISLNK(found.st_mode) and found.st_uid == 0:
            # Whoever else made a link does not say whom root is to be: it may lead to
            # where root has nothing to do, and find there what its maker put there.
            found = os.stat(spool)
    except PermissionError as error:
        raise CommandFailed(mayNot(spool)) from error
    except OSError as error:
        text = f"there is no queue: {spool}: {error.strerror}"
        raise CommandFailed(f"{text}; is this the configuration of the server?") from (
            error
        )
    if found.st_uid == os.geteuid():
        return
    if os.geteuid() != 0:
        raise CommandFailed(mayNot(spool))
    Account(found.st_uid, found.st_gid).become()


__all__ = ["IdleQueue", "ReachedQueue", "RunningQueue", "beOwner", "reachQueue"]
