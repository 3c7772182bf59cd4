"""
The doors of the queue: what a transport is, what says which one a recipient gets,
when it is tried again, and who writes the report where it never will work; and what
an operator can do with what is there (L{IQueueControl}).  Who is told what becomes of
messages is L{smtpx.spool.journal}.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ..core.envelope import Recipient
from ..core.hooks import Action, Schedule
from ..core.interfaces import IBody
from ..core.values import value
from ..spool.format import Outcome, Report, SpooledMessage
from ..spool.selection import Entry, Page, Selection, State
from .told import Told

#: How long the name of a lane may be, in octets.
LANE_OCTETS = 255


@value
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


@value
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

#: What it begins with where an operator gave the message up; behind it may stand why.
CANCELLED = "given up by the operator"

#: What stands behind it where it has waited for too long.
TOO_LONG = "; tried for too long"

#: What stands behind it where the sender had set a time, which is over.
OUT_OF_TIME = "; not delivered in the time that its sender gave it"


def _unheard(outcomes: Sequence[Outcome]) -> None:
    """Nobody wants to know."""


@value
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
    @ivar asked: when somebody asked that it be tried at once, in seconds since the
        epoch: what was known against hosts by then does not count.  L{None}: nobody
        did.
    """

    message: SpooledMessage
    body: IBody
    indices: tuple[int, ...]
    again: bool = False
    where: object = None
    note: Callable[[Sequence[Outcome]], None] = field(default=_unheard, eq=False)
    asked: float | None = None


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
    A transport that says which recipients go together, and in which lane; mostly
    since it has to be found out where a message goes.  The legs of others are one
    lane, their own.

    Where it delivers to, nobody can tell that a message came before.  So who has it
    is noted at once, and a crash makes few get it twice.
    """

    width: int = Attribute("The most attempts at once in each of its lanes.")
    gathers: bool = Attribute(
        """
        Is an attempt the cheaper, the more there are one behind the other, as over
        one connection?  Then a lane has no more of them at once than it is worth.
        """
    )
    pauseSeconds: float = Attribute(
        "The least time between the beginnings of two attempts in a lane; mostly 0."
    )

    def locate(
        message: SpooledMessage, indices: Sequence[int]
    ) -> Located | Awaitable[Located]:
        """
        Find out which ways recipients go.

        @return: at once where that is known, or later: each of C{indices} is in one
            leg, or has an outcome, which is not DELIVERED.  Where it fails, or does
            not keep this promise, all are tried later.
        """


class IKeeping(Interface):
    """A relay that keeps connections when an attempt is over."""

    def retire(where: object, most: int) -> Deferred[None]:
        """
        Close connections that nobody uses, since others are to have their places.

        @param where: as in the L{Leg}.
        @param most: how many, at most.
        @return: fires when they are closed; never fails.
        """


class IRoutes(Interface):
    """Says where messages for a recipient go."""

    def find(
        path: bytes, sender: bytes, recipient: Recipient | None = None
    ) -> Route | None:
        """
        @param path: a recipient's mailbox, as the envelope has it.
        @param sender: the reverse path's mailbox; empty: the null sender.
        @param recipient: the recipient of a message, with what was found out of it;
            L{None}: there is no message yet.
        @return: L{None}: nowhere.
        """

    def onward(
        path: bytes, sender: bytes, recipient: Recipient | None = None
    ) -> Route | None:
        """
        The same as C{find}, as if there were no routes that hold: for what somebody
        has released.
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

    def until(
        message: SpooledMessage, outcome: Outcome, schedule: Schedule | None = None
    ) -> float:
        """
        Until when it is tried, if the outcome stays what it is; parameters as for
        C{due}.

        @return: in seconds since the epoch.
        """


class IReporter(Interface):
    """Writes delivery reports (L{smtpx.queue.telling})."""

    def mayOwe(message: SpooledMessage, action: Action) -> bool:
        """
        May a report be due of any recipient?  Asked once for all of a message, since
        mostly none is.

        @param action: what became of them.
        @return: C{False}: C{owed} would give none of them.
        """

    def owed(message: SpooledMessage, news: Sequence[Told]) -> Sequence[Told]:
        """
        Of whom the sender is to be told; asked for each message, so it is quick.

        @param news: what became of recipients, each at most once.
        @return: those of C{news} that a report is due for.
        """

    def reports(
        message: SpooledMessage, owed: Sequence[Told], body: IBody
    ) -> Sequence[Report]:
        """
        @param owed: what C{owed} gave.
        @param body: the message's body, without its prefix.
        @return: what its sender is told; empty: nothing, after all.
        """


