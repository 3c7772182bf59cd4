"""
How a client connection begins: perhaps fast (RFC 7413), perhaps with TLS; and where
both are so, with a ClientHello that fits into the SYN.
"""

from __future__ import annotations

from attrs import evolve
from zope.interface import implementer

from ..core.client import ClientConnection
from ..core.effects import Awaited
from ..core.hooks import TLSInfo, TLSOptions
from .clientkit import ClientKit
from .clientwire import ClientWire
from .fastopen import IEarlySpeaker, Opened


@implementer(IEarlySpeaker)
class ClientOpening(ClientWire):
    """
    The beginning of a connection.

    @ivar core: the SMTP of it; L{None}: not connected yet.
    @ivar brokeTLS: did a TLS handshake fail?
    @ivar unopened: was it to be opened fast, and has not come about?
    @ivar anew: is a session from before not to be offered, whatever others have kept
        since one was found to be of no use?
    @ivar shortened: was the ClientHello cut down to fit into the SYN?
    """

    kit: ClientKit
    core: ClientConnection | None = None
    brokeTLS = False
    unopened = False
    anew = False
    shortened = False

    _address = b""
    _port = 0
    _opened = Opened.USUALLY
    _options: TLSOptions | None = None
    _handshaking = False

    @property
    def mistaken(self) -> bool:
        """Is the host not what it was expected to be, for all that is known?"""
        core = self.core
        if core is None:
            return False
        return core.forecastWrong or core.guessed or core.presumed

    @property
    def resuming(self) -> bool:
        """Did the last handshake offer a session from before?"""
        return self._options is not None and self._options.session is not None

    def _awaits(self) -> Awaited:
        """What is waited for now."""
        core = self.core
        if self._handshaking:
            # Where TLS begins with the connection, the core has not begun yet.
            return Awaited.HANDSHAKE
        return Awaited.NOTHING if core is None or core.over else core.awaited

    def connectionOpened(self, how: Opened) -> None:
        """The host has answered; what rode on the SYN is not heard again."""
        self.unopened, self._opened = False, how
        core, hosts = self.core, self.kit.fastOpen
        assert core is not None and hosts is not None
        said = core.early or self._handshaking
        hosts.opened(self._address, self._port, how, said)
        cut = getattr(self._connection, "cut", None)
        if cut is not None:
            hosts.learned(self._address, self._port, cut)

    def startTLS(self, options: TLSOptions) -> None:
        """Begin a handshake; its hello may be what rides on the SYN."""
        hosts, tls = self.kit.fastOpen, self.kit.tls
        room = getattr(self.transport, "room", None) if self.unopened else None
        if hosts is not None and room is not None:
            room = hosts.roomFor(self._address, self._port, room)
            share = hosts.shareFor(self._address, self._port)
            options = evolve(options, room=room, share=share)
        if self.anew:
            options = self._unresumed(options)
        self._options = options
        self._handshaking = True
        self.beginTLS(tls.creator(options), self.kit.reactor)
        if options.room is not None and self.transport is not None:
            connection = self.transport.getHandle()
            self.shortened = tls.shortened(connection)
            if tls.roomless(connection):
                self._options = self._unresumed(options)

    def _unresumed(self, options: TLSOptions) -> TLSOptions:
        """The same without a session, which may do for another connection."""
        assert self.core is not None, "it has asked for the handshake"
        self.core.sessions.giveBack()
        return evolve(options, session=None)

    def handshaken(self, info: TLSInfo) -> None:
        """
        The handshake is through.  Where a hello that was cut down took two of them,
        nothing was won; the next one is to have what the host asked for.
        """
        self._handshaking = False
        hosts, options = self.kit.fastOpen, self._options
        if not info.repeated or hosts is None:
            return
        assert options is not None, "it was begun with some"
        if options.share is None:
            hosts.wants(self._address, self._port, info.group)
        else:
            # It asks for one thing today and for another tomorrow.
            self._wantsWhole()

    def failedTLS(self) -> None:
        """The handshake has failed, perhaps for what was cut from the hello."""
        self.brokeTLS = True
        if self.shortened:
            self._wantsWhole()

    def _wantsWhole(self) -> None:
        hosts = self.kit.fastOpen
        if hosts is not None:
            hosts.learned(self._address, self._port, None)


__all__ = ["ClientOpening"]
