"""
Tests for L{smtpx.spool.operating}: what is not in the contract of every spool.
"""

from __future__ import annotations

import sqlite3

from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.operating import _STRETCH
from smtpx.spool.selection import Selection, State

from .rig import LONG, SHORT, SpoolTestCase


class SearchTests(SpoolTestCase):
    """Looking for messages in a spool on the disk."""

    def test_stretches(self) -> None:
        """A step looks at so many messages and no more, whatever fits."""
        rig = self.rig()
        ids = [rig.put(SHORT) for _ in range(_STRETCH + 5)]
        last = Selection(ids=(ids[-1],))
        self.assertEqual(rig.wait(rig.spool.find(last, "", 10)).looked, 1)
        rig.wait(rig.spool.hold([ids[-1]], "x"))
        held = Selection(states=frozenset({State.HELD}))
        page = rig.wait(rig.spool.find(held, "", 10))
        self.assertEqual(page.entries, [])
        self.assertEqual((page.after, page.looked), (ids[_STRETCH - 1], _STRETCH))
        assert page.after is not None
        page = rig.wait(rig.spool.find(held, page.after, 10))
        self.assertEqual([each.message.id for each in page.entries], ids[-1:])
        self.assertEqual((page.after, page.looked), (None, 5))

    def test_manyIds(self) -> None:
        """So it is where many are named."""
        rig = self.rig()
        ids = [rig.put(SHORT) for _ in range(_STRETCH + 5)]
        every = Selection(ids=ids)
        page = rig.wait(rig.spool.find(every, "", 1000))
        self.assertEqual([each.message.id for each in page.entries], ids[:_STRETCH])
        self.assertEqual(page.after, ids[_STRETCH - 1])
        page = rig.wait(rig.spool.find(every, ids[_STRETCH - 1], 1000))
        self.assertEqual([each.message.id for each in page.entries], ids[_STRETCH:])
        self.assertIs(page.after, None)

    def test_noIds(self) -> None:
        """What is not an id is a mistake of the caller."""
        spool = self.rig().spool
        self.assertRaises(ValueError, spool.find, Selection(ids=("x",)), "", 10)
        self.assertRaises(ValueError, spool.find, Selection(), "x", 10)
        self.assertRaises(ValueError, spool.claim, "x")
        self.assertRaises(ValueError, spool.hasten, ["x"])


class ClaimTests(SpoolTestCase):
    """Claiming messages of a spool on the disk."""

    def test_longBody(self) -> None:
        """A body that is in a file can be read, and goes with the message."""
        rig = self.rig()
        id = rig.put(LONG)
        claimed = rig.wait(rig.spool.claim(id))
        assert claimed is not None
        self.assertEqual(b"".join(rig.spool.body(claimed).pieces()), LONG)

    def test_unreadable(self) -> None:
        """What cannot be read can be claimed, and settled it is gone."""
        rig = self.rig()
        id = rig.put(SHORT)
        rig.close()
        with sqlite3.connect(rig.path("spool.db")) as connection:
            connection.execute("UPDATE message SET envelope = 'no JSON'")
        connection.close()
        rig = self.rig()
        claimed = rig.wait(rig.spool.claim(id))
        assert claimed is not None
        self.assertEqual((claimed.id, claimed.waiting), (id, ()))
        self.assertIn("cannot be read", claimed.note)
        rig.wait(rig.spool.settle(claimed, (), None))
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_broken(self) -> None:
        """A claim that the disk fails is none: somebody else may have the message."""
        rig = self.rig()
        id = rig.put(SHORT)
        rig.spool._desk.distrust(OSError(5, "no"))
        claim = rig.spool.claim(id)
        rig.run()
        self.failureResultOf(claim, SpoolBroken)
        rig.reactor.advance(2)
        rig.run()
        [message] = rig.wait(rig.spool.ready(rig.now, 10))
        self.assertEqual(message.id, id)

    def test_cancelled(self) -> None:
        """Cancelled while the disk is asked, it is not claimed."""
        rig = self.rig()
        id = rig.put(SHORT)
        claim = rig.spool.claim(id)
        claim.addErrback(lambda failure: None)
        claim.cancel()
        rig.run()
        [message] = rig.wait(rig.spool.ready(rig.now, 10))
        self.assertEqual(message.id, id)
