"""
Tests for L{smtpx.service.workers.staff}: the life and death of workers, with a zygote
that is not real.
"""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, eventAsJSON
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.service.mail import House
from smtpx.service.tables import Listener
from smtpx.service.workers.patience import LONGEST_SECONDS
from smtpx.service.workers.staff import REOPEN, Stage, worded

from .staffed import LEAVE_SECONDS, StaffTestCase


class LifeTests(StaffTestCase):
    """Workers that end, and others that take their places."""

    def setUp(self) -> None:
        """All are at work."""
        super().setUp()
        self.serve()

    def test_begunAgain(self) -> None:
        """A worker that was killed is followed by another, at once."""
        self.zygote.lose(2)
        self.clock.advance(0)
        self.assertEqual(self.zygote.taken(), ["fork 2"])
        self.zygote.fork(2)
        self.assertEqual(
            self.log.taken(),
            [
                (
                    "error",
                    "Worker 2 (process 102) has ended by SIGKILL; another begins",
                ),
                ("info", "Worker 2 takes mail (process 104)"),
            ],
        )
        self.assertEqual(self.zygote.taken(), [])

    def test_readyLate(self) -> None:
        """
        What there was no room to say comes late: who takes mail does, and is not about
        to.
        """
        self.zygote.lose(2)
        self.clock.advance(0)
        self.zygote.fork(2, serves=False)
        self.zygote.say("serving", number=2)
        self.zygote.say("ready", number=2)
        self.assertIs(self.staff.posts[2].stage, Stage.SERVING)

    def test_unforked(self) -> None:
        """One that cannot be forked is tried again, and says why."""
        self.zygote.lose(2)
        self.clock.advance(0)
        self.zygote.taken()
        self.log.taken()
        self.zygote.say("unforked", number=2, why="no memory")
        self.assertEqual(
            self.log.taken(),
            [
                (
                    "error",
                    "Worker 2 cannot start: it cannot be forked: no memory; another"
                    " begins",
                )
            ],
        )
        self.clock.advance(0)
        self.assertEqual(self.zygote.taken(), ["fork 2"])

    def test_againAndAgain(self) -> None:
        """One that dies again and again has to wait; the others do not."""
        for _ in range(2):
            self.zygote.lose(2)
            self.clock.advance(0)
            self.zygote.fork(2)
        self.zygote.taken()
        self.log.taken()
        self.zygote.lose(2, 3)
        self.zygote.lose(3)
        self.clock.advance(0)
        self.assertEqual(self.zygote.taken(), ["fork 3"])
        self.zygote.fork(3)
        self.assertEqual(self.zygote.taken(), [])
        self.assertEqual(
            self.log.taken()[0],
            (
                "error",
                "Worker 2 (process 105) has ended with status 3;"
                " another begins in 0.5 s",
            ),
        )
        self.clock.advance(0.5)
        self.assertEqual(self.zygote.taken(), ["fork 2"])

    def test_cannotStartAgain(self) -> None:
        """One that cannot start again says why, and is tried again and again."""
        self.zygote.lose(1)
        self.clock.advance(0)
        for _ in range(9):
            self.zygote.fork(1, serves=False)
            self.zygote.say("failed", number=1, why="the disk is full")
            self.log.taken()
            self.zygote.lose(1, 1)
            self.clock.advance(LONGEST_SECONDS)
        self.assertEqual(self.zygote.taken()[-1], "fork 1")
        [(level, text)] = self.log.taken()
        self.assertEqual(level, "error")
        self.assertEqual(
            text,
            "Worker 1 (process 112) cannot start: the disk is full;"
            " another begins in 30 s",
        )

    def test_logsOpenedAgain(self) -> None:
        """All that are there are told to go on in new log files."""
        self.zygote.lose(3)
        self.zygote.taken()
        self.staff.reopenLogs()
        number = int(REOPEN)
        self.assertEqual(
            self.zygote.taken(), [f"signal 1 {number}", f"signal 2 {number}"]
        )
        self.clock.advance(0)
        self.staff.reopenLogs()
        # The third may have opened them already, although that is not known yet.
        self.assertEqual(self.zygote.taken()[0], "fork 3")
        self.zygote.say("ended", number=1, pid=101, status=0)
        self.staff.reopenLogs()
        self.assertEqual(
            self.zygote.taken(), [f"signal 2 {number}", f"signal 3 {number}"]
        )

    def test_doors(self) -> None:
        """The supervisor lets nobody in, and has no queue of its own."""
        house: House = self.staff
        self.assertIsNone(house.factory(Listener(port=25)))
        self.assertRaises(UsageError, lambda: self.staff.queue)

    def test_log(self) -> None:
        """What workers tell the log is in the log, and so is what they could not."""
        event: Any = {
            "log_level": LogLevel.warn,
            "log_format": "{who} was here",
            "who": b"x",
            "log_time": 1.0,
        }
        self.zygote.say("log", event=eventAsJSON(event))
        self.zygote.say("lost", number=2, events=5)
        self.assertEqual(
            self.log.taken(),
            [
                ("warn", "b'x' was here"),
                ("error", "Worker 2: 5 events are missing in this log"),
            ],
        )

    def test_nonsense(self) -> None:
        """What nobody understands is passed over."""
        for fields in ({"number": 9}, {"number": "x"}, {"number": 1}, {}):
            self.zygote.say("nonsense", **fields)
        self.assertEqual((self.zygote.taken(), self.log.taken()), ([], []))


