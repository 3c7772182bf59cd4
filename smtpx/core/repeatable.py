"""
Transactions that a peer knows again.

Usually what a peer hears twice is two messages.  An extension may give a transaction
a name that goes with it, and then it is one, however often it is heard; and what the
peer has of it need not be said again (L{Repeatable}).

What that takes of whoever sends is in L{Errand}: which message it is, and whether it
may have been sent before.  Where the peer has a part of the body, the rest of it is
what L{restOf} gives.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from attrs import define, field, frozen
from zope.interface import implementer

from .dialogue import ClientNeed, flow
from .envelope import Stamp
from .interfaces import IBody
from .reply import Reply
from .transparency import LineEnds


@define(eq=False)
class Errand:
    """
    One attempt of a queue to send one message.

    @ivar id: the message's, by which it is told from all others, for ever.
    @ivar again: may it have been sent in an attempt before this one?
    @ivar names: by what it was called towards hosts in this attempt.
    """

    id: str
    again: bool = False
    names: set[bytes] = field(factory=set)


#: On an envelope that a queue sends.
ERRAND = Stamp[Errand]("errand", None, Errand)


@frozen
class Progress:
    """
    What a peer has of a transaction.

    @ivar octets: how much of the body, from its beginning.
    @ivar recipients: how many of the recipients; L{None}: it does not say.
    """

    octets: int
    recipients: int | None = None


@frozen
class Repeatable:
    """
    A transaction that its peer knows again: it may be heard twice.

    @ivar read: reads a 3yz to MAIL, by which the peer says that it knows it;
        C{Malformed} where that is none.
    @ivar asks: is the reply to MAIL worth waiting for, as the peer may have much of
        it already?
    """

    read: Callable[[Reply], Progress]
    asks: bool = False


@implementer(IBody)
@frozen
class Rest:
    """
    A body without its beginning.

    @ivar whole: all of it.
    @ivar start: how many octets are left out.
    """

    whole: IBody
    start: int

    @property
    def octets(self) -> int:
        """See L{IBody}."""
        return self.whole.octets - self.start

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        left = self.start
        if not self.octets:
            return
        for piece in self.whole.pieces():
            if left < len(piece):
                yield piece[left:] if left else piece
                left = 0
            else:
                left -= len(piece)


def restOf(
    body: IBody, had: int, byLines: bool
) -> Generator[ClientNeed, Any, IBody | None]:
    """
    What is left to send of C{body}.

    A peer counts what it has got, with the line ends that it has got it with; so it
    has to be looked whether that is what is here.

    @param had: how many octets of it the peer has.
    @param byLines: does it go in lines, not as it is?  Then each has to have its
        CRLF, and the rest to begin with one.
    @return: L{None}: that cannot be told; it has to be sent from the beginning.
    """
    if had == body.octets:
        return Rest(body, had)
    ends, counted, last = LineEnds(), 0, b"\r\n"
    begun = False
    for piece in body.pieces():
        if counted >= had:
            break
        if begun:
            yield from flow()
        begun = True
        part = piece[: had - counted]
        counted += len(part)
        last = (last + ends.write(part))[-2:]
    if ends.found or counted < had:
        # It may have had the last line's end, which is not here.
        complete = had == counted + 2 and last != b"\r\n" and not ends.found
        return Rest(body, body.octets) if complete else None
    # Between CR and LF is not the beginning of a line.
    return None if byLines and last != b"\r\n" else Rest(body, had)


__all__ = ["ERRAND", "Errand", "Progress", "Rest", "Repeatable", "restOf"]
