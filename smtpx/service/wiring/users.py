"""
Who can log in, and who checks that.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ...core.errors import UsageError
from ...policy.passwords import CallableUsers, FileUsers, PasswordCheck
from ...policy.turnstile import Turnstile
from ..config import Configuration
from ..machine import Machine
from ..objects import PythonObject

_PASSWORD_THREADS = 4


def users(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> FileUsers | CallableUsers:
    """Those who can log in."""
    turnstile = Turnstile(machine.reactor, _PASSWORD_THREADS)
    named = configuration.users.python
    if named is not None:
        return CallableUsers(passwordCheck(named), turnstile)
    pool = machine.pool(_PASSWORD_THREADS, "passwords")
    found = FileUsers(configuration.usersFile, machine.reactor, pool, turnstile)
    pool.start()
    stack.callback(pool.stop)
    return found


def passwordCheck(named: PythonObject) -> PasswordCheck:
    """
    A check of passwords that is somebody's Python.

    @raise UsageError: it is nothing that can be called.
    @raise Exception: whatever that Python raises while it is imported.
    """
    check = named.load()
    if not callable(check):
        raise UsageError(f"{named} is not callable")
    return check
