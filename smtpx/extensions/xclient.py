"""
XCLIENT (Postfix, XCLIENT_README): a proxy says for whom it speaks.

A filter or a proxy in front of us passes on what its own client sends; and whoever
tests a policy wants to know what it would say to somebody else.  Both tell us by
XCLIENT who the client is meant to be.  All that follows is taken as that client's:
policy, host lists, logs and the Received field.

Only clients on a host list may do so, and by default there are none.  The keyword
stands in the EHLO response for them alone, with the names of the attributes.  Who is
on the list is judged by the client as it is by now, as Postfix does: once C{ADDR} is
said, the new client is usually not on it, so a proxy says that last.

All attributes of a command are read before any of them holds.  Then the session is
back at its start: what the client said is forgotten, the policy is asked anew, and
220 is the greeting, or its refusal ends the connection.  C{HELO}, C{PROTO} and
C{LOGIN} of the command hold from there on.  TLS stays as it is, but a certificate
that came with it is the proxy's and says nothing of the client, so it counts no
more.  Where C{ADDR} changed and nobody ever said a C{NAME}, the client has none.

There is no client side: nothing of ours speaks for somebody else.
"""

from __future__ import annotations

from typing import Callable

from attrs import evolve, field, frozen
from zope.interface import implementer

from .. import sasl
from ..core.attributes import (
    ADDRESS,
    HOST,
    NAMES,
    PORT,
    TEXT,
    Attribute,
    Attributes,
    Told,
    among,
    valued,
)
from ..core.dialogue import ServerDialogue
from ..core.envelope import Stamp
from ..core.grammar import Grammar, Malformed
from ..core.hooks import Capability, LogFields, Verb
from ..core.hostlist import HostList, clientNames
from ..core.interfaces import IServerBuilder, IServerExtension, IServerSession
from ..core.reply import BAD_SEQUENCE, Reply, reply

#: What stands for an address that the proxy does not know, in logs too.
_UNKNOWN = b"unknown"

_NOT_ALLOWED = reply(550, "5.7.0", b"Not for you")


def _readLogin(name: bytes) -> bytes:
    prepared = sasl.prepare(name)
    if not prepared:
        raise Malformed("wants a name")
    return prepared


_login = valued(_readLogin, bytes, b"")

NAME = Attribute(b"NAME", HOST)
ADDR = Attribute(b"ADDR", ADDRESS)
PORT_OF_CLIENT = Attribute(b"PORT", PORT)
PROTO = Attribute(b"PROTO", among(b"SMTP", b"ESMTP"))
HELO = Attribute(b"HELO", TEXT)
#: Empty: nobody has logged in.  It may be written so, too, which Postfix refuses.
LOGIN = Attribute[bytes](
    b"LOGIN", Grammar(lambda raw: _login.parse(raw) if raw else b"", _login.render)
)
DESTADDR = Attribute(b"DESTADDR", ADDRESS)
DESTPORT = Attribute(b"DESTPORT", PORT)

ATTRIBUTES = Attributes(
    NAME, ADDR, PORT_OF_CLIENT, PROTO, HELO, LOGIN, DESTADDR, DESTPORT
)

CAPABILITY = Capability(b"XCLIENT", NAMES)

#: Of a session: the address of the proxy, who said it first.
PROXY = Stamp[bytes]("xclient-proxy", None, str.encode)

#: Of a session: the port of the proxy.
PROXY_PORT = Stamp[int]("xclient-proxy-port", None, int)

#: Of a session: there, if the name of the client was said.
NAMED = Stamp[str]("xclient-named", None, str)


@frozen
class XClientSettings:
    """What an operator may set of XCLIENT."""

    hosts: HostList = field(
        default=HostList(),
        metadata={
            "help": "The clients that may say for whom they speak: proxies, filters"
            " and testers.  They may be anybody by it, so list nobody else."
        },
    )


class IXClient(IServerExtension):
    """XCLIENT (Postfix)."""


@implementer(IXClient)
class XClient:
    """
    The XCLIENT extension.

    @ivar options: the settings.
    @ivar told: told of each session whose client is another one from now on, before
        the policy is asked; who said so is in its stamps.
    """

    name = "XCLIENT"
    requires: tuple[str, ...] = ()
    settings = XClientSettings

    def __init__(
        self,
        settings: XClientSettings = XClientSettings(),
        *,
        told: Callable[[IServerSession], None] = lambda session: None,
    ) -> None:
        self.options = settings
        self.told = told

    def configured(self, settings: XClientSettings) -> XClient:
        """See L{smtpx.core.interfaces.IExtension}."""
        return XClient(settings, told=self.told)

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}.  While it is for nobody, it is not there."""
        if self.options.hosts == HostList():
            return
        server.capability(CAPABILITY, self._advertise)
        server.verb(Verb(b"XCLIENT", self._xclient, help=b"XCLIENT attribute=value..."))
        server.record(self._record)
        server.condition("xclient", lambda session: PROXY in session.stamps)
        server.variable("xclient_proxy", lambda session: session.stamps.get(PROXY))

    def _welcome(self, session: IServerSession) -> bool:
        return self.options.hosts.matches(session.peer, clientNames(session))

    def _advertise(self, session: IServerSession) -> tuple[bytes, ...] | None:
        return ATTRIBUTES.names if self._welcome(session) else None

    def _record(self, session: IServerSession) -> LogFields:
        # Exim's name for the proxy's address.
        proxy = session.stamps.get(PROXY)
        return () if proxy is None else (("PRX", proxy),)

    def _xclient(self, session: IServerSession, rest: bytes) -> Reply | ServerDialogue:
        if session.envelope is not None:
            return BAD_SEQUENCE
        if not self._welcome(session):
            return _NOT_ALLOWED
        try:
            given = ATTRIBUTES.parse(rest)
        except Malformed as bad:
            return reply(501, "5.5.4", str(bad).encode("ascii"))
        return self._become(session, given)

    def _become(self, session: IServerSession, given: Told) -> ServerDialogue:
        _override(session, given)
        self.told(session)
        greeting = yield from session.regreet()
        session.helo = given.get(HELO) or None
        session.extended = given.get(PROTO) == b"ESMTP"
        login = given.get(LOGIN)
        if login:
            session.identity = login
            session.mechanism = "xclient"
        return greeting


def _override(session: IServerSession, given: Told) -> None:
    """Set what holds of the client before it has said anything."""
    stamps = session.stamps
    if PROXY not in stamps:
        stamps[PROXY] = session.peer
        stamps[PROXY_PORT] = session.peerPort
    if NAME in given:
        session.peerName = given[NAME] or None
        stamps[NAMED] = "yes"
    elif ADDR in given and NAMED not in stamps:
        session.peerName = None
    if ADDR in given:
        # One that is not known is not the same as none: that is a client of this
        # machine, who may be allowed more than strangers are.
        session.peer = given[ADDR] or _UNKNOWN
        # It is not of the other address.
        session.peerPort = 0
    if PORT_OF_CLIENT in given:
        session.peerPort = given[PORT_OF_CLIENT]
    if DESTADDR in given:
        session.local = given[DESTADDR]
    if DESTPORT in given:
        session.localPort = given[DESTPORT]
    if session.secured is not None:
        session.secured = evolve(session.secured, verified=False, subject=None)


__all__ = [
    "ATTRIBUTES",
    "NAMED",
    "PROXY",
    "PROXY_PORT",
    "IXClient",
    "XClient",
    "XClientSettings",
]
