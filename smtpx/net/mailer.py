"""
The programmatic doors to send by: L{sendMessage} for one message, L{SMTPClient} for
many.

Three lines send a message::

    from twisted.internet.task import react
    from smtpx import sendMessage
    react(sendMessage, ["me@example.org", "you@example.net", b"Subject: hello\\n\\nhi"])
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from ..core.domain import checkDomain
from ..core.errors import Malformed, UsageError
from ..core.hooks import RoutePolicy, TLSLevel
from ..core.interfaces import IExtension
from ..core.stapled import StapleWish
from ..dns.mailhosts import IMailRouter
from ..dns.system import systemRouter
from ..sasl import Credentials
from ..tls.interfaces import IClientTLS
from .addressing import Address, prepared
from .clientkit import ClientKit
from .content import Source
from .interfaces import IClientTracer
from .pool import ClientPool, PoolBounds
from .postman import Finder, Postman
from .receipts import Receipt
from .sending import Way
from .systemhosts import SystemHost
from .times import ClientTimes

#: RFC 5321 section 4.5.4.2, RFC 6409 section 3.1, RFC 8314 section 3.3.
_RELAY_PORT, _SUBMISSION_PORT, _SUBMISSIONS_PORT = 25, 587, 465

#: A login: name and password, or whatever else there is to show.
Login = Credentials | tuple[str, str]


def credentialsOf(login: Login | None) -> Credentials | None:
    """A login as mechanisms want it."""
    if not isinstance(login, tuple):
        return login
    user, password = login
    return Credentials(user.encode("utf-8"), password.encode("utf-8"))


def ownName() -> bytes:
    """What this machine calls itself, if that can be said in EHLO."""
    name = socket.gethostname().encode("utf-8", "replace")
    try:
        checkDomain(name)
    except Malformed:
        return b"localhost"
    return name


def wayOf(
    tls: TLSLevel | None = None,
    implicitTLS: bool = False,
    login: Login | None = None,
) -> Way:
    """
    How a program wants to talk to a host.

    @param tls: how well it has to be protected; L{None}: as well as it gets, but
        whoever logs in wants to know to whom (RFC 8314 section 4).
    """
    if tls is None:
        tls = TLSLevel.OPPORTUNISTIC if login is None else TLSLevel.VERIFIED
    policy = RoutePolicy(tls, staple=StapleWish.ASKED)
    return Way(policy, implicitTLS, login=credentialsOf(login))


@frozen(kw_only=True)
class SMTPClientOptions:
    """
    What is rarely said.

    @ivar name: what the program calls itself in EHLO; L{None}: the machine's name.
    @ivar trust: who signs for hosts; L{None}: whoever the platform trusts.
    @ivar extensions: L{None}: the standard ones.
    @ivar times: the time limits.
    @ivar bounds: how long, and how many, connections are kept.
    @ivar connectionsMost: how many connections are in use at a time.
    @ivar way: how to talk to hosts, whatever the other arguments say; L{None}: as
        they say.
    @ivar router: finds the hosts of domains; L{None}: the system's DNS.
    @ivar random: shuffles hosts of equal preference.
    @ivar clock: seconds since the epoch.
    @ivar tracer: is shown all that happens, such as
        L{smtpx.observe.eyewitness.Eyewitness}; L{None}: nobody is.
    """

    name: str | None = None
    trust: IClientTLS | None = None
    extensions: Iterable[IExtension] | None = None
    times: ClientTimes | None = None
    bounds: PoolBounds = PoolBounds()
    connectionsMost: int = 10
    way: Way | None = None
    router: IMailRouter | None = None
    random: Random | None = None
    clock: Callable[[], float] = time.time
    tracer: IClientTracer | None = None


_OPTIONS = SMTPClientOptions()


class SMTPClient:
    """
    Sends messages, over connections that it uses again.
    """

    def __init__(
        self,
        reactor: Any,
        host: str | None = None,
        port: int | None = None,
        *,
        tls: TLSLevel | None = None,
        implicitTLS: bool = False,
        login: Login | None = None,
        options: SMTPClientOptions = _OPTIONS,
    ) -> None:
        """
        @param reactor: the reactor.
        @param host: by which host messages go; L{None}: by those of the recipients'
            domains.
        @param port: L{None}: 465 where TLS begins with the connection, 587 with a
            login, 25 otherwise.
        @param tls: how well a session has to be protected; L{None}: C{VERIFIED} with
            a login, and otherwise C{OPPORTUNISTIC}.
        @param implicitTLS: does TLS begin with the connection (RFC 8314)?
        @param login: name and password; L{None}: no login.
        @raise UsageError: a login, or a port, without a host: it is not for
            strangers.
        @raise Malformed: a name, or a login, that cannot be one.
        """
        way = options.way
        if way is None:
            way = wayOf(tls, implicitTLS, login)
        if host is None and (way.login is not None or port or way.implicitTLS):
            raise UsageError("a port, a login or implicit TLS need a host")
        if port is None:
            port = _SUBMISSION_PORT if way.login is not None else _RELAY_PORT
            port = _SUBMISSIONS_PORT if way.implicitTLS else port
        name = ownName() if options.name is None else options.name.encode("ascii")
        kit = ClientKit(
            reactor,
            name=name,
            extensions=options.extensions,
            tls=options.trust,
            times=options.times,
            clock=options.clock,
            tracer=options.tracer,
        )
        self._clock = options.clock
        self._pool = ClientPool(kit, options.bounds)
        self._postman = Postman(
            self._pool,
            lambda host: way,
            _finder(reactor, host, port, options.router),
            options.connectionsMost,
            options.random or Random(),
        )

    def sendMessage(
        self,
        sender: Address | None,
        recipients: Address | Iterable[Address] | None,
        message: Source,
    ) -> Deferred[Receipt]:
        """
        Send a message.

        @param sender: whose it is, and who is told if it does not arrive; empty:
            nobody; L{None}: whom the message names in Sender or From.
        @param recipients: who is to get it; L{None}: whom the message names in To, Cc
            and Bcc.
        @param message: with its header: octets, text, a file that is open for reading
            octets, or an L{email.message.EmailMessage}, which alone can name people.
        @return: what became of it, as soon as all is known of everybody.  Fails with
            L{smtpx.net.receipts.NotSent} where nobody has it.  May be cancelled; then
            nobody knows who has it.
        @raise Malformed: an address is none.
        @raise UsageError: there is nobody to send to; or the client is closed.
        """
        ready = prepared(sender, recipients, message, self._clock())
        if self._pool.closed:
            raise UsageError("the client is closed")
        return Deferred.fromCoroutine(self._postman.send(ready))

    def close(self) -> Deferred[None]:
        """
        Say goodbye to all hosts.  Messages that are on their way still go.

        @return: fires when all connections are gone.
        """
        return self._pool.close()


def sendMessage(
    reactor: Any,
    sender: Address | None,
    recipients: Address | Iterable[Address] | None,
    message: Source,
    *,
    host: str | None = None,
    port: int | None = None,
    tls: TLSLevel | None = None,
    implicitTLS: bool = False,
    login: Login | None = None,
    options: SMTPClientOptions = _OPTIONS,
) -> Deferred[Receipt]:
    """
    Send one message.

    The arguments are those of L{SMTPClient} and of its C{sendMessage}.

    @return: what became of it; fires when all connections are gone.
    """
    client = SMTPClient(
        reactor,
        host,
        port,
        tls=tls,
        implicitTLS=implicitTLS,
        login=login,
        options=options,
    )
    sending = client.sendMessage(sender, recipients, message)
    return Deferred.fromCoroutine(_sentAndClosed(client, sending))


async def _sentAndClosed(client: SMTPClient, sending: Deferred[Receipt]) -> Receipt:
    try:
        return await sending
    finally:
        await client.close()


def _finder(
    reactor: Any, host: str | None, port: int, router: IMailRouter | None
) -> Finder:
    if host is not None:
        return SystemHost(reactor, host, port).find
    return (systemRouter(reactor) if router is None else router).byMX


__all__ = [
    "Login",
    "SMTPClient",
    "SMTPClientOptions",
    "credentialsOf",
    "ownName",
    "sendMessage",
    "wayOf",
]
