"""
Tests for L{smtpx.spool.sqlite}: delivering, and what an operator does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence

from twisted.internet.defer import Deferred

from smtpx.core.envelope import Stamp, dumpFlag, loadFlag
from smtpx.core.errors import UsageError
from smtpx.spool.bodies import INSIDE
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken

from .rig import (
    LONG,
    NOW,
    PREFIX,
    SHORT,
    Rig,
    SpoolTestCase,
    delivered,
    envelope,
    octetsOf,
)

FLAG: Stamp[bool] = Stamp("test.flag", dumpFlag, loadFlag, critical=True)


class DeliveringTests(SpoolTestCase):
    """From C{ready} to C{settle}."""

    def ids(self, messages: Sequence[SpooledMessage]) -> list[str]:
        """The ids of messages."""
        return [one.id for one in messages]

    def test_order(self) -> None:
        """The oldest comes first, at most so many at a time, each once."""
        rig = self.rig()
        made = [rig.put(b"%d" % number) for number in range(5)]
        ready = rig.spool.ready
        self.assertEqual(self.ids(rig.wait(ready(NOW, 2))), made[:2])
        self.assertEqual(self.ids(rig.wait(ready(NOW, 10))), made[2:])
        self.assertEqual(rig.wait(ready(NOW, 10)), [])

    def test_bodiesAreBounded(self) -> None:
        """No more than a megabyte of bodies is read at a time; none is lost."""
        rig = self.rig()
        made = [rig.put(b"x" * INSIDE) for _ in range(40)]
        first = self.ids(rig.wait(rig.spool.ready(NOW, 100)))
        self.assertEqual(first, made[: len(first)])
        self.assertLess(len(first), 20)
        found = first
        while more := self.ids(rig.wait(rig.spool.ready(NOW, 100))):
            found += more
        self.assertEqual(found, made)

    def test_twoAtATime(self) -> None:
        """Two that ask at a time get different messages."""
        rig = self.rig()
        made = [rig.put(SHORT) for _ in range(4)]
        for message in rig.wait(rig.spool.ready(NOW, 2)):
            rig.wait(rig.spool.settle(message, [], NOW + 5))
        one, other = rig.spool.ready(NOW + 5, 3), rig.spool.ready(NOW + 5, 3)
        found = self.ids(rig.wait(one)) + self.ids(rig.wait(other))
        self.assertEqual(sorted(found), made)

    def test_delivered(self) -> None:
        """A message with nobody left is gone, its file too."""
        rig = self.rig()
        for body in (SHORT, LONG):
            rig.put(body)
            (found,) = rig.wait(rig.spool.ready(NOW, 10))
            rig.wait(rig.spool.settle(found, delivered(0), None))
        self.assertEqual(rig.wait(rig.spool.count()), 0)
        self.assertEqual(os.listdir(rig.path("bodies")), [])
        rig.close()
        self.assertEqual(self.rig().spool._records.stock.messages, 0)

    def test_bodyOutlivesSettle(self) -> None:
        """Who is reading a body reads it to its end."""
        rig = self.rig()
        rig.put(LONG)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        pieces = rig.spool.body(found).pieces()
        first = next(pieces)
        rig.wait(rig.spool.settle(found, delivered(0), None))
        self.assertEqual(first + b"".join(pieces), LONG)

    def test_deferred(self) -> None:
        """Those that are left are tried again when it is time, with the past."""
        rig = self.rig()
        rig.put(SHORT, b"b@x", b"c@x", b"d@x")
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        past = [
            Outcome(0, Fate.DELIVERED),
            Outcome(1, Fate.FAILED, "no such user"),
            Outcome(2, Fate.WAITING, "busy"),
        ]
        rig.wait(rig.spool.settle(found, past, NOW + 60))
        self.assertEqual(rig.wait(rig.spool.ready(NOW + 59, 10)), [])
        (found,) = rig.wait(rig.spool.ready(NOW + 60, 10))
        self.assertEqual(found.waiting, (2,))
        self.assertEqual(found.attempts, 1)
        self.assertEqual(found.outcomes, tuple(past))
        self.assertEqual(found.due, NOW + 60)
        rig.wait(rig.spool.settle(found, delivered(2), None))
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_deferredAfterRestart(self) -> None:
        """What was written down outlives the process; leases do not."""
        rig = self.rig()
        first, second = rig.put(SHORT), rig.put(SHORT)
        found = rig.wait(rig.spool.ready(NOW, 10))
        rig.wait(rig.spool.settle(found[0], [], NOW + 60))
        rig.close()
        rig = self.rig()
        found = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(self.ids(found), [second])
        found = rig.wait(rig.spool.ready(NOW + 60, 10))
        self.assertEqual(self.ids(found), [first])

    def test_onHold(self) -> None:
        """Without a time, a message is on hold until it is released."""
        rig = self.rig()
        id = rig.put(SHORT)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        rig.wait(rig.spool.settle(found, [], None))
        self.assertEqual(rig.wait(rig.spool.ready(NOW + 9e9, 10)), [])
        (seen,) = rig.wait(rig.spool.messages("", 10))
        self.assertEqual((seen.held, seen.note), (True, "held after an attempt"))
        rig.wait(rig.spool.release([id]))
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual((found.held, found.note), (False, ""))

    def test_leaseNeeded(self) -> None:
        """Only who has a message can settle it, and only once."""
        rig = self.rig()
        id = rig.put(SHORT)
        seen = rig.wait(rig.spool.fetch(id))
        assert seen is not None
        settle = rig.spool.settle
        self.assertRaises(UsageError, settle, seen, delivered(0), None)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        rig.wait(settle(found, delivered(0), None))
        self.assertRaises(UsageError, settle, found, delivered(0), None)

    def test_settledTwice(self) -> None:
        """A message is counted off once, however hasty its deliverer is."""
        rig = self.rig()
        rig.put(SHORT)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        done = rig.spool.settle(found, delivered(0), None)
        settle = rig.spool.settle
        self.assertRaises(UsageError, settle, found, delivered(0), None)
        rig.wait(done)
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_watch(self) -> None:
        """Watchers are called once a commit; a bad one harms nobody."""
        rig = self.rig()
        calls: list[int] = []
        rig.spool.watch(lambda: 1 // 0)
        rig.spool.watch(lambda: calls.append(1))
        done: list[Deferred[None]] = []
        for hold in (False, False, True):
            incoming = rig.spool.begin()
            done.append(incoming.commit(envelope(), PREFIX, hold))
        rig.run()
        self.assertEqual(calls, [1])
        rig.put(SHORT, hold=True)
        self.assertEqual(calls, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_watchersAreCalledLast(self) -> None:
        """
        Whoever put a message down hears of it before those who deliver it, so a log
        has its arrival before what became of it.
        """
        rig = self.rig()
        heard: list[str] = []
        rig.spool.watch(lambda: heard.append("wake"))
        done = rig.spool.begin().commit(envelope(), PREFIX, False)
        done.addCallback(lambda result: heard.append("committed"))
        rig.run()
        self.assertEqual(heard, ["committed", "wake"])

    def test_missingFile(self) -> None:
        """A body that is shorter than it was is not passed off as whole."""
        rig = self.rig()
        id = rig.put(LONG)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        os.truncate(rig.path("bodies", id), 100)
        self.assertRaises(EOFError, octetsOf, rig, found)


class UnfitTests(SpoolTestCase):
    """Messages that cannot be delivered, and are kept."""

    def spoil(self, rig: Rig, id: str, text: str) -> Rig:
        """Put other text into a message; open the spool again."""
        rig.close()
        with sqlite3.connect(rig.path("spool.db")) as connection:
            connection.execute("UPDATE message SET envelope = ?", (text,))
        connection.close()
        return self.rig()

    def test_damaged(self) -> None:
        """A damaged message is put on hold and says why; others go on."""
        rig = self.rig()
        bad = rig.put(SHORT)
        rig = self.spoil(rig, bad, "{")
        good = rig.put(SHORT)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, good)
        (seen, _) = rig.wait(rig.spool.messages("", 10))
        self.assertEqual(seen.id, bad)
        self.assertTrue(seen.held)
        self.assertIn("cannot be read: no JSON", seen.note)
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 10)), [])

    def test_damagedAmongOthers(self) -> None:
        """A damaged message does not keep those of the same look from going."""
        rig = self.rig()
        ids = [rig.put(SHORT) for _ in range(3)]
        rig.close()
        with sqlite3.connect(rig.path("spool.db")) as connection:
            first = "(SELECT min(id) FROM message)"
            connection.execute(f"UPDATE message SET envelope = '{{' WHERE id = {first}")
        connection.close()
        rig = self.rig()
        found = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual([one.id for one in found], ids[1:])
        self.assertEqual(rig.spool.state().held, 1)

    def test_damagedWhileClosing(self) -> None:
        """One that cannot be put on hold any more is found the next time."""
        rig = self.rig()
        bad = rig.put(SHORT)
        rig = self.spoil(rig, bad, "{")
        ready = rig.spool.ready(NOW, 10)
        rig.close()
        self.failureResultOf(ready, SpoolBroken)
        rig = self.rig()
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 10)), [])

    def test_onlyDamaged(self) -> None:
        """Damaged messages do not hide those behind them."""
        rig = self.rig()
        for _ in range(3):
            bad = rig.put(SHORT)
        rig = self.spoil(rig, bad, '{"v": 9}')
        good = rig.put(SHORT)
        (found,) = rig.wait(rig.spool.ready(NOW, 2))
        self.assertEqual(found.id, good)

    def test_extensionFails(self) -> None:
        """An extension that cannot load its stamp keeps the message here."""

        def load(text: str) -> bool:
            raise RuntimeError("a fault of the extension")

        faulty: Stamp[bool] = Stamp("test.flag", dumpFlag, load)
        rig = self.rig(stamps={"test.flag": faulty})
        incoming = rig.spool.begin()
        stamped = envelope()
        stamped.stamps[faulty] = True
        rig.wait(incoming.commit(stamped, PREFIX, False))
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 10)), [])
        (seen,) = rig.wait(rig.spool.messages("", 10))
        self.assertTrue(seen.held)
        self.assertIn("a fault of the extension", seen.note)

    def test_criticalStamp(self) -> None:
        """A critical stamp that nobody knows keeps the message here."""
        rig = self.rig(stamps={"test.flag": FLAG})
        incoming = rig.spool.begin()
        stamped = envelope()
        stamped.stamps[FLAG] = True
        rig.wait(incoming.commit(stamped, PREFIX, False))
        rig.close()
        rig = self.rig()
        self.assertEqual(rig.wait(rig.spool.ready(NOW, 10)), [])
        (seen,) = rig.wait(rig.spool.messages("", 10))
        self.assertTrue(seen.held)
        rig.close()
        rig = self.rig(stamps={"test.flag": FLAG})
        rig.wait(rig.spool.release([incoming.id]))
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertTrue(found.envelope.stamps[FLAG])


class OperatingTests(SpoolTestCase):
    """What an operator's tools do."""

    def test_pages(self) -> None:
        """All messages, page by page, without their bodies."""
        rig = self.rig()
        made = [rig.put(SHORT) for _ in range(5)]
        pages, after = [], ""
        while page := rig.wait(rig.spool.messages(after, 2)):
            pages.append([one.id for one in page])
            after = page[-1].id
            self.assertRaises(UsageError, rig.spool.body, page[0])
        self.assertEqual(pages, [made[:2], made[2:4], made[4:]])
        self.assertRaises(ValueError, rig.spool.messages, "x", 2)

    def test_fetch(self) -> None:
        """One message with its body, be it leased or not."""
        rig = self.rig()
        for body in (SHORT, LONG):
            found = rig.wait(rig.spool.fetch(rig.put(body)))
            assert found is not None
            self.assertEqual(octetsOf(rig, found), body)
        absent = rig.spool.begin().id
        self.assertIsNone(rig.wait(rig.spool.fetch(absent)))

    def test_hold(self) -> None:
        """A message can be put on hold, and released, while it waits."""
        rig = self.rig()
        first, second = rig.put(SHORT), rig.put(SHORT)
        rig.wait(rig.spool.hold([first], "suspicious"))
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, second)
        (seen,) = rig.wait(rig.spool.messages("", 1))
        self.assertEqual((seen.held, seen.note), (True, "suspicious"))
        calls: list[int] = []
        rig.spool.watch(lambda: calls.append(1))
        rig.wait(rig.spool.release([first, second]))
        self.assertEqual(calls, [1])
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        self.assertEqual(found.id, first)

    def test_holdWhileDelivered(self) -> None:
        """A hold that comes during an attempt stays after it."""
        rig = self.rig()
        id = rig.put(SHORT)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        rig.wait(rig.spool.hold([id], "suspicious"))
        rig.wait(rig.spool.settle(found, [], NOW + 1))
        self.assertEqual(rig.wait(rig.spool.ready(NOW + 1, 10)), [])
        (seen,) = rig.wait(rig.spool.messages("", 1))
        self.assertEqual((seen.held, seen.note), (True, "suspicious"))

    def test_holdTooLate(self) -> None:
        """A hold on a message that is gone leaves nothing behind."""
        rig = self.rig()
        id = rig.put(SHORT)
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        rig.wait(rig.spool.settle(found, delivered(0), None))
        rig.wait(rig.spool.hold([id], "too late"))
        rig.close()
        with sqlite3.connect(rig.path("spool.db")) as connection:
            found_ = connection.execute("SELECT count(*) FROM progress").fetchall()
        connection.close()
        self.assertEqual(found_, [(0,)])
