"""
TLS, as the shell sees it.
"""

from __future__ import annotations

from OpenSSL.SSL import Connection, Error
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from zope.interface import Attribute, Interface

from ..core.hooks import TLSInfo, TLSOptions
from ..core.tlssession import TLSSession
from .earlybanner import Words


class IServerTLS(Interface):
    """
    The server's certificates, and how they are offered.
    """

    ready: bool = Attribute("Is there a certificate to offer?")

    def creator(
        options: TLSOptions, words: Words | None = None
    ) -> IOpenSSLServerConnectionCreator:
        """
        For one handshake: goes into C{startTLS} or a C{TLSMemoryBIOFactory}.

        @param words: called once, where C{options} say that something may be said
            early, and it can be; L{None}: there is nothing to say.
        """

    def info(connection: Connection) -> TLSInfo:
        """What the handshake of C{connection}, now complete, came to."""

    def failure(connection: Connection, error: Error) -> str:
        """Why C{connection} ended, in words for the log."""


class IClientTLS(Interface):
    """The client's trust."""

    mark: bytes = Attribute(
        "Octets that tell this trust, and what is shown to servers, from any other; the"
        " same in another process."
    )

    def creator(options: TLSOptions) -> IOpenSSLClientConnectionCreator:
        """For one handshake."""

    def info(connection: Connection, options: TLSOptions) -> TLSInfo:
        """What the handshake of C{connection}, now complete, came to."""

    def shortened(connection: Connection) -> bool:
        """Was its ClientHello cut down, to fit into C{room} of the options?"""

    def roomless(connection: Connection) -> bool:
        """Would the session of its options have done, but for want of room?"""

    def session(
        connection: Connection, options: TLSOptions, info: TLSInfo, now: float
    ) -> TLSSession | None:
        """
        The session of C{connection}, to be resumed later; to be taken once something
        was read by it.

        @param options: those of the handshake.
        @param info: what that came to.
        @param now: seconds since the epoch.
        @return: the one that was resumed, where there is no newer one; L{None}: none.
        """
