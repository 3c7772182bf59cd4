"""
Tests for L{smtpx.service.wiring.alertplaces}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.strangers.alerts import Alert, Alerts
from smtpx.service.control import ControlFactory, Refused
from smtpx.service.machine import Machine
from smtpx.service.wiring.alertplaces import shareAlerts
from smtpx.service.workers import Worker
from smtpx.service.workers.answers import Answers
from smtpx.service.workers.others import Others
from smtpx.service.workers.sockets import socketOf

from .workers.made import SocketReactor, Switchboard

FOLDER = Path("/state/workers")

_ALERT = Alert("user", "ann", "messages", 100.0, 100, "1h", "outgoing", 7.0)


class AlertPlacesTests(SynchronousTestCase):
    """An account that comes to two workers."""

    def setUp(self) -> None:
        """Both are there."""
        self.board = Switchboard()
        self.told: list[Alert] = []
        self.alerts = {number: self.begun(number) for number in (1, 2)}

    def begun(self, number: int) -> Alerts:
        """A worker."""
        reactor = SocketReactor(self.board)
        worker = Worker(number, 2, Others(reactor, FOLDER, number, 2))
        machine = Machine(reactor, "mx.example.org", worker=worker)
        answers = Answers()
        alerts = Alerts(
            reactor.seconds, lambda account, every: succeed(True), self.told.append
        )
        shareAlerts(machine, alerts, answers)
        factory = ControlFactory(answers.verbs, reactor, "mx.example.org")
        self.board.listening[str(socketOf(FOLDER, number))] = factory
        return alerts

    def test_together(self) -> None:
        """Who tells of it says what both have seen."""
        for number, client in ((1, b"192.0.2.1"), (2, b"192.0.2.1"), (2, b"192.0.2.2")):
            self.alerts[number].saw("user", "ann", client)
        self.alerts[1].ring(_ALERT)
        self.board.flush()
        [told] = self.told
        self.assertEqual(told.clients, (("192.0.2.2", 1), ("192.0.2.1", 2)))

    def test_away(self) -> None:
        """Where the other one is away, it is told of all the same."""
        self.board.kill(str(socketOf(FOLDER, 2)))
        self.alerts[1].saw("user", "ann", b"192.0.2.1")
        self.alerts[1].ring(_ALERT)
        self.assertEqual(self.told[0].clients, (("192.0.2.1", 1),))

    def test_bad(self) -> None:
        """What makes no sense is refused."""
        others = Others(SocketReactor(self.board), FOLDER, 1, 2)
        asked = others.talk(2, "alerts.clients", {"per": "user"}, "")
        self.board.flush()
        self.failureResultOf(asked, Refused)

    def test_alone(self) -> None:
        """A server of one process asks nobody; so does one that tells of nothing."""
        answers = Answers()
        machine = Machine(SocketReactor(self.board), "mx.example.org")
        shareAlerts(machine, self.alerts[1], answers)
        shareAlerts(machine, None, answers)
        self.assertEqual(answers.verbs, {})
