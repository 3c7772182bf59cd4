"""
Tests for L{smtpx.spool.desk}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred

from smtpx.spool import desk, writer
from smtpx.spool.desk import LINGER_SECONDS
from smtpx.spool.format import SpooledMessage
from smtpx.spool.store import Store

from .rig import NOW, PREFIX, Rig, SpoolTestCase, delivered, envelope


class DeskTestCase(SpoolTestCase):
    """
    A test that counts transactions.
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

    def start(self, rig: Rig, body: bytes = b"text\r\n") -> Deferred[None]:
        """Commit a message, and let nothing happen yet."""
        incoming = rig.spool.begin()
        incoming.write(body)
        return incoming.commit(envelope(), PREFIX, False)


class LingerTests(DeskTestCase):
    """
    A removal goes out with others or with something else, or after a while.
    """

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
        """One that has waited for a while goes with what somebody waits for."""
        rig = self.rig()
        first, second, third = self.leased(rig, 3)
        settled = [
            rig.spool.settle(each, delivered(0), None) for each in (first, second)
        ]
        self.start(rig)
        self.turn(rig)
        self.assertEqual(self.commits, [(1, 0)])
        self.turn(rig, LINGER_SECONDS * 0.7)
        committed = self.start(rig)
        settled.append(rig.spool.settle(third, delivered(0), None))
        self.turn(rig)
        self.assertEqual(self.commits, [(1, 0), (1, 3)])
        self.successResultOf(committed)
        for done in settled:
            self.successResultOf(done)

    def test_manyHaveCompany(self) -> None:
        """Many go with what somebody waits for, however short they have waited."""
        with patch.object(desk, "_COMPANY", 2):
            rig = self.rig()
            first, second = self.leased(rig, 2)
            for each in (first, second):
                rig.spool.settle(each, delivered(0), None)
                self.start(rig)
                self.turn(rig)
        self.assertEqual(self.commits, [(1, 0), (1, 2)])

    def test_changesCome(self) -> None:
        """What changes other messages does not overtake them."""
        rig = self.rig()
        first, second = self.leased(rig, 2)
        done = rig.spool.settle(first, delivered(0), None)
        hastened = rig.spool.hasten([first.id, second.id])
        self.turn(rig)
        self.successResultOf(done)
        self.assertEqual(self.commits, [(0, 1)])
        self.assertEqual(self.successResultOf(hastened), 0)

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

    def test_closingTwice(self) -> None:
        """Those that are on their way go nevertheless."""
        rig = self.rig()
        (found,) = self.leased(rig, 1)
        committed = self.start(rig)
        rig.reactor.advance(0)
        done = rig.spool.settle(found, delivered(0), None)
        closed = rig.spool.close()
        self.turn(rig)
        self.successResultOf(committed)
        self.successResultOf(done)
        self.successResultOf(closed)


class LotTests(DeskTestCase):
    """What goes out together."""

    def test_oneAtATime(self) -> None:
        """
        What comes while the writer is at work goes out together, when its end is heard.
        """
        rig = self.rig()
        self.commits.clear()
        first = self.start(rig)
        rig.reactor.advance(0)
        later = [self.start(rig), self.start(rig)]
        rig.reactor.advance(0)
        self.assertEqual(rig.spool._desk._queue.qsize(), 1)
        self.turn(rig)
        self.successResultOf(first)
        for each in later:
            self.successResultOf(each)
        self.assertEqual(self.commits, [(1, 0), (2, 0)])

    def test_cut(self) -> None:
        """No lot has more octets, or more jobs, than a transaction is to have."""
        self.patch(writer, "_OCTETS", 20)
        self.patch(writer, "_JOBS", 5)
        self.patch(writer, "_ENOUGH", 1)
        self.patch(desk, "_LOT", 4)
        rig = self.rig()
        self.commits.clear()
        done = [self.start(rig, b"x" * 15) for _ in range(4)]
        self.turn(rig)
        self.assertEqual(self.commits, [(4, 0)])
        self.commits.clear()
        done += [self.start(rig, b"x" * 15) for _ in range(5)]
        self.turn(rig)
        self.assertEqual(self.commits, [(2, 0), (2, 0), (1, 0)])
        self.commits.clear()
        done += [self.start(rig, b"x") for _ in range(7)]
        self.turn(rig)
        self.assertEqual(self.commits, [(5, 0), (2, 0)])
        for each in done:
            self.successResultOf(each)

    def test_together(self) -> None:
        """Short lots that wait are written in one transaction."""
        rig = self.rig()
        self.commits.clear()
        done = [self.start(rig)]
        rig.spool._desk._sendAll()
        done.append(self.start(rig))
        rig.spool._desk._sendAll()
        self.turn(rig)
        self.assertEqual(self.commits, [(2, 0)])
        for each in done:
            self.successResultOf(each)
