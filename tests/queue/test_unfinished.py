"""
Tests for L{smtpx.queue.unfinished}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.repeatable import Errand
from smtpx.core.reply import reply
from smtpx.dns.mailhosts import MailHost
from smtpx.queue import unfinished
from smtpx.queue.unfinished import Unfinished
from smtpx.spool.via import Cause

from .pools import ONE, THREE, TWO, sent

_LOST = reply(451, "4.4.2", b"Connection lost")


class UnfinishedTests(SynchronousTestCase):
    """Hosts that may have some of a message."""

    def setUp(self) -> None:
        """None does."""
        self.unfinished = Unfinished()

    def note(
        self, id: str, host: MailHost, named: bool = True, cause: Cause = Cause.LOST
    ) -> None:
        """A message was sent to a host, and did not arrive."""
        errand = Errand(id, names={b"name"} if named else set())
        envelope = Envelope(b"", 0.0, [Recipient(b"a@example.org")])
        self.unfinished.note(errand, host, sent(host, envelope, _LOST, cause))

    def first(self, id: str) -> list[MailHost]:
        """In which order three are tried."""
        return list(self.unfinished.first(id, (ONE, TWO, THREE)))

    def test_first(self) -> None:
        """Such a host comes before the others, once, and for that message."""
        self.note("1", TWO)
        self.assertEqual(self.first("2"), [ONE, TWO, THREE])
        self.assertEqual(self.first("1"), [TWO, ONE, THREE])
        self.assertEqual(self.first("1"), [ONE, TWO, THREE])

    def test_gone(self) -> None:
        """One that is no host of the recipient any more is not tried."""
        self.note("1", MailHost(b"old.example", (b"192.0.2.99",)))
        self.assertEqual(self.first("1"), [ONE, TWO, THREE])

    def test_others(self) -> None:
        """What a host does not know again, or has refused, is not remembered."""
        self.note("1", TWO, named=False)
        self.note("2", TWO, cause=Cause.CONTENT)
        for id in ("1", "2"):
            self.assertEqual(self.first(id), [ONE, TWO, THREE])

    def test_bounded(self) -> None:
        """It is remembered of the last messages only."""
        self.patch(unfinished, "_MOST", 2)
        for number in range(4):
            self.note(str(number), TWO)
        found = [self.first(str(number))[0] for number in range(4)]
        self.assertEqual(found, [ONE, ONE, TWO, TWO])
