"""
Tests for L{smtpx.service.workers.rota}: workers that are replaced by others, with a
zygote that is not real.
"""

from __future__ import annotations

from .staffed import LEAVE_SECONDS, StaffTestCase


class RotaTests(StaffTestCase):
    """There are new keys."""

    def setUp(self) -> None:
        """All three are at work, as processes 101 to 103."""
        super().setUp()
        self.serve()

    def left(self, number: int, pid: int) -> None:
        """A worker has seen its clients out."""
        self.zygote.say("ended", number=number, pid=pid, status=0)

    def test_oneAfterAnother(self) -> None:
        """
        Each is told to leave, and the next one's turn is when its successor serves;
        nothing is waited for in between, and no worker is said to have failed.
        """
        self.zygote.say("renewed")
        for number, pid in ((1, 101), (2, 102), (3, 103)):
            self.assertEqual(self.zygote.taken(), [f"signal {number} 15"])
            self.left(number, pid)
            self.assertEqual(self.zygote.taken(), [f"fork {number}"])
            self.zygote.fork(number, serves=False)
            self.assertEqual(self.zygote.taken(), [])
            self.zygote.say("serving", number=number)
        self.assertEqual(self.zygote.taken(), [])
        told = self.log.taken()
        self.assertEqual({level for level, _ in told}, {"info"})
        self.assertEqual(
            [text for _, text in told],
            [
                "There are new keys of TLS tickets: all workers are replaced, one after"
                " another",
                "Worker 1 (process 101) has left; another begins",
                "Worker 1 takes mail (process 104)",
                "Worker 2 (process 102) has left; another begins",
                "Worker 2 takes mail (process 105)",
                "Worker 3 (process 103) has left; another begins",
                "Worker 3 takes mail (process 106)",
            ],
        )

    def test_anotherEnds(self) -> None:
        """
        Whoever ends meanwhile has a successor with the new keys already, and who has
        none yet keeps the others from leaving.
        """
        self.zygote.say("renewed")
        self.left(1, 101)
        self.zygote.taken()
        self.zygote.say("ended", number=2, pid=102, status=-9)
        self.zygote.fork(1, serves=False)
        self.clock.advance(0)
        self.zygote.taken()
        self.zygote.fork(2, serves=False)
        self.assertEqual(self.zygote.taken(), [])
        self.zygote.say("serving", number=1)
        self.assertEqual(self.zygote.taken(), [])
        self.zygote.say("serving", number=2)
        self.assertEqual(self.zygote.taken(), ["signal 3 15"])
        self.left(3, 103)
        self.zygote.fork(3)
        self.assertEqual(self.zygote.taken(), ["fork 3"])

    def test_againMeanwhile(self) -> None:
        """Where there are new keys once more, all begin anew once more."""
        self.zygote.say("renewed")
        self.zygote.say("renewed")
        self.assertEqual(self.zygote.taken(), ["signal 1 15"])
        self.left(1, 101)
        self.zygote.fork(1)
        self.assertEqual(self.zygote.taken(), ["fork 1", "signal 2 15"])

    def test_successorCannotStart(self) -> None:
        """A successor that cannot start is tried again, and then it goes on."""
        self.zygote.say("renewed")
        self.left(1, 101)
        self.zygote.fork(1, serves=False)
        self.zygote.taken()
        self.zygote.say("failed", number=1, why="no room")
        self.zygote.say("ended", number=1, pid=104, status=1)
        self.assertEqual(self.zygote.taken(), [])
        self.clock.advance(0)
        self.assertEqual(self.zygote.taken(), ["fork 1"])
        self.zygote.fork(1)
        self.assertEqual(self.zygote.taken(), ["signal 2 15"])

    def test_late(self) -> None:
        """One that does not leave in time is ended, and the others have their turn."""
        self.zygote.say("renewed")
        self.left(1, 101)
        self.zygote.fork(1)
        self.assertEqual(self.zygote.taken(), ["signal 1 15", "fork 1", "signal 2 15"])
        self.log.taken()
        self.clock.advance(LEAVE_SECONDS)
        self.assertEqual(self.zygote.taken(), ["signal 2 9"])
        self.assertEqual(
            self.log.taken(),
            [("error", "Worker 2 (process 102) does not leave, and is ended")],
        )
        self.zygote.say("ended", number=2, pid=102, status=-9)
        self.assertEqual(self.zygote.taken(), ["fork 2"])

    def test_stopped(self) -> None:
        """A server that stops replaces nobody any more."""
        self.zygote.say("renewed")
        self.zygote.taken()
        gone = self.staff.farewell()
        for number, pid in ((1, 101), (2, 102), (3, 103)):
            self.left(number, pid)
        self.assertEqual(self.zygote.taken(), ["leave"])
        self.successResultOf(gone)

    def test_zygoteEnds(self) -> None:
        """With another zygote all is new anyway."""
        self.zygote.say("renewed")
        self.zygote.hearer.exited("by SIGKILL")
        self.zygote.hearer.silent()
        self.clock.advance(0)
        self.fill()
        self.assertEqual(self.zygote.taken(), [])
        self.assertFalse(any(post.leaves for post in self.staff.posts.values()))
