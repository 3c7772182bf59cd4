"""
What protocols of checkers are made of: an L{IWire} knows what is said to a checker,
and what its answer means; L{smtpx.policy.checkers.link} has the connection.
"""

from __future__ import annotations

from zope.interface import Interface

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


__all__ = ["IWire"]
