"""
SIZE (RFC 1870): the message's size is declared, and bounded.

The server names the largest message it takes, and refuses a larger one when MAIL
declares it, before a body is sent for nothing.  The client declares the size,
and does not offer a host what that host has said it won't take.

The bound itself is the core's (C{Bounds.messageOctets}), which holds for what
really arrives, whatever was declared; here it is only told.
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.envelope import Bearer, Envelope
from ..core.grammar import DECIMAL, Grammar
from ..core.hooks import Capability, Parameter, Refusal, Scope, Where
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.occasion import when
from ..core.reply import Reply, reply

TOO_BIG = reply(552, "5.3.4", b"Message size exceeds fixed maximum message size")


def _parseLimit(raw: bytes | None) -> int:
    return DECIMAL.parse(raw) if raw else 0


def _renderLimit(limit: int) -> bytes | None:
    return DECIMAL.render(limit) if limit else None


#: The largest message that is taken, in octets.  0 stands for "no fixed maximum",
#: which RFC 1870 section 4 also spells by the keyword alone.
CAPABILITY = Capability[int](b"SIZE", Grammar(_parseLimit, _renderLimit))


def _receive(session: IServerSession, bearer: Bearer, declared: int) -> Reply | None:
    limit = session.messageOctets
    return TOO_BIG if limit is not None and declared > limit else None


def _send(session: IClientSession, bearer: Bearer) -> int | None:
    assert isinstance(bearer, Envelope)
    # 0 is a size that nobody has counted.
    return bearer.octets or None


#: C{SIZE=1*20DIGIT} on MAIL: the declared size, in octets.
PARAMETER = Parameter[int](b"SIZE", Where.MAIL, DECIMAL, _receive, _send)


class ISize(IServerExtension, IClientExtension):
    """SIZE (RFC 1870)."""


@implementer(ISize)
class Size:
    """The SIZE extension.  It has no options; the limit is the core's."""

    name = "SIZE"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> Size:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: session.messageOctets or 0)
        server.parameter(PARAMETER)

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(PARAMETER, under=CAPABILITY)
        client.admit(when(self._admit, offers=CAPABILITY))

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        limit = session.offered(CAPABILITY)
        if limit and envelope.octets > limit:
            return Refusal(TOO_BIG, Scope.HOST)
        return None