class ZygoteTests(StaffTestCase):
    """A zygote that ends though nobody wants it to."""

    def setUp(self) -> None:
        """All are at work; then the zygote is killed."""
        super().setUp()
        self.serve()
        self.first = self.zygote
        self.first.hearer.exited("by SIGKILL")

    def test_anew(self) -> None:
        """
        As soon as the last worker has gone, all begins anew, and nobody who is ready
        waits for the others.
        """
        self.assertEqual(
            self.log.taken(),
            [("error", "The zygote has ended by SIGKILL: all workers begin anew")],
        )
        self.clock.advance(1)
        self.assertEqual(len(self.zygotes), 1)
        self.first.hearer.silent()
        self.clock.advance(0)
        self.assertEqual(len(self.zygotes), 2)
        self.zygote.say("prepared")
        self.assertEqual(self.zygote.taken(), ["open", "fork 1"])
        self.zygote.fork(1, serves=False)
        self.zygote.say("ready", number=1)
        self.assertEqual(self.zygote.taken(), ["fork 2", "fork 3"])
        for number in (2, 3):
            self.zygote.fork(number)
        self.assertEqual(self.zygote.taken(), [])

    def test_leadingCannot(self) -> None:
        """A leading worker that cannot start again does not keep the others away."""
        self.first.hearer.silent()
        self.clock.advance(0)
        self.zygote.say("prepared")
        self.zygote.taken()
        self.zygote.fork(1, serves=False)
        self.zygote.lose(1, 1)
        self.assertEqual(self.zygote.taken(), ["fork 2", "fork 3"])
        self.clock.advance(0)
        self.assertEqual(self.zygote.taken(), ["fork 1"])

    def test_stubborn(self) -> None:
        """A worker that does not go does not hold the others up for ever."""
        self.clock.advance(9.9)
        self.assertEqual(len(self.zygotes), 1)
        self.clock.advance(0.2)
        self.clock.advance(0)
        self.assertEqual(len(self.zygotes), 2)
        self.fill()
        self.log.taken()
        # It is not one of ours any more, but what it has to say is heard.
        self.first.say("ended", number=1, pid=101, status=0)
        event: Any = {
            "log_level": LogLevel.info,
            "log_format": "gone",
            "log_time": 1.0,
        }
        self.first.say("log", event=eventAsJSON(event))
        self.first.hearer.silent()
        self.first.hearer.exited("again")
        self.assertEqual(self.log.taken(), [("info", "gone")])
        self.assertEqual(len(self.zygotes), 2)

    def test_cannot(self) -> None:
        """One that cannot be started is tried again, later and later."""
        self.error = OSError(11, "no more processes")
        self.log.taken()
        self.first.hearer.silent()
        for _ in range(20):
            self.clock.advance(LONGEST_SECONDS)
        lines = self.log.taken()
        self.assertGreater(len(lines), 15)
        self.assertEqual(
            set(lines),
            {
                (
                    "error",
                    "The workers cannot start again: the zygote cannot be started:"
                    " [Errno 11] no more processes",
                )
            },
        )
        self.error = None
        self.clock.advance(LONGEST_SECONDS)
        self.fill()
        self.assertEqual(self.log.taken()[-1][1], "Worker 3 takes mail (process 103)")

    def test_unpreparedAgain(self) -> None:
        """A later one that cannot read what it wants says so, and is tried again."""
        self.first.hearer.silent()
        self.clock.advance(0)
        self.log.taken()
        self.zygote.say("unprepared", why="no room")
        self.zygote.hearer.exited("with status 1")
        self.assertEqual(
            self.log.taken(),
            [
                ("error", "The workers cannot start again: no room"),
                ("error", "The zygote has ended with status 1: all workers begin anew"),
            ],
        )
        self.zygote.hearer.silent()
        self.clock.advance(LONGEST_SECONDS)
        self.assertEqual(len(self.zygotes), 3)

    def test_stopped(self) -> None:
        """A server that is to end meanwhile does not begin anew."""
        gone = self.staff.farewell()
        self.assertNoResult(gone)
        self.first.hearer.silent()
        self.successResultOf(gone)
        self.successResultOf(Deferred.fromCoroutine(self.staff.close()))
        self.clock.advance(100)
        self.assertEqual(len(self.zygotes), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class EndTests(StaffTestCase):
    """The end."""

    def setUp(self) -> None:
        """All are at work, and are then told to leave."""
        super().setUp()
        self.serve()

    def test_sideBySide(self) -> None:
        """All leave side by side; then the zygote ends."""
        gone = self.staff.farewell()
        self.assertEqual(self.zygote.taken(), ["leave"])
        for number in (2, 1):
            self.zygote.lose(number, 0)
            self.assertNoResult(gone)
        self.zygote.lose(3, 0)
        self.successResultOf(gone)
        closed = Deferred.fromCoroutine(self.staff.close())
        self.assertEqual(self.zygote.taken(), ["end"])
        self.assertNoResult(closed)
        self.zygote.hearer.exited("with status 0")
        self.zygote.hearer.silent()
        self.successResultOf(closed)
        self.assertEqual((self.log.taken(), self.clock.getDelayedCalls()), ([], []))

    def test_stubborn(self) -> None:
        """One that does not leave is ended when its time is up."""
        gone = self.staff.farewell()
        self.zygote.lose(1, 0)
        self.zygote.lose(3, 0)
        self.zygote.taken()
        self.clock.advance(LEAVE_SECONDS)
        self.assertEqual(self.zygote.taken(), [f"signal 2 {int(signal.SIGKILL)}"])
        self.assertEqual(
            self.log.taken(),
            [("error", "Worker 2 (process 102) does not leave, and is ended")],
        )
        self.assertNoResult(gone)
        self.zygote.lose(2)
        self.successResultOf(gone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stubbornZygote(self) -> None:
        """A zygote that does nothing any more does not hold up the end."""
        gone = self.staff.farewell()
        self.clock.advance(LEAVE_SECONDS)
        self.clock.advance(5)
        self.successResultOf(gone)
        closed = Deferred.fromCoroutine(self.staff.close())
        self.zygote.taken()
        self.clock.advance(5)
        self.assertEqual(self.zygote.taken(), ["kill"])
        self.zygote.hearer.exited("by SIGKILL")
        self.successResultOf(closed)

    def test_aboutToBegin(self) -> None:
        """One that is about to begin is waited for; one that was to, does not."""
        for _ in range(3):
            self.zygote.lose(1)
            self.clock.advance(0)
            self.zygote.fork(1)
        self.zygote.lose(1)
        self.zygote.lose(2)
        self.clock.advance(0)
        self.zygote.lose(3)
        gone = self.staff.farewell()
        self.assertEqual(self.zygote.taken()[-2:], ["fork 2", "leave"])
        self.assertNoResult(gone)
        self.clock.advance(10)
        self.zygote.fork(2, serves=False)
        self.zygote.lose(2, -15)
        self.successResultOf(gone)
        self.assertEqual(self.zygote.taken(), [])

    def test_nobody(self) -> None:
        """Where nobody is left, nobody is waited for."""
        for number in (1, 2, 3):
            self.zygote.lose(number)
        self.successResultOf(self.staff.farewell())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WordsTests(SynchronousTestCase):
    """How a process has ended, in words."""

    def test_words(self) -> None:
        """Signals have their names, as far as they have any."""
        words = [worded(status) for status in (0, 3, -9, -40)]
        self.assertEqual(
            words, ["with status 0", "with status 3", "by SIGKILL", "by signal 40"]
        )
