"""
Who delivers for a client, and what a delivery says as a reply.

A delivery is an C{IMessageDelivery}, for the whole session, or comes from an
C{IMessageDeliveryFactory}, for each message.  Either is given to the factory, or is
the avatar of who has logged in; where there is neither, the portal is asked for the
avatar of anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.credentials import Anonymous
from twisted.cred.error import UnauthorizedLogin, UnhandledCredentials
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.mail.interfaces import IMessageDelivery, IMessageDeliveryFactory
from twisted.mail.smtp import (
    Address,
    AddressError,
    SMTPBadSender,
    SMTPServerError,
    User,
    quoteaddr,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from ...core.envelope import Envelope, Recipient, Stamp
from ...core.interfaces import IServerSession
from ...core.reply import BAD_SEQUENCE, LOCAL_ERROR, Reply
from ...net.answers import judgeOf
from ...net.interfaces import IPolicy
from ..policies import unlessRefused

#: C{validateTo}'s outcome: the recipient, and what makes a message for it.
Target = tuple[User, Callable[[], Any]]


def _ends(text: str) -> Any:
    raise ValueError("ends with the session")


#: Of a session: who delivers for it.
DESK = Stamp["Desk"]("twistedmail-desk", None, _ends)

#: Of an envelope: the sender, as C{validateFrom} gave it.
ORIGIN = Stamp[Any]("twistedmail-origin", None, _ends)

#: Of a recipient: where its copy goes.
TARGET = Stamp[Target]("twistedmail-target", None, _ends)

_log = Logger()


class Transport:
    """The connection, as far as deliveries may see it."""

    def __init__(self, session: IServerSession) -> None:
        self._session = session

    def getPeer(self) -> IPv4Address | IPv6Address | UNIXAddress:
        """The client's address."""
        return _address(self._session.peer, self._session.peerPort)

    def getHost(self) -> IPv4Address | IPv6Address | UNIXAddress:
        """Our address."""
        return _address(self._session.local, self._session.localPort)


class Desk:
    """
    A session's end of the matter; a delivery sees it as the protocol
    (C{User.protocol}).

    @ivar host: what the server calls itself.
    @ivar transport: the connection.
    @ivar portal: for those who log in; L{None}: nobody can.
    @ivar delivery: who delivers now; L{None}: nobody yet.
    @ivar deliveryFactory: who makes deliveries; L{None}: there is one delivery.
    @ivar authenticated: has the client logged in?
    """

    def __init__(
        self, session: IServerSession, delivery: object, portal: Portal | None
    ) -> None:
        self.host = session.name
        self.transport = Transport(session)
        self.portal = portal
        self._given = delivery
        self._session = session
        self._logout: Callable[[], object] | None = None
        self._begin()

    def _begin(self) -> None:
        """Nobody has logged in."""
        self.delivery: Any = None
        self.deliveryFactory: Any = None
        self.authenticated = False
        if self._given is not None:
            self._take(self._given)

    @property
    def helo(self) -> tuple[bytes | None, bytes]:
        """What the client called itself, and its address."""
        return self._session.helo, self._session.peer

    def _take(self, delivery: Any) -> None:
        makes = hasattr(delivery, "getMessageDelivery")
        self.deliveryFactory = delivery if makes else None
        self.delivery = None if makes else delivery

    def login(self, credentials: Any) -> Deferred[None]:
        """
        Have the avatar of C{credentials} deliver; fails as the portal does.
        """
        assert self.portal is not None
        avatar: Deferred[Any] = maybeDeferred(
            self.portal.login,
            credentials,
            None,
            IMessageDeliveryFactory,
            IMessageDelivery,
        )
        return avatar.addCallback(self._entered)

    def _entered(self, found: tuple[Any, Any, Callable[[], object]]) -> None:
        _, avatar, logout = found
        self.leave()
        self._take(avatar)
        self._logout = logout

    def leave(self) -> None:
        """The client is gone, or somebody else now."""
        logout, self._logout = self._logout, None
        if logout is not None:
            logout()

    def forMessage(self, origin: Address) -> Deferred[Any]:
        """
        Who delivers the next message.

        @return: fails with C{SMTPBadSender} where nobody does.
        """
        if self.authenticated and self._session.identity is None:
            # A login in the clear does not count under TLS (RFC 3207 section 4.2).
            self.leave()
            self._begin()
        if self.deliveryFactory is None and self.delivery is None:
            if self.portal is None:
                raise SMTPBadSender(origin)
            entered = self.login(Anonymous())
            entered.addErrback(_anonymous, origin)
        else:
            entered = succeed(None)
        return entered.addCallback(self._chosen)

    def _chosen(self, entered: None) -> Any:
        if self.deliveryFactory is None:
            return self.delivery
        made: Deferred[Any] = maybeDeferred(self.deliveryFactory.getMessageDelivery)

        def note(delivery: Any) -> Any:
            self.delivery = delivery
            return delivery

        return made.addCallback(note)


