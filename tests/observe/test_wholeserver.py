"""
Tests for L{smtpx.observe.wholeserver}: several workers, seen as one server.
"""

from __future__ import annotations

from attrs import evolve
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.observe.metrics import CATALOGUE
from smtpx.observe.trace import SessionTrace, TraceLine
from smtpx.observe.views import IView, OneProcess, Readiness
from smtpx.observe.wholeserver import READY, REPORT, ROUND_SECONDS
from smtpx.spool.stock import SpoolState

from .stories import NOW
from .traces import TRACE
from .workers import Staff


def traced(session: str, began: float) -> SessionTrace:
    """The trace of a session."""
    return evolve(TRACE, session=session, began=began)


class WholeServerTestCase(SynchronousTestCase):
    """A test with workers."""

    def setUp(self) -> None:
        """Two of them."""
        self.staff = Staff()

    @property
    def told(self) -> dict[str, float]:
        """What Prometheus is told now, by name and labels."""
        text = self.successResultOf(self.staff.whole.exposition())
        found = {}
        for family in text_string_to_metric_families(text.decode("utf-8")):
            for name, labels, value, *_ in family.samples:
                said = ",".join(f"{each}={of}" for each, of in sorted(labels.items()))
                found[f"{name}{{{said}}}" if said else name] = value
        return found

    def accept(self, number: int, messages: int = 1) -> None:
        """A worker takes messages."""
        server = self.staff.servers[number]
        visitor = server.visit(b"192.0.2.%d" % number, b"client")
        for _ in range(messages):
            server.accept(visitor)
        server.leave(visitor)

    @property
    def accepted(self) -> float:
        """How many messages the server has taken, by its own word."""
        return self.told["smtpx_messages_accepted_total{protocol=esmtps}"]


class MetricsTests(WholeServerTestCase):
    """What Prometheus is told."""

    def test_totals(self) -> None:
        """The sum, whichever worker took it."""
        self.accept(1, 3)
        self.accept(2, 4)
        self.assertEqual(self.accepted, 7)
        self.assertEqual(self.told["smtpx_spool_messages"], 24)
        self.assertEqual(self.told["smtpx_sessions{port=25}"], 0)

    def test_whoIsThere(self) -> None:
        """How many workers there are, answer, and were started."""
        self.staff.begin(2)
        told = self.told
        self.assertEqual(told["smtpx_workers"], 2)
        self.assertEqual(told["smtpx_workers_answered"], 2)
        self.assertEqual(told["smtpx_worker_starts_total{worker=1}"], 1)
        self.assertEqual(told["smtpx_worker_starts_total{worker=2}"], 2)
        self.assertEqual(told["smtpx_worker_ready{worker=2}"], 1)
        self.staff.servers[2].unready.append("It is full.")
        self.assertEqual(self.told["smtpx_worker_ready{worker=2}"], 0)
        self.assertEqual(self.told["smtpx_ready"], 1)

    def test_away(self) -> None:
        """Who does not answer in time takes nothing back; it is said how many have."""
        self.accept(1, 3)
        self.accept(2, 4)
        self.assertEqual(self.accepted, 7)
        self.staff.away.add(2)
        self.accept(1)
        self.assertEqual(self.accepted, 8)
        told = self.told
        self.assertEqual(told["smtpx_workers_answered"], 1)
        self.assertEqual(told["smtpx_worker_ready{worker=2}"], 0)
        self.assertEqual(told["smtpx_spool_messages"], 24)
        self.assertEqual(told["smtpx_delivery_attempts"], 0)

    def test_killed(self) -> None:
        """A worker that begins anew takes nothing back, and neither does the leader."""
        for number in (2, 1):
            self.accept(1, 3)
            self.accept(2, 4)
            before = self.accepted
            self.staff.begin(number)
            self.assertEqual(self.accepted, before)
        self.assertEqual(self.accepted, 14)

    def test_nothingIsMissing(self) -> None:
        """There is each metric that there is of one process, and those of workers."""
        text = self.successResultOf(self.staff.whole.exposition())
        one = self.successResultOf(OneProcess(self.staff.servers[1].watch).exposition())
        helps = {each for each in one.splitlines() if each.startswith(b"# ")}
        self.assertLess(helps, set(text.splitlines()))
        for metric in CATALOGUE:
            if metric.name.startswith("smtpx_worker"):
                self.assertIn(f"# HELP {metric.name} ".encode(), text)
                self.assertNotIn(f"# HELP {metric.name} ".encode(), one)

    def test_nonsense(self) -> None:
        """A worker that says nothing sensible has not answered."""
        self.accept(2)
        self.assertEqual(self.accepted, 1)
        for bad in ({}, {"number": 2}, {"number": "2"}):
            self.staff.garbled[2] = bad
            self.assertEqual(self.told["smtpx_workers_answered"], 1)
        self.staff.garbled[2] = self.staff.tellers[1].report().packed()
        self.assertEqual(self.told["smtpx_workers_answered"], 1)
        self.assertEqual(self.accepted, 1)


