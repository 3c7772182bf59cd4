"""
C{kill -9} of the server at any moment while it takes what users of its machine have
dropped: each message is delivered once.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.dropfolder import Dropping

from .servers import Server, waitFor

ROUNDS = 16

#: On a slow machine the kills may all come too early or too late: then there are more.
MOST_ROUNDS = 64

#: How many messages are dropped in a round.
MESSAGES = 25

#: The longest that a server lives which has begun to take them, in seconds.
LONGEST_SECONDS = 0.3


class DropKillTests(SynchronousTestCase):
    """C{twistd}, killed again and again while it empties the drop folder."""

    slow = True

    def setUp(self) -> None:
        """A server that has made the folder."""
        self.server = Server(
            self.place(), 'transport = "maildir"\npath = "mail/{user}"'
        )
        self.addCleanup(self.server.kill)
        self.random = random.Random(20261122)
        self.drop = Path(self.server.state) / "drop"
        self.server.start()
        self.server.kill()
        self.dropped = 0
        self.found: Counter[int] = Counter()
        #: How often a server was killed that had some files in its hands.
        self.midway = 0

    def place(self) -> str:
        """Where the server is to be."""
        folder: str = self.mktemp()
        return folder

    def test_killedAgainAndAgain(self) -> None:
        """Everything that was dropped is in the Maildir, once."""
        rounds = 0
        while rounds < ROUNDS or (not self.midway and rounds < MOST_ROUNDS):
            self.round()
            rounds += 1
        self.revive()
        waitFor(lambda: not self.left(), "the drop folder is empty")
        waitFor(lambda: self.read() == self.dropped, "every message in the Maildir")
        self.server.stop()
        self.read()
        self.assertEqual(set(self.found), set(range(self.dropped)))
        self.assertEqual(set(self.found.values()), {1})
        self.assertEqual(os.listdir(self.drop / "bad"), [])
        # Did the kills come in the midst of it?
        self.assertGreater(self.midway, 0)

    def round(self) -> None:
        """Drop some, and kill the server while it takes them."""
        before = len(os.listdir(self.drop / "new"))
        self.dropSome()
        self.server.begin()
        waitFor(
            lambda: len(os.listdir(self.drop / "new")) < before + MESSAGES,
            "the server begins",
        )
        time.sleep(self.random.uniform(0, LONGEST_SECONDS))
        self.server.kill()
        self.midway += bool(os.listdir(self.drop / "taking"))
        self.read()

    def revive(self) -> None:
        """Have a server run."""
        self.server.start()

    def dropSome(self) -> None:
        """Drop some."""
        for _ in range(MESSAGES):
            dropping = Dropping(self.drop)
            dropping.write(b"X-Number: %d\r\n\r\nhello\r\n" % self.dropped)
            dropping.commit(b"FROM:<a@b.example>", [b"TO:<ann@example.org>"])
            self.dropped += 1

    def left(self) -> list[str]:
        """What is in the folder."""
        return [*os.listdir(self.drop / "new"), *os.listdir(self.drop / "taking")]

    def read(self) -> int:
        """
        Read new mail, as a mail reader does, so that a second copy could not
        overwrite it.

        @return: how many there are by now.
        """
        folder = self.server.folder / "mail/ann"
        new = folder / "new"
        for name in os.listdir(new) if new.is_dir() else ():
            octets = (new / name).read_bytes()
            _, _, rest = octets.partition(b"X-Number: ")
            self.found[int(rest.partition(b"\r\n")[0])] += 1
            os.rename(new / name, folder / "cur" / f"{name}:2,S")
        return len(self.found)
