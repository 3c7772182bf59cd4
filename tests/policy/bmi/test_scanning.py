"""
Tests for L{smtpx.policy.bmi.scanning}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.extensions.bmi import BMIDelivery, BMIVerdict
from smtpx.policy.bmi.interfaces import BMIMessage, BMIRecipient
from smtpx.policy.bmi.scanning import BadVerdict, Scanning, Work
from smtpx.policy.checkers.interfaces import Opinion

from .scanners import FieldScanner, Unlucky

MESSAGE = BMIMessage(
    "id",
    b"192.0.2.1",
    None,
    b"c.example",
    b"a@b.example",
    (BMIRecipient(b"ann@example.org"),),
)
DROPPED = BMIVerdict(BMIDelivery.DROP)


@define
class Threads:
    """
    Threads whose work is done when the test says so.

    @ivar jobs: what is to be done, and who waits for it.
    """

    jobs: list[tuple[Callable[[], Any], Deferred[Any]]] = field(factory=list)

    def work(self, job: Callable[[], Any]) -> Deferred[Any]:
        """See L{Work}."""
        waiting: Deferred[Any] = Deferred()
        self.jobs.append((job, waiting))
        return waiting

    def run(self) -> None:
        """Do the next one."""
        job, waiting = self.jobs.pop(0)
        maybeDeferred(job).chainDeferred(waiting)


@define
class Producer:
    """
    Somebody who sends.

    @ivar said: what it was told.
    """

    said: list[str] = field(factory=list)

    def pauseProducing(self) -> None:
        """See L{IPushProducer}."""
        self.said.append("pause")

    def resumeProducing(self) -> None:
        """See L{IPushProducer}."""
        self.said.append("resume")

    def stopProducing(self) -> None:
        """See L{IPushProducer}."""
        self.said.append("stop")


class ScanningTests(SynchronousTestCase):
    """A message on its way to a scanner."""

    def setUp(self) -> None:
        """Nothing is concluded yet."""
        self.concluded: list[Sequence[BMIVerdict]] = []
        self.scanner = FieldScanner()

    def conclude(self, verdicts: Sequence[BMIVerdict]) -> Opinion:
        """Note it."""
        self.concluded.append(verdicts)
        return Opinion(found={"bmi": "seen"})

    def scanning(self, scanner: Any = None, work: Work = maybeDeferred) -> Scanning:
        """A scan; the work is done at once if nobody says otherwise."""
        return Scanning(scanner or self.scanner, MESSAGE, work, self.conclude)

    def test_verdict(self) -> None:
        """The scanner gets the message, and its verdicts are what it comes to."""
        scan = self.scanning()
        scan.write(b"X-Fake-BMI: drop\r\n")
        scan.write(b"\r\nbody\r\n")
        found = self.successResultOf(scan.finish())
        self.assertEqual(found, Opinion(found={"bmi": "seen"}))
        self.assertEqual(self.concluded, [[DROPPED]])
        self.assertEqual(self.scanner.messages, [MESSAGE])
        self.assertEqual(self.scanner.bodies, [b"X-Fake-BMI: drop\r\n\r\nbody\r\n"])
        scan.abort()
        self.assertNotIn("abort", self.scanner.told)

    def test_oneAfterTheOther(self) -> None:
        """Never are two things asked of it at once, whatever comes meanwhile."""
        threads = Threads()
        scan = self.scanning(work=threads.work)
        scan.write(b"one\r\n")
        scan.write(b"two\r\n")
        done = scan.finish()
        while threads.jobs:
            self.assertEqual(len(threads.jobs), 1)
            threads.run()
        self.assertEqual(self.scanner.told, ["begin", "write", "write", "finish"])
        self.successResultOf(done)

    def test_backPressure(self) -> None:
        """While the scanner is busy, only so much is kept for it."""
        threads, producer = Threads(), Producer()
        scan = self.scanning(work=threads.work)
        scan.registerProducer(producer, True)  # type: ignore[arg-type]  # it is one
        for _ in range(5):
            scan.write(bytes(1 << 16))
        self.assertEqual(producer.said, ["pause"])
        threads.run()
        threads.run()
        self.assertEqual(producer.said, ["pause", "resume"])
        scan.unregisterProducer()
        for _ in range(5):
            scan.write(bytes(1 << 16))
        self.assertEqual(producer.said, ["pause", "resume"])

    def test_fails(self) -> None:
        """A scanner that fails is asked nothing more, and the scan fails."""
        for where in ("begin", "write", "finish"):
            producer = Producer()
            scan = self.scanning(Unlucky(where))
            scan.registerProducer(producer, True)  # type: ignore[arg-type]  # it is one
            scan.write(b"one\r\n")
            scan.write(b"two\r\n")
            error = self.failureResultOf(scan.finish(), RuntimeError).value
            self.assertEqual(str(error), f"{where} fails")
            self.assertEqual(set(producer.said), {"stop"})
            scan.abort()
        self.assertEqual(self.concluded, [])

    def test_noVerdicts(self) -> None:
        """What is not a verdict for each is none."""
        for given in ([], [DROPPED, DROPPED], ["drop"], None):

            class Odd(Unlucky):
                """Gives that."""

                def finish(self, given: Any = given) -> Any:
                    """See L{IBMIScan}."""
                    return given

            done = self.scanning(Odd("")).finish()
            self.failureResultOf(done, BadVerdict, TypeError)
        self.assertEqual(self.concluded, [])

    def test_aborted(self) -> None:
        """It is told that nobody wants to know, when it is free."""
        threads = Threads()
        scan = self.scanning(work=threads.work)
        scan.write(b"one\r\n")
        scan.abort()
        scan.write(b"two\r\n")
        while threads.jobs:
            threads.run()
        self.assertEqual(self.scanner.told, ["begin", "abort"])

    def test_abortFails(self) -> None:
        """Who cannot even forget it does no harm."""
        self.scanning(Unlucky("abort")).abort()

    def test_tooLate(self) -> None:
        """A verdict for which nobody has waited so long is not used."""
        threads = Threads()
        scan = self.scanning(work=threads.work)
        scan.finish()
        threads.run()
        scan.abort()
        while threads.jobs:
            threads.run()
        self.assertEqual(self.scanner.told, ["begin", "finish"])
        self.assertEqual(self.concluded, [])
