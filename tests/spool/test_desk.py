"""
Tests for L{smtpx.spool.desk}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from smtpx.spool import desk
from smtpx.spool.desk import LINGER_SECONDS
from smtpx.spool.format import SpooledMessage
from smtpx.spool.store import Store

from .rig import NOW, Rig, SpoolTestCase, delivered


class LingerTests(SpoolTestCase):
    """
    A removal goes out with something else, or after a while.
    """

    def setUp(self) -> None:
        """Count transactions, with what they put down and remove."""
        super().setUp()
        self.commits: list[tuple[int, int]] = []
        commit = Store.commit

        def counted(store: Store, *changes: Any) -> Any:
            insertions, removals = changes[:2]
            self.commits.append((len(insertions), len(removals)))
            return commit(store, *changes)

        self.patch(Store, "commit", counted)

    def leased(self, rig: Rig, count: int) -> Sequence[SpooledMessage]:
        """So many messages, leased."""
        for _ in range(count):
            rig.put(b"text\r\n")
        found = rig.wait(rig.spool.ready(NOW, count))
        self.commits.clear()
        return found

    def turn(self, rig: Rig, seconds: float = 0.0) -> None:
        """So much time passes, and the writer does what it has got."""
        rig.reactor.advance(seconds)
        rig.reactor.advance(0)
        rig.threads.run(lambda: rig.spool._desk._queue.qsize() > 0)

    def test_waits(self) -> None:
        """By itself it is on the disk after C{LINGER_SECONDS}, and not before."""
        rig = self.rig()
        (found,) = self.leased(rig, 1)
        done = rig.spool.settle(found, delivered(0), None)
        self.turn(rig, LINGER_SECONDS * 0.9)
        self.assertNoResult(done)
        self.assertEqual(self.commits, [])
        self.turn(rig, LINGER_SECONDS * 0.2)
        self.assertEqual(self.successResultOf(done), [])
        self.assertEqual(self.commits, [(0, 1)])

    def test_company(self) -> None:
        """With something that somebody waits for it goes at once."""
        rig = self.rig()
        first, second = self.leased(rig, 2)
        settled = [
            rig.spool.settle(each, delivered(0), None) for each in (first, second)
        ]
        incoming = rig.spool.begin()
        incoming.write(b"text\r\n")
        committed = incoming.commit(first.envelope, b"", False)
        self.turn(rig)
        self.assertEqual(self.commits, [(1, 2)])
        self.successResultOf(committed)
        for done in settled:
            self.successResultOf(done)

    def test_tooMany(self) -> None:
        """Many go without company, so that a step stays short."""
        with patch.object(desk, "_LINGER_MOST", 3):
            rig = self.rig()
            for each in self.leased(rig, 4):
                rig.spool.settle(each, delivered(0), None)
            self.turn(rig)
        self.assertEqual(self.commits, [(0, 3)])

    def test_youngerOnes(self) -> None:
        """Those that came after company has gone wait no longer than they should."""
        rig = self.rig()
        first, second = self.leased(rig, 2)
        rig.spool.settle(first, delivered(0), None)
        rig.put(b"text\r\n")
        done = rig.spool.settle(second, delivered(0), None)
        self.turn(rig, LINGER_SECONDS)
        self.successResultOf(done)

    def test_closing(self) -> None:
        """Closing waits for none of them."""
        rig = self.rig()
        (found,) = self.leased(rig, 1)
        done = rig.spool.settle(found, delivered(0), None)
        closed = rig.spool.close()
        self.turn(rig)
        self.successResultOf(done)
        self.successResultOf(closed)
        self.assertEqual(rig.reactor.getDelayedCalls(), [])
