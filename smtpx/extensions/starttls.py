"""
STARTTLS (RFC 3207): TLS on a connection that began in the clear.

Server.  The keyword stands in the EHLO response while there is a certificate and
no TLS yet.  The verb is C{alone}: where anything stands behind it in the clear,
somebody may have put it there to have it obeyed under TLS (CVE-2011-0411), so
the core answers 554 and ends the connection.  After the handshake all that the
client said before is forgotten (section 4.2).

Client.  TLS is begun wherever it is offered, unless the route is UNWANTED; a
route that has to be encrypted is given up where it is not.  A forecast never
decides against TLS: if it lacks the keyword, the real EHLO response is waited
for, so that no MAIL leaves in the clear on the strength of a guess.
"""

from __future__ import annotations

from attrs import field, frozen
from zope.interface import implementer

from ..core.dialogue import ClientDialogue, ServerDialogue, Step, secure, send, sync
from ..core.grammar import KEYWORD
from ..core.hooks import Capability, Phase, TLSLevel, Verb
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.reply import BAD_ARGUMENT, BAD_SEQUENCE, Reply, reply

CAPABILITY = Capability[bool](b"STARTTLS", KEYWORD)

_GO_AHEAD = reply(220, "2.0.0", b"Ready to start TLS")
_NOT_NOW = reply(454, "4.7.0", b"TLS not available due to temporary reason")
_FIRST = reply(530, "5.7.0", b"Must issue a STARTTLS command first")

#: RFC 3207 section 4: the only commands of a client that has to begin TLS.
_FREE = frozenset({b"NOOP", b"EHLO", b"LHLO", b"STARTTLS", b"QUIT"})


@frozen
class StartTLSSettings:
    """What an operator may set of STARTTLS."""

    demanded: bool = field(
        default=False,
        metadata={
            "help": "Take no mail in the clear: every command but NOOP, EHLO,"
            " STARTTLS and QUIT is refused before TLS.  Not for a server that"
            " receives mail from the Internet (RFC 3207 section 4)."
        },
    )


class IStartTLS(IServerExtension, IClientExtension):
    """STARTTLS (RFC 3207)."""


@implementer(IStartTLS)
class StartTLS:
    """
    The STARTTLS extension.

    @ivar options: the settings.
    """

    name = "STARTTLS"
    requires: tuple[str, ...] = ()
    settings = StartTLSSettings

    def __init__(self, settings: StartTLSSettings = StartTLSSettings()) -> None:
        self.options = settings

    def configured(self, settings: StartTLSSettings) -> StartTLS:
        """See L{smtpx.core.interfaces.IExtension}."""
        return StartTLS(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, self._advertise)
        server.verb(
            Verb(
                b"STARTTLS",
                self._startTLS,
                alone=True,
                last=True,
                help=b"STARTTLS",
            )
        )
        if self.options.demanded:
            server.gate(self._demand)

    def _advertise(self, session: IServerSession) -> bool | None:
        return True if session.tlsReady and session.secured is None else None

    def _demand(self, session: IServerSession, verb: bytes) -> Reply | None:
        if session.secured is not None or verb in _FREE:
            return None
        return _FIRST

    def _startTLS(self, session: IServerSession, rest: bytes) -> Reply | ServerDialogue:
        if rest:
            return BAD_ARGUMENT
        if session.secured is not None or not session.extended:
            return BAD_SEQUENCE
        if not session.tlsReady:
            return _NOT_NOW
        return self._upgrade(session)

    def _upgrade(self, session: IServerSession) -> ServerDialogue:
        yield from secure(before=_GO_AHEAD)
        session.forget()
        return None

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.step(Phase.SECURE, self._step)

    def _step(self, session: IClientSession) -> ClientDialogue | None:
        if session.secured is not None or session.policy.tls is TLSLevel.UNWANTED:
            return None
        return self._begin(session)

    def _begin(self, session: IClientSession) -> ClientDialogue:
        if not session.offered(CAPABILITY):
            # No MAIL in the clear on the strength of a guess.
            yield from sync()
        # The core would refuse the route in the end; but AUTH comes before that.
        insists = session.policy.tls >= TLSLevel.ENCRYPTED
        inClear = Step.GIVE_UP if insists else Step.DONE
        if not session.offered(CAPABILITY):
            return inClear
        go = yield from send(b"STARTTLS")
        if go.code != 220:
            return inClear
        yield from secure()
        return Step.GREET_AGAIN
