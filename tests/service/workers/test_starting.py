"""
Tests for L{smtpx.service.workers.staff}: a start, with a zygote that is not real.
"""

from __future__ import annotations

import signal

from smtpx.service.workers.staff import CannotStart, Stage

from .staffed import LEAVE_SECONDS, StaffTestCase


class BeginTests(StaffTestCase):
    """A start."""

    def test_leadingFirst(self) -> None:
        """
        The leading worker is first, alone; the others follow side by side; and when all
        are ready they may take mail.
        """
        self.begin()
        self.assertEqual(self.zygote.taken(), [])
        self.zygote.say("prepared")
        self.assertEqual(self.zygote.taken(), ["fork 1"])
        self.zygote.fork(1, serves=False)
        self.assertEqual(self.zygote.taken(), [])
        self.zygote.say("ready", number=1)
        self.assertEqual(self.zygote.taken(), ["fork 2", "fork 3"])
        self.zygote.fork(3, serves=False)
        self.zygote.say("ready", number=3)
        self.zygote.fork(2, serves=False)
        self.assertEqual(self.zygote.taken(), [])
        self.zygote.say("ready", number=2)
        self.assertEqual(self.zygote.taken(), ["open"])
        for number in (2, 1):
            self.zygote.say("serving", number=number)
        self.assertNoResult(self.begun)
        self.zygote.say("serving", number=3)
        self.assertEqual(self.zygote.taken(), [])
        self.successResultOf(self.begun)
        self.assertEqual(
            self.log.taken(),
            [("info", "3 workers take mail (processes 101, 103, 102)")],
        )

    def test_forkedLate(self) -> None:
        """
        What the zygote had no room to say comes late: who is ready, or takes mail, is
        not about to begin.
        """
        self.begin()
        self.zygote.say("prepared")
        for number in (1, 2, 3):
            self.zygote.say("ready", number=number)
        self.assertEqual(self.zygote.taken()[-1], "open")
        self.zygote.say("forked", number=1, pid=101)
        for number in (1, 2, 3):
            self.zygote.say("serving", number=number)
        self.successResultOf(self.begun)
        self.zygote.say("forked", number=2, pid=102)
        post = self.staff.posts[2]
        self.assertEqual((post.pid, post.stage), (102, Stage.SERVING))

    def check(self, why: str) -> None:
        """It was given up, and said why, after all had gone."""
        error = self.failureResultOf(self.begun, CannotStart).value
        self.assertEqual(str(error), why)
        self.assertEqual(self.log.taken(), [])

    def test_unprepared(self) -> None:
        """A configuration that cannot be read lets nothing start."""
        self.begin()
        self.zygote.say("unprepared", why="smtpx.toml: nothing is right")
        self.assertEqual(self.zygote.taken(), ["end"])
        self.assertNoResult(self.begun)
        self.zygote.hearer.exited("with status 1")
        self.check("smtpx.toml: nothing is right")

    def test_oneCannot(self) -> None:
        """Where one cannot start, the others are ended, and its reason is told."""
        self.begin()
        self.zygote.say("prepared")
        self.zygote.fork(1)
        self.zygote.fork(2)
        self.zygote.taken()
        self.zygote.fork(3, serves=False)
        self.zygote.say("failed", number=3, why="no room")
        self.zygote.lose(3, 1)
        self.assertEqual(self.zygote.taken(), ["leave"])
        self.zygote.lose(1, 0)
        self.assertEqual(self.zygote.taken(), [])
        self.zygote.lose(2, 0)
        self.assertEqual(self.zygote.taken(), ["end"])
        self.zygote.hearer.exited("with status 0")
        self.zygote.hearer.silent()
        self.check("no room")

    def test_endsWhileItWaits(self) -> None:
        """One that ends while it waits for the others lets nobody take mail."""
        self.begin()
        self.zygote.say("prepared")
        self.zygote.fork(1)
        self.zygote.fork(2)
        self.zygote.lose(1)
        self.zygote.taken()
        self.zygote.fork(3)
        self.assertEqual(self.zygote.taken(), [])
        self.zygote.lose(2, 0)
        self.zygote.lose(3, 0)
        self.zygote.hearer.exited("with status 0")
        self.check("worker 1 has ended by SIGKILL")

    def test_abandonedWhileTheyWait(self) -> None:
        """Who is told to leave is not let take mail any more."""
        self.begin()
        self.zygote.say("prepared")
        for number in (1, 2):
            self.zygote.fork(number)
        self.staff.abandon()
        self.assertEqual(self.zygote.taken()[-1], "leave")
        self.zygote.fork(3)
        self.assertEqual(self.zygote.taken(), [])
        for number in (1, 2, 3):
            self.zygote.lose(number, 0)
        self.assertEqual(self.zygote.taken(), ["end"])
        self.zygote.hearer.exited("with status 0")
        self.check("it was told to end before all workers were there")

    def test_oneCrashes(self) -> None:
        """One that ends without a word is told of."""
        self.begin()
        self.zygote.say("prepared")
        self.zygote.fork(1, serves=False)
        self.zygote.lose(1, -11)
        self.zygote.hearer.exited("with status 0")
        self.check("worker 1 has ended by SIGSEGV")

    def test_zygoteEnds(self) -> None:
        """A zygote that ends ends the start."""
        self.begin()
        self.zygote.hearer.exited("with status 1")
        self.zygote.hearer.silent()
        self.check("the zygote has ended with status 1")

    def test_zygoteEndsLate(self) -> None:
        """The workers that were there already are waited for."""
        self.begin()
        self.zygote.say("prepared")
        self.zygote.fork(1)
        self.zygote.hearer.exited("by SIGKILL")
        self.assertNoResult(self.begun)
        for number in (2, 3):
            self.zygote.fork(number)
        self.zygote.hearer.silent()
        self.check("the zygote has ended by SIGKILL")

    def test_abandoned(self) -> None:
        """
        Who ends the server meanwhile need not wait for a worker that hangs: it has its
        time to leave, and is ended.
        """
        self.begin()
        self.zygote.say("prepared")
        self.zygote.fork(1, serves=False)
        self.zygote.taken()
        self.staff.abandon()
        self.staff.abandon()
        self.assertEqual(self.zygote.taken(), ["leave"])
        self.clock.advance(LEAVE_SECONDS)
        self.assertEqual(self.zygote.taken(), [f"signal 1 {int(signal.SIGKILL)}"])
        self.assertEqual(
            self.log.taken(),
            [("error", "Worker 1 (process 101) does not leave, and is ended")],
        )
        self.zygote.lose(1)
        self.zygote.hearer.exited("with status 0")
        self.check("it was told to end before all workers were there")

    def test_noZygote(self) -> None:
        """An interpreter that cannot be started is told of."""
        self.error = PermissionError(13, "Permission denied", "python3.11")
        self.begin()
        self.check(
            "the zygote cannot be started: [Errno 13] Permission denied: 'python3.11'"
        )
