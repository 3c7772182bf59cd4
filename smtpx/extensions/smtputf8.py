"""
SMTPUTF8 (RFC 6531): internationalised addresses and headers.

The parameter on MAIL sets a fact of the core, C{session.utf8Addresses}; with it
the core takes UTF-8 in the addresses of this transaction and writes C{UTF8SMTP}
into the Received field (RFC 6531 section 4.3).  Without it, a non-ASCII address
is refused with X.6.7.

The client says it of what was declared so, and of any address that is not ASCII.  To
a host without the keyword goes what does not need it (section 3.2): a message whose
header fields are ASCII at all levels, to recipients whose addresses are, from a
sender whose address is.  The others are told 5.6.7, or 5.6.9 where it is the header,
if no host of the domain has it.

The note on the envelope is critical: a message that may have UTF-8 in its header
must not go to a host that lacks the keyword (section 3.2), not even after this
extension was switched off.  So the queue keeps such a message rather than sends
it.
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.dialogue import Transformation, flow
from ..core.envelope import Bearer, Envelope, Stamp, dumpFlag, loadFlag
from ..core.grammar import FLAG, KEYWORD
from ..core.hooks import Capability, Parameter, Refusal, Scope, Where
from ..core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
    Transform,
)
from ..core.occasion import when
from ..core.reply import Reply, reply
from ..mime import InternationalHeader

#: Section 3.1 item 3: no parameters are sent, and a peer's are ignored.
CAPABILITY = Capability[bool](b"SMTPUTF8", KEYWORD)

#: Envelope or header of this message may have UTF-8.
UTF8 = Stamp[bool]("smtputf8", dumpFlag, loadFlag, critical=True)

_SENDER = reply(550, "5.6.7", b"Next host lacks SMTPUTF8 for the sender's address")
_RECIPIENT = reply(553, "5.6.7", b"Next host lacks SMTPUTF8 for this address")
_HEADER = reply(550, "5.6.9", b"Next host lacks SMTPUTF8 for the message's header")


def _receive(session: IServerSession, bearer: Bearer, flag: bool) -> Reply | None:
    bearer.stamps[UTF8] = True
    session.utf8Addresses = True
    return None


def _send(session: IClientSession, bearer: Bearer) -> bool | None:
    assert isinstance(bearer, Envelope)
    declared = bearer.stamp(UTF8)
    # Section 3.4: "MUST supply" it, whoever has forgotten to note it.
    addresses = bearer.sender, *(each.path for each in bearer.recipients)
    return declared or not all(address.isascii() for address in addresses) or None


#: The flag on MAIL (section 3.4).
PARAMETER = Parameter[bool](
    b"SMTPUTF8", Where.MAIL, FLAG, _receive, _send, foreign=(UTF8,)
)


def _receiveQuery(session: IServerSession, bearer: Bearer, flag: bool) -> Reply | None:
    # It is about the replies to this one command (section 3.7.4.2), and the core
    # names nobody in those.
    return None


def _sendQuery(session: IClientSession, bearer: Bearer) -> bool | None:
    return None


#: The flag on VRFY and EXPN (section 3.7.4.2).
QUERIES = tuple(
    Parameter[bool](b"SMTPUTF8", where, FLAG, _receiveQuery, _sendQuery)
    for where in (Where.VRFY, Where.EXPN)
)


def _inASCII(envelope: Envelope, body: IBody) -> Transformation:
    """A message as it is, if all header fields of it are ASCII."""
    header = InternationalHeader()
    for piece in body.pieces():
        header.feed(piece)
        yield from flow()
    header.end()
    return Refusal(_HEADER, Scope.HOST) if header.found else body


class ISMTPUTF8(IServerExtension, IClientExtension, IQueueExtension):
    """SMTPUTF8 (RFC 6531)."""


@implementer(ISMTPUTF8)
class SMTPUTF8:
    """The SMTPUTF8 extension.  It has no options."""

    name = "SMTPUTF8"
    #: Section 3.1 item 8.
    requires: tuple[str, ...] = ("8BITMIME",)
    settings = None

    def configured(self, settings: object) -> SMTPUTF8:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, lambda session: True)
        server.parameter(PARAMETER)
        for parameter in QUERIES:
            server.parameter(parameter)

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(PARAMETER, under=CAPABILITY)
        client.admit(when(self._admit, lacks=CAPABILITY, foreign=True))
        client.transform(when(self._transform, lacks=CAPABILITY, of=(UTF8,)))

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        if not envelope.sender.isascii():
            return Refusal(_SENDER, Scope.HOST)
        held = tuple(each for each in envelope.recipients if not each.path.isascii())
        return Refusal(_RECIPIENT, Scope.HOST, held) if held else None

    def _transform(
        self, session: IClientSession, envelope: Envelope
    ) -> Transform | None:
        return _inASCII

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(UTF8)
