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

#: Longer than any round; a process that lives on is killed then, and the test
#: fails for want of acknowledgements.
_PATIENCE_SECONDS = 30

_FIELD = re.compile(rb"X-(\w+): (\S+)\r\n")

#: Later than any message is due.
_LATE = 9e9


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
        #: Ids of messages that were found to be gone.
        self.gone: set[str] = set()
        self.total = 0
        self.unacknowledged = 0

    def test_hundredKills(self) -> None:
        """
        After each kill every acknowledged message is there, whole and once; the
        others are whole or absent; what was deleted stays so; and no file is
        left that belongs to nobody.
        """
        for number in range(ROUNDS):
            self.killOnce(number)
            self.look(clear=number % 4 == 3)
        self.assertGreater(self.total, 10 * ROUNDS)
        # Were there none, the kills would have come at idle moments.
        self.assertGreater(self.unacknowledged, 0)

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
            word, id, *digest = line.decode("ascii").split()
            if word == "250":
                self.assertNotIn(id, self.acknowledged)
                self.acknowledged[id] = digest[0].encode("ascii")
                self.total += 1
            else:
                self.going.add(id)

    def look(self, clear: bool) -> None:
        """
        Open the spool and compare it with what was said.

        @param clear: empty it then.
        """
        rig = Rig(self.folder).open()
        try:
            found = self.whole(rig)
            lost = set(self.acknowledged) - set(found) - self.going
            self.assertEqual(lost, set())
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
        filed: set[str] = set()
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
                if message.filed:
                    filed.add(message.id)
        self.assertEqual(set(os.listdir(rig.path("bodies"))), filed)
        return digests

    def digest(self, rig: Rig, message: SpooledMessage) -> bytes:
        """The digest of a body as it is in the spool."""
        body = b"".join(rig.spool.body(message).pieces())
        self.assertEqual(len(body), message.octets)
        self.assertEqual(len(body), message.envelope.octets)
        return hashlib.sha256(body).hexdigest().encode("ascii")

    def clear(self, rig: Rig) -> None:
        """Deliver everything."""
        while messages := rig.wait(rig.spool.ready(_LATE, 1000)):
            for message in messages:
                outcomes = [Outcome(index, Fate.DELIVERED) for index in (0, 1)]
                rig.spool.settle(message, outcomes, None)
            rig.run()
        self.assertEqual(rig.wait(rig.spool.count()), 0)
        self.gone |= set(self.acknowledged)
        self.acknowledged = {}
