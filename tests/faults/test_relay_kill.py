"""
C{kill -9} of a server that relays, at any moment: no acknowledged message is lost, the
sender of one that fails is told so by one report, and none is delivered twice but where
the next host's 250 was not read.

No client can do better (RFC 1047): between the next host's 250 and the client there is
always a moment.  So the next hosts, L{tests.faults.sink}, know when they sent each 250,
and whether it was read; each second copy has to be of a message whose 250 was not read,
or had been read, and not yet understood, when the process was killed: that takes
less than a millisecond of its time, so it is seldom hit.

Some messages go to two hosts, one of which is slow.  They are settled when both have
them, so who has one already is known from the ledger of deliveries alone.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from .clients import Load, Message
from .servers import PATIENCE_SECONDS, Server, waitFor
from .sink import Sink, Take

#: How often it is killed; C{SMTPX_KILLS} is for who has the time.
ROUNDS = int(os.environ.get("SMTPX_KILLS", "10"))

#: How often at most, where a slow machine takes few messages in between.
MOST_ROUNDS = 4 * ROUNDS

#: The longest that clients send before the kill, in seconds.
LONGEST_SECONDS = 0.8

#: The longest that a sink thinks, in seconds.
_THINKING = 0.05

#: The longest that the slow one does, which thinks about each message.
_SLOW_SECONDS = 0.8

#: What the last moment is, in seconds: a process that shares the machine can be kept
#: waiting between C{recv} and the ledger's C{write}, and the sinks' clocks are read by
#: threads that wait, too.
_MOMENT_SECONDS = 0.2

_ROUTE = """
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
tls = "unwanted"