class RoundTests(WholeServerTestCase):
    """When workers are asked."""

    def test_nowAndThen(self) -> None:
        """They are asked though nobody looks, until the server ends."""
        whole = self.staff.whole
        whole.start()
        self.assertEqual(len(self.staff.asked), 1)
        self.staff.clock.advance(ROUND_SECONDS)
        self.assertEqual([verb for verb, _ in self.staff.asked], [REPORT] * 2)
        whole.stop()
        whole.stop()
        self.assertEqual(self.staff.clock.getDelayedCalls(), [])

    def test_keptBetween(self) -> None:
        """So what a worker took is known though it was killed before anybody looked."""
        self.staff.whole.start()
        self.accept(2, 4)
        self.staff.clock.advance(ROUND_SECONDS)
        self.staff.begin(2)
        self.assertEqual(self.accepted, 4)

    def test_together(self) -> None:
        """Who comes while they are asked waits for the same answers."""
        staff = self.staff
        staff.held = []
        waiting = [staff.whole.exposition(), staff.whole.exposition()]
        looking = staff.whole.look()
        self.assertEqual(len(staff.asked), 1)
        staff.held.pop().callback(None)
        for each in waiting:
            self.successResultOf(each)
        self.assertEqual(self.successResultOf(looking).sessionCount, 0)

    def test_whoDoesNotWait(self) -> None:
        """A reader that goes away keeps nobody else from an answer."""
        staff = self.staff
        staff.held = []
        gone, other = staff.whole.exposition(), staff.whole.exposition()
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        staff.held.pop().callback(None)
        self.successResultOf(other)

    def test_aFaultOfOurs(self) -> None:
        """It is told to whoever waits, and the next round is a new one."""
        teller = self.staff.tellers[1]

        def broken() -> list[str]:
            raise ValueError("as the test wished")

        good = teller.watch.house
        teller.watch.enter(evolve(good, unready=broken))
        self.failureResultOf(self.staff.whole.exposition(), ValueError)
        self.staff.whole.start()
        self.staff.whole.stop()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        teller.watch.enter(good)
        self.assertEqual(self.told["smtpx_workers_answered"], 2)


