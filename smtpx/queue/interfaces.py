"""
The doors of the queue: what a transport is, and what says which one a recipient
gets.  Who is told what becomes of messages is L{smtpx.spool.journal}.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ..core.interfaces import IBody
from ..spool.format import Outcome, SpooledMessage


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
    """

    message: SpooledMessage
    body: IBody
    indices: tuple[int, ...]
    again: bool = False


class ITransport(Interface):
    """A way for messages to leave the spool."""

    name: str = Attribute("Its name, in the configuration and in logs.")
    holds: bool = Attribute(
        """
        Does it keep what it is given on hold, in the spool?  Then C{deliver} is
        never called.
        """
    )

    def deliver(attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """
        Deliver to the recipients of C{attempt}.

        @return: what became of them, one outcome a recipient: DELIVERED means
            that the responsibility for the message is somebody else's, or that
            it is on the disk; WAITING that it is to be tried later; FAILED that
            this is of no use.  Where it fails, all are tried later.
        """


class IRoutes(Interface):
    """Says where messages for a recipient go."""

    def find(path: bytes, sender: bytes) -> Route | None:
        """
        @param path: a recipient's mailbox, as the envelope has it.
        @param sender: the sender's; empty: the null sender.
        @return: L{None}: nowhere.
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


__all__ = ["Attempt", "IRoutes", "ITransport", "Route"]
