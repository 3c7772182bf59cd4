"""
Tests for L{smtpx.observe.together}: what several workers tell, as one status.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import metrics
from smtpx.observe.families import gauge
from smtpx.observe.history import Stretch
from smtpx.observe.status import DestinationState
from smtpx.observe.together import (
    Plots,
    Told,
    plotted,
    remarksOf,
    together,
    unreadyOf,
)
from smtpx.observe.watch import ROWS_MOST, SESSIONS_MOST, Count, Status
from smtpx.spool.stock import SpoolState

from .stories import NOW
from .web.houses import CERTIFICATES, Server, inDays


def merged(*workers: Status | None, away: tuple[int, ...] = ()) -> Status:
    """
    The status of a server with these workers.

    @param away: the numbers of those that have not answered now.
    """
    told = [
        Told(number, each, number not in away, 4710 + number, 1)
        for number, each in enumerate(workers, 1)
    ]
    return together(told, [], None)


class SumTests(SynchronousTestCase):
    """What is added up, and what is not."""

    def setUp(self) -> None:
        """Two workers."""
        self.one, self.other = Server(), Server()

    def look(self) -> Status:
        """At both of them."""
        return merged(self.one.watch.look(), self.other.watch.look())

    def test_alone(self) -> None:
        """One worker's status is its own, but for who has which session."""
        self.one.visit(b"192.0.2.1", b"x")
        own = self.one.watch.look()
        found = merged(own)
        [row] = found.sessions
        self.assertEqual(row.worker, 1)
        [worker] = found.workers
        self.assertEqual((worker.number, worker.sessions), (1, 1))
        self.assertEqual(evolve(found, workers=(), sessions=own.sessions), own)

    def test_sessions(self) -> None:
        """The newest of all, each with its worker; and at each listener."""
        self.one.visit(b"192.0.2.1", b"a")
        self.one.now = self.other.now = NOW + 5
        self.other.visit(b"192.0.2.2", b"b")
        found = self.look()
        self.assertEqual(found.sessionCount, 2)
        self.assertEqual(
            [(each.state.helo, each.worker) for each in found.sessions],
            [(b"b", 2), (b"a", 1)],
        )
        self.assertEqual([count for _, count in found.listeners], [2, 0])
        self.assertEqual(len(found.listeners), len(self.one.listeners))

    def test_onlySoManySessions(self) -> None:
        """However many there are, the newest are told of one by one."""
        for number in range(SESSIONS_MOST):
            self.one.visit(b"192.0.2.1", b"%d" % number)
            self.other.visit(b"192.0.2.1", b"%d" % number)
        found = self.look()
        self.assertEqual(found.sessionCount, 2 * SESSIONS_MOST)
        self.assertEqual(len(found.sessions), SESSIONS_MOST)

    def test_listeners(self) -> None:
        """A listener is open where one worker lets in clients."""
        self.one.listeners = tuple(
            evolve(each, open=False) for each in self.one.listeners
        )
        self.assertEqual(
            [each.open for each, _ in self.look().listeners], [True, False]
        )

    def test_spool(self) -> None:
        """All spools, and the least room; what is wrong with which is said."""
        self.one.spool = SpoolState(5, 1, 100, 1000, 10, None, 1)
        self.other.spool = SpoolState(7, 2, 200, 900, 10, "it is full", 2)
        self.assertEqual(
            self.look().spool,
            SpoolState(12, 3, 300, 900, 10, "Worker 2: it is full", 3),
        )
        self.one.spool = self.other.spool = None
        self.assertIsNone(self.look().spool)

    def test_oldest(self) -> None:
        """The oldest of all."""
        self.one.oldest, self.other.oldest = NOW - 5, NOW - 7
        self.assertEqual(self.look().oldest, NOW - 7)
        self.one.oldest = self.other.oldest = None
        self.assertIsNone(self.look().oldest)

    def test_destinations(self) -> None:
        """One to which both send is one, the fullest first."""
        self.one.destinations = [
            DestinationState(b"a.example", 1, 0, False),
            DestinationState(b"b.example", 2, 3, False),
        ]
        self.other.destinations = [DestinationState(b"a.example", 4, 2, True)]
        found = self.look()
        self.assertEqual(
            found.destinations,
            (
                DestinationState(b"a.example", 5, 2, True),
                DestinationState(b"b.example", 2, 3, False),
            ),
        )
        self.assertEqual(found.destinationCount, 2)

    def test_manyDestinations(self) -> None:
        """Those that are not named count for each worker."""
        for server in (self.one, self.other):
            server.destinations = [
                DestinationState(b"%d.example" % number, 1, 0, False)
                for number in range(ROWS_MOST + 3)
            ]
        found = self.look()
        self.assertEqual(len(found.destinations), ROWS_MOST)
        self.assertEqual(found.destinationCount, ROWS_MOST + 6)

    def test_connections(self) -> None:
        """Those of all; a server that sends nothing has none."""
        self.assertIsNone(self.look().connections)
        self.one.connections, self.other.connections = 3, 4
        self.assertEqual(self.look().connections, 7)

    def test_talkers(self) -> None:
        """A peer that came to both is one; who did most of late is first."""
        for server, address, messages in (
            (self.one, b"192.0.2.1", 2),
            (self.one, b"192.0.2.2", 3),
            (self.other, b"192.0.2.1", 2),
        ):
            protocol = server.visit(address, b"x")
            for _ in range(messages):
                server.accept(protocol)
        self.one.refuse(b"192.0.2.9", b"RCPT", 550, "5.1.1")
        found = self.look()
        self.assertEqual(
            [(each.address, each.messages, each.sessions) for each in found.senders],
            [(b"192.0.2.1", 4, 2), (b"192.0.2.2", 3, 1)],
        )
        [refused] = found.refused
        self.assertEqual((refused.address, refused.refusals), (b"192.0.2.9", 1))

    def test_problems(self) -> None:
        """The last ones of all, the newest first."""
        self.one.defer(b"a@x.example", "first")
        self.other.now = NOW + 1
        self.other.defer(b"b@x.example", "then")
        self.assertEqual(
            [each.text for each in self.look().lastProblems], ["then", "first"]
        )

    def test_certificates(self) -> None:
        """Where one worker has not the new one yet, the old one is shown."""
        self.assertEqual(self.look().certificates, CERTIFICATES)
        old = evolve(CERTIFICATES[0], ends=inDays(1), problem="no such file")
        self.other.certificates = (old, CERTIFICATES[1])
        self.assertEqual(self.look().certificates, (old, CERTIFICATES[1]))
        broken = evolve(CERTIFICATES[0], problem="no such file")
        self.other.certificates = (broken,)
        self.assertEqual(self.look().certificates[0], broken)

    def test_counts(self) -> None:
        """What was counted is what the metrics say, not what these workers know."""
        counted = gauge(
            metrics.LOGINS, {(("mechanism", "PLAIN"), ("outcome", "bad")): 9}
        )
        found = together([Told(1, self.one.watch.look(), True, 1, 1)], [counted], None)
        self.assertEqual(found.logins, (Count(("PLAIN", "bad"), 9),))


