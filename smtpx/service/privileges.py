"""
Whom the server becomes once its ports are bound.

The options C{user} and C{group} are handed to C{twistd}, which switches between
C{privilegedStartService} and C{startService}, as by its own C{--uid} and C{--gid};
where those are given, they win.  Nobody else honours them.

A check that runs as root sees nothing of what that user may not do.  So it is done
in a child process that has become the user, by the same call of Twisted's: whatever
the check tries to read is tried with that user's rights, supplementary groups, access
lists and all, and no list of files has to be kept.  Also, the Python that a
configuration names is never run as root.

What the child has to say comes back as JSON, which gives it no hold on root.
"""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, NoReturn

from attrs import asdict, evolve, frozen
from twisted.python.util import switchUID

from ..core.errors import UsageError
from ..core.interfaces import IExtension
from .cautions import cautions
from .check import check
from .config import Configuration
from .machine import Machine
from .problems import Problem


@frozen
class Account:
    """
    Whom a process is to become.

    @ivar uid: the user's number.
    @ivar gid: the number of the user's first group; the others are those that the
        system's list of groups has.
    """

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The user's name, or number where it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def become(self) -> None:
        """
        Be that user from now on.

        @raise OSError: this process is not root's.
        """
        switchUID(self.uid, self.gid)


def wantedAccount(
    configuration: Configuration,
    uid: int | None = None,
    gid: int | None = None,
) -> tuple[Account | None, list[Problem]]:
    """
    Whom the server is to become.

    @param uid: the user that C{twistd} was told to become; L{None}: none.
    @param gid: the group that C{twistd} was told to become.
    @return: L{None}, if it is to stay who it is; and what is wrong with the
        options.
    """
    problems: list[Problem] = []
    if gid is None and configuration.group is not None:
        try:
            gid = grp.getgrnam(configuration.group).gr_gid
        except KeyError:
            text = f'there is no group "{configuration.group}"'
            problems.append(configuration.problem(("group",), text))
    if configuration.group is not None and configuration.user is None:
        text = "a group is of no use without a user"
        problems.append(configuration.problem(("group",), text))
    given = uid is not None
    if uid is None and configuration.user is not None:
        try:
            uid = pwd.getpwnam(configuration.user).pw_uid
        except KeyError:
            text = f'there is no user "{configuration.user}"'
            problems.append(configuration.problem(("user",), text))
    if uid is None or problems:
        return None, problems
    if gid is None:
        try:
            gid = pwd.getpwuid(uid).pw_gid
        except KeyError:
            # Of "--uid" with a number; twistd will say so.
            return None, []
    if os.geteuid() == 0:
        return (None if uid == 0 else Account(uid, gid)), []
    if given or (uid == os.getuid() and gid in (os.getgid(), *os.getgroups())):
        return None, []
    key, wanted = "user", configuration.user
    if uid == os.getuid():
        key, wanted = "group", configuration.group
    text = (
        f'only root can become "{wanted}", and this is {Account(os.getuid(), 0).name}'
    )
    return None, [configuration.problem((key,), text)]


def checkAsWanted(
    machine: Machine,
    configuration: Configuration,
    found: Mapping[str, IExtension],
    account: Account | None,
    *,
    starts: bool,
) -> list[Problem]:
    """
    Check a configuration with the rights that the server will have.

    @param found: the extensions that there are, by name.
    @param account: whom it will become; L{None}: it stays who this is.
    @param starts: is it to start now?
    """

    def work() -> list[Problem]:
        return check(machine, configuration, found, starts=starts)

    if account is None and configuration.workers == 1:
        return work()
    # What the configuration names in Python is no business of who forks the workers.
    return asAccount(account, work)


def cautionsAsWanted(
    machine: Machine, configuration: Configuration, account: Account | None
) -> list[Problem]:
    """
    What to know of a configuration with nothing wrong, with the rights that the
    server will have.

    @param account: see L{checkAsWanted}.
    """

    def work() -> list[Problem]:
        return list(cautions(machine, configuration))

    return work() if account is None else asAccount(account, work)


def asAccount(
    account: Account | None, work: Callable[[], list[Problem]]
) -> list[Problem]:
    """
    Do some work in a child process that has become another user.

    @param account: that user; L{None}: it stays who this is.
    @raise UsageError: it did not come to an end.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _workAndExit(account, work, os.fdopen(writing, "w", encoding="utf-8"))
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as out:
        said = out.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        who = "" if account is None else f" as the user {account.name}"
        raise UsageError(f"the check{who} has failed")
    problems = readProblems(said)
    if account is None:
        return problems
    return [_blamed(account, each) for each in problems]


def _workAndExit(
    account: Account | None, work: Callable[[], list[Problem]], out: IO[str]
) -> NoReturn:
    """Be the child."""
    status = 1
    try:
        if account is not None:
            account.become()
        with out:
            out.write(writeProblems(work()))
        status = 0
    except BaseException:
        # The last border of this process: nobody above it may go on.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _blamed(account: Account, problem: Problem) -> Problem:
    """Where something is not permitted, say to whom."""
    if os.strerror(errno.EACCES) not in problem.text:
        return problem
    return evolve(problem, text=f"{problem.text} (as the user {account.name})")


def writeProblems(problems: Iterable[Problem]) -> str:
    """Problems as text; L{readProblems} reads it."""
    return json.dumps([asdict(each) for each in problems])


def readProblems(text: str) -> list[Problem]:
    """
    Problems from text.

    @raise ValueError: it is none of L{writeProblems}.
    """
    try:
        listed: list[dict[str, Any]] = json.loads(text)
        return [Problem(**each | {"path": tuple(each["path"])}) for each in listed]
    except (KeyError, TypeError) as error:
        raise ValueError(f"no list of problems: {error}") from None


__all__ = [
    "Account",
    "asAccount",
    "cautionsAsWanted",
    "checkAsWanted",
    "readProblems",
    "wantedAccount",
    "writeProblems",
]
