"""
Tests for L{smtpx.service.workers.heldtelling}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.heldmail import HeldMail
from smtpx.service.control import Refused
from smtpx.service.control.protocol import ControlFactory
from smtpx.service.control.wire import Kind
from smtpx.service.workers import Worker
from smtpx.service.workers.answers import Answers
from smtpx.service.workers.heldtelling import TOGETHER, HeldTelling
from smtpx.service.workers.others import Others
from smtpx.service.workers.sockets import socketOf

from .made import SocketReactor, Switchboard

FOLDER = Path("/state/workers")


class HeldTellingTests(SynchronousTestCase):
    """What waits with three workers."""

    def setUp(self) -> None:
        """Nothing waits, and nobody is there."""
        self.board = Switchboard()
        self.reactor = SocketReactor(self.board)
        self.held: dict[int, HeldMail] = {}
        self.telling: dict[int, HeldTelling] = {}

    def begin(self, number: int, waits: int = 0) -> HeldMail:
        """A worker starts, for the first time or again."""
        held = self.held[number] = HeldMail(self.reactor.seconds)
        for _ in range(waits):
            held.add(b"ann\xff", 100.0)
        others = Others(self.reactor, FOLDER, number, 3)
        telling = HeldTelling(held, Worker(number, 3, others))
        answers = Answers()
        answers.add(telling.verbs())
        factory = ControlFactory(answers.verbs, self.reactor, "mx", clientsMost=99)
        self.board.listening[str(socketOf(FOLDER, number))] = factory
        self.telling[number] = telling
        telling.begin()
        self.board.flush()
        return held

    def counts(self) -> list[int]:
        """How many all say there are."""
        self.board.flush()
        return [each.count(b"ann\xff") for _, each in sorted(self.held.items())]

    def test_started(self) -> None:
        """Who starts later tells the others, and hears from them."""
        for number in (1, 2, 3):
            self.begin(number, number)
        self.assertEqual(self.counts(), [6, 6, 6])

    def test_added(self) -> None:
        """What comes is known to all."""
        for number in (1, 2, 3):
            self.begin(number)
        self.held[2].add(b"ann\xff", 50.0)
        self.held[3].add(b"ann\xff", 60.0)
        self.assertEqual(self.counts(), [2, 2, 2])
        self.reactor.advance(55.0)
        self.assertEqual(self.counts(), [1, 1, 1])

    def test_many(self) -> None:
        """However many there are, all are told of, some at a time."""
        self.begin(1, 2 * TOGETHER + 5)
        self.begin(2, TOGETHER + 1)
        self.assertEqual(self.counts(), [3 * TOGETHER + 6] * 2)

    def test_again(self) -> None:
        """A worker that is started again counts anew, and is not counted twice."""
        for number in (1, 2, 3):
            self.begin(number, 2)
        self.board.kill(str(socketOf(FOLDER, 2)))
        self.telling[2].stop()
        self.held[1].add(b"ann\xff", 50.0)
        self.begin(2, 3)
        self.assertEqual(self.counts(), [8, 8, 8])

    def test_stopped(self) -> None:
        """At the end nothing is told any more."""
        for number in (1, 2):
            self.begin(number)
        self.telling[1].stop()
        self.held[1].add(b"ann\xff", 50.0)
        self.assertEqual(self.counts(), [1, 0])

    def test_stoppedMeanwhile(self) -> None:
        """What is under way is left off."""
        for number in (1, 2):
            self.begin(number)
        self.held[1].add(b"ann\xff", 50.0)
        self.telling[1].stop()
        self.assertEqual(self.counts()[0], 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_nonsense(self) -> None:
        """What makes no sense is refused."""
        self.begin(1)
        talk = Others(self.reactor, FOLDER, 2, 3).talk
        for fields in (
            {"life": "x"},
            {"worker": 2, "held": []},
            {"worker": 2, "life": "x", "held": [["ann", "soon", 1]]},
        ):
            asked = talk(1, "held.told", fields, "")
            self.board.flush()
            refused = self.failureResultOf(asked, Refused).value
            assert isinstance(refused, Refused)
            self.assertIs(refused.kind, Kind.REQUEST)

    def test_badAnswer(self) -> None:
        """An answer that makes no sense is told to the log, and mail goes on."""
        self.begin(1)
        self.patch(self.telling[1], "_life", 7)
        self.held[1].add(b"ann\xff", 50.0)
        self.begin(2)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
