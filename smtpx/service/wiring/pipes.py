"""
Transports that are commands: what they run, and as whom.

No command runs as root, whatever the server is: an address, and what a program makes
of it, is a stranger's.
"""

from __future__ import annotations

import grp
import os
import pwd

from ...core.errors import UsageError
from ...queue.childprocess import processSpawner
from ...queue.commandline import CommandLine
from ...queue.commandrun import RunAs, RunBounds
from ...queue.exitstatus import Reading
from ...queue.pipe import Pipe, Piping
from ..config import Configuration
from ..machine import Machine
from ..tables import RouteEntry
from .addresses import tagSeparators
from .routes import Make


def commandLine(
    configuration: Configuration, name: str, entry: RouteEntry
) -> CommandLine:
    """
    What a route runs.

    @param name: the server's.
    """
    return CommandLine(
        entry.command,
        entry.environment,
        entry.batchMax > 1,
        name.encode("ascii"),
        tagSeparators(configuration),
    )


def runsAs(entry: RouteEntry) -> tuple[pwd.struct_passwd | None, RunAs | None]:
    """
    Whom a command runs as, in this process.

    @return: the user, L{None} if it has no name; and whom to become, L{None}: nobody
        else.
    @raise UsageError: nobody can, or root.
    """
    uid = os.geteuid()
    if entry.user is None:
        if uid == 0:
            raise UsageError(
                "the server is root, and a command may not be: give a user"
            )
        try:
            return pwd.getpwuid(uid), None
        except KeyError:
            return None, None
    try:
        account = pwd.getpwnam(entry.user)
    except KeyError:
        raise UsageError(f'there is no user "{entry.user}"') from None
    if account.pw_uid == 0:
        raise UsageError("a command may not be root")
    gid = account.pw_gid
    if entry.group is not None:
        try:
            gid = grp.getgrnam(entry.group).gr_gid
        except KeyError:
            raise UsageError(f'there is no group "{entry.group}"') from None
    if uid == 0:
        groups = tuple(os.getgrouplist(entry.user, gid))
        return account, RunAs(account.pw_uid, gid, groups)
    if account.pw_uid != uid or gid != os.getegid():
        wanted = entry.user if entry.group is None else f"{entry.user}, {entry.group}"
        raise UsageError(
            f'the server is not root when it runs this, so it cannot become "{wanted}"'
        )
    return account, None


def piping(configuration: Configuration, name: str, entry: RouteEntry) -> Piping:
    """
    How a route runs its command.

    @param name: the server's.
    @raise UsageError: nobody can run it.
    """
    account, runAs = runsAs(entry)
    who: tuple[tuple[bytes, bytes], ...] = ((b"HOME", b"/"),)
    if account is not None:
        user = os.fsencode(account.pw_name)
        home = os.fsencode(account.pw_dir)
        who = ((b"HOME", home), (b"LOGNAME", user), (b"USER", user))
    return Piping(
        commandLine(configuration, name, entry),
        who,
        str(entry.workingFolder or "/"),
        int(entry.umask, 8),
        runAs,
        entry.wishedLineEnds,
        entry.fromLine,
        entry.finalDelivery,
        entry.batchMax,
        RunBounds(entry.timeLimitSeconds, entry.outputOctets),
        Reading(frozenset(entry.temporaryStatuses), entry.onCrash, entry.returnOutput),
    )


def pipeMaker(machine: Machine, configuration: Configuration, name: str) -> Make:
    """
    Makes transports of routes whose transport is C{pipe}.

    @param name: the server's.
    """

    def make(called: str, entry: RouteEntry) -> Pipe:
        return Pipe(
            called,
            piping(configuration, name, entry),
            processSpawner(machine.reactor),
            machine.reactor,
            entry.concurrency,
        )

    return make


__all__ = ["commandLine", "pipeMaker", "piping", "runsAs"]
