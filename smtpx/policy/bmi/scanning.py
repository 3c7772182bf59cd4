"""
One message at a scanner whose methods wait: they are called in a thread, one after the
other, and what comes meanwhile is kept, so far as that is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from ...core.errors import SMTPXError
from ...extensions.bmi import BMIVerdict
from ..checkers.interfaces import ICheck, Opinion
from .interfaces import BMIMessage, IBMIScan, IBMIScanner

#: Runs a job somewhere where it may wait.
Work = Callable[[Callable[[], Any]], "Deferred[Any]"]

#: What is made of the verdicts.
Conclude = Callable[[Sequence[BMIVerdict]], Opinion]

#: How much may wait for the scanner before who sends is paused, in octets.
_WAITING_OCTETS = 1 << 18


class BadVerdict(SMTPXError):
    """What a scanner gave is not a verdict for each recipient."""


@implementer(ICheck)
class Scanning:
    """
    A message on its way to a scanner.
    """

    def __init__(
        self, scanner: IBMIScanner, message: BMIMessage, work: Work, conclude: Conclude
    ) -> None:
        """
        @param work: runs a job in a thread.
        @param conclude: what is made of the verdicts, in the reactor's thread.
        """
        self._work = work
        self._count = len(message.recipients)
        self._conclude = conclude
        self._scan: IBMIScan | None = None
        self._failed: Failure | None = None
        #: What the scanner is to get.
        self._pieces: list[bytes] = []
        self._octets = 0
        self._producer: IPushProducer | None = None
        self._paused = False
        self._asked: Deferred[Opinion] | None = None
        self._aborted = self._ended = False
        self._busy = True
        self._run(partial(scanner.begin, message), self._begun)

    # --- as a consumer --------------------------------------------------------------

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{ICheck}."""
        assert streaming, "checks get push producers"
        self._producer = producer  # type: ignore[assignment]  # it is streaming
        if self._failed is not None:
            producer.stopProducing()

    def unregisterProducer(self) -> None:
        """See L{ICheck}."""
        self._producer = None
        self._paused = False

    def write(self, data: bytes) -> None:
        """See L{ICheck}."""
        if self._failed is not None or self._aborted:
            return
        self._pieces.append(data)
        self._octets += len(data)
        producer = self._producer
        if self._octets > _WAITING_OCTETS and producer is not None and not self._paused:
            self._paused = True
            producer.pauseProducing()
        self._turn()

    # --- the end --------------------------------------------------------------------

    def finish(self) -> Deferred[Opinion]:
        """See L{ICheck}."""
        asked: Deferred[Opinion] = Deferred()
        self._asked = asked
        self._turn()
        return asked

    def abort(self) -> None:
        """See L{ICheck}."""
        self._aborted = True
        self._asked = None
        self._pieces.clear()
        self._turn()

    # --- the scanner -----------------------------------------------------------------

    def _turn(self) -> None:
        """Have the scanner do what is to be done next, if it is free."""
        if self._busy or self._ended:
            return
        if self._failed is not None:
            self._tell(self._failed)
            return
        scan = self._scan
        assert scan is not None, "it has begun"
        if self._aborted:
            self._ended = True
            self._run(scan.abort, self._over)
        elif self._pieces:
            pieces, self._pieces, self._octets = self._pieces, [], 0
            self._run(partial(_write, scan, pieces), self._written)
        elif self._asked is not None:
            self._ended = True
            self._run(scan.finish, self._finished)

    def _run(self, job: Callable[[], Any], then: Callable[[Any], None]) -> None:
        self._busy = True
        self._work(job).addCallbacks(self._ran, self._broke, callbackArgs=(then,))

    def _ran(self, result: Any, then: Callable[[Any], None]) -> None:
        self._busy = False
        then(result)
        self._turn()

    def _broke(self, failure: Failure) -> None:
        """The scanner raised something: nothing else is asked of it."""
        self._busy = False
        self._failed = failure
        self._pieces.clear()
        producer = self._producer
        if producer is not None:
            producer.stopProducing()
        self._tell(failure)

    def _begun(self, scan: IBMIScan) -> None:
        self._scan = scan

    def _written(self, result: object) -> None:
        if self._paused and self._producer is not None:
            self._paused = False
            self._producer.resumeProducing()

    def _over(self, result: object) -> None:
        """It was told to forget the message."""

    def _finished(self, verdicts: Sequence[BMIVerdict]) -> None:
        if self._asked is None:
            # It is too late: the message may be in the spool.
            return
        try:
            found = self._conclude(_checked(verdicts, self._count))
        except Exception:
            self._tell(Failure())
        else:
            self._tell(found)

    def _tell(self, result: Opinion | Failure) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.callback(result)


def _write(scan: IBMIScan, pieces: Sequence[bytes]) -> None:
    """In a thread."""
    for piece in pieces:
        scan.write(piece)


def _checked(verdicts: Sequence[BMIVerdict], count: int) -> Sequence[BMIVerdict]:
    """
    @raise BadVerdict: they are not a verdict for each.
    """
    found = list(verdicts)
    if len(found) != count:
        raise BadVerdict(f"{len(found)} verdicts for {count} recipients")
    for each in found:
        if not isinstance(each, BMIVerdict):
            raise BadVerdict(f"{each!r} is no verdict")
    return found


__all__ = ["BadVerdict", "Scanning", "Work"]
