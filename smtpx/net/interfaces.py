"""
What a program gives to a server factory: a receiver of messages, a policy, and
answers to the questions of extensions.

All of these may answer at once or by a Deferred.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from zope.interface import Attribute, Interface

from ..core.bounds import BareLines
from ..core.client import ClientConnection
from ..core.effects import IServerPort
from ..core.envelope import Envelope, Recipient
from ..core.hooks import Forecast, RoutePolicy, Target
from ..core.interfaces import IServerSession
from ..core.profile import ClientProfile, ServerProfile
from ..core.reply import Reply
from ..core.server import ServerConnection
from .dialling import Dial
from .ends import Ends

#: What became of a message, now or later: one reply for all, or one a recipient.
Taken = (
    Reply | tuple[Reply, ...] | Deferred[Reply] | Deferred[Reply | tuple[Reply, ...]]
)


class IArrival(IConsumer):
    """
    One message that is arriving.  C{write} takes the body piece by piece, with
    CRLF line ends and without stuffed dots.  To push back, pause the streaming
    producer that was registered: the peer's sending stalls.

    An arrival may have attributes C{id}, the spool's id of it, and C{reread}, which
    gives what there is of it so far, from the start, piece by piece: where it goes on
    with what was cut short (CHECKPOINT), that did not come by C{write}.
    """

    def finish(session: IServerSession, envelope: Envelope) -> Taken:
        """
        The body is whole.

        @return: what the peer is told: a reply for all; or, where
            C{session.tellEach} is set (LMTP, PRDR), one for each of the envelope's
            recipients.  A 2yz takes over responsibility (RFC 5321 section 6.1), so
            answer it when the message is on the disk.
        """

    def abort() -> None:
        """The message will not be finished: the peer left, or it was refused."""


class IReceiver(Interface):
    """Where messages go."""

    def begin(session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """
        A body is about to come.

        @return: where to write it, or a refusal (4yz or 5yz).
        """


class IPolicy(Interface):
    """
    Who may connect, send and receive.  Each answers L{None} for "no objection",
    a 4yz or 5yz reply to refuse, or a Deferred of either.  Asked for each
    command once the core has found nothing wrong with it.

    A policy may have an attribute C{bearsRepeats}.  If it is true, C{maySend} and
    C{mayReceive} are also asked for clients that are not proven to be where they seem
    to be, for a packet may be the recording of one (TCP Fast Open): that opens no
    connections, and counts against nobody.  Otherwise they are asked when it is proven.
    """

    def mayConnect(
        session: IServerSession,
    ) -> Reply | None | Deferred[Reply | None]:
        """A client connected."""

    def maySend(
        session: IServerSession, envelope: Envelope
    ) -> Reply | None | Deferred[Reply | None]:
        """MAIL."""

    def mayReceive(
        session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """RCPT; C{recipient} is not yet among the envelope's."""


class IDeliveryPolicy(IPolicy):
    """
    A policy that has a say for each recipient, once the message is there.  Any
    policy may have this method as well; it is looked for once, when a server is
    made.
    """

    def mayDeliver(
        session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """
        The message is there, and was not taken yet: may this recipient, who is among
        the envelope's, have it?  C{envelope.octets} is its size.

        Where the client can be told of each recipient (C{session.tellEach}), one who
        is refused does not get it.  Where it cannot, the message is refused if
        everybody is, and goes to all if somebody gets it.
        """


class IJournal(Interface):
    """
    Told what happens in a server; C{smtpx.observe} has those that write logs.
    Methods must not raise.
    """

    enabled: bool = Attribute("Is anybody listening?")

    def connected(session: IServerSession) -> None:
        """A connection was made."""

    def refused(session: IServerSession, command: bytes, answer: Reply) -> None:
        """A command was refused; C{command} is without credentials."""

    def accepted(
        session: IServerSession, envelope: Envelope, messageID: str, answer: Reply
    ) -> None:
        """
        A message was taken; called before the session forgets it.

        @param messageID: the spool's id of it; empty: it was not spooled.
        """

    def secured(session: IServerSession) -> None:
        """A TLS handshake is complete."""

    def authenticated(session: IServerSession, mechanism: str, good: bool) -> None:
        """A login succeeded or failed."""

    def trouble(session: IServerSession, owner: str, error: BaseException) -> None:
        """An exception came out of an extension or policy."""

    def closed(session: IServerSession, why: str) -> None:
        """The connection is gone."""

    def turnedAway(peer: bytes, port: int, answer: Reply) -> None:
        """
        A connection was not let in, since there are too many.  It may be told of
        any number of them.

        @param peer: where it came from.
        @param port: and its port; 0: not known.
        @param answer: what it is told, if it is told anything.
        """

    def proxyRefused(ends: Ends, why: str) -> None:
        """
        A connection was ended because of a PROXY header: it was not whole in
        time, it was none, or it came from somebody who is no listed proxy.

        @param ends: of the real connection.
        """


class IClientTracer(Interface):
    """
    Makes the cores of connections to servers, some of which it records.  Methods
    must not raise.
    """

    def client(
        profile: ClientProfile,
        target: Target,
        policy: RoutePolicy,
        forecast: Forecast | None,
        bareLines: BareLines,
        ignored: frozenset[bytes],
    ) -> ClientConnection:
        """The core of a new connection; see L{ClientConnection}."""

    def clientDials(
        host: bytes, address: bytes, port: int, what: Dial, why: str
    ) -> None:
        """
        An address of a host is connected to, or was not.

        @param what: what becomes of it.
        @param why: it failed; empty: it did not.
        """

    def clientEnded(
        core: ClientConnection, source: tuple[bytes, int] | None, why: str
    ) -> None:
        """
        A connection is gone.

        @param core: of any connection, whether it was recorded or not.
        @param source: our address and port of it; L{None}: not known.
        @param why: what the transport says of it.
        """


class ITracer(Interface):
    """
    Makes the cores of connections, some of which it records.  Methods must not
    raise.
    """

    def connection(
        profile: ServerProfile, port: IServerPort, peer: bytes, peerPort: int
    ) -> ServerConnection:
        """
        The core of a new connection.

        @param peer: the client's address, whoever brings it.
        """

    def ended(core: ServerConnection, why: str) -> None:
        """
        A connection is gone.

        @param core: of any connection, whether it was recorded or not.
        @param why: what the transport says of it.
        """
