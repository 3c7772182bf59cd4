"""
Who is told what becomes of spooled messages.

It stands beside the spool because two rooms that do not know each other share
it: the queue, which tells, and C{smtpx.observe}, which writes logs.
"""

from __future__ import annotations

from enum import Enum

from zope.interface import Interface

from .format import Outcome, Report, SpooledMessage


class Operation(Enum):
    """
    What an operator does to a message.

    @cvar HELD: puts it on hold.
    @cvar RELEASED: takes it off hold.
    @cvar CANCELLED: gives it up; what comes of that is told as of any failure.
    @cvar REMOVED: has it forgotten.
    """

    HELD = "held"
    RELEASED = "released"
    CANCELLED = "cancelled"
    REMOVED = "removed"


class IDeliveryJournal(Interface):
    """
    Told of each attempt to deliver.  Methods must not raise, and return fast:
    they are called for each message.

    C{route} is the pattern of the configuration that said where a recipient goes,
    and C{transport} the name of what took it there; both are empty where there was
    no route.  An outcome's text is for the operator, and may be empty.
    """

    def delivered(
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        took: float,
        first: bool,
    ) -> None:
        """
        A recipient has the message.

        @param took: how long the attempt took, in seconds.
        @param first: is it the first of those that had it in one transaction?
        """

    def deferred(
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        due: float,
        took: float,
    ) -> None:
        """
        It did not work now.

        @param due: when it is tried again, in seconds since the epoch.
        @param took: how long the attempt took, in seconds.
        """

    def failed(
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        took: float,
    ) -> None:
        """
        It will not work, however often it is tried.

        @param took: how long the attempt took, in seconds.
        """

    def reported(message: SpooledMessage, id: str, report: Report) -> None:
        """
        The sender is told what became of recipients.

        @param id: the report's, which is in the spool as a message of its own.
        @param report: the report.
        """

    def held(message: SpooledMessage, reason: str, wished: bool) -> None:
        """
        The message stays in the spool until an operator releases it.

        @param wished: does the configuration say so?  Otherwise somebody must
            look at it.
        """

    def operated(
        message: SpooledMessage, operation: Operation, by: str, why: str
    ) -> None:
        """
        An operator has done something to the message.

        @param by: who, the name of a user or of a program.
        @param why: what was said of why; empty: nothing.
        """

    def completed(message: SpooledMessage) -> None:
        """Nobody waits for it any more, and it is gone from the spool."""

    def trouble(
        message: SpooledMessage | None, owner: str, error: BaseException
    ) -> None:
        """
        The world failed, or something of ours is broken.

        @param message: the one under way; L{None}: it concerns no single one.
        @param owner: what failed: C{spool}, or the name of a transport.
        """


__all__ = ["IDeliveryJournal", "Operation"]
