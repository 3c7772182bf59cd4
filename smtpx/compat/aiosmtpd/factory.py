"""
A server factory from a handler of aiosmtpd.

Three lines move a program that has a reactor of its own::

    from smtpx.compat.aiosmtpd import aiosmtpdFactory
    factory = aiosmtpdFactory(reactor, MyHandler(), hostname="mx.example.org")
    endpoints.serverFromString(reactor, "tcp:2525").listen(factory)

A program without one takes L{smtpx.compat.aiosmtpd.Controller}.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve, fields_dict
from twisted.internet.interfaces import IReactorTime

from ...core.bounds import Bounds
from ...core.errors import UsageError
from ...core.hostlist import HostList
from ...core.interfaces import IExtension
from ...extensions.chunking import Chunking
from ...extensions.eightbitmime import EightBitMIME
from ...extensions.limits import Limits
from ...extensions.pipelining import Pipelining
from ...extensions.size import Size
from ...extensions.smtputf8 import SMTPUTF8
from ...extensions.starttls import StartTLS, StartTLSSettings
from ...net.factory import Open, SMTPServerFactory
from ...net.interfaces import IPolicy, IReceiver
from ...net.receiving import Taker, receiverFor
from ..login import ForeignAuth
from .calls import ANSWERS
from .hooks import Hooks
from .loops import HookLoop, loopOf
from .options import Options, certificatesOf
from .ports import HookPolicy, HookReceiver
from .server import SMTP


def aiosmtpdFactory(
    reactor: IReactorTime,
    handler: object,
    *,
    receiver: IReceiver | Taker | None = None,
    extensions: Iterable[IExtension] | None = None,
    policy: IPolicy | None = None,
    bounds: Bounds | None = None,
    home: HookLoop | None = None,
    met: Callable[[SMTP], object] | None = None,
    **more: Any,
) -> SMTPServerFactory:
    """
    Make a server of a handler.

    @param reactor: the factory's.  Under Twisted's asyncio reactor hooks run on
        its loop, else on one in a thread of its own.
    @param handler: with methods as aiosmtpd calls them (C{handle_RCPT},
        C{handle_DATA}, ...), plain or C{async}.
    @param receiver: where messages go if the handler has no C{handle_DATA};
        L{None}: nowhere, and the client is told that they were taken.
    @param extensions: L{None}: those that a handler can stand: no DSN, for nobody
        would send the reports, and no BINARYMIME.
    @param policy: asked before the handler is.
    @param bounds: for what C{data_size_limit} and C{timeout} say nothing of.
    @param home: where hooks run instead.
    @param met: told of each client, by what its hooks get as C{server}.
    @param more: the parameters of aiosmtpd's C{SMTP}, see L{Options}, and the
        other ones of L{SMTPServerFactory}.
    @raise UsageError: what cannot go together.
    @raise smtpx.tls.certificates.CertificateError: certificates that cannot be
        used.
    """
    options = Options(**{k: more.pop(k) for k in fields_dict(Options) if k in more})
    tls = certificatesOf(more.pop("tls", None) or options.tls_context, reactor)
    if options.require_starttls and tls is None:
        raise UsageError("require_starttls needs certificates (tls_context)")
    secured = evolve(options, tls_context=tls)
    allByProxy = options.proxy_protocol_timeout is not None and "proxies" not in more
    hooks = Hooks(handler, secured, home or loopOf(reactor), met, allByProxy)
    if receiver is not None and hooks.takesMessages:
        raise UsageError("the handler takes messages itself: a receiver is of no use")
    if options.proxy_protocol_timeout is not None:
        if not hooks.judgesProxies:
            raise UsageError(
                "proxy_protocol_timeout: nobody says which proxies are good; give the"
                " handler a handle_PROXY, or list the proxies (proxies=) instead"
            )
        more.setdefault("proxies", HostList.parse(["*"]))
        more["proxySeconds"] = options.proxy_protocol_timeout
    chosen = _suitable(options) if extensions is None else extensions
    auth = ForeignAuth(
        hooks.logins.names,
        hooks.login,
        clearText=not options.auth_require_tls,
        demanded=options.auth_required,
    )
    factory = SMTPServerFactory(
        reactor,
        HookReceiver(hooks, None if receiver is None else receiverFor(receiver)),
        name=_nameOf(options.hostname),
        extensions=[*chosen, auth, hooks],
        policy=HookPolicy(Open() if policy is None else policy, hooks),
        tls=tls,
        bounds=evolve(
            Bounds() if bounds is None else bounds,
            messageOctets=options.data_size_limit or None,
            commandSeconds=options.timeout,
        ),
        answers={**ANSWERS, **more.pop("answers", {})},
        **more,
    )
    if options.ident is not None:
        factory.profile.greeting = options.ident.encode("ascii", "replace")
    return factory


def _suitable(options: Options) -> list[IExtension]:
    """The extensions that change nothing for a handler but what it asked for."""
    found: list[IExtension] = [Size(), Limits()]
    if options.enable_SMTPUTF8 or not options.decode_data:
        found.append(EightBitMIME())
    found += [Pipelining(), Chunking()]
    found.append(StartTLS(StartTLSSettings(demanded=options.require_starttls)))
    if options.enable_SMTPUTF8:
        found.append(SMTPUTF8())
    return found


def _nameOf(hostname: str | None) -> bytes:
    name = hostname or socket.getfqdn()
    return name.encode("ascii" if name.isascii() else "idna")
