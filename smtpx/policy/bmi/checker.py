"""
Has a scanner scan those messages of which a rule says so (C{bmi_run}).

The verdicts go with the recipients into the spool, where routes find them.  A scanner
that is away, slow or broken holds up nothing: there is no verdict then, and the message
is delivered as if nobody had scanned it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.envelope import Envelope, Recipient
from ...core.errors import UsageError
from ...core.interfaces import IServerSession
from ...extensions.bmi import BMI_OPTIN, BMI_RUN, BMI_VERDICT, BMIVerdict
from ..checkers.interfaces import ICheck, IChecker, Message, Opinion, Terms
from .interfaces import BMIMessage, BMIRecipient, IBMIScanner
from .scanning import Scanning, Work

#: What Exim has in its option of this name, if nobody says otherwise.
CONFIG_FILE = "/opt/brightmail/etc/brightmail.cfg"


def scannerFrom(name: str, found: object, configFile: str) -> IBMIScanner:
    """
    Make a scanner of what somebody named in the configuration.

    @param name: what it is called there.
    @param found: a scanner; or a callable that makes one, given the name of its
        configuration file.
    @raise UsageError: it is nothing of that kind.  What the callable raises is let
        through.
    """
    made = found
    if isinstance(found, type) or not _begins(found):
        if not callable(found):
            raise UsageError(f"{name} is no scanner: it has no method begin")
        made = found(configFile)
    if not _begins(made):
        raise UsageError(f"{name} makes no scanner: it has no method begin")
    scanner: IBMIScanner = made  # type: ignore[assignment]  # it has the method
    return scanner


def _begins(found: object) -> bool:
    return callable(getattr(found, "begin", None))


@implementer(IChecker)
class BMIChecker:
    """
    Has a scanner scan messages.
    """

    name = "bmi"
    finds = frozenset({"bmi"})

    def __init__(self, scanner: IBMIScanner, work: Work, terms: Terms) -> None:
        """
        @param work: runs a job in a thread.
        @param terms: on what terms it is asked.
        """
        self._scanner = scanner
        self._work = work
        self.terms = terms

    def begin(
        self, session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | None:
        """See L{IChecker}."""
        if not envelope.stamp(BMI_RUN):
            return None
        recipients = tuple(envelope.recipients)
        told = BMIMessage(
            message.id,
            session.peer,
            session.peerName,
            session.helo,
            envelope.sender,
            tuple(
                BMIRecipient(each.path, each.stamp(BMI_OPTIN) or ())
                for each in recipients
            ),
        )
        return Scanning(self._scanner, told, self._work, partial(_conclude, recipients))

    def close(self) -> Deferred[object] | None:
        """
        The server stops.

        @return: fires when the scanner has let go of what it had; L{None}: at once.
        """
        close: Callable[[], object] | None = getattr(self._scanner, "close", None)
        return None if close is None else self._work(close)


def _conclude(
    recipients: Sequence[Recipient], verdicts: Sequence[BMIVerdict]
) -> Opinion:
    for recipient, verdict in zip(recipients, verdicts, strict=True):
        recipient.stamps[BMI_VERDICT] = verdict
    words = ", ".join(dict.fromkeys(each.delivery.value for each in verdicts))
    return Opinion(found={"bmi": words})


__all__ = ["CONFIG_FILE", "BMIChecker", "scannerFrom"]
