"""
EARLYBANNER: who is greeted with the first flight of a TLS handshake.

It has no keyword.  Where TLS begins with the connection (RFC 8314), a server may write
as soon as it has answered the ClientHello, before the client has finished the
handshake (RFC 8446 section 4.4.4).  A client that waits for the greeting then has it a
round trip earlier.  Clients that talk early anyway (PIPECONNECT) win nothing by it.

Whoever is in the host list is greeted so; the option is named as in Exim.  The
greeting is judged before the handshake then, when there is nothing to be seen of TLS
yet.  Where that is not done at once, or a certificate is asked of the client, or it has
no TLS 1.3, the greeting leaves behind the handshake, as ever.
"""

from __future__ import annotations

from attrs import evolve, field, frozen
from zope.interface import implementer

from ..core.hooks import TLSOptions
from ..core.hostlist import HostList, clientNames
from ..core.interfaces import IServerBuilder, IServerExtension, IServerSession


@frozen
class EarlyBannerSettings:
    """What an operator may set of early greetings."""

    tlsEarlyBannerHosts: HostList = field(
        factory=HostList,
        metadata={
            "option": "tls_early_banner_hosts",
            "help": "The clients that are greeted with the first flight of the"
            " handshake, where TLS begins with the connection.",
        },
    )


class IEarlyBanner(IServerExtension):
    """Early greetings."""


@implementer(IEarlyBanner)
class EarlyBanner:
    """
    The EARLYBANNER extension.

    @ivar options: the settings.
    """

    name = "EARLYBANNER"
    requires: tuple[str, ...] = ()
    settings = EarlyBannerSettings

    def __init__(self, settings: EarlyBannerSettings = EarlyBannerSettings()) -> None:
        self.options = settings

    def configured(self, settings: EarlyBannerSettings) -> EarlyBanner:
        """See L{smtpx.core.interfaces.IExtension}."""
        return EarlyBanner(settings)

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.tls(self._tune)

    def _tune(self, session: IServerSession, options: TLSOptions) -> TLSOptions:
        hosts = self.options.tlsEarlyBannerHosts
        if not hosts.matches(session.peer, clientNames(session)):
            return options
        return evolve(options, early=True)
