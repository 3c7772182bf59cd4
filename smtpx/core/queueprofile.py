"""
The profile of the queue: what outlives a session, resolved once.

The queue, the router and the reporter ask it; see L{smtpx.core.profile} for the
profiles of servers and clients.

Some stamps are the house's own, of no extension: L{ORIGIN}, L{EXPANDED} and
L{DISCARDED}, by which an alias leaves word of what it did, L{REFUSED}, for a message
that was taken before it was known who may get it, L{QUARANTINED}, for one on hold that
may do harm, and L{NOT_BEFORE}, for one that is to wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, TypeVar

from attrs import define, field
from zope.interface import implementer

from .claims import Register, apt, occasions, owned
from .envelope import (
    Envelope,
    Recipient,
    Stamp,
    dumpFlag,
    dumpOctets,
    loadFlag,
    loadOctets,
)
from .hooks import News, ReportWish, RoutePolicy, Schedule
from .interfaces import IExtension, IQueueBuilder, IQueueExtension

T = TypeVar("T")

#: The address that the client gave, where an alias put others in its place.
ORIGIN = Stamp[bytes]("origin", dumpOctets, loadOctets)

#: This recipient stands for several others, who are recipients as well: it gets
#: nothing, and its sender is told so (RFC 3461 section 5.2.7.3).
EXPANDED = Stamp[bool]("expanded", dumpFlag, loadFlag)

#: An alias says that this recipient's copy is to be thrown away.
DISCARDED = Stamp[bool]("discarded", dumpFlag, loadFlag)

#: Mail for this recipient is not taken: the reply that a client would have had, as it
#: goes over the wire.  Whoever sent the message gets it in a report.
REFUSED = Stamp[bytes]("refused", dumpOctets, loadOctets)

#: This message is on hold since it may do harm: it is released only by whoever means
#: just such.
QUARANTINED = Stamp[bool]("quarantined", dumpFlag, loadFlag)

#: Of an envelope: it does not go before, in seconds since the epoch, unless somebody
#: wants it at once.  Not for the spool, which has that by itself.
NOT_BEFORE = Stamp[float]("not-before", None, float)

_OURS = (ORIGIN, EXPANDED, DISCARDED, REFUSED, QUARANTINED)


@implementer(IQueueBuilder)
@define(eq=False)
class QueueProfile(Register):
    """
    What the queue, the router and the reporter ask of extensions.

    @ivar stamps: the stamps that can be read back from the spool, by name.
    """

    stamps: dict[str, Stamp[Any]] = field(
        factory=lambda: {each.name: each for each in _OURS}, init=False
    )
    constrainers: tuple[Callable[[Envelope, RoutePolicy], RoutePolicy], ...] = field(
        default=(), init=False
    )
    schedulers: tuple[Callable[[Envelope, Schedule], Schedule], ...] = field(
        default=(), init=False
    )
    redirectors: tuple[Callable[[Recipient, Recipient, bool], None], ...] = field(
        default=(), init=False
    )
    wishes: tuple[Callable[[Envelope, Recipient, News], ReportWish | None], ...] = (
        field(default=(), init=False)
    )
    #: Those of them that may wish that a report is sent.
    _sending: tuple[Callable[[Envelope, Recipient, News], ReportWish | None], ...] = (
        field(default=(), init=False)
    )
    fieldMakers: tuple[
        Callable[[Envelope, Recipient | None], Iterable[tuple[str, str]]], ...
    ] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        """The house's own stamps are nobody else's."""
        for name in self.stamps:
            self._claims.claim("stamp", name, self._owner)

    def load(self, extensions: Iterable[IExtension]) -> QueueProfile:
        """
        Let each extension with a queue side register its hooks, in order.

        @raise smtpx.core.errors.Conflict: see L{checkRequirements}, or two
            claims to one stamp.
        """
        for extension in self._turns(extensions):
            if IQueueExtension.providedBy(extension):
                extension.extendQueue(self)
        return self

    # --- the menu -------------------------------------------------------------

    def stamp(self, stamp: Stamp[T]) -> None:
        """See L{IQueueBuilder}."""
        self._claim("stamp", stamp.name)
        self.stamps[stamp.name] = stamp

    def constrain(
        self,
        constrain: Callable[[Envelope, RoutePolicy], RoutePolicy],
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """See L{IQueueBuilder}."""
        self.constrainers += (owned(self._note("constrain"), constrain, of),)

    def schedule(
        self,
        schedule: Callable[[Envelope, Schedule], Schedule],
        of: Iterable[Stamp[Any]] = (),
    ) -> None:
        """See L{IQueueBuilder}."""
        self.schedulers += (owned(self._note("schedule"), schedule, of),)

    def redirect(self, redirect: Callable[[Recipient, Recipient, bool], None]) -> None:
        """See L{IQueueBuilder}."""
        self.redirectors += (owned(self._note("redirect"), redirect),)

    def report(
        self,
        wish: Callable[[Envelope, Recipient, News], ReportWish | None],
        of: Iterable[Stamp[Any]] = (),
        sends: bool = True,
    ) -> None:
        """See L{IQueueBuilder}."""
        hook = owned(self._note("report"), wish, of)
        self.wishes += (hook,)
        if sends:
            self._sending += (hook,)

    def fields(
        self,
        fields: Callable[[Envelope, Recipient | None], Iterable[tuple[str, str]]],
    ) -> None:
        """See L{IQueueBuilder}."""
        self.fieldMakers += (owned(self._note("fields"), fields),)

    # --- what is read ----------------------------------------------------------

    def policyFor(self, envelope: Envelope) -> RoutePolicy:
        """What the route of C{envelope} has to be."""
        policy = ANY_ROUTE
        always, stamps = occasions(self.constrainers)
        if not always and stamps.isdisjoint(envelope.borne()):
            # So it mostly is.
            return policy
        for constrain in apt(self.constrainers, envelope):
            policy = constrain(envelope, policy)
        return policy

    def timely(self) -> frozenset[Stamp[Any]] | None:
        """
        The stamps without which an envelope goes at once; L{None}: it may have to wait
        without any.
        """
        always, stamps = occasions(self.schedulers)
        return None if always else stamps

    def scheduleFor(self, envelope: Envelope) -> Schedule:
        """When C{envelope} is to go."""
        plan = _AT_ONCE
        always, stamps = occasions(self.schedulers)
        if not always and stamps.isdisjoint(envelope.borne()):
            return plan
        for schedule in apt(self.schedulers, envelope):
            plan = schedule(envelope, plan)
        return plan

    def redirected(self, recipient: Recipient, path: bytes, several: bool) -> Recipient:
        """
        One of those whom an alias puts in the place of a recipient.

        @param recipient: the one that was accepted.
        @param path: the other's.
        @param several: does the alias lead to more than one?
        """
        other = recipient.redirected(path)
        for redirect in self.redirectors:
            redirect(recipient, other, several)
        if path != recipient.path:
            other.stamps[ORIGIN] = recipient.path
        return other

    def fieldsFor(
        self, envelope: Envelope, recipient: Recipient | None
    ) -> tuple[tuple[str, str], ...]:
        """
        Fields of a delivery report, of the message or of a recipient.

        @param recipient: L{None}: of the message.
        """
        return tuple(
            field for make in self.fieldMakers for field in make(envelope, recipient)
        )

    def mayWish(self, envelope: Envelope) -> bool:
        """
        May there be an opinion that a report is to be sent, of any recipient, whatever
        became of it?  Mostly there is none, and nothing else need be asked.
        """
        always, stamps = occasions(self._sending)
        return bool(always) or not stamps.isdisjoint(envelope.allBorne())

    def wishFor(
        self, envelope: Envelope, recipient: Recipient, news: News
    ) -> ReportWish:
        """All opinions on a report, combined: False, then True, then None."""
        wishes: list[ReportWish] = []
        for ask in apt(self.wishes, envelope, recipient):
            wish = ask(envelope, recipient, news)
            if wish is not None:
                wishes.append(wish)
        if len(wishes) <= 1:
            # Of most messages nobody wants to hear anything.
            return wishes[0] if wishes else _NO_WISH
        return ReportWish(
            _strongest([wish.send for wish in wishes]),
            _strongest([wish.full for wish in wishes]),
            tuple(stamper for wish in wishes for stamper in wish.stampers),
        )


#: What holds where nobody says anything, made once.
ANY_ROUTE, _AT_ONCE, _NO_WISH = RoutePolicy(), Schedule(), ReportWish()


def _strongest(opinions: list[bool | None]) -> bool | None:
    if False in opinions:
        return False
    return True if True in opinions else None
