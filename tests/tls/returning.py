"""
A client that comes again, for tests of sessions that are resumed.
"""

from __future__ import annotations

from OpenSSL import SSL

from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.tls.contexts import ServerTLS

from .joined import accepting, bare, shake, tell

#: What a listener says for clients that may resume sessions.
TICKETS = TLSOptions(tickets=True)

#: What sessions are resumed in.
VERSIONS = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)


class Returning:
    """
    A client that keeps its session.

    @ivar context: how it makes handshakes.
    @ivar session: the one that it offers; L{None}: none.
    @ivar connection: the one of the last visit.
    @ivar server: the other side of it.
    """

    def __init__(
        self, version: int = SSL.TLS1_3_VERSION, context: SSL.Context | None = None
    ) -> None:
        """
        @param version: the newest that it speaks.
        @param context: L{None}: it trusts everybody.
        """
        self.context = context or SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.context.set_max_proto_version(version)
        self.session: SSL.Session | None = None

    def visit(
        self,
        tls: ServerTLS,
        options: TLSOptions = TICKETS,
        name: bytes | None = None,
        keep: bool = True,
    ) -> TLSInfo:
        """
        Come, read something, and go.

        @param options: the server's.
        @param name: whom it asks for.
        @param keep: does it keep the session for the next visit?
        @return: what the server has to say of it.
        """
        client, server = bare(self.context), accepting(tls, options)
        self.connection, self.server = client, server
        if name is not None:
            client.set_tlsext_host_name(name)
        if self.session is not None:
            client.set_session(self.session)
        shake(server, client)
        info = tls.info(server)
        assert tell(server, client, b"220\r\n") == b"220\r\n"
        # Without that OpenSSL resumes none of its own.
        client.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)
        if keep:
            self.session = client.get_session()
        return info


__all__ = ["TICKETS", "VERSIONS", "Returning"]
