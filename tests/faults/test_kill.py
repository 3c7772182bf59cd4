"""
C{kill -9} at any moment loses no acknowledged message and leaves none half
there.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import threading
import time

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool import store
from smtpx.spool.format import Fate, Outcome, SpooledMessage

from ..spool.rig import Rig
from .processes import command, start

ROUNDS = 100

#: How many there are at most, where a slow machine does little in each.
MOST_ROUNDS = 4 * ROUNDS

#: Longer than any round; a process that lives on is killed then, and the test
#: fails for want of acknowledgements.
_PATIENCE_SECONDS = 90

_FIELD = re.compile(rb"X-(\w+): (\S+)\r\n")

#: Later than any message is due.
_LATE = 9e9

#: More than there are names.
_ALL = 10**9


class KillTests(SynchronousTestCase):
    """A real process, killed a hundred times under load."""

    slow = True

    def setUp(self) -> None:
        """One spool for all rounds, and what is known of it."""
        self.folder = self.mktemp()
        self.patch(store, "LOG_OCTETS", 64 << 10)
        self.random = random.Random(20261122)
        #: Digests of messages that were acknowledged, by id.
        self.acknowledged: dict[str, bytes] = {}
        #: Ids of messages of which it was said that they would be settled.
        self.going: set[str] = set()
        #: Ids of messages of which it was said that a report would take their place.
        self.failing: set[str] = set()
        #: Ids of messages the report on which was said to be settled.
        self.over: set[str] = set()
        #: The lanes of messages that were parked, and nothing said of them since.
        self.lanes: dict[str, str] = {}
        #: Lanes that are being emptied.
        self.emptying: set[str] = set()
        #: Ids of messages that were found to be gone.
        self.gone: set[str] = set()
        self.total = self.reports = self.parked = self.named = 0
        self.unacknowledged = 0

    def test_hundredKills(self) -> None:
        """
        After each kill every acknowledged message is there, whole and once; the
        others are whole or absent; what was deleted stays so; and no file is
        left that belongs to nobody.  A message that failed is there, or the report
        of it is, once, and never both.  What was parked is where it was parked.  What
        came with a name is there with it, and no name without what it came with.
        """
        number = 0
        while number < ROUNDS or (number < MOST_ROUNDS and min(self.excess()) <= 0):
            self.killOnce(number)
            self.look(clear=number % 4 == 3)
            number += 1
        self.assertGreater(min(self.excess()), 0, self.excess())

    def excess(self) -> list[int]:
        """Of each kind, how many more there were than there have to be."""
        return [
            self.total - 10 * ROUNDS,
            # Were there none, the kills would have come at idle moments.
            self.unacknowledged,
            self.reports - ROUNDS,
            self.parked - ROUNDS,
            self.named - ROUNDS,
        ]

    def killOnce(self, number: int) -> None:
        """Run the program, kill it at some moment, read what it had said."""
        process = start(command(self.folder, "--seed", str(number), "--deliver"))
        assert process.stdout is not None
        guard = threading.Timer(_PATIENCE_SECONDS, process.kill)
        guard.start()
        try:
            said = b""
            if number % 5:
                # Under load; else at some moment of start, recovery and load.
                said = process.stdout.read(1)
                time.sleep(self.random.uniform(0, 0.1))
            else:
                time.sleep(self.random.uniform(0.1, 0.5))
            process.kill()
            said += process.stdout.read()
        finally:
            guard.cancel()
            process.kill()
            process.stdout.close()
            process.wait()
        self.assertEqual(process.returncode, -9)
        for line in said.splitlines():
            self.hear(*line.decode("ascii").split())

    def hear(self, word: str, id: str, told: str = "") -> None:
        """One line of what the program said."""
        if word == "250":
            self.assertNotIn(id, self.acknowledged)
            self.acknowledged[id] = told.encode("ascii")
            self.total += 1
        elif word == "park":
            if told not in self.emptying:
                self.lanes[id] = told
        elif word in ("unpark", "emptied"):
            # What is parked in between may be among them, or not.
            self.lanes = {one: lane for one, lane in self.lanes.items() if lane != id}
            (self.emptying.add if word == "unpark" else self.emptying.discard)(id)
        elif word == "touch":
            self.lanes.pop(id, None)
        else:
            {"gone": self.going, "fail": self.failing, "over": self.over}[word].add(id)

    def look(self, clear: bool) -> None:
        """
        Open the spool and compare it with what was said.

        @param clear: empty it then.
        """
        rig = Rig(self.folder).open()
        try:
            found = self.whole(rig)
            lost = set(self.acknowledged) - set(found) - self.going - self.failing
            self.assertEqual(lost, set())
            self.going |= self.failing
            self.failing.clear()
            self.assertEqual(self.gone & set(found), set())
            self.gone |= self.going - set(found)
            self.unacknowledged += len(set(found) - set(self.acknowledged))
            # From now on they are known to be there.
            self.acknowledged = found
            self.going.clear()
            if clear:
                self.clear(rig)
        finally:
            rig.close()

    def whole(self, rig: Rig) -> dict[str, bytes]:
        """All messages, each looked at; their digests by id."""
        digests: dict[str, bytes] = {}
        numbers: set[bytes] = set()
        abouts: set[str] = set()
        filed: set[str] = set()
        names = self.names(rig)
        after = ""
        while page := rig.wait(rig.spool.messages(after, 200)):
            after = page[-1].id
            for listed in page:
                message = rig.wait(rig.spool.fetch(listed.id))
                assert message is not None
                self.assertFalse(message.held, message.note)
                fields = dict(_FIELD.findall(message.prefix))
                self.assertNotIn(fields[b"Number"], numbers)
                numbers.add(fields[b"Number"])
                self.assertEqual(self.digest(rig, message), fields[b"Digest"])
                known = self.acknowledged.get(message.id, fields[b"Digest"])
                self.assertEqual(known, fields[b"Digest"])
                digests[message.id] = fields[b"Digest"]
                if b"Name" in fields:
                    self.assertEqual(names.get(message.id), fields[b"Digest"])
                    self.named += 1
                if message.filed:
                    filed.add(message.id)
                if b"About" in fields:
                    abouts.add(fields[b"About"].decode("ascii"))
                if message.id in self.lanes:
                    lane = self.lanes[message.id].encode("ascii")
                    self.assertEqual(message.lane, lane)
                    self.parked += 1
        self.reports += len(abouts)
        self.assertEqual(abouts & set(digests), set())
        self.assertEqual(self.failing - set(digests) - abouts - self.over, set())
        settled = self.gone | self.going | self.failing
        self.assertEqual(set(names) - set(digests) - settled, set())
        self.lanes.clear()
        self.emptying.clear()
        self.assertEqual(set(os.listdir(rig.path("bodies"))), filed)
        return digests

    def names(self, rig: Rig) -> dict[str, bytes]:
        """The digests of all that came with a name, by the id of its message."""
        desk = rig.spool._desk
        found = rig.wait(desk.query(lambda store: store.names.some(_ALL)))
        self.assertEqual(rig.spool.names.count(None), len(found))
        return {each.note: (each.digest or b"").hex().encode() for each in found}

    def digest(self, rig: Rig, message: SpooledMessage) -> bytes:
        """The digest of a body as it is in the spool."""
        body = b"".join(rig.spool.body(message).pieces())
        self.assertEqual(len(body), message.octets)
        self.assertEqual(len(body), message.envelope.octets)
        return hashlib.sha256(body).hexdigest().encode("ascii")

    def clear(self, rig: Rig) -> None:
        """Deliver everything."""
        for lane in rig.wait(rig.spool.lanes(b"", 9)):
            rig.wait(rig.spool.unpark(lane, 0.0))
        while messages := rig.wait(rig.spool.ready(_LATE, 1000)):
            for message in messages:
                waiting = message.waiting
                outcomes = [Outcome(index, Fate.DELIVERED) for index in waiting]
                rig.spool.settle(message, outcomes, None)
            rig.run()
        self.assertEqual(rig.wait(rig.spool.count()), 0)
        self.gone |= set(self.acknowledged)
        self.acknowledged = {}
