"""Tests for L{smtpx.net.pool}: connections that rest, and the end of them."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.pool import PoolBounds
from smtpx.net.sending import Way
from smtpx.testing import BODY, delayed
from smtpx.testing.scripted import KEYWORDS

from .clients import ADDRESS, HOST, WAY, codes, envelopeFor, rig
from .network import SILENT, watched


class IdleTests(SynchronousTestCase):
    """Which connections rest, and for how long."""

    def test_lastUsedFirst(self) -> None:
        """Of two that rest, the one that was used last is used again."""
        rigged = rig(delayed(BODY, 1).inSession(2))
        rigged.send(run=False)
        rigged.send()
        rigged.network.run(1.5)
        self.assertEqual(rigged.pool.cold(HOST, WAY), 2)
        # The second took longer, so it came to rest later.
        second = rigged.server.sessions[1]
        before = len(second.commands)
        rigged.send()
        self.assertGreater(len(second.commands), before)

    def test_rested(self) -> None:
        """One on which nothing waits to be read is used after a second, too."""
        rigged = rig()
        rigged.send()
        rigged.network.run(1.5)
        got = rigged.send()
        self.assertTrue(got.value.via.again)
        self.assertEqual(len(rigged.server.sessions), 1)

    def test_toldGoodbye(self) -> None:
        """One on which something waits is ended, not left open."""
        rigged = rig()
        rigged.send()
        rigged.network.run(1.5)
        line: Any = rigged.network.links[0][0].protocol
        line.pending = lambda: True
        rigged.send()
        self.assertEqual(rigged.commands[-1], b"QUIT")
        self.assertEqual(rigged.pool.open, 1)

    def test_sweptAgainAndAgain(self) -> None:
        """However often connections come to rest, each is ended after its time."""
        rigged = rig()
        for number in range(1, 4):
            rigged.send()
            self.assertEqual(len(rigged.server.sessions), number)
            rigged.network.run(2.5)
            self.assertEqual(rigged.pool.open, 0)
        self.assertEqual(rigged.network.getDelayedCalls(), [])

    def test_sweptOneByOne(self) -> None:
        """Those that came to rest later rest as long as the others."""
        rigged = rig()
        for name in (b"mx1.example.org", b"mx2.example.org"):
            rigged.send(host=evolve(HOST, name=name))
            rigged.network.run(1.5)
        self.assertEqual(rigged.pool.open, 1)
        rigged.network.run(0.6)
        self.assertEqual(rigged.pool.open, 0)

    def test_spent(self) -> None:
        """A connection over which the host takes no more does not rest."""
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS MAILMAX=1"))
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual((rigged.pool.cold(HOST, WAY), rigged.pool.open), (0, 0))

    def test_nothingIsKept(self) -> None:
        """Of hosts without connections nothing is remembered."""
        rigged = rig()
        for number in range(3):
            rigged.send(host=evolve(HOST, name=b"mx%d.example.org" % number))
        pool = rigged.pool
        self.assertEqual(len(pool._places), 3)
        rigged.network.run(3)
        self.assertEqual((len(pool._places), pool._resting), (0, {}))
        self.assertEqual((pool._places._known, pool._underway), ({}, 0))

    def test_longListLeavesNoneOpen(self) -> None:
        """Each session that a long list has used up is ended."""
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS MAILMAX=1 RCPTMAX=1"))
        paths = [b"%d@mx.example" % number for number in range(4)]
        self.assertEqual(codes(rigged.send(envelopeFor(*paths))), [250] * 4)
        self.assertEqual(len(rigged.server.sessions), 4)
        self.assertEqual(rigged.pool.open, 0)
        for session in rigged.server.sessions:
            self.assertEqual(session.commands[-1], b"QUIT")


class CloseTests(SynchronousTestCase):
    """What a pool that is closed waits for."""

    def test_goodbyes(self) -> None:
        """It is closed when the hosts have heard of it, and no earlier."""
        rigged = rig()
        rigged.send()
        closing = watched(rigged.pool.close())
        self.assertEqual((closing.fired, rigged.pool.open), (0, 1))
        rigged.network.run()
        self.assertEqual((closing.fired, rigged.pool.open), (1, 0))
        self.assertEqual(rigged.commands[-1], b"QUIT")

    def test_whileOneConnects(self) -> None:
        """What is about to be connected is waited for, though nothing is open."""
        rigged = rig()
        rigged.network.hosts[ADDRESS, 25] = SILENT
        got = rigged.send()
        closing = watched(rigged.pool.close())
        rigged.network.run(1)
        self.assertEqual((got.fired, closing.fired, rigged.pool.open), (0, 0, 0))
        rigged.network.run(1000)
        self.assertEqual((got.fired, closing.fired), (1, 1))

    def test_whileOneSends(self) -> None:
        """A message under way is delivered, and its connection does not rest."""
        rigged = rig(delayed(BODY, 5), bounds=PoolBounds(idleSeconds=1000))
        got = rigged.send()
        closing = watched(rigged.pool.close())
        rigged.network.run(6)
        self.assertEqual((codes(got), closing.fired), ([250], 1))
        self.assertEqual((rigged.pool.cold(HOST, WAY), rigged.pool.open), (0, 0))

    def test_afterASweep(self) -> None:
        """A pool whose connections have been ended for their age can be closed."""
        rigged = rig()
        rigged.send()
        rigged.send(way=Way(name=b"x.example"))
        rigged.network.run(3)
        closing = watched(rigged.pool.close())
        self.assertEqual(closing.fired, 1)
