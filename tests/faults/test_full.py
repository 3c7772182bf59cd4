"""
A file system that is really full: nothing is lost, and it goes on.
"""

from __future__ import annotations

import os
import subprocess

from twisted.trial.unittest import SkipTest

from smtpx.spool.format import Fate, Outcome
from smtpx.spool.interfaces import SpoolFull

from ..spool.rig import NOW, PREFIX, Rig, SpoolTestCase, envelope, octetsOf

LATER = NOW + 9e8

SHORT, LONG = 3000, 300_000


class FullTests(SpoolTestCase):
    """A small file system of its own."""

    slow = True

    def setUp(self) -> None:
        """Mount it."""
        super().setUp()
        if os.geteuid():
            raise SkipTest("only root can mount; failures are injected elsewhere")
        place = self.mktemp()
        os.mkdir(place)
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "smtpx", place]
        tried = subprocess.run(mount, capture_output=True, check=False)
        if tried.returncode:
            raise SkipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        self.place = place
        self.folder = os.path.join(place, "spool")

    def attempt(self, rig: Rig, octets: int) -> str | None:
        """Commit a message; its id, L{None}: there was no room."""
        try:
            incoming = rig.spool.begin()
            incoming.write(os.urandom(octets))
            rig.wait(incoming.commit(envelope(), PREFIX, False))
        except SpoolFull:
            return None
        return incoming.id

    def fill(self, rig: Rig, octets: int) -> list[str]:
        """Commit messages until there is no room."""
        ids: list[str] = []
        while (id := self.attempt(rig, octets)) is not None:
            ids.append(id)
        self.assertGreater(len(ids), 5)
        return ids

    def reopened(self, rig: Rig) -> None:
        """Let the spool be opened again."""
        rig.reactor.advance(60)
        rig.run()

    def check(self, rig: Rig, ids: list[str], octets: int) -> None:
        """Is all there that was acknowledged, and nothing else?"""
        found = rig.wait(rig.spool.messages("", 10_000))
        self.assertEqual([one.id for one in found], ids)
        for id in ids:
            message = rig.wait(rig.spool.fetch(id))
            assert message is not None
            self.assertEqual(len(octetsOf(rig, message)), octets)

    def test_short(self) -> None:
        """
        Short messages until there is no room: refused until there is room, and
        then it goes on with all that was there.
        """
        rig = self.rig()
        ids = self.fill(rig, SHORT)
        for _ in range(3):
            self.assertRaises(SpoolFull, rig.spool.begin)
            self.reopened(rig)
            self.assertIsNone(self.attempt(rig, SHORT))
        subprocess.run(["mount", "-o", "remount,size=8m", self.place], check=True)
        self.reopened(rig)
        self.check(rig, ids, SHORT)
        self.assertIsNotNone(self.attempt(rig, SHORT))
        self.deliver(rig, 10_000)
        self.assertEqual(rig.wait(rig.spool.count()), 0)

    def test_long(self) -> None:
        """Long ones are refused one by one; short ones go on meanwhile."""
        rig = self.rig()
        ids = self.fill(rig, LONG)
        self.check(rig, ids, LONG)
        self.assertEqual(sorted(os.listdir(rig.path("bodies"))), ids)
        self.assertIsNotNone(self.attempt(rig, 100))
        self.deliver(rig, 2)
        self.assertIsNotNone(self.attempt(rig, LONG))

    def test_filledByOthers(self) -> None:
        """
        A file system that others fill: refused until there is room again, and
        after a restart all is there.
        """
        rig = self.rig()
        first = self.attempt(rig, SHORT)
        other = os.path.join(self.place, "other")
        with open(other, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        ids = [first]
        while (id := self.attempt(rig, SHORT)) is not None:
            ids.append(id)
        for _ in range(3):
            self.reopened(rig)
            self.assertIsNone(self.attempt(rig, SHORT))
        os.unlink(other)
        self.reopened(rig)
        ids.append(self.attempt(rig, SHORT))
        rig.close()
        self.check(self.rig(), [id for id in ids if id is not None], SHORT)

    def deliver(self, rig: Rig, count: int) -> None:
        """Deliver some messages."""
        while count and (messages := rig.wait(rig.spool.ready(LATER, count))):
            count -= len(messages)
            for message in messages:
                outcomes = [Outcome(0, Fate.DELIVERED)]
                rig.wait(rig.spool.settle(message, outcomes, None))
