"""
Tests for L{smtpx.service.workers.staff}: workers that hang, with a zygote that is not
real.
"""

from __future__ import annotations

from .staffed import StaffTestCase


class HangingTests(StaffTestCase):
    """Workers that do nothing any more."""

    def setUp(self) -> None:
        """All are at work."""
        super().setUp()
        self.serve()

    def test_hangs(self) -> None:
        """
        One that hangs is ended and has a successor; its predecessor's hanging, told
        late, is nobody's any more.
        """
        self.log.taken()
        self.zygote.say("hangs", number=3, pid=103, seconds=60.0)
        self.assertEqual(self.zygote.taken(), ["signal 3 9"])
        self.zygote.lose(3)
        self.clock.advance(0)
        self.assertEqual(
            self.log.taken(),
            [
                (
                    "error",
                    "Worker 3 (process 103) hangs: it has done nothing for 60 s, and"
                    " is ended",
                ),
                (
                    "error",
                    "Worker 3 (process 103) has ended by SIGKILL; another begins",
                ),
            ],
        )
        self.zygote.fork(3)
        self.zygote.taken()
        self.zygote.say("hangs", number=3, pid=103, seconds=60.0)
        self.assertEqual(self.zygote.taken(), [])

    def test_hangsWhileItLeaves(self) -> None:
        """Who was told to leave has its time for that, and is ended then."""
        self.zygote.say("renewed")
        self.assertEqual(self.zygote.taken(), ["signal 1 15"])
        pid = self.staff.posts[1].pid
        self.zygote.say("hangs", number=1, pid=pid, seconds=60.0)
        self.assertEqual(self.zygote.taken(), [])
        self.staff.farewell()
        self.zygote.taken()
        self.zygote.say("hangs", number=3, pid=103, seconds=60.0)
        self.assertEqual(self.zygote.taken(), [])
