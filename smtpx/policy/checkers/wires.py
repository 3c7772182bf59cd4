"""
What protocols of checkers are made of: an L{IWire} knows what is said to a checker,
and what its answer means; L{smtpx.policy.checkers.link} has the connection.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import Interface, implementer

from ...core.errors import Malformed
from .interfaces import Opinion


class IWire(Interface):
    """
    One question to a checker, octets in and out.  It knows no connection.
    """

    def begin() -> bytes:
        """What is said first."""

    def piece(data: bytes) -> tuple[bytes, ...]:
        """
        What is said to give a piece of the message, which is not empty: C{data} itself
        among it, and what stands around it.
        """

    def end() -> bytes:
        """What is said behind the message."""

    def feed(octets: bytes) -> Opinion | None:
        """
        The checker says something; it may do so before it has got all.

        @return: its opinion, once that is there.
        @raise Malformed: it says what is no answer.
        """

    def closed() -> Opinion:
        """
        The checker has closed the connection.

        @return: the opinion that it has left.
        @raise ConnectionError: none.
        """


@implementer(IWire)
class UntilClosed:
    """
    The question of a checker that takes the message as it is, and answers by what it
    says until it closes the connection.
    """

    __slots__ = ("_answer", "_head", "_most", "_opinion", "_who")

    def __init__(
        self, who: str, head: bytes, most: int, opinion: Callable[[bytes], Opinion]
    ) -> None:
        """
        @param who: whose question it is, for errors.
        @param head: what stands before the message.
        @param most: the most octets of an answer.
        @param opinion: what an answer means; it raises L{Malformed} if it is none.
        """
        self._who = who
        self._head = head
        self._most = most
        self._opinion = opinion
        self._answer = bytearray()

    def begin(self) -> bytes:
        """See L{IWire}."""
        return self._head

    def piece(self, data: bytes) -> tuple[bytes, ...]:
        """See L{IWire}."""
        return (data,)

    def end(self) -> bytes:
        """See L{IWire}.  The end of what is sent is the message's."""
        return b""

    def feed(self, octets: bytes) -> Opinion | None:
        """See L{IWire}."""
        self._answer += octets
        if len(self._answer) > self._most:
            raise Malformed(f"{self._who} gives an answer that is too long")
        return None

    def closed(self) -> Opinion:
        """See L{IWire}."""
        if not self._answer:
            raise ConnectionError(f"{self._who} has closed the connection")
        return self._opinion(bytes(self._answer))


__all__ = ["IWire", "UntilClosed"]
