"""
Everything that watches a server, in one hand.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import events
from smtpx.observe.activity import ACCEPTED, DELIVERED, REFUSED, ROWS, SESSIONS
from smtpx.observe.status import House, sessionsOf
from smtpx.observe.talkers import Talker
from smtpx.observe.watch import SESSIONS_MOST, Count, Watch

from .stories import NOW
from .web.houses import CERTIFICATES, Server


class WatchTests(SynchronousTestCase):
    """How a server is at one moment."""

    def setUp(self) -> None:
        """A server."""
        self.server = Server()

    def test_atFirst(self) -> None:
        """Before there is a house, one knows that it is not ready, and no more."""
        watch = Watch(lambda: NOW)
        status = watch.look()
        self.assertEqual(status.unready, ("It is starting.",))
        self.assertEqual((status.sessions, status.listeners), ((), ()))
        self.assertIsNone(status.spool)
        self.assertIsNone(status.oldest)

    def test_aProgramsHouse(self) -> None:
        """A program need not have more than a name."""
        watch = Watch(lambda: NOW)
        watch.enter(House("mine", sessions=lambda: sessionsOf([])))
        status = watch.look()
        self.assertEqual((status.name, status.unready), ("mine", ()))

    def test_sessions(self) -> None:
        """The newest first, each with how long it has been there and what it did."""
        ann = self.server.visit(b"192.0.2.1", b"ann.example")
        self.server.now += 5
        bob = self.server.visit(b"192.0.2.2", b"bob.example", 465)
        bob.core.identity = b"bob"
        self.server.secure(bob, resumed=True)
        self.server.accept(ann)
        self.server.accept(ann)
        status = self.server.watch.look()
        self.assertEqual(status.sessionCount, 2)
        first, second = status.sessions
        self.assertEqual(
            (first.state.helo, first.state.began, first.messages),
            (b"bob.example", NOW + 5, 0),
        )
        self.assertEqual((first.state.identity, first.state.tls), (b"bob", "TLSv1.3"))
        self.assertEqual(
            (second.state.peer, second.state.began, second.messages),
            (b"192.0.2.1", NOW, 2),
        )
        self.assertEqual(second.state.does, "is to be greeted")
        self.assertEqual([count for _, count in status.listeners], [1, 1])

    def test_sessionsBehindAProxy(self) -> None:
        """They are at the listener that the proxy came to, whatever it says."""
        visitor = self.server.visit(b"192.0.2.1", b"ann.example", 2525)
        here = IPv4Address("TCP", "127.0.0.1", 465)
        visitor.transport = StringTransport(hostAddress=here)
        status = self.server.watch.look()
        self.assertEqual([count for _, count in status.listeners], [0, 1])
        self.assertEqual(status.sessions[0].state.localPort, 2525)

    def test_manySessions(self) -> None:
        """Only so many are told of one by one."""
        for number in range(SESSIONS_MOST + 10):
            self.server.now += 1
            self.server.visit(b"192.0.2.1", b"c%d" % number)
        status = self.server.watch.look()
        self.assertEqual(status.sessionCount, SESSIONS_MOST + 10)
        self.assertEqual(len(status.sessions), SESSIONS_MOST)
        self.assertEqual(status.sessions[0].state.helo, b"c%d" % (SESSIONS_MOST + 9))

    def test_aSessionFromBefore(self) -> None:
        """What came in one whose beginning nobody saw is not known."""
        visitor = self.server.visit(b"192.0.2.1", b"x")
        self.server.watch.activity.visits.clear()
        self.server.accept(visitor)
        [row] = self.server.watch.look().sessions
        self.assertEqual(row.messages, 0)

    def test_history(self) -> None:
        """What happened in the last hour."""
        visitor = self.server.visit(b"192.0.2.1", b"x")
        self.server.accept(visitor, recipients=2)
        self.server.tell(events.DELIVERED, transport="maildir")
        self.server.refuse(b"192.0.2.9", b"RCPT TO:<x>", 550, "5.1.1")
        self.server.leave(visitor)
        self.server.now += 60
        status = self.server.watch.look()
        for row in ROWS:
            self.assertEqual(status.hour[row].values[-2:], (1, 0), row)
        for row in (ACCEPTED, DELIVERED, REFUSED, SESSIONS):
            self.assertEqual(max(status.day[row].values), 1, row)

    def test_counts(self) -> None:
        """Refusals and the rest, the most frequent first; and the peers."""
        visitor = self.server.visit(b"192.0.2.1", b"x")
        self.server.secure(visitor, resumed=False)
        self.server.accept(visitor)
        for _ in range(2):
            self.server.refuse(b"192.0.2.9", b"RCPT TO:<x>", 550, "5.1.1")
        self.server.refuse(b"192.0.2.9", b"MAIL FROM:<x>", 450, "4.7.1")
        status = self.server.watch.look()
        self.assertEqual(
            status.refusals,
            (Count(("RCPT", "550", "5.1.1"), 2), Count(("MAIL", "450", "4.7.1"), 1)),
        )
        self.assertEqual(status.handshakes, (Count(("TLSv1.3", "no"), 1),))
        self.assertEqual(status.protocols, (Count(("esmtps",), 1),))
        self.assertEqual(status.senders, (Talker(b"192.0.2.1", 1, 1, 0, NOW),))
        self.assertEqual(status.refused, (Talker(b"192.0.2.9", 0, 0, 3, NOW),))
        self.assertEqual(status.certificates, CERTIFICATES)

    def test_othersEvents(self) -> None:
        """What is no event of ours is passed over."""
        for observer in self.server.watch.observers:
            observer({"log_format": "an observer failed"})