class AwayTests(SynchronousTestCase):
    """Workers that do not answer."""

    def test_whatStays(self) -> None:
        """Its spool and what it took are there; its sessions are not known."""
        one, other = Server(), Server()
        other.accept(other.visit(b"192.0.2.1", b"x"))
        other.connections = 3
        found = merged(one.watch.look(), other.watch.look(), away=(2,))
        assert found.spool is not None
        self.assertEqual(found.spool.messages, 24)
        self.assertEqual(sum(found.hour["accepted"].values), 1)
        self.assertEqual((found.sessionCount, found.sessions), (0, ()))
        self.assertIsNone(found.connections)
        state = found.workers[1]
        self.assertFalse(state.answered)
        self.assertEqual((state.sessions, state.messages, state.pid), (0, 12, 4712))
        self.assertEqual(state.unready, ("It does not answer.",))

    def test_neverHeardOf(self) -> None:
        """One that has not begun yet is there, and nothing is known of it."""
        found = merged(Server().watch.look(), None, away=(2,))
        state = found.workers[1]
        self.assertFalse(state.answered)
        self.assertEqual((state.began, state.messages, state.pid), (None, None, 4712))
        self.assertEqual(found.unready, ())


class ReadyTests(SynchronousTestCase):
    """Does the server take messages?"""

    def test_one(self) -> None:
        """While one worker takes them, it does; the others are remarked."""
        workers = {1: ["It is full."], 2: []}
        self.assertEqual(unreadyOf(workers), ())
        self.assertEqual(remarksOf(workers), ("Worker 1: It is full.",))

    def test_none(self) -> None:
        """What is wrong with all is said once; otherwise with whom."""
        self.assertEqual(unreadyOf({1: ["No."], 2: ["No."]}), ("No.",))
        self.assertEqual(
            unreadyOf({1: ["No."], 2: ["Never.", "No."]}),
            ("Worker 1: No.", "Worker 2: Never.", "Worker 2: No."),
        )


class PlotTests(SynchronousTestCase):
    """Plots of several workers."""

    def both(self, one: Stretch, other: Stretch) -> Stretch:
        """As one."""
        plots = [Plots({"x": each}, {"x": each}) for each in (one, other)]
        return plotted(plots).hour["x"]

    def test_sameTimes(self) -> None:
        """Interval by interval."""
        found = self.both(Stretch(60, 60, (1, 2)), Stretch(60, 60, (3, 4)))
        self.assertEqual(found, Stretch(60, 60, (4, 6)))

    def test_oneHasNotBegunTheLastYet(self) -> None:
        """One that nothing happened to is an interval behind; times are kept."""
        behind, ahead = Stretch(60, 60, (1, 2)), Stretch(120, 60, (3, 4))
        for pair in ((behind, ahead), (ahead, behind)):
            self.assertEqual(self.both(*pair), Stretch(120, 60, (5, 4)))

    def test_longAgo(self) -> None:
        """What is older than all that is drawn falls out."""
        found = self.both(Stretch(60, 60, (1, 2)), Stretch(6000, 60, (3, 4)))
        self.assertEqual(found, Stretch(6000, 60, (3, 4)))
