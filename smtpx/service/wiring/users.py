"""
Who can log in, and who checks that.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import cast

from attrs import evolve, frozen
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.python.threadpool import ThreadPool

from ...core.bounds import Bounds
from ...core.errors import UsageError
from ...extensions.auth import LINE_OCTETS
from ...net.answers import Answerers
from ...policy.dovecot import CONNECT_SECONDS, DovecotUsers
from ...policy.pam import PAMUsers, findService, loadPAM
from ...policy.passwords import CallableUsers, FileUsers, PasswordCheck
from ...policy.tokens import TokenCheck, TokenValidator
from ...policy.turnstile import Turnstile
from ...sasl import IUsers
from ..config import Configuration
from ..machine import Machine
from ..objects import PythonObject

# How many are checked at once.
_FILE = 4
_PYTHON = 20
_PAM = 16
_DOVECOT = 100


@frozen
class Accounts:
    """
    Who can log in.

    @ivar users: by passwords.
    @ivar tokens: can anybody by a token?
    @ivar certificates: by certificates, by their subjects.
    @ivar answers: what answers the questions of logins.
    """

    users: IUsers
    tokens: bool
    certificates: Mapping[str, bytes]
    answers: Answerers


def accounts(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> Accounts:
    """
    Those who can log in.

    @raise UsageError: what the configuration names is of no use, or not there.
    """
    users = _users(machine, configuration, stack)
    answers = dict(users.answers)
    named = configuration.users.tokenValidator
    if named is not None:
        turnstile = _turnstile(machine, configuration, _PYTHON)
        answers |= TokenValidator(tokenCheck(named), turnstile).answers
    return Accounts(users, named is not None, certified(configuration), answers)


def _users(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> FileUsers | CallableUsers | DovecotUsers | PAMUsers:
    table = configuration.users
    reactor = machine.reactor
    if table.python is not None:
        check = passwordCheck(table.python)
        return CallableUsers(check, _turnstile(machine, configuration, _PYTHON))
    if table.dovecot is not None:
        endpoint = UNIXClientEndpoint(reactor, str(table.dovecot), CONNECT_SECONDS)
        turnstile = _turnstile(machine, configuration, _DOVECOT)
        dovecot = DovecotUsers(endpoint, reactor, turnstile)
        stack.callback(dovecot.stop)
        return dovecot
    if table.pam is not None:
        findService(table.pam)
        library = loadPAM()
        turnstile = _turnstile(machine, configuration, _PAM)
        pool = machine.pool(turnstile.atOnceMax, "passwords")
        pam = PAMUsers(library, table.pam, reactor, pool, turnstile)
        _run(pool, stack)
        return pam
    turnstile = _turnstile(machine, configuration, _FILE)
    pool = machine.pool(turnstile.atOnceMax, "passwords")
    users = FileUsers(configuration.usersFile, reactor, pool, turnstile)
    _run(pool, stack)
    return users


def _run(pool: ThreadPool, stack: AsyncExitStack) -> None:
    pool.start()
    stack.callback(pool.stop)


def _turnstile(machine: Machine, configuration: Configuration, usual: int) -> Turnstile:
    table = configuration.users
    return Turnstile(
        machine.reactor,
        machine.worker.share(table.checksAtOnce or usual),
        table.checksWaiting,
        table.checkSeconds,
    )


def passwordCheck(named: PythonObject) -> PasswordCheck:
    """
    A check of passwords that is somebody's Python.

    @raise UsageError: it is nothing that can be called.
    @raise Exception: whatever that Python raises while it is imported.
    """
    return cast(PasswordCheck, _callable(named))


def tokenCheck(named: PythonObject) -> TokenCheck:
    """
    A check of tokens that is somebody's Python.

    @raise UsageError: it is nothing that can be called.
    @raise Exception: whatever that Python raises while it is imported.
    """
    return cast(TokenCheck, _callable(named))


def _callable(named: PythonObject) -> object:
    check = named.load()
    if not callable(check):
        raise UsageError(f"{named} is not callable")
    return check


def certified(configuration: Configuration) -> Mapping[str, bytes]:
    """
    The users by the subjects of their certificates.

    @raise UsageError: there is nobody who could have signed for them.
    """
    users = configuration.users.certificates
    if users and configuration.tls.clientAuthorities is None:
        raise UsageError(
            "no client is asked for a certificate; tls.client_authorities has to name"
            " who signs them"
        )
    return users


def loginBounds(configuration: Configuration) -> Bounds:
    """
    The bounds of a session, with room for tokens: a client should send a long one
    behind a challenge (RFC 4954 section 4), and most send it in the command.
    """
    bounds = configuration.limits.bounds
    if configuration.users.tokenValidator is None:
        return bounds
    return evolve(bounds, commandOctets=max(bounds.commandOctets, LINE_OCTETS))
