"""
A full disk under the whole server: 452, nothing is lost, and it goes on by itself
when there is room again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from smtpx.spool.store import Store, inWords, isFull

from ..spool.rig import Rig, octetsOf
from .clients import LARGE, SMALL, Client, Message, Refused, numberOf
from .servers import Server, waitFor

#: RFC 3463 section 3.4, X.3.1.
FULL = "452 4.3.1 "

#: Bodies that stand in the spool file, as large as they may be.
MIDDLING = 60_000


class SmallDiskTestCase(SynchronousTestCase):
    """There is a small file system."""

    def setUp(self) -> None:
        """Mount it."""
        if os.geteuid():
            raise SkipTest("only root can mount; failures are injected elsewhere")
        self.place = os.path.realpath(self.mktemp())
        os.mkdir(self.place)
        mount = ["mount", "-t", "tmpfs", "-o", "size=56m", "smtpx", self.place]
        tried = subprocess.run(mount, capture_output=True, check=False)
        if tried.returncode:
            raise SkipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", self.place], check=True)


class StoreFullTests(SmallDiskTestCase):
    """One spool file on a full disk."""

    def test_noRoomForIndex(self) -> None:
        """
        With no room for any page more it cannot even be opened, which SQLite calls
        an I/O error.
        """
        path = os.path.join(self.place, "spool.db")
        Store(path, 1 << 20).close()
        with open(os.path.join(self.place, "rest"), "wb", 0) as rest:
            with contextlib.suppress(OSError):
                while rest.write(bytes(4096)):
                    pass
        failure = self.assertRaises(sqlite3.OperationalError, Store, path)
        self.assertTrue(isFull(failure), inWords(failure))


class ServerFullTests(SmallDiskTestCase):
    """C{twistd} with its state there."""

    slow = True

    def setUp(self) -> None:
        """Nothing was taken."""
        super().setUp()
        #: Numbers of messages that were acknowledged, by id.
        self.taken: dict[str, str] = {}
        self.tries = 0

    def start(self, freeOctets: int) -> Server:
        """Start a server that wants so much room, and a client of it."""
        server = Server(
            self.mktemp(),
            'transport = "hold"',
            # A refusal costs an RSET.
            f"spool_free_octets = {freeOctets}\nidle_commands_max = 100000",
            os.path.join(self.place, "state"),
        )
        self.addCleanup(server.kill)
        server.start()
        self.client = Client(server.port)
        self.addCleanup(self.client.close)
        return server

    def attempt(self, octets: int) -> bool:
        """
        Send a message.

        @return: was it taken?  If not, the peer was told that there is no room.
        """
        self.tries += 1
        message = Message.make(str(self.tries), octets)
        way = (Client.data, Client.chunks)[self.tries % 2]
        try:
            [id] = way(self.client, message)
        except Refused as refused:
            self.assertEqual(str(refused)[: len(FULL)], FULL)
            self.client.tell(b"RSET\r\n", b"250")
            return False
        self.assertNotIn(id, self.taken)
        self.taken[id] = message.number
        return True

    def fill(self, octets: int) -> None:
        """Send messages until there is no room."""
        while self.attempt(octets):
            pass

    def makeRoom(self) -> None:
        """Let the file system be a larger one."""
        subprocess.run(["mount", "-o", "remount,size=96m", self.place], check=True)

    def room(self) -> int:
        """How much room there is, in octets."""
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def assertTaken(self, server: Server) -> None:
        """Stop the server; all that it took is there, and nothing else."""
        server.stop()
        rig = Rig(str(server.state / "spool")).open()
        self.addCleanup(rig.close)
        found = {}
        after = ""
        while page := rig.wait(rig.spool.messages(after, 1000)):
            after = page[-1].id
            for listed in page:
                message = rig.wait(rig.spool.fetch(listed.id))
                assert message is not None
                found[listed.id] = numberOf(octetsOf(rig, message))
        self.assertEqual(found, self.taken)

    def test_full(self) -> None:
        """
        Messages of all sizes are refused where there is no room for them, also
        while the spool is opened again and again, and taken where there is; with
        more room all are taken again, without a restart.
        """
        server = self.start(0)
        self.fill(LARGE)
        self.fill(MIDDLING)
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            self.attempt(SMALL)
            time.sleep(0.01)
        self.fill(MIDDLING)
        self.makeRoom()
        # The spool is opened again after a pause, which has grown.
        waitFor(lambda: self.attempt(SMALL), "mail is taken again")
        for octets in (LARGE, MIDDLING, SMALL):
            self.assertTrue(self.attempt(octets))
        self.assertTaken(server)

    def test_nearlyFull(self) -> None:
        """
        Below the low-water mark no message is begun, while there still is room;
        what was begun before gets in.
        """
        wanted = 8 << 20
        server = self.start(wanted)
        slow = Client(server.port)
        self.addCleanup(slow.close)
        slow.tell(b"MAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\n", b"250", b"250")
        slow.tell(b"DATA\r\n", b"354")
        while self.attempt(LARGE):
            # It looks once a second, and there is to be room until then.
            if self.room() < wanted:
                time.sleep(0.1)
        self.assertLess(self.room(), wanted)
        self.assertGreater(self.room(), 0)
        message = Message.make("slow", LARGE)
        slow.tell(message.octets + b".\r\n")
        self.taken[slow.accepted()] = message.number
        self.makeRoom()
        waitFor(lambda: self.attempt(LARGE), "mail is taken again")
        self.assertTaken(server)
