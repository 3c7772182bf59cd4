"""
What lies in files and is to become messages in the spool: the words of
L{smtpx.spool.taking}, which takes it in, and of whoever knows the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import define
from zope.interface import Attribute, Interface

from ..core.envelope import Envelope
from ..core.errors import SMTPXError


class NotTaken(SMTPXError):
    """A parcel is not taken, and stays where it is; the text says why."""


class Busy(NotTaken):
    """Somebody else is at it now."""


class Gone(NotTaken):
    """It is not there any more."""


@define(eq=False)
class Mail:
    """
    A message that is to be.

    @ivar envelope: to whom it goes; it is whole when C{pieces} are at their end.
    @ivar pieces: the message, with CRLF line ends; read in a thread, once.
    @ivar hold: why it is to be on hold; empty: it is not.
    """

    envelope: Envelope
    pieces: Iterator[bytes]
    hold: str = ""


class IParcel(Interface):
    """
    Something in files that becomes one message, or a few, or none any more.  All of
    it is called in threads, one at a time.
    """

    place: str = Attribute(
        """
        Where it is, in words that a program makes and reads: no other is there at
        the same time, though one may come there later.
        """
    )

    def open() -> str:
        """
        Keep others from it, and see that it is whole.

        @return: a mark that it has and nothing else that was there before, or will
            be later, though it had the same C{place}.
        @raise Gone: it is not there.
        @raise NotTaken: it is of no use, or not for now.
        @raise OSError: it cannot be read.
        """

    def mails() -> Sequence[Mail]:
        """
        What it becomes: in the same order each time.

        @raise NotTaken: as C{open}.
        @raise OSError: as C{open}.
        """

    def remove() -> None:
        """
        Take it away, durably; it was opened.

        @raise OSError: that cannot be done.
        """

    def sweep(mark: str) -> None:
        """
        Take away what a removal that was cut off has left; it was not opened.  Does
        nothing where there is something else by now.

        @param mark: what C{open} gave.
        @raise OSError: that cannot be done.
        """

    def close() -> None:
        """Let others have it.  Does nothing where it was not opened."""


__all__ = ["Busy", "Gone", "IParcel", "Mail", "NotTaken"]
