"""Tests for L{smtpx.queue.commandrun}."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.queue.commandrun import (
    KEPT_OCTETS,
    KILL_SECONDS,
    LINGER_SECONDS,
    IChild,
    IParent,
    Launch,
    Run,
    RunBounds,
)
from smtpx.queue.exitstatus import Result

from .commands import PlayedChild, Stage

LAUNCH = Launch((b"/bin/x",))
STOPPED = "cut off, as we stop"


class RunTests(SynchronousTestCase):
    """One run of a command."""

    def setUp(self) -> None:
        """A clock, and a stage."""
        self.clock = Clock()
        self.stage = Stage()

    def run_(
        self, pieces: Iterable[bytes] = (b"one", b"two"), outputOctets: int = 1 << 20
    ) -> tuple[PlayedChild, Deferred[Result]]:
        """Begin a run of at most a minute."""
        run = Run(self.clock, RunBounds(60.0, outputOctets))
        run.start(self.stage.spawn, LAUNCH, pieces)
        self.assertTrue(verifyObject(IParent, run))
        child = self.stage.children[-1]
        self.assertTrue(verifyObject(IChild, child))
        return child, Deferred.fromCoroutine(run.wait())

    def ended(self, child: PlayedChild, done: Deferred[Result]) -> Result:
        """How it ended, with nothing left behind."""
        result = self.successResultOf(done)
        self.assertTrue(child.released)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return result

    # --- input --------------------------------------------------------------------

    def test_allGoesIn(self) -> None:
        """It reads the message, then its end; and ends well."""
        child, done = self.run_()
        child.take()
        self.assertEqual((child.read, child.atEnd), (b"onetwo", True))
        self.assertNoResult(done)
        child.end(0)
        self.assertEqual(self.ended(child, done), Result(0))

    def test_backPressure(self) -> None:
        """The next piece is read when the one before was taken."""
        asked: list[int] = []

        def pieces() -> Iterator[bytes]:
            for number in range(3):
                asked.append(number)
                yield b"%d" % number

        child, _ = self.run_(pieces())
        self.assertEqual((asked, child.read), ([0], b"0"))
        child.take1()
        self.assertEqual((asked, child.read), ([0, 1], b"01"))
        child.take1()
        self.assertFalse(child.atEnd)
        child.take1()
        self.assertTrue(child.atEnd)

    def test_stopsReading(self) -> None:
        """What it does not read is let go of, and its status is what counts."""
        closed: list[bool] = []

        def pieces() -> Iterator[bytes]:
            try:
                yield b"one"
                yield b"two"
            finally:
                closed.append(True)

        child, done = self.run_(pieces())
        child.close()
        self.assertEqual(closed, [True])
        self.assertEqual(child.signals, [])
        child.end(0)
        self.assertEqual(self.ended(child, done), Result(0))

    def test_endsBeforeItReads(self) -> None:
        """Its status is what counts."""
        child, done = self.run_()
        child.end(75)
        self.assertEqual(self.ended(child, done), Result(75))

    def test_lateWishForMore(self) -> None:
        """The reactor may ask once more when all is over."""
        child, done = self.run_()
        source = child.source
        assert source is not None
        child.end(0)
        self.ended(child, done)
        source.resumeProducing()
        self.assertEqual(child.read, b"one")

    def test_bodyIsBroken(self) -> None:
        """
        It is killed before it could take what it has for the whole message, and the
        trouble is ours.
        """

        def pieces() -> Iterator[bytes]:
            yield b"one"
            raise EOFError("88 octets short")

        child, done = self.run_(pieces())
        child.take1()
        self.assertEqual(child.signals, [signal.SIGKILL])
        self.assertFalse(child.atEnd)
        self.failureResultOf(done, EOFError)
        self.assertTrue(child.released)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bodyIsBrokenAtOnce(self) -> None:
        """The first piece may be the one that cannot be read."""

        def broken(number: int) -> bytes:
            raise OSError("no such file")

        _, done = self.run_(map(broken, [0]))
        self.failureResultOf(done, OSError)

    # --- output -------------------------------------------------------------------

    def test_outputIsKept(self) -> None:
        """What it prints is put together."""
        child, done = self.run_()
        child.parent.said(b"no su")
        child.parent.said(b"ch user\n")
        child.end(67)
        self.assertEqual(self.ended(child, done), Result(67, b"no such user\n"))

    def test_muchOutput(self) -> None:
        """Its beginning is kept, and the rest does not matter."""
        child, done = self.run_()
        for _ in range(10):
            child.parent.said(b"x" * KEPT_OCTETS)
        child.end(0)
        self.assertEqual(self.ended(child, done), Result(0, b"x" * KEPT_OCTETS))

    def test_flood(self) -> None:
        """A command that prints too much is ended."""
        child, done = self.run_(outputOctets=20)
        child.parent.said(b"x" * 20)
        self.assertEqual(child.signals, [])
        child.parent.said(b"y")
        self.assertEqual(child.signals, [signal.SIGTERM])
        self.assertEqual(
            self.ended(child, done),
            Result(-15, b"x" * 20 + b"y", "the command printed more than 20 octets"),
        )

    def test_floodGoesOn(self) -> None:
        """It is killed once, however much it prints meanwhile."""
        self.stage.stubborn = True
        child, done = self.run_(outputOctets=20)
        for _ in range(100):
            child.parent.said(b"x" * 10)
        self.clock.advance(KILL_SECONDS)
        self.assertEqual(child.signals, [signal.SIGTERM, signal.SIGKILL])
        self.assertEqual(self.ended(child, done).status, -9)

    def test_childHoldsTheOutput(self) -> None:
        """What it left running is not waited for longer than a moment."""
        child, done = self.run_()
        child.end(0, silent=False)
        self.assertNoResult(done)
        child.parent.said(b"late")
        self.clock.advance(LINGER_SECONDS)
        self.assertEqual(self.ended(child, done), Result(0, b"late"))
        self.assertEqual(child.signals, [])
        # Letting go of a pipe is told as any end of it.
        child.parent.silent()

    def test_outputEndsBehindIt(self) -> None:
        """The last lines may come when the process is gone."""
        child, done = self.run_()
        child.end(67, silent=False)
        child.parent.said(b"sorry")
        child.parent.silent()
        self.assertEqual(self.ended(child, done), Result(67, b"sorry"))

    def test_outputEndsBeforeIt(self) -> None:
        """A command may close its output, and go on."""
        child, done = self.run_()
        child.parent.silent()
        self.assertNoResult(done)
        child.end(0)
        self.assertEqual(self.ended(child, done), Result(0))

    def test_childFloods(self) -> None:
        """What was left running cannot change how it ended."""
        child, done = self.run_(outputOctets=10)
        child.end(0, silent=False)
        child.parent.said(b"x" * 11)
        self.assertEqual(self.ended(child, done), Result(0, b"x" * 11))

    # --- time -----------------------------------------------------------------------

    def test_hangs(self) -> None:
        """It is asked to end, and does."""
        child, done = self.run_()
        self.clock.advance(59)
        self.assertEqual(child.signals, [])
        self.clock.advance(1)
        self.assertEqual(child.signals, [signal.SIGTERM])
        self.assertEqual(
            self.ended(child, done),
            Result(-15, b"", "the command took longer than 60 seconds"),
        )

    def test_hangsStubbornly(self) -> None:
        """It is killed some seconds later."""
        self.stage.stubborn = True
        child, done = self.run_()
        self.clock.advance(60)
        self.clock.advance(KILL_SECONDS)
        self.assertEqual(child.signals, [signal.SIGTERM, signal.SIGKILL])
        self.assertEqual(
            self.ended(child, done),
            Result(-9, b"", "the command took longer than 60 seconds"),
        )

    def test_hangsInTheKernel(self) -> None:
        """A process that cannot be ended is not waited for for ever."""
        self.stage.stuck = True
        child, done = self.run_()
        self.clock.advance(60)
        self.clock.advance(KILL_SECONDS)
        self.assertNoResult(done)
        self.clock.advance(KILL_SECONDS)
        self.assertEqual(
            self.ended(child, done),
            Result(-9, b"", "the command took longer than 60 seconds"),
        )
        child.parent.ended(0)

    def test_endsWellWhenAskedTo(self) -> None:
        """A command that was ended did not end well, whatever it says."""
        self.stage.stubborn = True
        child, done = self.run_()
        self.clock.advance(60)
        child.end(0)
        self.assertEqual(
            self.ended(child, done),
            Result(0, b"", "the command took longer than 60 seconds"),
        )

    def test_diesAmidTheMessage(self) -> None:
        """A signal is told."""
        child, done = self.run_()
        child.end(-signal.SIGSEGV)
        self.assertEqual(self.ended(child, done), Result(-11))

    # --- the end of the server ------------------------------------------------------

    def test_cancelled(self) -> None:
        """When we stop, it is ended, and that is waited for."""
        self.stage.stubborn = True
        child, done = self.run_()
        done.cancel()
        self.assertEqual(child.signals, [signal.SIGTERM])
        self.assertFalse(child.atEnd)
        self.assertNoResult(done)
        self.clock.advance(KILL_SECONDS)
        self.failureResultOf(done, CancelledError)
        self.assertTrue(child.released)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelledWhileItLingers(self) -> None:
        """One that has ended has done so."""
        child, done = self.run_()
        child.end(0, silent=False)
        done.cancel()
        self.assertEqual(self.ended(child, done), Result(0))
        self.assertEqual(child.signals, [])

    def test_cancelledWhileItIsEnded(self) -> None:
        """Why it is ended stays the same."""
        self.stage.stubborn = True
        child, done = self.run_()
        self.clock.advance(60)
        done.cancel()
        self.clock.advance(KILL_SECONDS)
        self.assertEqual(
            self.ended(child, done).cut, "the command took longer than 60 seconds"
        )

    def test_cannotBeStarted(self) -> None:
        """That is told at once, and nothing is left behind."""
        self.stage.error = FileNotFoundError(2, "No such file or directory")
        run = Run(self.clock, RunBounds())
        self.assertRaises(OSError, run.start, self.stage.spawn, LAUNCH, ())
        self.assertEqual(self.clock.getDelayedCalls(), [])
