"""
A server factory from a delivery object of C{twisted.mail.smtp}.

Two lines move a program::

    from smtpx.compat.twistedmail import deliveryFactory
    factory = deliveryFactory(reactor, MyDelivery(), name=b"mx.example.org")

One thing differs beside the protocol: what goes wrong for no reason that the
delivery gives is 451, so that the client tries again, where Twisted has 550 in
places.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime

from ...core.bounds import Bounds
from ...core.dialogue import ServerDialogue
from ...core.errors import UsageError
from ...core.interfaces import IExtension, IServerSession
from ...extensions.chunking import Chunking
from ...extensions.eightbitmime import EightBitMIME
from ...extensions.limits import Limits
from ...extensions.pipelining import Pipelining
from ...extensions.size import Size
from ...extensions.starttls import StartTLS
from ...net.factory import Open, Silence, SMTPServerFactory
from ...net.interfaces import IJournal, IPolicy
from ..login import ForeignAuth
from .deliveries import DESK, DeliveryPolicy
from .journal import FarewellJournal
from .logins import Challengers, LogIn, exchange, logIn, namesOf
from .receiving import DeliveryReceiver

#: As Twisted has it (C{LineOnlyReceiver.MAX_LENGTH}), in octets.
LINE_OCTETS = 16_384


def deliveryFactory(
    reactor: IReactorTime,
    delivery: object = None,
    *,
    portal: Portal | None = None,
    challengers: Challengers | None = None,
    clearText: bool = False,
    extensions: Iterable[IExtension] | None = None,
    policy: IPolicy | None = None,
    bounds: Bounds | None = None,
    journal: IJournal | None = None,
    **more: Any,
) -> SMTPServerFactory:
    """
    Make a server of a delivery.

    @param delivery: an C{IMessageDelivery} or an C{IMessageDeliveryFactory};
        L{None}: whichever the portal has for who logs in, or for anybody.
    @param portal: for logins.
    @param challengers: what makes credentials, by name of the mechanism, as in
        C{smtp.ESMTP}; L{None}: nobody can log in.
    @param clearText: are logins offered and taken without TLS, as
        C{smtp.ESMTP} does?
    @param extensions: L{None}: those that change nothing for a delivery: no DSN,
        for nobody would send the reports, no BINARYMIME, for there are lines,
        and no SMTPUTF8, for C{smtp.Address} is ASCII.
    @param policy: asked before the delivery is.
    @param bounds: L{None}: the usual, and lines of at most L{LINE_OCTETS}.
    @param more: the other parameters of L{SMTPServerFactory}: C{name}, C{tls},
        C{implicitTLS} and so on.
    @raise UsageError: neither a delivery nor a portal, or challengers without one.
    """
    if delivery is None and portal is None:
        raise UsageError("there is nobody to deliver: give a delivery or a portal")
    if challengers and portal is None:
        raise UsageError("challengers need a portal to log in at")
    makers = namesOf(challengers or {})
    asked = DeliveryPolicy(Open() if policy is None else policy, delivery, portal)

    def login(
        session: IServerSession, mechanism: bytes, initial: bytes | None
    ) -> ServerDialogue:
        return exchange(makers[mechanism], asked.desk(session), session, initial)

    auth = ForeignAuth(tuple(makers), login, clearText=clearText)
    chosen = _suitable() if extensions is None else extensions
    return SMTPServerFactory(
        reactor,
        DeliveryReceiver(asked),
        extensions=[*chosen, auth],
        policy=asked,
        bounds=Bounds(textLineOctets=LINE_OCTETS) if bounds is None else bounds,
        answers={LogIn: logIn, **more.pop("answers", {})},
        journal=FarewellJournal(Silence() if journal is None else journal, _leave),
        **more,
    )


def _leave(session: IServerSession) -> None:
    desk = session.stamps.get(DESK)
    if desk is not None:
        desk.leave()


def _suitable() -> list[IExtension]:
    return [Size(), Limits(), EightBitMIME(), Pipelining(), Chunking(), StartTLS()]
