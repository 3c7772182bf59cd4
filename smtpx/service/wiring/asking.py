"""
Asking a host for what waits there (RFC 1985), without sending it anything.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from ...core.errors import SMTPXError
from ...core.hooks import TLSLevel
from ...core.reply import Reply
from ...extensions.etrn import ETRN
from ...extensions.standard import standard
from ...net.clientkit import ClientKit
from ...net.dialling import Unanswered
from ...net.mailer import wayOf
from ...net.pool import ClientPool, PoolBounds
from ...net.systemhosts import SystemHost
from ...sasl import Credentials
from ..machine import Machine
from .tryout import trusting

#: RFC 5321 section 4.5.4.2, RFC 6409 section 3.1.
_PORT, _SUBMISSION_PORT = 25, 587


class NoAnswer(SMTPXError):
    """No connection to the host could be made; the message says why."""


@frozen
class Asking:
    """
    What is asked of whom.

    @ivar host: a name, or an address.
    @ivar port: L{None}: the usual one.
    @ivar nodes: the domains, as they stand behind the verb.
    @ivar name: what we call ourselves.
    @ivar tls: how well it has to be protected; L{None}: as usual.
    @ivar login: with what to log in; L{None}: not at all.
    @ivar authorities: a file of those who are trusted; L{None}: the platform's.
    """

    host: str
    port: int | None
    nodes: tuple[str, ...]
    name: bytes
    tls: TLSLevel | None = None
    login: Credentials | None = None
    authorities: Path | None = None


async def asked(machine: Machine, asking: Asking) -> list[tuple[str, Reply | None]]:
    """
    Ask.

    @return: the domains with the replies, as far as it came; L{None}: the host does
        not have the extension.
    @raise Unroutable: there is no such host.
    @raise NoAnswer: no connection to it could be made.
    @raise Unreached: there was no session with it.
    @raise smtpx.core.errors.SMTPXError: what is to be used for it is of no use.
    """
    answers: list[tuple[str, Reply | None]] = []
    asks = ETRN(
        nodes=[each.encode("ascii") for each in asking.nodes],
        told=lambda node, got: answers.append((node.decode("ascii"), got)),
    )
    others = [each for each in standard(logsIn=True) if each.name != ETRN.name]
    port = asking.port
    if port is None:
        port = _PORT if asking.login is None else _SUBMISSION_PORT
    pool = ClientPool(
        ClientKit(
            machine.reactor,
            name=asking.name,
            # Behind the login.
            extensions=[*others, asks],
            tls=trusting(None, asking.authorities, None),
            clock=machine.now,
        ),
        PoolBounds(),
    )
    way = wayOf(asking.tls, False, asking.login)
    try:
        found = await SystemHost(machine.reactor, asking.host, port).find(b"")
        [host] = found.hosts
        try:
            line = await pool.dial(host, way, list(host.addresses), None)
        except Unanswered as error:
            raise NoAnswer(str(error)) from error
        await line.whenReady()
        line.quit()
    finally:
        await pool.close()
    return answers


__all__ = ["Asking", "NoAnswer", "asked"]
