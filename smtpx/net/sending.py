"""
What it takes to send a message to a host: how to talk, what came of it, and the
interface of the pool of connections that does it (L{smtpx.net.pool}).

The values are small and hashable: connections are kept by host and L{Way}, and a
message goes over one that is idle only where both are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from ipaddress import ip_address
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..core.domain import checkDomain
from ..core.envelope import Envelope, Recipient
from ..core.errors import SMTPXError
from ..core.flaw import Flaw
from ..core.hooks import Dialect, Phase, RoutePolicy, Scope, Target
from ..core.hostlist import HostList
from ..core.interfaces import IBody
from ..core.reply import Reply
from ..core.values import value
from ..dns.mailhosts import MailHost, addressIn
from ..sasl.values import Credentials
from ..spool.via import Cause, Via
from .ownname import OwnName


class Family(Enum):
    """A kind of IP addresses; the value is the version of IP."""

    # Members are what they are; Enum's own hash is that of the name, in Python.
    __hash__ = object.__hash__

    IPV4 = 4
    IPV6 = 6


def _ofVersion(version: int) -> Any:
    def check(instance: object, attribute: Any, value: bytes | None) -> None:
        if value is not None and ip_address(value.decode("ascii")).version != version:
            raise ValueError(f"{value!r} is no IPv{version} address")

    return check


def _checkName(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bytes):
        checkDomain(value)


def _keywords(words: Any) -> frozenset[bytes]:
    return frozenset(word.upper() for word in words)


@frozen(cache_hash=True)
class Way:
    """
    How to talk to a host.  Connections are shared by messages that go the same way,
    and by no others.

    @ivar policy: what the route has to be at least.
    @ivar implicitTLS: does TLS begin with the connection (RFC 8314)?
    @ivar sourceIPv4: our address, where a host is reached by IPv4; L{None}: the
        system chooses.
    @ivar sourceIPv6: likewise by IPv6.
    @ivar prefer: the kind of addresses to try first; L{None}: IPv6, as RFC 8305
        section 4 has it.
    @ivar only: the kind of addresses to try at all; L{None}: both.
    @ivar name: what we call ourselves in EHLO; L{None}: as always.
    @ivar ignored: keywords of EHLO that the host is not believed, in upper case.
    @ivar chunkingHosts: the hosts that are believed when they offer CHUNKING; L{None}:
        all.
    @ivar login: with what to log in; L{None}: not at all.  A session without a
        login, where there should be one, does not come about.
    @ivar dialect: what is spoken.
    @ivar sealer: see L{Target}.
    @raise ValueError: an address of the wrong kind.
    @raise smtpx.core.errors.Malformed: a name that cannot be said in EHLO.
    """

    policy: RoutePolicy = RoutePolicy()
    implicitTLS: bool = False
    sourceIPv4: bytes | None = field(default=None, validator=_ofVersion(4))
    sourceIPv6: bytes | None = field(default=None, validator=_ofVersion(6))
    prefer: Family | None = None
    only: Family | None = None
    name: bytes | OwnName | None = field(default=None, validator=_checkName)
    ignored: frozenset[bytes] = field(default=frozenset(), converter=_keywords)
    chunkingHosts: HostList | None = None
    login: Credentials | None = None
    dialect: Dialect = Dialect.SMTP
    sealer: bytes = b""

    def source(self, address: bytes) -> bytes | None:
        """
        Our address, where connections to C{address} come from.

        @return: L{None}: the system chooses.
        """
        return self.sourceIPv6 if b":" in address else self.sourceIPv4

    def target(
        self, host: bytes, address: bytes, port: int, trust: bytes = b""
    ) -> Target:
        """
        What is talked to over a connection to an address of a host.

        @param trust: see L{Target}.
        """
        if host.startswith(b"["):
            host = addressIn(host)
        source = self.source(address) or b""
        renamed = isinstance(self.name, OwnName) and not source
        tls, dialect = self.implicitTLS, self.dialect
        return Target(
            host, address, port, tls, dialect, source, renamed, trust, self.sealer
        )


#: What connections are kept by: the host's name, addresses and port, and the way.
Key = tuple[bytes, frozenset[bytes], int, Way]


def keyOf(host: MailHost, way: Way) -> Key:
    """By what connections to a host are kept."""
    return host.name, frozenset(host.addresses), host.port, way


@value(eq=False)
class Sent:
    """
    What came of one envelope, in a session that did come about.

    @ivar outcomes: one reply a recipient, in the envelope's order: the host's, or
        ours where the connection was lost.  A 2yz is final.
    @ivar causes: what each outcome that is no 2yz is about, in the same order; those
        of 2yz mean nothing.
    @ivar scope: how far the refusals reach: C{Scope.HOST}: the next host may take
        it, C{Scope.MESSAGE}: take them as they are.  It is never
        C{Scope.SESSION}.
    @ivar via: the host.
    @ivar unsure: had all of the message been sent when the connection was lost?
        Then the host may have taken it, and whoever sends it again may send it
        twice; outcomes say so, and C{scope} is C{Scope.MESSAGE}.
    """

    outcomes: tuple[tuple[Recipient, Reply], ...]
    causes: tuple[Cause, ...]
    scope: Scope
    via: Via
    unsure: bool = False


class Unreached(SMTPXError):
    """
    No session with the host came about, so nothing was sent.

    @ivar reply: what the host said to that; L{None}: nothing.
    @ivar cause: C{CONNECT}, C{LOST}, C{TLS}, C{LOGIN}, C{SESSION} or C{LOCAL}.
    @ivar via: the host, at the address that was tried last.
    @ivar text: why, for the operator.
    @ivar flaw: in what the connection was not as it was demanded; L{None}: C{cause}
        is not C{TLS}.
    @ivar final: will the host never do for this message?
    """

    def __init__(
        self,
        text: str,
        cause: Cause,
        via: Via,
        reply: Reply | None,
        flaw: Flaw | None = None,
        *,
        final: bool = False,
    ) -> None:
        SMTPXError.__init__(self, text)
        if flaw is None and cause is Cause.TLS:
            flaw = Flaw.HANDSHAKE if reply is None else Flaw.NO_TLS
        self.flaw = flaw
        self.final = final
        self.text = text
        self.cause = cause
        self.via = via
        self.reply = reply


#: Told of each recipient who has the message, while others are still to be answered
#: for: who, what the host said, and which host.
Heard = Callable[[Recipient, Reply, Via], None]


#: What it is about that a step between EHLO and MAIL did not come off.
PHASE_CAUSES: Mapping[Phase | None, Cause] = {
    Phase.SECURE: Cause.TLS,
    Phase.IDENTIFY: Cause.SESSION,
    Phase.AUTHENTICATE: Cause.LOGIN,
}


class IClientPool(Interface):
    """Connections to hosts, used again for other messages."""

    def send(
        host: MailHost,
        way: Way,
        envelope: Envelope,
        body: IBody,
        heard: Heard | None = None,
    ) -> Deferred[Sent]:
        """
        Send one envelope to one host, over an idle connection or a new one.

        @param body: read while it is sent, and never whole in memory; perhaps more
            than once.
        @param heard: see L{Heard}; only LMTP has such.
        @return: fires when all is known of all recipients.  Fails with
            L{Unreached} where no session came about.  Cancelled, it cuts the
            connection off, and fails with C{CancelledError}; the host may have the
            message all the same.  Where recipients had it already, it fires with
            what became of all, and is unsure.
        """

    def cold(host: MailHost, way: Way) -> int:
        """How many connections to a host are idle, and could be used at once."""

    def retire(hosts: Sequence[MailHost], most: int) -> Deferred[None]:
        """
        Say goodbye on idle connections to hosts.

        @param most: on how many, at most.
        @return: fires when they are closed, and all others to these hosts on which
            goodbye was said; never fails.
        """

    def close() -> Deferred[None]:
        """
        Say goodbye on every idle connection, and on the others as soon as their
        message is sent; nothing can be sent any more.

        @return: fires when all connections are gone.
        """


__all__ = [
    "PHASE_CAUSES",
    "Family",
    "Heard",
    "IClientPool",
    "Key",
    "Sent",
    "Unreached",
    "Way",
    "keyOf",
]