def _anonymous(failure: Failure, origin: Address) -> None:
    failure.trap(UnauthorizedLogin, UnhandledCredentials)
    if failure.check(UnhandledCredentials):
        raise SMTPBadSender(origin, resp="Unauthenticated senders not allowed")
    raise SMTPBadSender(origin)


def _address(host: bytes, port: int) -> IPv4Address | IPv6Address | UNIXAddress:
    if not host:
        return UNIXAddress(None)
    text = host.decode("ascii", "replace")
    return (IPv6Address if ":" in text else IPv4Address)("TCP", text, port)


def replyOf(code: int, text: str | bytes) -> Reply:
    """
    What a delivery says as a reply; 451 where it is no refusal.

    @param text: one line or several.
    """
    octets = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if not 400 <= code <= 599:
        return LOCAL_ERROR
    return Reply(code, None, tuple(octets.splitlines()), code == 421)


def refusalOf(failure: Failure, doing: str) -> Reply:
    """
    A failed validation as a reply.

    @param doing: what was to be done, for the log where that is at fault.
    """
    error: Any = failure.value
    if failure.check(SMTPBadSender):
        who = quoteaddr(error.addr)
        why = b"Cannot receive from specified address " + who + b": "
        resp = error.resp
        return replyOf(
            error.code, why + (resp.encode() if isinstance(resp, str) else resp)
        )
    if failure.check(SMTPServerError):
        return replyOf(error.code, error.resp)
    _log.failure("Trouble in a delivery: {doing}", failure, doing=doing)
    return LOCAL_ERROR


@implementer(IPolicy)
class DeliveryPolicy:
    """Asks a policy, and then C{validateFrom} and C{validateTo}."""

    def __init__(
        self, policy: IPolicy, delivery: object, portal: Portal | None
    ) -> None:
        """
        @param delivery: of all sessions; L{None}: whoever the portal gives.
        """
        self.mayConnect = policy.mayConnect
        self._maySend = policy.maySend
        self._mayReceive = policy.mayReceive
        self.mayDeliver = judgeOf(policy)
        self._delivery = delivery
        self._portal = portal

    def desk(self, session: IServerSession) -> Desk:
        """The desk of a session; made when first wanted."""
        found = session.stamps.get(DESK)
        if found is None:
            found = session.stamps[DESK] = Desk(session, self._delivery, self._portal)
        return found

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Deferred[Reply | None]:
        """See L{IPolicy}."""
        first = self._maySend(session, envelope)
        return unlessRefused(first, lambda: self._from(session, envelope))

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """See L{IPolicy}."""
        first = self._mayReceive(session, envelope, recipient)
        return unlessRefused(first, lambda: self._to(session, envelope, recipient))

    def _from(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | Deferred[Reply | None]:
        desk = self.desk(session)
        try:
            origin = Address(b"<" + envelope.sender + b">", desk.host)
        except AddressError as error:
            return replyOf(553, str(error))
        chosen = maybeDeferred(desk.forMessage, origin)
        chosen.addCallback(lambda delivery: delivery.validateFrom(desk.helo, origin))

        def note(validated: object) -> None:
            envelope.stamps[ORIGIN] = validated

        return _told(chosen.addCallback(note), "validateFrom")

    def _to(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | Deferred[Reply | None]:
        desk = self.desk(session)
        origin = envelope.stamp(ORIGIN)
        if not origin:
            return BAD_SEQUENCE
        try:
            path = b"<" + recipient.path + b">"
            user = User(path, desk.helo, desk, origin)
        except AddressError as error:
            return replyOf(553, str(error))
        validated = maybeDeferred(desk.delivery.validateTo, user)

        def note(target: Callable[[], Any]) -> None:
            recipient.stamps[TARGET] = (user, target)

        return _told(validated.addCallback(note), "validateTo")


def _told(validated: Deferred[Any], doing: str) -> Deferred[Reply | None]:
    def refused(failure: Failure) -> Any:
        if failure.check(CancelledError) or not failure.check(Exception):
            return failure  # nobody wants to know any more, or it is not for us
        return refusalOf(failure, doing)

    return validated.addErrback(refused)
