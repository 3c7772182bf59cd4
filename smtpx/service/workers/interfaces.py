"""
What the workers of a server are to each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ...core.errors import SMTPXError

#: What is said between workers: a value of JSON.
Fields = Mapping[str, object]


class Away(SMTPXError):
    """
    A worker cannot be asked: it is being started again, or went away while it
    answered.

    @ivar number: which.
    @ivar why: what is wrong.
    @ivar begun: had it been asked?  Then nobody knows what it has done by then.
    """

    def __init__(self, number: int, why: str, begun: bool = False) -> None:
        super().__init__(f"worker {number} cannot be asked: {why}")
        self.number = number
        self.why = why
        self.begun = begun


async def unheard(part: Fields) -> None:
    """Nobody wants to know."""


def untold(progress: Fields) -> None:
    """Nobody wants to know."""


class IOthers(Interface):
    """
    The other workers, as one of them sees them.

    What they answer are verbs of the control protocol
    (L{smtpx.service.control.exchange.Verb}); how a room adds some says
    L{smtpx.service.workers.answers.Answers}.
    """

    numbers: Sequence[int] = Attribute("Their numbers, whether they are there or not.")

    def ask(
        verb: str, fields: Fields, seconds: float
    ) -> Deferred[Mapping[int, Sequence[Fields]]]:
        """
        Ask all others the same.

        @param seconds: how long they have.
        @return: never fails: the parts of each answer, the end last, by the numbers
            of those who have answered.  Who is away, refuses, says very much or takes
            too long is not in it.
        """

    def talk(
        number: int,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
    ) -> Deferred[Fields]:
        """
        Ask one of them, for as long as it takes; cancelled, it leaves off.

        @param asker: in whose name: of a user, or of a program.
        @param part: called with each part of the answer; what comes behind it waits
            until this one is done with.
        @param progress: called now and then with how far it is.
        @return: the end of the answer; fails with L{Away}, or with
            L{smtpx.service.control.exchange.Refused}.
        """


__all__ = ["Away", "Fields", "IOthers", "unheard", "untold"]
