"""Tests for L{smtpx.queue.heldmail}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.extensions.futurerelease import HOLD, HOLDER, Hold, IHeldMail
from smtpx.queue.heldmail import Held, HeldMail
from smtpx.testing.spool import MemorySpool


class HeldMailTests(SynchronousTestCase):
    """How many messages of users wait."""

    def setUp(self) -> None:
        """Nothing waits."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.held = HeldMail(self.clock.seconds)

    def test_counts(self) -> None:
        """Until they are released, each user's by themselves."""
        verifyObject(IHeldMail, self.held)
        for release in 1020.0, 1010.0, 1000.0:
            self.held.add(b"ann", release)
        self.held.add(b"bob", 1030.0)
        found = []
        for _ in range(4):
            found.append((self.held.count(b"ann"), self.held.count(b"bob")))
            self.clock.advance(10)
        self.assertEqual(found, [(2, 1), (1, 1), (0, 1), (0, 0)])
        self.assertEqual(self.held.count(b"eve"), 0)
        self.assertEqual((self.held.ours(), self.held._ours.serials), ([], set()))

    def test_load(self) -> None:
        """What the spool has from before counts as well, however much it is."""
        known = {each.name: each for each in (HOLD, HOLDER)}
        spool = MemorySpool(self.clock.seconds, known)
        for number in range(450):
            envelope = Envelope(b"a@c.example", 1000.0, [Recipient(b"b@d.example")])
            if number % 3 != 1:
                envelope.stamps[HOLD] = Hold(1000.0 + number)
            if number % 3 != 2:
                envelope.stamps[HOLDER] = b"ann"
            incoming = spool.begin()
            incoming.write(b"x")
            self.successResultOf(incoming.commit(envelope, b"", False))
        self.clock.advance(1)
        done = Deferred.fromCoroutine(self.held.load(spool))
        self.successResultOf(done)
        # Each third has both, and the first was released at once.
        self.assertEqual(self.held.count(b"ann"), 149)


class ElsewhereTests(SynchronousTestCase):
    """A server of several processes."""

    def setUp(self) -> None:
        """Nothing waits."""
        self.clock = Clock()
        self.held = HeldMail(self.clock.seconds)

    def test_told(self) -> None:
        """Others are told of what is counted here."""
        told: list[Held] = []
        self.held.tell = told.append
        self.held.add(b"ann", 10.0)
        self.held.add(b"ann", 0.0)
        self.held.add(b"bob", 5.0)
        self.assertEqual(told, [Held(b"ann", 10.0, 1), Held(b"bob", 5.0, 2)])
        self.assertEqual(self.held.ours(), told)

    def test_heard(self) -> None:
        """What waits elsewhere counts as well, once, until it is released."""
        self.held.add(b"ann", 10.0)
        some = [Held(b"ann", 20.0, 1), Held(b"ann", 0.0, 2), Held(b"bob", 20.0, 3)]
        for process in (2, 2, 3):
            self.held.hear(process, "x", some)
        found = []
        for _ in range(3):
            found.append((self.held.count(b"ann"), self.held.count(b"bob")))
            self.clock.advance(10)
        self.assertEqual(found, [(3, 2), (2, 2), (0, 0)])
        self.assertEqual(self.held.ours(), [])

    def test_again(self) -> None:
        """A process that was started again counts anew; who told before it, too."""
        self.held.hear(2, "x", [Held(b"ann", 20.0, 1), Held(b"ann", 21.0, 2)])
        self.held.hear(2, "y", [Held(b"ann", 20.0, 1)])
        self.assertEqual(self.held.count(b"ann"), 1)
        self.held.hear(2, "y", [Held(b"ann", 22.0, 2)])
        self.assertEqual(self.held.count(b"ann"), 2)
