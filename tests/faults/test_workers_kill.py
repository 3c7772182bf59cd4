"""
C{kill -9} of the processes of a server that has several, again and again under load: no
acknowledged message is lost, none is delivered twice, and none is half there.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.running import childrenOf, runs

from .clients import Load, Message
from .mailboxes import Mailboxes
from .servers import Server, waitFor

#: How often a worker is killed in each round.
KILLS = 6

#: The longest time between two kills, in seconds.
LONGEST_SECONDS = 1.0


class WorkersKillTests(SynchronousTestCase):
    """Two workers under load."""

    slow = True

    def setUp(self) -> None:
        """One state for all rounds, and Maildirs of two people."""
        # Paths of sockets are short.
        folder = tempfile.mkdtemp(prefix="smtpx-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.server = Server(
            f"{folder}/x", 'transport = "maildir"\npath = "mail/{user}"'
        )
        self.server.workers = 2
        self.addCleanup(self.server.kill)
        self.random = random.Random(20261123)
        self.acknowledged: dict[str, Message] = {}
        self.mail = Mailboxes(self.server.folder / "mail", ["ann", "bob"])

    def round(self, name: str) -> Load:
        """Start the server, with a load that comes again when it is cut off."""
        self.server.start()
        load = Load(name, self.server.port, lasting=True)
        self.addCleanup(load.finish)
        return load

    def finish(self, load: Load) -> None:
        """The load has an end; note what was acknowledged."""
        load.finish()
        self.assertEqual(load.troubles, [])
        self.acknowledged.update(load.acknowledged)

    def check(self, least: int) -> None:
        """All is there once, and nothing is left over."""
        waitFor(self.isAllThere, "every acknowledged message in its Maildirs")
        self.server.stop()
        self.mail.read()
        self.assertEqual(self.mail.twice(), [])
        for user in self.mail.found:
            self.assertEqual(os.listdir(self.mail.folder(user, "tmp")), [])
        for number in (1, 2):
            bodies = self.server.state / "spool" / str(number) / "bodies"
            self.assertEqual(os.listdir(bodies), [])
        # Was there a load?
        self.assertGreater(len(self.acknowledged), least)

    def isAllThere(self) -> bool:
        """Does everybody have all of their mail?"""
        self.mail.read()
        return not self.mail.missing(self.acknowledged)

    def pause(self) -> None:
        """Let some time pass."""
        time.sleep(self.random.uniform(0.1, LONGEST_SECONDS))
        self.mail.read()

    def test_workers(self) -> None:
        """Workers are killed, now this one, now that one, and both."""
        load = self.round("workers")
        [zygote] = childrenOf(self.server.pid)
        for number in range(KILLS):
            self.pause()
            # Of those that were killed there may be remains.
            workers = [each for each in childrenOf(zygote) if runs(each)]
            for pid in workers if number == 3 else workers[:1]:
                os.kill(pid, signal.SIGKILL)
        waitFor(lambda: sum(map(runs, childrenOf(zygote))) == 2, "two workers")
        self.finish(load)
        self.check(10 * KILLS)

    def test_zygoteAndSupervisor(self) -> None:
        """
        The zygote is killed, and all begin anew; the supervisor is killed, and all end:
        the next server delivers what they had.
        """
        load = self.round("zygote")
        self.pause()
        [zygote] = childrenOf(self.server.pid)
        os.kill(zygote, signal.SIGKILL)
        waitFor(lambda: childrenOf(self.server.pid) != [zygote], "another zygote")
        waitFor(lambda: self.count() == 4, "two workers")
        self.pause()
        processes = self.processes()
        self.server.kill()
        waitFor(lambda: not any(map(runs, processes)), "all end", 40)
        self.finish(load)
        load = self.round("after")
        self.pause()
        self.finish(load)
        self.check(50)

    def processes(self) -> list[int]:
        """All processes of the server."""
        found = [self.server.pid]
        for zygote in childrenOf(self.server.pid):
            found += [zygote, *childrenOf(zygote)]
        return found

    def count(self) -> int:
        """How many processes the server has."""
        try:
            return len(self.processes())
        except FileNotFoundError:
            return 0
