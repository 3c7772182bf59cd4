"""
Mail that users of this machine have dropped and that a policy refuses for the moment;
tests for L{smtpx.service.droptaking}.
"""

from __future__ import annotations

import os

from .test_dropping import ANN, LATER, TEXT, DropCase, Moody


class PatienceTests(DropCase):
    """What is refused for the moment is tried again."""

    def report(self) -> bytes:
        """The one message that is a report."""
        (found,) = [each for each in self.site.inboxes() if b"MAILER-DAEMON" in each]
        return found

    def test_forNow(self) -> None:
        """All of it waits as long as a policy says so, and then it is refused."""
        self.serve(policy={"python": [Moody()]})
        self.patch(Moody, "answer", LATER)
        name = self.drop()
        os.utime(self.path / "new" / name, (self.site.machine.now(),) * 2)
        self.look()
        self.assertEqual(self.left(), {"new": [name]})
        self.look(30)
        self.patch(Moody, "answer", None)
        self.look(20)
        self.assertEqual(self.left(), {"new": [name]})
        self.look(40)
        self.assertEqual((len(self.site.inboxes()), self.left()), (1, {}))
        self.patch(Moody, "answer", LATER)
        name = self.drop(sender=ANN)
        os.utime(self.path / "new" / name, (self.site.machine.now(),) * 2)
        self.look(4 * 3600 - 60)
        self.look(59)
        self.assertEqual(self.left(), {"new": [name]})
        self.look(62)
        self.assertEqual(self.left(), {})
        self.assertIn(b"451 4.7.1 Later", self.report())

    def test_forNowAfterALongTimeDown(self) -> None:
        """
        What was dropped while the server was down is not refused for good at its
        start, where a policy cannot say anything yet.
        """
        self.serve(policy={"python": [Moody()]})
        self.stop()
        name = self.drop()
        long = self.site.machine.now() - 5 * 3600
        os.utime(self.path / "new" / name, (long, long))
        self.patch(Moody, "answer", LATER)
        self.serve(policy={"python": [Moody()]})
        self.look()
        self.assertEqual(self.left(), {"new": [name]})
        self.patch(Moody, "answer", None)
        self.look(61)
        (message,) = self.site.inboxes()
        self.assertTrue(message.endswith(TEXT))

    def test_forNowWithATimeToCome(self) -> None:
        """A file that says that it is from the future is not tried for ever."""
        self.serve(policy={"python": [Moody()]})
        self.patch(Moody, "answer", LATER)
        name = self.drop()
        future = self.site.machine.now() + 400 * 86400
        os.utime(self.path / "new" / name, (future, future))
        made = os.stat(self.path / "new" / name).st_ctime
        self.assertGreater(future, made)
        self.site.reactor.advance(made - self.site.machine.now() + 4 * 3600)
        self.look(61)
        self.assertEqual(self.left(), {})
