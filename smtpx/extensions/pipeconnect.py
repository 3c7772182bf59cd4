"""
PIPECONNECT (draft-harris-early-pipe): do not wait for the greeting.

Server.  A client on the host list may send EHLO, and what it wants to send behind
it, before it was greeted.  The replies are the same, in the same order.  Who may
is settled by the client's address, for the greeting comes before EHLO.  The
keyword stands directly behind PIPELINING in the EHLO response where
L{smtpx.extensions.standard} orders them, and is never there without it; and, as
in Exim, not in a session in which a message was begun, nor is there more leave in
that than PIPELINING gives.

Where everybody may talk early, junk may, too.  It does not know the keyword, so
it was never offered it: who talks early is a stranger unless it is among those
that were (L{IOffers}), by its network.  A stranger is served like others; what is
thought of it is for policies and the operator, who have the condition C{early_talk}:
it is true of strangers, and never of who was offered to talk early.

Client.  What a host answered to EHLO is remembered behind a port,
L{IHelloMemory}, and is the forecast for the next connection to it.  Without the
port, and for hosts that are not on the list, nothing is forecast and nothing is
remembered.  A forecast is never the reason for anything but speed: what may not be
said on the strength of a guess waits for the real response, in the core and in
the other extensions (C{session.guessed}).  Nothing is forecast nor remembered where
what we call ourselves is not known before the connection (C{target.renamed}), nor
where the route ignores PIPELINING.

What Exim called the keyword before 4.96 is understood by the client, and sent by
the server to nobody but hosts that the operator names, and never beside the new
name: the underscores are not legal in a keyword (RFC 5321 section 4.1.1.1), and
there are clients that then drop the whole response.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from attrs import evolve, field, frozen
from zope.interface import Interface, implementer

from ..core.envelope import Stamp
from ..core.grammar import KEYWORD
from ..core.hooks import (
    Capability,
    Forecast,
    Hello,
    LogFields,
    SyncPoint,
    Target,
)
from ..core.hostlist import HostList, clientNames
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.occasion import when
from .pipelining import CAPABILITY as PIPELINING
from .starttls import CAPABILITY as STARTTLS


class Spelling(Enum):
    """
    What Exim called the keyword before 4.96.

    @cvar PIPE_CONNECT: 4.94.1 to 4.95.
    @cvar X_PIPE_CONNECT: 4.92 to 4.94.
    """

    PIPE_CONNECT = "PIPE_CONNECT"
    X_PIPE_CONNECT = "X_PIPE_CONNECT"

    @property
    def capability(self) -> Capability[bool]:
        """The keyword, for a server."""
        return Capability[bool](self.value.encode("ascii"), KEYWORD)


CAPABILITY = Capability[bool](
    b"PIPECONNECT",
    KEYWORD,
    aliases=tuple(each.value.encode("ascii") for each in Spelling),
)

#: On a server's session: did it talk early without ever having been offered to?
STRANGER = Stamp[bool]("pipeconnect-stranger", None, bool)

#: How many bits of an address are its network, by its version.
_BITS = {4: 24, 6: 64}

#: How many networks are known to have been offered the keyword.
_OFFERS = 16_384

#: Without these there is nothing to be gained by talking early.
_NEEDED = frozenset({CAPABILITY.keyword, PIPELINING.keyword})


class IHelloMemory(Interface):
    """
    Where EHLO responses are remembered; the one port of this extension.  Its
    methods answer at once; a store that is locked or broken knows nothing.
    """

    def recall(target: Target) -> Forecast | None:
        """What C{target} said last, unless that was too long ago."""

    def remember(target: Target, secured: bool, hello: Hello, early: bool) -> None:
        """
        Note what C{target} said.

        @param secured: did it say so under TLS?
        @param early: were we right to talk before it had?
        """

    def forget(target: Target, secured: bool) -> None:
        """
        C{target} no longer offers PIPECONNECT, or did not take to being talked to
        before it had greeted us.

        @param secured: under TLS?
        """


class IOffers(Interface):
    """
    Which clients were offered PIPECONNECT, by their networks (L{networkOf}).  Its
    methods answer at once.
    """

    def note(network: bytes) -> None:
        """Somebody there was."""

    def known(network: bytes) -> bool:
        """Was somebody there, as far as anybody remembers?"""


@lru_cache(1000)
def networkOf(address: bytes) -> bytes:
    """
    The network of a client.  A sender with many hosts may tell them all what one of
    them was offered, and a host of IPv6 has many addresses.

    @return: 24 bits of an IPv4 address, 64 of an IPv6 address; what is none, as it is.
    """
    try:
        found = ip_address(address.decode("ascii"))
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = _BITS[found.version]
    return str(ip_network((found.packed, bits), strict=False)).encode("ascii")


@implementer(IOffers)
class RecentOffers:
    """The networks that were offered PIPECONNECT last, by this process."""

    def __init__(self, most: int = _OFFERS) -> None:
        """
        @param most: how many networks are remembered.
        """
        self._most = most
        #: As an ordered set, the longest ago first.
        self._networks: dict[bytes, None] = {}

    def note(self, network: bytes) -> None:
        """See L{IOffers}."""
        networks = self._networks
        networks.pop(network, None)
        networks[network] = None
        if len(networks) > self._most:
            del networks[next(iter(networks))]

    def known(self, network: bytes) -> bool:
        """See L{IOffers}."""
        return network in self._networks


@frozen
class PipeConnectSettings:
    """What an operator may set of PIPECONNECT."""

    pipeliningConnectAdvertiseHosts: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "pipelining_connect_advertise_hosts",
            "help": "The clients that may talk before they are greeted.",
        },
    )
    pipeliningConnectLegacyNames: HostList = field(
        default=HostList(),
        metadata={
            "option": "pipelining_connect_legacy_names",
            "help": "Those of them that are offered the keyword by an old name, in"
            " place of the new one: Exims before 4.96, which know no other.  There is"
            " an underscore in it, which is not legal, so name no others.",
        },
    )
    pipeliningConnectLegacySpelling: Spelling = field(
        default=Spelling.PIPE_CONNECT,
        metadata={
            "option": "pipelining_connect_legacy_spelling",
            "help": "The old name: ``PIPE_CONNECT`` (Exim 4.94.1 to 4.95) or"
            " ``X_PIPE_CONNECT`` (4.92 to 4.94).",
        },
    )
    hostsPipeConnect: HostList = field(
        default=HostList(),
        metadata={
            "option": "hosts_pipe_connect",
            "help": "The servers to which we talk before they greet us, once they"
            " have shown that they know it.",
        },
    )
    hostsPipeConnectPresume: HostList = field(
        default=HostList(),
        metadata={
            "option": "hosts_pipe_connect_presume",
            "help": "The servers that are taken to offer under TLS what they offer"
            " before STARTTLS, if they offer PIPECONNECT: EHLO and the message are one"
            " flight under TLS, even when nothing is known of them.  If anything of it"
            " is refused, the message is sent again at once, step by step.",
        },
    )


class IPipeConnect(IServerExtension, IClientExtension):
    """PIPECONNECT (draft-harris-early-pipe)."""


@implementer(IPipeConnect)
class PipeConnect:
    """
    The PIPECONNECT extension.

    @ivar options: the settings.
    @ivar memory: where EHLO responses are remembered; L{None}: nowhere, so that
        the client never talks early.
    @ivar offers: which clients of the server were offered the keyword.
    """

    name = "PIPECONNECT"
    requires: tuple[str, ...] = ("PIPELINING",)
    settings = PipeConnectSettings

    def __init__(
        self,
        settings: PipeConnectSettings = PipeConnectSettings(),
        *,
        memory: IHelloMemory | None = None,
        offers: IOffers | None = None,
    ) -> None:
        """
        @param offers: L{None}: a L{RecentOffers} of its own.
        """
        self.options = settings
        self.memory = memory
        self.offers: IOffers = RecentOffers() if offers is None else offers

    def configured(self, settings: PipeConnectSettings) -> PipeConnect:
        """See L{smtpx.core.interfaces.IExtension}."""
        return PipeConnect(settings, memory=self.memory, offers=self.offers)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, self._advertise)
        if self.options.pipeliningConnectLegacyNames != HostList():
            old = self.options.pipeliningConnectLegacySpelling.capability
            server.capability(old, self._advertiseOld)
        server.relax(self._relax)
        server.variable("early_talk", self._howEarly)
        server.condition("early_talk", self._isOutOfTurn)

    def _welcome(self, session: IServerSession) -> bool:
        hosts = self.options.pipeliningConnectAdvertiseHosts
        return hosts.matches(session.peer, clientNames(session))

    def _old(self, session: IServerSession) -> bool:
        hosts = self.options.pipeliningConnectLegacyNames
        return hosts.matches(session.peer, clientNames(session))

    def _advertise(self, session: IServerSession) -> bool | None:
        if session.carried or not self._welcome(session):
            return None
        if session.early:
            self._strange(session)
        self.offers.note(networkOf(session.peer))
        return None if self._old(session) else True

    def _advertiseOld(self, session: IServerSession) -> bool | None:
        if session.carried or not self._welcome(session):
            return None
        return True if self._old(session) else None

    def _strange(self, session: IServerSession) -> bool:
        """Had a client that talks early not been offered to, when it did?"""
        stranger = session.stamps.get(STRANGER)
        if stranger is None:
            stranger = not self.offers.known(networkOf(session.peer))
            session.stamps[STRANGER] = stranger
        return stranger

    def _howEarly(self, session: IServerSession) -> str:
        """The variable C{early_talk}."""
        if not session.early:
            return "no"
        return "stranger" if self._strange(session) else "offered"

    def _isOutOfTurn(self, session: IServerSession) -> bool:
        """The condition C{early_talk}: never true of who was offered to talk early."""
        return session.early and self._strange(session)

    def _relax(self, session: IServerSession) -> SyncPoint:
        if self._welcome(session):
            return SyncPoint.GREETING | SyncPoint.EHLO
        return SyncPoint.NONE

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        if self.options.hostsPipeConnectPresume != HostList():
            client.learn(self._presume)
        if self.memory is not None:
            client.forecast(self._forecast)
            client.learn(self._learn)
            client.record(when(self._record, lasting=True))

    def _presume(self, session: IClientSession, hello: Hello | None) -> None:
        """
        What a host says in the clear it will say under TLS.  RFC 3207 section 4.2 has
        a client forget it; but PIPECONNECT promises that what comes too early is borne.
        """
        target, hosts = session.target, self.options.hostsPipeConnectPresume
        if hello is None or session.secured is not None or session.ignored & _NEEDED:
            return
        if not (session.offered(CAPABILITY) and session.offered(PIPELINING)):
            return
        if hosts.matches(target.address, (target.host,)):
            said = [each for each in hello.keywords if each[0] != STARTTLS.keyword]
            session.presume(evolve(hello, keywords=tuple(said)))

    def _tried(self, session: IClientSession) -> bool:
        target = session.target
        if target.renamed or session.ignored & _NEEDED:
            return False
        return self.options.hostsPipeConnect.matches(target.address, (target.host,))

    def _forecast(self, session: IClientSession) -> Forecast | None:
        assert self.memory is not None
        return self.memory.recall(session.target) if self._tried(session) else None

    def _learn(self, session: IClientSession, hello: Hello | None) -> None:
        assert self.memory is not None
        if not self._tried(session):
            return
        target, secured = session.target, session.secured is not None
        if hello is None:
            # Only where we talked early is that what it may not like.
            if session.early:
                self.memory.forget(target, secured)
        elif session.offered(CAPABILITY) and session.offered(PIPELINING):
            early = session.early and not session.forecastWrong
            self.memory.remember(target, secured, hello, early)
        else:
            self.memory.forget(target, secured)

    def _record(self, session: IClientSession) -> LogFields:
        # Exim writes it as part of PIPELINING's letter, and not where the host has
        # given it up meanwhile.
        talked = session.early and session.offered(CAPABILITY)
        return (("L*", True),) if talked else ()
