"""
Tests for L{smtpx.spool.layout}: older files go on.
"""

from __future__ import annotations

import os
import sqlite3

from smtpx.spool import layout
from smtpx.spool.format import Fate, Outcome, dump
from smtpx.spool.identity import render

from .rig import NOW, Rig, SpoolTestCase, envelope

#: As smtpx made it at first, to the letter.
FIRST = """
CREATE TABLE opening(
    one INTEGER PRIMARY KEY CHECK(one = 1),
    generation INTEGER NOT NULL,
    second INTEGER NOT NULL
);
CREATE TABLE message(
    id INTEGER PRIMARY KEY,
    octets INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    body BLOB,
    hold TEXT
);
CREATE TABLE progress(
    id INTEGER PRIMARY KEY,
    attempts INTEGER NOT NULL,
    held INTEGER NOT NULL,
    due REAL,
    outcomes TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX due ON progress(due) WHERE held = 0;
INSERT INTO opening VALUES(1, 7, 99);
PRAGMA application_id = 0x736D7478;
PRAGMA user_version = 1;
"""


#: What the second had besides, to the letter.
SECOND = """
ALTER TABLE progress ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE progress ADD COLUMN lane BLOB;
DROP INDEX due;
CREATE INDEX due ON progress(priority, due, id, held, lane)
    WHERE held = 0 AND lane IS NULL;
CREATE INDEX parked ON progress(lane, priority DESC, id, held)
    WHERE held = 0 AND lane IS NOT NULL;
CREATE INDEX held ON progress(held) WHERE held = 1;
CREATE INDEX holding ON message(hold) WHERE hold IS NOT NULL;
CREATE INDEX filed ON message(octets, id) WHERE body IS NULL;
PRAGMA user_version = 2;
"""


class MigrationTests(SpoolTestCase):
    """A spool of the first layout."""

    def leave(self, number: int = 1, script: str = FIRST) -> list[str]:
        """A spool with a fresh, a tried, and two held messages; their ids."""
        place = os.path.join(self.folder, str(number))
        os.makedirs(os.path.join(place, "bodies"))
        self.path = os.path.join(place, "spool.db")
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.executescript(script)
        text = dump(envelope(b"a@x.example", b"b@x.example"), b"Received: x\r\n")
        for key in range(1, 5):
            values = (key, 5, text, b"hello", "at first" if key == 3 else None)
            connection.execute("INSERT INTO message VALUES(?,?,?,?,?)", values)
        outcomes = '[[0,"delivered","fine"],[1,"waiting","busy"]]'
        for row in (
            (2, 3, 0, NOW - 5, outcomes, ""),
            (4, 1, 1, None, "[]", "look"),
        ):
            connection.execute(
                "INSERT INTO progress(id, attempts, held, due, outcomes, note)"
                " VALUES(?,?,?,?,?,?)",
                row,
            )
        connection.close()
        return [render(key) for key in range(1, 5)]

    def check(self, rig: Rig, ids: list[str]) -> None:
        """Is all of it there, as it was?"""
        found = {one.id: one for one in rig.wait(rig.spool.messages("", 9))}
        self.assertEqual(list(found), ids)
        self.assertEqual(
            [one.held for one in found.values()], [False, False, True, True]
        )
        tried = found[ids[1]]
        self.assertEqual((tried.attempts, tried.waiting), (3, (1,)))
        self.assertEqual(tried.outcomes[0], Outcome(0, Fate.DELIVERED, "fine"))
        self.assertEqual({one.priority for one in found.values()}, {0})
        self.assertEqual({one.lane for one in found.values()}, {None})
        self.assertEqual({one.told for one in found.values()}, {None})
        self.assertEqual(found[ids[3]].note, "look")
        state = rig.spool.state()
        self.assertEqual((state.messages, state.held, state.octets), (4, 2, 20))
        ready = rig.wait(rig.spool.ready(NOW, 9))
        self.assertEqual({one.id for one in ready}, set(ids[:2]))
        for message in ready:
            rig.wait(rig.spool.park(message, b"one"))
        self.assertEqual(rig.wait(rig.spool.lanes(b"", 9)), [b"one"])

    def test_migrated(self) -> None:
        """It is brought to the newest, and nothing in it is lost."""
        ids = self.leave()
        rig = self.rig()
        self.check(rig, ids)
        rig.close()
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        version = connection.execute("PRAGMA user_version").fetchone()
        self.assertEqual(version, (layout.LAYOUT,))
        found = connection.execute("SELECT generation FROM opening").fetchall()
        self.assertEqual(found, [(8,)])

    def test_adopted(self) -> None:
        """The estate of a dead process may be of the first layout too."""
        ids = self.leave(number=2)
        self.check(self.rig(), ids)

    def test_second(self) -> None:
        """So is a spool of the second layout, also where its process is dead."""
        for number in (1, 2):
            self.folder = self.mktemp()
            ids = self.leave(number, FIRST + SECOND)
            self.check(self.rig(), ids)

    def test_third(self) -> None:
        """What was parked in the third layout has no time of its own."""
        rig = self.rig()
        rig.put(b"x")
        [message] = rig.wait(rig.spool.ready(NOW, 9))
        rig.wait(rig.spool.park(message, b"one", (), NOW))
        rig.close()
        connection = sqlite3.connect(rig.path("spool.db"))
        connection.execute("DROP INDEX waking")
        connection.execute("DROP TABLE name")
        connection.execute("DROP TABLE remnant")
        connection.execute("PRAGMA user_version = 3")
        connection.close()
        rig = self.rig()
        self.assertEqual(rig.wait(rig.spool.rouse(NOW)), 0)
        self.assertEqual(rig.wait(rig.spool.lanes(b"", 9)), [b"one"])

    def test_killed(self) -> None:
        """Killed anywhere in it, the file is as it was, and the next start goes on."""
        ids = self.leave()
        with open(self.path, "rb") as file:
            before = file.read()
        steps = layout._SECOND.split(";")
        for killed in range(1, len(steps) + 1):
            half = ";".join([*steps[:killed], "NO STATEMENT"])
            self.patch(layout, "_STEPS", (layout._FIRST, half))
            connection = sqlite3.connect(self.path, isolation_level=None)
            found = layout.recognise(connection, self.path)
            with self.assertRaises(sqlite3.OperationalError):
                layout.bring(connection, found)
            connection.close()
            with open(self.path, "rb") as file:
                self.assertEqual(file.read(), before)
        rest = (layout._THIRD, layout._FOURTH, layout._FIFTH)
        self.patch(layout, "_STEPS", (layout._FIRST, layout._SECOND, *rest))
        self.check(self.rig(), ids)

    def test_markedByOthers(self) -> None:
        """A file without tables that somebody has marked is not taken for new."""
        for name in ("application_id", "user_version"):
            connection = sqlite3.connect(":memory:")
            self.addCleanup(connection.close)
            connection.execute(f"PRAGMA {name} = 77")
            self.assertRaises(layout.ForeignFile, layout.recognise, connection, "file")
