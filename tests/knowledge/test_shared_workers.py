"""
Tests for L{smtpx.knowledge.shared}, with what stands on it: several workers of one
server.
"""

from __future__ import annotations

from attrs import evolve

from smtpx.core.hooks import Forecast, Hello, Target
from smtpx.core.tlssession import TLSSession
from smtpx.joint.recent import JointRecent
from smtpx.knowledge.hellos import HelloMemory
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.kinds import POLICY, KnownPolicy, Shelf
from smtpx.knowledge.sessions import SessionMemory

from .test_shared import SharedCase


class WorkersTests(SharedCase):
    """What one worker of a server finds out of a host, as another one sees it."""

    def setUp(self) -> None:
        """Two workers, which have just exchanged what they know."""
        super().setUp()
        self.one, self.two = self.process(), self.process()
        self.now = self.clock.seconds

    def later(self) -> None:
        """A second later they have exchanged what is new."""
        for _ in range(2):
            self.clock.advance(1)

    def test_deadHosts(self) -> None:
        """A host that one could not reach the other leaves alone, and tries again."""
        hints = [HostHints(each, self.now) for each in (self.one, self.two)]
        due = hints[0].failed(b"a", "no route", self.now())
        self.assertIsNone(hints[1].retryAt(b"a"))
        self.later()
        self.assertEqual(hints[1].retryAt(b"a"), due)
        hints[1].succeeded(b"a")
        self.later()
        self.assertIsNone(hints[0].retryAt(b"a"))

    def test_hellos(self) -> None:
        """
        Who has not heard yet what a host offers waits for its greeting; who has not
        heard that it gave that up finds out by itself, and nobody then talks early.
        """
        target, hello = Target(b"mx.example", b"192.0.2.1"), Hello(b"mx.example")
        hellos = [HelloMemory(each, self.now) for each in (self.one, self.two)]
        hellos[0].remember(target, False, hello, False)
        self.assertIsNone(hellos[1].recall(target))
        self.later()
        self.assertEqual(hellos[1].recall(target), Forecast(hello, None))
        hellos[0].forget(target, False)
        hellos[1].forget(target, False)
        self.later()
        for each in hellos:
            self.assertIsNone(each.recall(target))

    def test_sessions(self) -> None:
        """
        A session that one has got the other may use a second later, and only one of
        them does, though the other does not know it yet.
        """
        joint = JointRecent(2, 10)
        key = (b"mx.example", b"192.0.2.1", b"25", b"")
        one, two = (
            SessionMemory(each, self.now, claim=joint.column(number).claim)
            for number, each in enumerate((self.one, self.two), 1)
        )
        one.keep(key, TLSSession(b"0", self.now() + 60, self.now(), trust=b""))
        self.later()
        self.assertIsNotNone(two.take(key))
        self.assertIsNone(one.take(key))

    def test_policies(self) -> None:
        """
        That somebody has asked for a policy, by a worker that has an older one, does
        not bring that back in the place of a newer one.
        """
        shelves = [Shelf(each, POLICY) for each in (self.one, self.two)]
        start = self.now()
        old = KnownPolicy(b"1", "testing", 86400, (b"mx.example",), start, start)
        shelves[0].remember(b"a.example", old, old.fetched, start + 86400)
        self.later()
        new = evolve(old, identity=b"2", mode="enforce", fetched=self.now())
        shelves[0].remember(b"a.example", new, new.fetched, start + 86400)
        asked = evolve(old, asked=self.now() + 0.5)
        shelves[1].remember(b"a.example", asked, asked.fetched, start + 86400)
        for _ in range(2):
            self.later()
        for each in shelves:
            self.assertEqual(each.recall(b"a.example"), new)