@frozen(eq=False)
class Route:
    """
    Where a recipient's messages go; made once for each entry.

    @ivar pattern: the entry of the configuration that says so.
    @ivar transport: how they get there.
    @ivar relay: the same, if it is an L{IRelay}; L{None}: it is not.
    """

    pattern: str
    transport: ITransport
    relay: IRelay | None = field(init=False, repr=False)

    @relay.default
    def _relay(self) -> IRelay | None:
        transport = self.transport
        return IRelay(transport) if IRelay.providedBy(transport) else None


class Grouping(Enum):
    """
    By what messages are counted.

    @cvar DOMAIN: the domains of those who wait for them.
    @cvar SENDER: the domain of their sender.
    @cvar ERROR: the last error of those who wait for them.
    @cvar STATE: how they are.
    """

    DOMAIN = "domain"
    SENDER = "sender"
    ERROR = "error"
    STATE = "state"


@frozen
class Group:
    """
    Messages that have something in common.

    @ivar name: what; empty: the null sender, or no error.  L{None}: these are all
        for which there was no room in the summary.
    @ivar messages: how many they are.
    @ivar recipients: how many wait for them, of those that have it in common.
    @ivar octets: the length of their bodies together.
    @ivar oldest: when the first one came, in seconds since the epoch.
    @ivar newest: when the last one did.
    """

    name: str | None
    messages: int
    recipients: int
    octets: int
    oldest: float
    newest: float


@frozen
class Done:
    """
    What came of what an operator wanted.

    @ivar done: with how many messages it is done.
    @ivar later: how many are being delivered; it is done with them when that
        attempt is over, if anything is left of them, and forgotten if the server
        ends before.
    @ivar kept: how many could not be returned to their senders, as no way leads
        there; they are on hold.
    """

    done: int = 0
    later: int = 0
    kept: int = 0


#: Is told how many messages were looked at by then, and with how many something was
#: done.
Tell = Callable[[int, int], None]


def untold(looked: int, done: int) -> None:
    """Nobody wants to know."""


class IQueueControl(Interface):
    """
    What an operator can do with the queue, while it delivers or not.

    All of it goes through the spool page by page, however much there is, and others
    have their turn between two pages.  C{tell} is called after each one, with how
    many messages were looked at by then, and with how many something was done.
    Cancelled, what is done stays done, and nothing more is.  C{by} is who wants it,
    for the log: the name of a user, or of a program.
    """

    def find(selection: Selection, after: str = "", most: int = 100) -> Deferred[Page]:
        """
        A page of the messages that are meant, by id, without the bodies.

        @param after: begin behind this id; empty: at the beginning.
        """

    def show(id: str) -> Deferred[Entry | None]:
        """
        One message.

        @return: L{None}: there is none.
        @raise ValueError: not an id.
        """

    def read(id: str) -> Deferred[tuple[SpooledMessage, IBody] | None]:
        """
        One message with its body.

        @return: L{None}: there is none.
        @raise ValueError: not an id.
        """

    def summary(
        selection: Selection,
        by: Grouping = Grouping.DOMAIN,
        tell: Tell = untold,
    ) -> Deferred[Sequence[Group]]:
        """
        Count messages.

        @return: the largest group first.
        """

    def retry(selection: Selection, tell: Tell = untold) -> Deferred[int]:
        """
        Try messages at once, also where their destination is busy or a host is
        known to be in trouble: what is known against hosts by now does not count for
        them.  Not what is on hold, nor what its sender wants to go later (RFC 4865).

        @return: how many are due now, or being tried.
        """

    def hold(
        selection: Selection,
        by: str,
        note: str = "",
        tell: Tell = untold,
    ) -> Deferred[Done]:
        """
        Put messages on hold.

        @param note: why, for operators.
        """

    def release(selection: Selection, by: str, tell: Tell = untold) -> Deferred[Done]:
        """
        Take messages off hold; they are tried at once.  Those in quarantine are kept,
        unless they are named, or their state is one of those that are meant.
        """

    def bounce(
        selection: Selection,
        by: str,
        why: str = "",
        tell: Tell = untold,
    ) -> Deferred[Done]:
        """
        Give messages up, with reports to their senders as for any that failed.

        @param why: what the senders are told; empty: that an operator did.
        """

    def remove(selection: Selection, by: str, tell: Tell = untold) -> Deferred[Done]:
        """Forget messages.  Nobody is told but the log."""


__all__ = [
    "LANE_OCTETS",
    "NOT_YET",
    "OUT_OF_TIME",
    "TOO_LONG",
    "CANCELLED",
    "Attempt",
    "Done",
    "Entry",
    "Group",
    "Grouping",
    "IQueueControl",
    "IRelay",
    "IReporter",
    "IRetries",
    "IRoutes",
    "ITransport",
    "Leg",
    "Located",
    "Page",
    "Route",
    "Selection",
    "State",
    "Tell",
    "untold",
]
