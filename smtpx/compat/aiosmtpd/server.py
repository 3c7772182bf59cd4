"""
What a handler's hooks get as C{server}.

It looks like aiosmtpd's C{SMTP}, as far as that is documented for hooks.  It does
not speak SMTP: that is L{smtpx.core}'s.
"""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_address
from typing import Any

from ...core.errors import Malformed, UsageError
from ...core.hooks import TLSInfo
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...sasl import decodeBase64
from .calls import HookCall
from .loops import HookLoop
from .options import Options
from .values import Envelope, ProxyHeader, Session, missing


class Transport:
    """
    The connection, as far as hooks may see it.

    @ivar closes: is it to be closed behind the next reply?
    """

    def __init__(self, session: IServerSession, judges: bool = False) -> None:
        """
        @param judges: see L{peerName}.
        """
        self._session = session
        self._judges = judges
        self.closes = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """
        As asyncio's; there are C{peername}, C{sockname} and, under TLS,
        C{cipher}.
        """
        return connectionInfo(self._session, self._judges).get(name, default)

    def close(self) -> None:
        """End the connection, behind the reply that is due."""
        self.closes = True

    abort = close

    def is_closing(self) -> bool:
        """Is the connection about to end?"""
        return self.closes


class SMTP:
    """
    One connection.

    @ivar hostname: what the server calls itself.
    @ivar event_handler: the handler.
    @ivar data_size_limit: the most octets of a message; L{None}: any.
    @ivar enable_SMTPUTF8: are addresses in UTF-8 taken?
    @ivar tls_context: the server's certificates; L{None}: there is no TLS.
    @ivar require_starttls: is nothing taken in the clear?
    @ivar loop: where hooks run.
    @ivar transport: the connection.
    @ivar session: the client.
    @ivar envelope: the transaction.
    @ivar call: the hook that runs; L{None}: none does.
    @ivar statuses: what the hook that runs, or the last one, has pushed.
    @ivar arriving: the pieces of the message that arrives.
    @ivar given: the parameters of the MAIL or RCPT in work.
    @ivar distrusted: did the handler dislike the handshake?
    @ivar tried: the name of the last login.
    @ivar used: how often each command was given, where that is limited.
    """

    def __init__(
        self,
        handler: object,
        options: Options,
        home: HookLoop,
        session: IServerSession,
        hostname: str,
    ) -> None:
        self.hostname = hostname
        self.event_handler = handler
        self.data_size_limit = options.data_size_limit
        self.enable_SMTPUTF8 = options.enable_SMTPUTF8
        self.tls_context = options.tls_context
        self.require_starttls = options.require_starttls
        self.loop = home.loop()
        self._judges = callable(getattr(handler, "handle_PROXY", None))
        self.transport = Transport(session, self._judges)
        self.call: HookCall | None = None
        self.statuses: list[object] = []
        self.arriving: list[bytes] = []
        self.given: list[str] = []
        self.distrusted = False
        self.tried: bytes | None = None
        self.used: dict[bytes, int] = {}
        self.meet(session)

    def meet(self, session: IServerSession) -> None:
        """The client is a stranger (again)."""
        self.session = Session(self.loop)
        self.session.peer = peerName(session, self._judges)
        if session.proxy is not None:
            self.session.proxy_data = proxyHeader(session)
        if session.secured is not None:
            self.session.ssl = connectionInfo(session, self._judges)
        self.envelope = Envelope()

    def greeted(self, session: IServerSession) -> None:
        """It has said EHLO or HELO."""
        self.session.peer = peerName(session, self._judges)

    async def push(self, status: str | bytes) -> None:
        """
        Say C{status}, a line of a reply or a whole one, before what the hook
        returns.

        @raise UsageError: no hook runs.
        """
        if self.call is None:
            raise UsageError("there is no command to answer: no hook runs")
        self.statuses.append(status)

    async def challenge_auth(
        self,
        challenge: str | bytes,
        encode_to_b64: bool = True,
        log_client_response: bool = False,
    ) -> Any:
        """
        Ask the client for something, while it logs in.

        @param challenge: what it is told behind C{334}.
        @param encode_to_b64: is C{challenge} to be put into base64?
        @param log_client_response: is heeded by nobody: credentials are not
            logged.
        @return: what it said, decoded; C{MISSING} where it cancelled or that
            cannot be decoded, of which it has been told.
        @raise UsageError: no hook runs.
        """
        if self.call is None:
            raise UsageError("there is nobody to ask: no hook runs")
        octets = challenge.encode() if isinstance(challenge, str) else challenge
        text = b64encode(octets) if encode_to_b64 else octets
        heard = await self.call.prompt(Reply(334, None, (text,)))
        if heard is None:
            await self.push("500 5.5.6 Authentication exchange line is too long")
        elif heard == b"*":
            await self.push("501 5.7.0 Authentication cancelled")
        else:
            try:
                return decodeBase64(heard)
            except Malformed:
                await self.push("501 5.5.2 Cannot decode base64")
        return missing()


def peerName(session: IServerSession, judges: bool) -> tuple[Any, ...] | str:
    """
    The client's address as asyncio has it, of four parts under IPv6.

    @param judges: does the handler say which proxies are good?  Then it is the
        proxy's, as in aiosmtpd, with 0 for its port: by that the handler knows a
        good one, and what a proxy says of its client is anybody's word until then.
    """
    if judges and session.proxy is not None:
        return _address(session.proxy, 0)
    return _address(session.peer, session.peerPort)


def _address(host: bytes, port: int) -> tuple[Any, ...] | str:
    if not host:
        return ""  # a Unix socket
    text = host.decode("ascii", "replace")
    return (text, port, 0, 0) if b":" in host else (text, port)


def proxyHeader(session: IServerSession) -> ProxyHeader:
    """What the proxy that brought the client has said of it."""
    return ProxyHeader(
        ip_address(session.peer.decode("ascii")) if session.peer else None,
        ip_address(session.local.decode("ascii")) if session.local else None,
        session.peerPort,
        session.localPort,
    )


def connectionInfo(session: IServerSession, judges: bool) -> dict[str, Any]:
    """
    What C{get_extra_info} knows of a connection.

    @param judges: see L{peerName}.
    """
    info: dict[str, Any] = {
        "peername": peerName(session, judges),
        "sockname": _address(session.local, session.localPort),
    }
    secured: TLSInfo | None = session.secured
    if secured is not None:
        info["cipher"] = (secured.cipher, secured.version, secured.bits)
        info["compression"] = None
    return info
