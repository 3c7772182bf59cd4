"""
PRDR (draft-hall-prdr-00, expired; Exim has it): a reply for each recipient, in SMTP.

Whom the content of a message offends is known when all of it is there, and may be some
of the recipients only.  Who has asked for it with the parameter C{PRDR} of MAIL is
told of each::

    C: MAIL FROM:<ann@example.org> PRDR
    S: 250 OK
       (RCPT for two, DATA or BDAT, and the message)
    S: 353 One reply a recipient follows
    S: 250 Taken
    S: 550 Too big for this mailbox
    S: 250 Taken

The 3yz announces replies in the order of those recipients that were accepted; the one
behind them is for the message.  Where all would be told the same, that is said once,
without a 353.

Server.  Who refuses recipients so late is the policy's business
(C{smtpx.net.interfaces.IDeliveryPolicy}).  The keyword is offered to nobody unless the
operator says so, as in Exim.

Client.  The parameter goes to hosts that offer it, where there are two recipients at
least.  A refusal of one is that one's, whatever the last reply says; for all others
the last one counts: before it has come, nobody has got anything.

In LMTP, which has a reply for each recipient by itself, there is no PRDR.
"""

from __future__ import annotations

from attrs import field, frozen
from zope.interface import implementer

from ..core.envelope import Bearer, Envelope, Stamp
from ..core.grammar import FLAG, KEYWORD
from ..core.hooks import Capability, Dialect, LogFields, Parameter, Where
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
from ..core.reply import UNKNOWN_PARAMETER, Reply, reply

CAPABILITY = Capability[bool](b"PRDR", KEYWORD)

#: Has the client asked for it in this transaction?
_WANTED = Stamp[bool]("prdr-wanted", None, bool)

#: On a client's session: was the last message sent with it, and has the host made use
#: of that?
_ASKED = Stamp[bool]("prdr-asked", None, bool)
_ANSWERED = Stamp[bool]("prdr-answered", None, bool)

_FOLLOW = Reply(353, None, (b"One reply a recipient follows",))
_NOBODY_NOW = reply(450, "4.5.0", b"Nobody takes the message now")
_NOBODY = reply(550, "5.5.0", b"Nobody takes the message")


@frozen
class PRDRSettings:
    """What an operator may set of PRDR."""

    prdrEnable: HostList = field(
        default=HostList(),
        metadata={
            "option": "prdr_enable",
            "help": "The clients that are offered it.",
        },
    )
    hostsTryPRDR: HostList = field(
        default=HostList.parse(["*"]),
        metadata={
            "option": "hosts_try_prdr",
            "help": "The servers that are asked for it, where they offer it and a"
            " message has two recipients at least.",
        },
    )


class IPRDR(IServerExtension, IClientExtension):
    """PRDR (draft-hall-prdr-00)."""


@implementer(IPRDR)
class PRDR:
    """
    The PRDR extension.

    @ivar options: the settings.
    """

    name = "PRDR"
    requires: tuple[str, ...] = ()
    settings = PRDRSettings

    def __init__(self, settings: PRDRSettings = PRDRSettings()) -> None:
        self.options = settings
        self._parameter = Parameter[bool](
            b"PRDR", Where.MAIL, FLAG, self._receive, self._send
        )

    def configured(self, settings: PRDRSettings) -> PRDR:
        """See L{smtpx.core.interfaces.IExtension}."""
        return PRDR(settings)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, self._advertise)
        server.parameter(self._parameter)
        server.record(self._noteWanted, of=(_WANTED,))

    def _welcome(self, session: IServerSession) -> bool:
        hosts = self.options.prdrEnable
        return session.dialect is Dialect.SMTP and hosts.matches(
            session.peer, clientNames(session)
        )

    def _advertise(self, session: IServerSession) -> bool | None:
        return True if self._welcome(session) else None

    def _receive(
        self, session: IServerSession, bearer: Bearer, flag: bool
    ) -> Reply | None:
        if not self._welcome(session):
            return UNKNOWN_PARAMETER
        bearer.stamps[_WANTED] = True
        session.tellEach = framed
        return None

    def _noteWanted(self, session: IServerSession) -> LogFields:
        envelope = session.envelope
        if envelope is not None and envelope.stamp(_WANTED):
            return (("PRDR", True),)
        return ()

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self._parameter, under=CAPABILITY)
        client.announce(self._announces)
        client.record(when(self._noteAnswered, offers=CAPABILITY))

    def _send(self, session: IClientSession, bearer: Bearer) -> bool | None:
        target = session.target
        asks = (
            isinstance(bearer, Envelope)
            and len(bearer.recipients) > 1
            and target.dialect is Dialect.SMTP
            and self.options.hostsTryPRDR.matches(target.address, (target.host,))
        )
        session.stamps[_ASKED] = asks
        session.stamps[_ANSWERED] = False
        return True if asks else None

    def _announces(self, session: IClientSession, said: Reply) -> bool:
        asked = session.stamps.get(_ASKED) is True
        session.stamps[_ANSWERED] = asked and said.code == _FOLLOW.code
        return session.stamps[_ANSWERED]

    def _noteAnswered(self, session: IClientSession) -> LogFields:
        return (("PRDR", True),) if session.stamps.get(_ANSWERED) else ()


def framed(replies: tuple[Reply, ...]) -> tuple[Reply, ...]:
    """
    What the client is told of replies one a recipient: one, where all are the same,
    or a 353, each of them, and one for the message.

    @param replies: one at least.
    """
    first = replies[0]
    if all(each == first for each in replies):
        return (first,)
    taken = [each for each in replies if not each.refuses]
    if taken:
        return (_FOLLOW, *replies, taken[0])
    # For good only if it is so for all: clients of this kind take it for everybody's.
    later = any(not each.permanent for each in replies)
    return (_FOLLOW, *replies, _NOBODY_NOW if later else _NOBODY)


__all__ = ["CAPABILITY", "IPRDR", "PRDR", "PRDRSettings", "framed"]