[[route]]
match = ["slow.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{slow}"]
connections = 30
tls = "unwanted"
"""


#: The next hosts know Ann, Bob and Cy, and do not know Nobody.
_RECIPIENTS = (
    (b"ann@example.org",),
    (b"ann@example.org", b"bob@example.org"),
    (b"ann@example.org", b"cy@slow.example"),
    (b"bob@example.org", b"nobody@example.org"),
    (b"nobody@example.org",),
)


@define
class Tally:
    """
    What came of it.

    @ivar unread: second copies where the 250 to the first was not read.
    @ivar unnoted: where it was, in the last moment.
    @ivar longest: how long before the kill that was, in seconds.
    @ivar wrong: second copies for which there is no such excuse.
    """

    unread: int = 0
    unnoted: int = 0
    longest: float = 0.0
    wrong: list[str] = field(factory=list)


class RelayKillTests(SynchronousTestCase):
    """A server between clients and a next host, killed again and again."""

    slow = True

    def setUp(self) -> None:
        """The next hosts, and one state for all rounds."""
        self.sink = Sink(slow=_THINKING)
        self.addCleanup(self.sink.close)
        self.slowSink = Sink(slow=_SLOW_SECONDS, part=1.0)
        self.addCleanup(self.slowSink.close)
        route = _ROUTE.format(port=self.sink.port, slow=self.slowSink.port)
        self.server = Server(self.mktemp(), route)
        self.addCleanup(self.server.kill)
        self.random = random.Random(20261122)
        self.acknowledged: dict[str, Message] = {}
        self.begun = 0
        #: When it was killed, by C{time.monotonic}.
        self.kills: list[float] = []

    def test_killedAgainAndAgain(self) -> None:
        """
        Each acknowledged message gets to the next hosts; what gets there twice is what
        nobody could know of; and nothing is left in the spool.
        """
        number = 0
        while number < ROUNDS or (number < MOST_ROUNDS and not self.isEnough()):
            self.killOnce(number)
            number += 1
        self.server.start()
        # The more often it was killed, the more waits for the slow one.
        patience = PATIENCE_SECONDS * (1 + ROUNDS / 25)
        what = "every acknowledged message at the sink"
        waitFor(lambda: not self.missing(), what, patience)
        waitFor(self.isSpoolEmpty, "the spool is empty")
        self.server.stop()
        waitFor(self.isQuiet, "the end of all connections")
        self.assertEqual(self.sink.troubles + self.slowSink.troubles, [])
        tally = self.tally()
        self.tell(tally)
        self.assertEqual(tally.wrong, [])
        # Such a moment is short, and not often hit.
        self.assertLess(tally.unnoted, max(6, ROUNDS // 4))
        self.assertEqual(os.listdir(os.path.join(self.server.spool, "bodies")), [])
        self.assertTrue(self.isEnough(), (len(self.acknowledged), len(self.cut())))

    def isEnough(self) -> bool:
        """Was there a load, and did the kills come in the midst of it?"""
        return len(self.acknowledged) > 10 * ROUNDS and len(self.cut()) > ROUNDS // 2

    def killOnce(self, number: int) -> None:
        """Start the server, and kill it at some moment."""
        if number % 6 == 5:
            # While it starts, and sends what the one before left.
            self.server.begin()
            time.sleep(self.random.uniform(0.2, 2.0))
            self.kill()
            return
        self.server.start()
        load = Load(str(number), self.server.port, recipients=_RECIPIENTS)
        time.sleep(self.random.uniform(0, LONGEST_SECONDS))
        self.kill()
        load.wait()
        self.assertEqual(load.troubles, [])
        self.acknowledged.update(load.acknowledged)
        self.begun += load.begun

    def kill(self) -> None:
        """Kill the server, and wait until the sink has noticed."""
        self.server.kill()
        self.kills.append(time.monotonic())
        waitFor(self.isQuiet, "the end of all connections")

    def isQuiet(self) -> bool:
        """Are all connections to the next hosts over?"""
        return self.sink.isQuiet() and self.slowSink.isQuiet()

    def copies(self) -> dict[tuple[str, bytes], list[Take]]:
        """All that the next hosts took but reports, by message and recipient."""
        return self.sink.copies() | self.slowSink.copies()

    # --- what came of it ------------------------------------------------------------

    def missing(self) -> list[str]:
        """
        Numbers of acknowledged messages that somebody does not have, or of which the
        sender was not told that they failed.
        """
        copies, reports = self.copies(), self.sink.reports()
        return [
            number
            for number, message in self.acknowledged.items()
            for recipient in message.recipients
            if (number, recipient) not in copies
            and not (recipient == _RECIPIENTS[-1][0] and number in reports)
        ]

    def cut(self) -> list[object]:
        """Connections that ended by a kill."""
        visits = self.sink.visits + self.slowSink.visits
        return [visit for visit in visits if not visit.quit]

    def tally(self) -> Tally:
        """Look at every second copy."""
        tally = Tally()
        reports = self.sink.reports()
        found = [*self.copies().values()]
        found += [takes for ids in reports.values() for takes in ids.values()]
        for takes in found:
            for take in takes[:-1]:
                self._judge(take, tally)
        for number, ids in reports.items():
            if len(ids) > 1:
                # It is written down in one step with what it tells of.
                tally.wrong.append(f"{number} has {len(ids)} reports")
        return tally

    def _judge(self, take: Take, tally: Tally) -> None:
        """There is a copy that came after this one: is there an excuse?"""
        if take.visit.quit:
            tally.wrong.append(f"{take.number} was taken, and the server said QUIT")
        elif take.last and take.visit.unread:
            # Perhaps the sink had it before the kill, and only looked at it then.
            tally.unread += 1
        else:
            after = min(time - take.at for time in self.kills if time > take.at)
            if after < _MOMENT_SECONDS:
                tally.unnoted += 1
                tally.longest = max(tally.longest, after)
            else:
                tally.wrong.append(f"{take.number} was taken {after} s before a kill")

    def tell(self, tally: Tally) -> None:
        """Say how it went."""
        copies = self.copies()
        lines = (
            f"{ROUNDS} kills, {len(self.cut())} connections cut",
            f"{self.begun} messages begun, {len(self.acknowledged)} acknowledged",
            f"copies for {len(copies)} recipients, {len(self.sink.reports())} messages"
            f" reported to have failed, {len(self.missing())} lost",
            f"delivered twice, as the 250 was not read: {tally.unread}",
            f"delivered twice, as the 250 was read too late: {tally.unnoted}"
            f" (at most {tally.longest * 1000:.0f} ms before the kill)",
            f"delivered twice without such an excuse: {len(tally.wrong)}",
        )
        sys.stdout.write("\n" + "".join(f"{line}\n" for line in lines))

    def isSpoolEmpty(self) -> bool:
        """Has the server, which runs, no message any more?"""
        file = os.path.join(self.server.spool, "spool.db")
        spool = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            ((count,),) = spool.execute("SELECT count(*) FROM message").fetchall()
        finally:
            spool.close()
        return bool(count == 0)
