"""
C{kill -9} of the whole server at any moment, from the socket to the Maildir: no
acknowledged message is lost, none is delivered twice, and none is half there.  What
came with a name is sent again by its client, and is there once all the same.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time

from twisted.trial.unittest import SynchronousTestCase

from .clients import Client, Load, Message
from .mailboxes import Mailboxes
from .servers import Server, waitFor

ROUNDS = 24

#: How many there are at most, where a slow machine takes few messages in each.
MOST_ROUNDS = 4 * ROUNDS

#: The longest that clients send before the kill, in seconds.
LONGEST_SECONDS = 0.6

#: How many that were acknowledged are sent again after each kill.
_AGAIN = 5


class ServerKillTests(SynchronousTestCase):
    """C{twistd}, killed again and again under load."""

    slow = True

    def setUp(self) -> None:
        """One state for all rounds, and Maildirs of two people."""
        self.server = Server(
            self.mktemp(), 'transport = "maildir"\npath = "mail/{user}"'
        )
        self.addCleanup(self.server.kill)
        self.random = random.Random(20261122)
        self.acknowledged: dict[str, Message] = {}
        self.begun = 0
        #: What a client has sent with a name, and does not know what became of it.
        self.unsure: dict[str, Message] = {}
        #: The ids of messages with a name that were acknowledged, by number.
        self.ids: dict[str, str] = {}
        self.repeats = 0
        self.mail = Mailboxes(self.server.folder / "mail", ["ann", "bob"])

    def test_killedAgainAndAgain(self) -> None:
        """
        Each acknowledged message is in the Maildir of each of its recipients, once
        and whole; others are there once or not at all; and of what was delivered
        nothing is left in the spool or half written.  That holds, too, of messages
        that were sent again by their names; and what had been acknowledged is
        answered as it was.
        """
        number = 0
        while number < ROUNDS or (number < MOST_ROUNDS and not self.isEnough()):
            self.killOnce(number)
            self.mail.read()
            number += 1
        self.server.start()
        waitFor(self.isAllThere, "every acknowledged message in its Maildirs")
        waitFor(self.isSpoolEmpty, "the spool is empty")
        self.server.stop()
        self.mail.read()
        self.assertEqual(self.mail.missing(self.acknowledged), [])
        self.assertEqual(self.mail.twice(), [])
        for user in self.mail.found:
            self.assertEqual(os.listdir(self.mail.folder(user, "tmp")), [])
        self.assertEqual(os.listdir(os.path.join(self.server.spool, "bodies")), [])
        # Was there a load, and did the kills come in the midst of it?
        self.assertGreater(self.begun, len(self.acknowledged))
        self.assertTrue(self.isEnough(), (len(self.acknowledged), self.repeats))

    def isEnough(self) -> bool:
        """Was there a load?"""
        return len(self.acknowledged) > 10 * ROUNDS and self.repeats > ROUNDS

    def killOnce(self, number: int) -> None:
        """Start the server, and kill it at some moment."""
        if number % 6 == 5:
            # While it starts, and recovers what the one before left.
            self.server.begin()
            time.sleep(self.random.uniform(0.2, 1.0))
            self.server.kill()
            return
        self.server.start()
        self.repeat()
        load = Load(str(number), self.server.port, named=True)
        time.sleep(self.random.uniform(0, LONGEST_SECONDS))
        self.server.kill()
        load.wait()
        self.assertEqual(load.troubles, [])
        self.acknowledged.update(load.acknowledged)
        self.begun += load.begun
        self.unsure = load.unsure
        self.ids = {
            each: load.ids[each]
            for each, message in load.acknowledged.items()
            if message.named
        }

    def repeat(self) -> None:
        """
        Send again, by their names, what is unsure, and some that are not: whatever was
        acknowledged once is known, and answered alike.
        """
        client = Client(self.server.port)
        try:
            for number, message in self.unsure.items():
                _, self.ids[number] = client.again(message)
                self.acknowledged[number] = message
            for number in [*self.unsure, *list(self.ids)[-_AGAIN:]]:
                message = self.acknowledged[number]
                said = client.again(message)
                self.assertEqual(said, (True, self.ids[number]))
                self.repeats += 1
        finally:
            client.close()

    def isAllThere(self) -> bool:
        """Does everybody have all of their mail?"""
        self.mail.read()
        return not self.mail.missing(self.acknowledged)

    def isSpoolEmpty(self) -> bool:
        """Has the server, which runs, no message any more?"""
        file = os.path.join(self.server.spool, "spool.db")
        spool = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            ((count,),) = spool.execute("SELECT count(*) FROM message").fetchall()
        finally:
            spool.close()
        return bool(count == 0)