class LookTests(WholeServerTestCase):
    """What people see."""

    def test_interface(self) -> None:
        """It can be shown as one process can."""
        verifyObject(IView, self.staff.whole)
        verifyObject(IView, OneProcess(self.staff.servers[1].watch))
        self.assertEqual(self.staff.whole.name, "mx.example.org")
        self.assertEqual(self.staff.whole.now(), NOW)

    def test_status(self) -> None:
        """Sessions of all, counts that outlive who counted, and who the workers are."""
        staff = self.staff
        staff.servers[2].visit(b"192.0.2.7", b"here")
        self.accept(2, 4)
        self.successResultOf(staff.whole.look())
        staff.begin(2).visit(b"192.0.2.8", b"there")
        status = self.successResultOf(staff.whole.look())
        self.assertEqual(status.sessionCount, 1)
        [row] = status.sessions
        self.assertEqual((row.state.helo, row.worker), (b"there", 2))
        [count] = status.protocols
        self.assertEqual((count.labels, count.count), (("esmtps",), 4))
        self.assertEqual(sum(status.hour["accepted"].values), 4)
        self.assertEqual([each.starts for each in status.workers], [1, 2])
        self.assertEqual([each.answered for each in status.workers], [True, True])

    def test_notYet(self) -> None:
        """A worker that has not begun yet is shown as one that does not answer."""
        self.staff.away.add(2)
        status = self.successResultOf(self.staff.whole.look())
        self.assertEqual([each.answered for each in status.workers], [True, False])
        self.assertEqual(status.unready, ())

    def test_unreadable(self) -> None:
        """So is one whose status cannot be read."""
        packed = self.staff.tellers[2].report().packed()
        self.staff.garbled[2] = {**packed, "status": ["Other"]}
        status = self.successResultOf(self.staff.whole.look())
        self.assertEqual([each.answered for each in status.workers], [True, False])

    def test_ready(self) -> None:
        """While one takes messages the server does, and what is wrong is said."""
        whole = self.staff.whole
        self.assertEqual(self.successResultOf(whole.readiness()), Readiness((), ()))
        self.assertEqual(self.staff.asked[-1][0], READY)
        self.staff.servers[1].unready.append("It is full.")
        self.assertEqual(
            self.successResultOf(whole.readiness()),
            Readiness((), ("Worker 1: It is full.",)),
        )
        self.staff.away.add(2)
        self.assertEqual(
            self.successResultOf(whole.readiness()),
            Readiness(("Worker 1: It is full.", "Worker 2: It does not answer.")),
        )

    def test_everythingIsBounded(self) -> None:
        """A worker with very much tells of so much, and no more."""
        server = self.staff.servers[2]
        for number in range(300):
            server.refuse(b"192.0.2.%d" % number, b"RCPT", 550, "5.1.1")
        server.spool = SpoolState(1 << 40, 0, 1 << 60)
        report = self.staff.tellers[2].report()
        self.assertEqual(len(report.look().refused), 100)
        self.assertLess(len(repr(report.packed())), 200_000)


class TraceTests(WholeServerTestCase):
    """Sessions that were traced, by whichever worker."""

    def test_list(self) -> None:
        """All of them, the newest first, each with its worker."""
        for number, began in ((1, 5.0), (2, 7.0), (1, 6.0)):
            self.staff.servers[number].watch.traces.add(traced(f"s-{began}", began))
        lines = self.successResultOf(self.staff.whole.traces())
        self.assertEqual(
            [(each.session, each.worker) for each in lines],
            [("s-7.0", 2), ("s-6.0", 1), ("s-5.0", 1)],
        )
        self.assertEqual(lines[0], TraceLine.of(traced("s-7.0", 7.0), 2))

    def test_one(self) -> None:
        """One that another worker has is shown whole."""
        for number in (1, 2):
            trace = traced(f"d82b59dd-{number}", 5.0)
            self.staff.servers[number].watch.traces.add(trace)
            found = self.successResultOf(self.staff.whole.trace(trace.session))
            self.assertEqual(found, trace)
        self.assertIsNone(self.successResultOf(self.staff.whole.trace("none")))

    def test_away(self) -> None:
        """Those of who is away, or talks nonsense, are not there now."""
        self.staff.servers[2].watch.traces.add(TRACE)
        self.staff.garbled[2] = {"traces": [["Other"]], "trace": ["Other"]}
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.staff.whole.traces()), [])
            found = self.successResultOf(self.staff.whole.trace(TRACE.session))
            self.assertIsNone(found)
            self.staff.away.add(2)
