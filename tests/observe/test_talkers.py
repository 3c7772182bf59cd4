"""
The peers that talk most.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.talkers import HALF_LIFE_SECONDS, Talker, Talkers


class TalkersTests(SynchronousTestCase):
    """Who sends, and who is refused."""

    def test_counted(self) -> None:
        """What a peer does is counted, and when it was last seen."""
        talkers = Talkers()
        talkers.connected(b"192.0.2.1", 10)
        talkers.sent(b"192.0.2.1", 11)
        talkers.sent(b"192.0.2.1", 12)
        talkers.refused(b"192.0.2.1", 13)
        self.assertEqual(talkers.byMessages(20, 5), [Talker(b"192.0.2.1", 1, 2, 1, 13)])

    def test_order(self) -> None:
        """The first is who did most; those who did nothing of it are not there."""
        talkers = Talkers()
        for address, sent, refused in ((b"a", 2, 0), (b"b", 5, 1), (b"c", 0, 9)):
            for _ in range(sent):
                talkers.sent(address, 0)
            for _ in range(refused):
                talkers.refused(address, 0)
        self.assertEqual([t.address for t in talkers.byMessages(1, 5)], [b"b", b"a"])
        self.assertEqual([t.address for t in talkers.byRefusals(1, 5)], [b"c", b"b"])
        self.assertEqual([t.address for t in talkers.byRefusals(1, 1)], [b"c"])

    def test_latelyCountsMore(self) -> None:
        """Who did much long ago comes behind who does a little now."""
        talkers = Talkers()
        for _ in range(10):
            talkers.sent(b"before", 0)
        later = 4 * HALF_LIFE_SECONDS
        talkers.sent(b"now", later)
        self.assertEqual(
            [t.address for t in talkers.byMessages(later, 5)], [b"now", b"before"]
        )

    def test_bounded(self) -> None:
        """A flood of strangers takes no more room, and the busy ones stay."""
        talkers = Talkers(100)
        for _ in range(3):
            talkers.sent(b"busy", 0)
        for number in range(10_000):
            talkers.connected(b"%d" % number, 1)
            self.assertLessEqual(len(talkers), 100)
        self.assertEqual([t.address for t in talkers.byMessages(2, 9)], [b"busy"])

    def test_aClockThatIsSetBack(self) -> None:
        """It makes nobody heavier."""
        talkers = Talkers()
        talkers.sent(b"a", 1e9)
        talkers.sent(b"a", 5)
        [talker] = talkers.byMessages(1, 1)
        self.assertEqual((talker.messages, talker.seen), (2, 5))
