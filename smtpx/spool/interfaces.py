"""
The contract between receiving and delivering: they meet only in the spool.

Receiving: C{begin} gives an L{IIncoming}, a consumer of the body's octets; its
C{commit} answers once the message is on the disk, and only then may a peer be
told 250.  Delivering: C{ready} tells what is to go now, C{body} reads it,
C{settle} writes down what became of each recipient; a message with nobody left
is gone.

A message whose destination is busy is parked: C{park} writes down for which lane
it waits, a name that is the caller's own, and gives it back, so that not even a
hundred thousand for one destination are in anybody's memory or way.  C{parked}
fetches them as the lane has room, and C{unpark} makes them due at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IReactorFromThreads,
    IReactorTime,
)
from zope.interface import Attribute, Interface

from ..core.envelope import Envelope
from ..core.errors import SMTPXError
from ..core.interfaces import IBody
from .format import Outcome, Recovered, Report, SpooledMessage
from .selection import Page, Selection
from .stock import SpoolState


class ISpoolReactor(IReactorTime, IReactorFromThreads):
    """What a spool wants of a reactor."""


class SpoolFull(SMTPXError):
    """There is no room, or soon none: 452 4.3.1."""


class SpoolBroken(SMTPXError):
    """
    A write or sync failed; nothing is taken until the spool was reopened and
    found good.
    """


class IIncoming(IConsumer):
    """
    A message on its way into the spool.  C{write} takes the body as it comes,
    with CRLF line ends and without stuffed dots; a registered streaming
    producer is paused when the disk does not keep up.
    """

    id: str = Attribute("The message's id, in Exim's form, known from the start.")
    octets: int = Attribute("How many octets were written.")

    def commit(envelope: Envelope, prefix: bytes, hold: bool | str) -> Deferred[None]:
        """
        The body is whole: make it durable.

        @param envelope: sender, recipients and stamps.
        @param prefix: header fields to go before the body, each with its CRLF,
            the Received field among them.
        @param hold: put it by, not to be delivered until released; a text says why,
            for the operator, and an empty one is no hold.
        @return: fires when body and envelope are on the disk; fails with
            L{SpoolFull} or L{SpoolBroken}, and then nothing of it is left.
        """

    def reread() -> Iterator[bytes]:
        """
        What there is of the body so far, from the start, piece by piece; also what was
        there before, if it was cut short.

        @raise OSError: it cannot be read.
        """

    def abort() -> None:
        """Forget it; nothing of it is left.  Does nothing after C{commit}."""


class ISpool(Interface):
    """Where accepted messages are until they are delivered."""

    recovered: Sequence[Recovered] = Attribute(
        """
        What C{delivered} had noted when a process died before it was settled; known
        once the spool is open.
        """
    )

    def open() -> Deferred[None]:
        """
        Open, recover and adopt what others left behind.

        @return: fails with the world's own exception, named file and all.
        """

    def close() -> Deferred[None]:
        """Finish what is under way, then close."""

    def begin() -> IIncoming:
        """
        A message is about to come.

        @raise SpoolFull: below the low-water mark of free space.
        @raise SpoolBroken: see there.
        """

    def ready(now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """
        Messages that are due, not leased and not parked; they are leased to the
        caller until C{settle}, C{park} or C{close}.

        Those with a higher priority go first.  Where there are some that were
        never tried and some that are due again, each kind gets half of what is
        given, so that a hundred thousand of the one do not starve the other.

        @return: the longest due first, within a priority.  May be fewer than
            C{most} although there are more, as the bodies that are read along are
            bounded too; none means there are none.
        """

    def watch(wake: Callable[[], object]) -> None:
        """
        @param wake: a callable without arguments, called in the reactor's
            thread after a commit of messages that are due at once.
        """

    def body(message: SpooledMessage) -> IBody:
        """
        The message's body, without its prefix.

        @raise UsageError: the message is from C{messages}, which has none.
        """

    def delivered(
        message: SpooledMessage, indices: Sequence[int], untold: Collection[int] = ()
    ) -> None:
        """
        Note at once that recipients have a message, before it is settled or parked:
        should the process die until then, they do not get it again.  It is cheap,
        and not on the disk when it returns, so when the machine dies they might.

        What C{settle} or C{park} writes down of them has to say DELIVERED.

        @param message: leased; of one that is not, nothing is noted.
        @param indices: the recipients, by their place in C{message.envelope}.
        @param untold: those of them of whom the sender is still to be told; after a
            crash they wait, with an outcome that says so.
        """

    def settle(
        message: SpooledMessage,
        outcomes: Sequence[Outcome],
        due: float | None,
        reports: Sequence[Report] = (),
        told: float | None = None,
    ) -> Deferred[Sequence[str]]:
        """
        Write down what became of recipients; give back the lease.  This was an
        attempt: it is counted, and the message is parked no more.

        @param outcomes: one for each recipient that was tried.  DELIVERED and
            FAILED ones are finished with, unless they are untold; when all are,
            the message is gone.
        @param due: when to try those that are left, in seconds since the epoch;
            L{None}: on hold.
        @param reports: new messages that tell of the outcomes.  They are put down
            in the same step, so that a crash neither loses nor doubles one, and
            are due at once.
        @param told: among them is one that tells of a delay, and this is the time,
            in seconds since the epoch; L{None}: there is none.
        @return: the ids of the reports, in their order.  Where it fails, there
            are no reports and the lease is kept: settle again later, or the
            message is delivered twice.
        @raise UsageError: the message is not leased, or being settled; or a
            report's body is too long.
        """

    def park(
        message: SpooledMessage,
        lane: bytes,
        outcomes: Sequence[Outcome] = (),
        wake: float | None = None,
    ) -> Deferred[None]:
        """
        Write down that a message waits for a lane; give back the lease.  This is
        no attempt, and C{ready} does not give the message until C{unpark},
        C{settle} or C{release}.

        @param lane: a name of the caller's own, not empty.
        @param outcomes: of recipients that were tried, as for C{settle}; somebody
            is left.
        @param wake: when L{rouse} is to find it, and L{unpark} make it due at the
            latest, in seconds since the epoch; L{None}: at no time.
        @return: where it fails, the lease is kept.
        @raise UsageError: the message is not leased, or being settled; or nobody
            is left.
        """

    def parked(lane: bytes, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """
        Messages that are parked for a lane and not leased nor on hold, those with
        the highest priority first and then the oldest; they are leased as those
        of C{ready} are.

        @return: may be fewer than C{most}, as for C{ready}; none means there are
            none.
        """

    def lanes(after: bytes, most: int) -> Deferred[Sequence[bytes]]:
        """
        A page of the lanes that messages are parked for, leased ones included, in
        the order of their octets.

        @param after: begin behind this one; empty: at the beginning.
        @return: an empty one is the end.
        """

    def unpark(lane: bytes, due: float, spreadSeconds: float = 0.0) -> Deferred[int]:
        """
        Make due all that is parked for a lane.  It is no attempt.  It is done a
        few hundred at a time: what is parked meanwhile may be among them, or stay.

        @param due: when, in seconds since the epoch.
        @param spreadSeconds: spread them over so long from C{due} on, in the order
            in which C{parked} would have given them.
        @return: how many they were.
        """

    def rouse(now: float) -> Deferred[int]:
        """
        Make due what is parked and was to be found by now; it is no attempt.

        @return: how many they were.
        """

    def count() -> Deferred[int]:
        """How many messages there are."""


class IOperatedSpool(ISpool):
    """What the tools of an operator want of a spool besides."""

    def state() -> SpoolState:
        """
        How it is.  It takes the same time however many messages there are.

        @raise OSError: nothing can be found out of its disk.
        """

    def oldest() -> Deferred[float | None]:
        """
        When the oldest message came, in seconds since the epoch, as its id has it;
        L{None}: there is none.
        """

    def messages(after: str, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """
        A page of all messages, by id, without the bodies.

        @param after: begin behind this id; empty: at the beginning.
        @param most: how many.
        @return: an empty one is the end.  Of a message that cannot be read
            there is an entry without sender and recipients, whose note says
            what is wrong.
        """

    def fetch(id: str) -> Deferred[SpooledMessage | None]:
        """One message, so that its body can be read; L{None}: there is none."""

    def hold(ids: Sequence[str], note: str) -> Deferred[None]:
        """
        Put messages on hold.  One that is being delivered is so from the end of
        that attempt, if anything is left of it.

        @param note: why, for the operator.
        """

    def release(ids: Sequence[str]) -> Deferred[None]:
        """Take messages off hold: they are due at once, and not parked."""

    def letGo(ids: Sequence[str]) -> Deferred[None]:
        """
        Let messages go that were on hold only until somebody had finished with what
        they were made of.  Nobody has released them: routes that hold still do, and
        what is to go later does.
        """

    def find(selection: Selection, after: str, most: int) -> Deferred[Page]:
        """
        A page of the messages that are meant, by id, without the bodies.  So much is
        looked at that it takes no more than some milliseconds, whatever fits.

        @param after: begin behind this id; empty: at the beginning.
        @param most: how many.
        """

    def hasten(ids: Sequence[str]) -> Deferred[int]:
        """
        Make messages due at once, and not parked.  It is no attempt, and what is on
        hold stays so.

        @return: how many were to wait.
        """

    def claim(id: str) -> Deferred[SpooledMessage | None]:
        """
        Lease one message, whatever its state, with what C{body} wants; where somebody
        has it already, as soon as it is given back, before anybody else gets it.
        Its lease ends as those of C{ready} do.

        @return: L{None}: there is none, or none any more.  Of one that cannot be
            read there is an entry as in C{messages}: settled without outcomes, it is
            gone.  Cancelled, it is not claimed.
        @raise ValueError: not an id.
        """
