"""
Finds out who sent a message: asks what SPF, DKIM, ARC and DMARC have to say of it.

What is found out begins as early as it can, so that the client waits for as little of
it as can be:

=================  ===============================================================
with MAIL          SPF of the sender, and the client's name
with the header    the keys of all signatures, and the policy of the domain in From
with the body      its hashes, piece by piece as it comes
behind the body    what DMARC makes of all of it
=================  ===============================================================

L{Authentication} is made once; an L{Inquiry} is one transaction's.  A check that goes
wrong does not stop a message: it comes to C{temperror}, and the operator is told.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from ipaddress import ip_address

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..core.envelope import Envelope, Stamp
from ..core.interfaces import IServerSession
from ..core.trace import LOCAL
from ..dns.interfaces import IResolver
from ..mailauth.spfquery import Outcome
from .chain import Trouble
from .inquiry import METHODS, Inquiry, Means, Terms
from .verdicts import IVerdicts, IWitness, Verdicts

#: What is found out if nobody says otherwise.
USUAL = Terms()

#: Of a transaction: what is found out of it.  L{None}: nothing is.
INQUIRY = Stamp[Inquiry | None]("authentication.inquiry", None, lambda text: None)


def everybody(session: IServerSession) -> bool:
    """All clients are looked at."""
    return True


def drawn() -> int:
    """A number from 0 to 99, drawn for a message."""
    return random.randrange(100)


@implementer(IVerdicts)
class Authentication:
    """
    Finds things out.

    @ivar name: who says so (the authserv-id of RFC 8601 section 2.5).
    """

    def __init__(
        self,
        resolver: IResolver,
        clock: IReactorTime,
        trouble: Trouble,
        name: bytes,
        terms: Terms = USUAL,
        wanted: Callable[[IServerSession], bool] = everybody,
        witnesses: Collection[IWitness] = (),
        lot: Callable[[], int] = drawn,
    ) -> None:
        """
        @param trouble: told of checks that go wrong.
        @param wanted: is a client looked at?  It need not say so of clients that have
            no address, or of users of this machine, who are not.
        @param witnesses: told of each message.
        @param lot: from 0 to 99, drawn for each message (C{pct} of RFC 7489).
        """
        self.name = name
        self.methods = terms.methods
        self.trouble = trouble
        self.witnesses = tuple(witnesses)
        self._means = Means(resolver, clock, trouble, name, terms, lot)
        self._wanted = wanted

    def checks(self, session: IServerSession) -> bool:
        """See L{IVerdicts}."""
        peer = session.peer
        if session.mechanism == LOCAL:
            return False
        try:
            ip_address(peer.decode("ascii"))
        except ValueError:
            return False
        return self._wanted(session)

    def inquiry(self, session: IServerSession, envelope: Envelope) -> Inquiry | None:
        """
        What is found out in a transaction.

        @return: L{None}: nothing is.
        """
        stamps = envelope.stamps
        if INQUIRY not in stamps:
            checks = self.checks(session)
            stamps[INQUIRY] = (
                Inquiry(self._means, session, envelope) if checks else None
            )
        return stamps[INQUIRY]

    def taken(self, envelope: Envelope) -> None:
        """A transaction has come to its end, and what is known of it is not kept."""
        if envelope.stamp(INQUIRY) is not None:
            del envelope.stamps[INQUIRY]

    def tell(
        self,
        session: IServerSession,
        envelope: Envelope,
        verdicts: Verdicts,
        id: str | None,
    ) -> None:
        """Tell all witnesses of a message (L{IWitness})."""
        for each in self.witnesses:
            try:
                each.concluded(session, envelope, verdicts, id)
            except Exception as error:
                self.trouble(session, type(each).__name__, error)

    # --- who asks -------------------------------------------------------------------

    def spf(
        self, session: IServerSession, envelope: Envelope
    ) -> Deferred[Outcome | None]:
        """See L{IVerdicts}."""
        inquiry = self.inquiry(session, envelope)
        return succeed(None) if inquiry is None else inquiry.spf()

    def guess(
        self, session: IServerSession, envelope: Envelope
    ) -> Deferred[Outcome | None]:
        """See L{IVerdicts}."""
        inquiry = self.inquiry(session, envelope)
        return succeed(None) if inquiry is None else inquiry.guess()

    def message(
        self, session: IServerSession, envelope: Envelope
    ) -> Deferred[Verdicts | None]:
        """See L{IVerdicts}."""
        inquiry = self.inquiry(session, envelope)
        if inquiry is None:
            return succeed(None)
        return inquiry.message().addCallback(_anyway)


def _anyway(verdicts: Verdicts) -> Verdicts | None:
    return verdicts


__all__ = ["INQUIRY", "METHODS", "Authentication", "Terms", "everybody"]
