"""
Tests for L{smtpx.observe.ledger}: no number goes back, whoever is away.
"""

from __future__ import annotations

import json

from hypothesis import given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import metrics
from smtpx.observe.families import Families, countsOf, gauge
from smtpx.observe.ledger import InMemory, Ledger
from smtpx.observe.parcels import pack
from smtpx.observe.reports import Report

from .web.houses import Server


def counted(number: float) -> Families:
    """A process that has reported so often."""
    return [gauge(metrics.REPORTS, {(): number})]


def report(number: int, life: int, count: float, status: object = None) -> Report:
    """What a worker tells."""
    return Report(number, str(life), 7, (), counted(count), status)


def total(ledger: Ledger) -> int:
    """What the whole server has counted."""
    return countsOf(ledger.families(), metrics.REPORTS).get((), 0)


#: What happens to a worker: it counts, it dies, it is asked with others and answers,
#: or is asked and does not.
_DEEDS = some.lists(
    some.tuples(some.integers(1, 3), some.sampled_from(["count", "die", "hide"])),
    max_size=40,
)


class LedgerTests(SynchronousTestCase):
    """What is known of all workers."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.keeping = InMemory()
        self.ledger = Ledger(self.keeping)

    def note(self, *reports: Report) -> int:
        """A round is over; what the server has counted."""
        self.ledger.note({each.number: each for each in reports})
        return total(self.ledger)

    def test_sum(self) -> None:
        """All are added up."""
        self.assertEqual(self.note(report(1, 1, 3), report(2, 1, 4)), 7)
        self.assertEqual(self.note(report(1, 1, 5), report(2, 1, 4)), 9)

    def test_away(self) -> None:
        """Of who does not answer it stands what it told last; it is known who it is."""
        self.note(report(1, 1, 3), report(2, 1, 4))
        self.assertEqual(self.note(report(1, 1, 4)), 8)
        self.assertEqual(self.ledger.here, {1})
        self.assertEqual(self.note(report(1, 1, 4), report(2, 1, 9)), 13)

    def test_startedAgain(self) -> None:
        """What the process before had told stays counted."""
        self.note(report(1, 1, 3), report(2, 1, 4))
        self.assertEqual(self.note(report(1, 1, 3), report(2, 2, 0)), 7)
        self.assertEqual(self.note(report(1, 1, 3), report(2, 3, 1)), 8)

    def test_whoKeepsItIsStartedAgain(self) -> None:
        """Its successor goes on, and knows of itself what its predecessor told."""
        self.note(report(1, 1, 3), report(2, 1, 4))
        self.ledger = Ledger(self.keeping)
        self.assertEqual(self.note(report(1, 2, 1)), 8)
        self.assertEqual(self.note(report(1, 2, 1), report(2, 1, 5)), 9)

    @settings(max_examples=100, deadline=None)
    @given(_DEEDS)
    def test_neverBack(self, deeds: list[tuple[int, str]]) -> None:
        """Whatever happens between, no sum is less than one that was told before."""
        self.setUp()
        lives, counts = dict.fromkeys((1, 2, 3), 0), dict.fromkeys((1, 2, 3), 0)
        before = told = 0
        for number, deed in deeds:
            hidden = None
            if deed == "count":
                counts[number] += 1
            elif deed == "hide":
                hidden = None if number == 1 else number
            else:
                lives[number] += 1
                counts[number] = 0
                if number == 1:
                    self.ledger = Ledger(self.keeping)
            told = self.note(
                *(report(n, lives[n], counts[n]) for n in counts if n != hidden)
            )
            self.assertGreaterEqual(told, before)
            before = told
        self.assertEqual(told, sum(deed == "count" for _, deed in deeds))

    def test_plotsStay(self) -> None:
        """What a process had taken is on the plots when it is no more."""
        for life in (1, 2, 3):
            server = Server()
            visitor = server.visit(b"192.0.2.1", b"x")
            server.accept(visitor)
            status = pack(server.watch.look())
            self.note(report(1, 1, 0), report(2, life, 0, status))
        for ledger in (self.ledger, Ledger(self.keeping)):
            departed = ledger.departed
            assert departed is not None
            self.assertEqual(sum(departed.hour["accepted"].values), 2)
            self.assertEqual(sum(departed.day["accepted"].values), 2)

    def test_anotherVersion(self) -> None:
        """What another version of the program has kept is of no use."""
        self.note(report(1, 1, 3))
        kept = json.loads(self.keeping.load())
        for name in kept:
            others = {key: value for key, value in kept.items() if key != name}
            for strange in (others, {**others, name: [{"old": 1}]}):
                self.keeping.save(json.dumps(strange).encode())
                self.assertEqual(total(Ledger(self.keeping)), 0, strange)
