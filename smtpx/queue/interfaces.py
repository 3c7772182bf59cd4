"""
The doors of the queue: what a transport is, what says which one a recipient gets,
when it is tried again, and who writes the report where it never will work.  Who is
told what becomes of messages is L{smtpx.spool.journal}.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import field, frozen
from zope.interface import Attribute, Interface

from ..core.hooks import Action, Schedule
from ..core.interfaces import IBody
from ..spool.format import Outcome, Report, SpooledMessage

#: How long the name of a lane may be, in octets.
LANE_OCTETS = 255


@frozen
class Leg:
    """
    Recipients of one message that go one way together, in one transaction where
    that is possible.

    @ivar lane: what else goes there: legs of one lane share its connections and
        wait for each other, and lanes do not wait for other lanes.  The spool
        keeps messages by it, so it is the same in another process: at most
        C{LANE_OCTETS}.
    @ivar indices: the recipients, by their place in
        C{message.envelope.recipients}.
    @ivar where: whatever its transport wants to know again.
    """

    lane: bytes
    indices: tuple[int, ...]
    where: object = None


@frozen
class Located:
    """
    Which ways recipients go.

    @ivar legs: the ways.
    @ivar outcomes: of the recipients for whom there is none, for now or at all.
    """

    legs: tuple[Leg, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


#: What an outcome's text begins with where nothing was tried, as all hosts are known
#: to be in trouble; behind it stands what that is.
NOT_YET = "retry time not reached for any host"

#: What stands behind it where it has waited for too long.
TOO_LONG = "; tried for too long"


def _unheard(outcomes: Sequence[Outcome]) -> None:
    """Nobody wants to know."""


@frozen
class Attempt:
    """
    One try to deliver one message to some of its recipients.

    @ivar message: the message.
    @ivar body: its body; may be read in a thread, by one reader at a time.
    @ivar indices: the recipients it is to go to now, by their place in
        C{message.envelope.recipients}.
    @ivar again: may an earlier attempt have succeeded without the spool's
        knowledge?  After a crash nobody knows, so it is set then too.
    @ivar where: what the leg has for its transport.
    @ivar note: may be called, before the attempt is at its end, with outcomes that
        are known; recipients that have the message do not get it again then,
        whatever happens to the rest.
    """

    message: SpooledMessage
    body: IBody
    indices: tuple[int, ...]
    again: bool = False
    where: object = None
    note: Callable[[Sequence[Outcome]], None] = field(default=_unheard, eq=False)


class ITransport(Interface):
    """A way for messages to leave the spool."""

    name: str = Attribute("Its name, in the configuration and in logs.")
    holds: bool = Attribute(
        """
        Does it keep what it is given on hold, in the spool?  Then C{deliver} is
        never called.
        """
    )
    reports: Action | None = Attribute(
        """
        What it means for the sender that somebody was DELIVERED to: DELIVERED: it
        was the final delivery; RELAYED: a host took it, and may tell more; L{None}:
        whoever took it tells the sender everything, and we nothing.
        """
    )

    def deliver(attempt: Attempt) -> Awaitable[Sequence[Outcome]]:
        """
        Deliver to the recipients of C{attempt}.

        @return: what became of them, one outcome a recipient: DELIVERED means
            that the responsibility for the message is somebody else's, or that
            it is on the disk; WAITING that it is to be tried later; FAILED that
            this is of no use.  Where it fails, all are tried later.  When it is
            cancelled, it is to come to an end soon, with outcomes or not.
        """


class IRelay(ITransport):
    """
    A transport for which it has to be found out where a message goes.  The legs of
    others are one lane, their own.
    """

    width: int = Attribute("The most attempts at once in each of its lanes.")
    pauseSeconds: float = Attribute(
        "The least time between the beginnings of two attempts in a lane; mostly 0."
    )

    def locate(message: SpooledMessage, indices: Sequence[int]) -> Awaitable[Located]:
        """
        Find out which ways recipients go.

        @return: each of C{indices} is in one leg, or has an outcome, which is not
            DELIVERED.  Where it fails, or does not keep this promise, all are
            tried later.
        """


class IRoutes(Interface):
    """Says where messages for a recipient go."""

    def find(path: bytes, sender: bytes) -> Route | None:
        """
        @param path: a recipient's mailbox, as the envelope has it.
        @param sender: the reverse path's mailbox; empty: the null sender.
        @return: L{None}: nowhere.
        """


class IRetries(Interface):
    """Says when what did not work is tried again."""

    def due(
        message: SpooledMessage,
        outcome: Outcome,
        now: float,
        schedule: Schedule | None = None,
    ) -> float | None:
        """
        @param outcome: of a recipient of C{message}; it is WAITING.
        @param now: in seconds since the epoch, as what is returned.
        @param schedule: what extensions say of when the message goes; L{None}:
            nothing.
        @return: L{None}: never, it has waited for too long.
        """


class IReporter(Interface):
    """Writes delivery reports."""

    def failures(
        message: SpooledMessage, failed: Sequence[Outcome], body: IBody
    ) -> Sequence[Report]:
        """
        @param failed: the outcomes of those that failed, all of them FAILED.
        @param body: the message's body, without its prefix.
        @return: what its sender is told; empty: nothing is to be told.
        """


@frozen(eq=False)
class Route:
    """
    Where a recipient's messages go; made once for each entry.

    @ivar pattern: the entry of the configuration that says so.
    @ivar transport: how they get there.
    """

    pattern: str
    transport: ITransport


__all__ = [
    "LANE_OCTETS",
    "NOT_YET",
    "TOO_LONG",
    "Attempt",
    "IRelay",
    "IReporter",
    "IRetries",
    "IRoutes",
    "ITransport",
    "Leg",
    "Located",
    "Route",
]
