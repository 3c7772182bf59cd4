"""
What scans messages: a scanner.

The scanner that this was made for, the client library of Brightmail AntiSpam (BMI), is
not sold any more, and of its calls no description can be had.  So there is nothing here
that would call it.  Whoever has it, with its header file, or another scanner with a
verdict for each recipient, writes a scanner: an object of two methods, one of which
makes another object of three::

    from smtpx.extensions.bmi import BMIDelivery, BMIVerdict

    class Scanner:
        def __init__(self, configFile):
            ...

        def begin(self, message):
            return Scan(message)

        def close(self):
            ...

    class Scan:
        def __init__(self, message):
            self.message = message

        def write(self, octets):
            ...

        def finish(self):
            return [BMIVerdict() for recipient in self.message.recipients]

        def abort(self):
            ...

All of them may wait: they are called in a thread, those of one scan in order and never
two at once, those of different scans at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from zope.interface import Interface

from ...extensions.bmi import BMIVerdict


@frozen
class BMIRecipient:
    """
    Somebody for whom there is to be a verdict.

    @ivar path: the mailbox, as the client gave it.
    @ivar optin: the features that are to be used for it; empty: those that the scanner
        knows of.
    """

    path: bytes
    optin: tuple[str, ...] = ()


@frozen
class BMIMessage:
    """
    What is known of a message before it comes.

    @ivar id: in the spool; empty: it has none.
    @ivar client: the client's address; empty: it has none.
    @ivar clientName: its name; L{None}: that is not known.
    @ivar helo: what it calls itself; L{None}: it has not said so.
    @ivar sender: of the envelope; empty: the null sender.
    @ivar recipients: of the envelope, in order.
    """

    id: str
    client: bytes
    clientName: bytes | None
    helo: bytes | None
    sender: bytes
    recipients: tuple[BMIRecipient, ...]


class IBMIScan(Interface):
    """One message at a scanner."""

    def write(octets: bytes) -> None:
        """A piece of it, from its header on, with CRLF line ends."""

    def finish() -> Sequence[BMIVerdict]:
        """
        It is whole.

        @return: a verdict for each recipient, in their order.
        """

    def abort() -> None:
        """Nobody wants to know any more.  C{finish} is not called then, or was."""


class IBMIScanner(Interface):
    """A scanner with verdicts for each recipient."""

    def begin(message: BMIMessage) -> IBMIScan:
        """A message is to be scanned."""

    def close() -> None:
        """The server stops.  A scanner need not have this method."""


__all__ = ["BMIMessage", "BMIRecipient", "IBMIScanner", "IBMIScan"]
