"""
PIPECONNECT (draft-harris-early-pipe): do not wait for the greeting.

Server.  A client on the host list may send EHLO, and what it wants to send behind
it, before it was greeted.  The replies are the same, in the same order.  Who may
is settled by the client's address, for the greeting comes before EHLO.  The
keyword stands directly behind PIPELINING in the EHLO response where
L{smtpx.extensions.standard} orders them, and is never there without it.

Client.  What a host answered to EHLO is remembered behind a port,
L{IHelloMemory}, and is the forecast for the next connection to it.  Without the
port, and for hosts that are not on the list, nothing is forecast and nothing is
remembered.  A forecast is never the reason for anything but speed: what may not be
said on the strength of a guess waits for the real response, in the core and in
the other extensions (C{session.guessed}).

What Exim called the keyword before 4.96 is understood and never sent: the
underscores are not legal in a keyword (RFC 5321 section 4.1.1.1), and there are
clients that then drop the whole response.
"""

from __future__ import annotations

from attrs import field, frozen
from zope.interface import Interface, implementer

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

CAPABILITY = Capability[bool](
    b"PIPECONNECT", KEYWORD, aliases=(b"PIPE_CONNECT", b"X_PIPE_CONNECT")
)


class IHelloMemory(Interface):
    """
    Where EHLO responses are remembered; the one port of this extension.  Its
    methods answer at once; a store that is locked or broken knows nothing.
    """

    def recall(target: Target) -> Forecast | None:
        """What C{target} said last, unless that was too long ago."""

    def remember(target: Target, secured: bool, hello: Hello) -> None:
        """
        Note what C{target} said.

        @param secured: did it say so under TLS?
        """

    def forget(target: Target) -> None:
        """C{target} no longer offers PIPECONNECT."""


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
    hostsPipeConnect: HostList = field(
        default=HostList(),
        metadata={
            "option": "hosts_pipe_connect",
            "help": "The servers to which we talk before they greet us, once they"
            " have shown that they know it.",
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
    """

    name = "PIPECONNECT"
    requires: tuple[str, ...] = ("PIPELINING",)
    settings = PipeConnectSettings

    def __init__(
        self,
        settings: PipeConnectSettings = PipeConnectSettings(),
        *,
        memory: IHelloMemory | None = None,
    ) -> None:
        self.options = settings
        self.memory = memory

    def configured(self, settings: PipeConnectSettings) -> PipeConnect:
        """See L{smtpx.core.interfaces.IExtension}."""
        return PipeConnect(settings, memory=self.memory)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, self._advertise)
        server.relax(self._relax)

    def _welcome(self, session: IServerSession) -> bool:
        hosts = self.options.pipeliningConnectAdvertiseHosts
        return hosts.matches(session.peer, clientNames(session))

    def _advertise(self, session: IServerSession) -> bool | None:
        return True if self._welcome(session) else None

    def _relax(self, session: IServerSession) -> SyncPoint:
        if self._welcome(session):
            return SyncPoint.GREETING | SyncPoint.EHLO
        return SyncPoint.NONE

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        if self.memory is not None:
            client.forecast(self._forecast)
            client.learn(self._learn)
            client.record(self._record)

    def _tried(self, target: Target) -> bool:
        return self.options.hostsPipeConnect.matches(target.address, (target.host,))

    def _forecast(self, target: Target) -> Forecast | None:
        assert self.memory is not None
        return self.memory.recall(target) if self._tried(target) else None

    def _learn(self, session: IClientSession, hello: Hello | None) -> None:
        assert self.memory is not None
        if not self._tried(session.target):
            return
        if hello is not None and session.offered(CAPABILITY):
            secured = session.secured is not None
            self.memory.remember(session.target, secured, hello)
        else:
            self.memory.forget(session.target)

    def _record(self, session: IClientSession) -> LogFields:
        # Exim writes it as part of PIPELINING's letter.
        return (("L*", True),) if session.early else ()
