"""
Tests for L{smtpx.policy.strangers.alerts}.
"""

from __future__ import annotations

from collections.abc import Awaitable

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.strangers.alerts import Alert, Alerts

_ALERT = Alert("user", "ann", "messages", 100.0, 100, "1h", "outgoing", 7.0)


class AlertsTests(SynchronousTestCase):
    """Who is told of accounts."""

    def setUp(self) -> None:
        """Somebody who listens."""
        self.clock = Clock()
        self.told: list[Alert] = []
        self.claimed: list[tuple[str, float]] = []
        self.mine: Awaitable[bool] = succeed(True)
        self.alerts = Alerts(self.clock.seconds, self.claim, self.told.append, 60)

    def claim(self, account: str, every: float) -> Awaitable[bool]:
        """Is it for this process to tell of it?"""
        self.claimed.append((account, every))
        return self.mine

    def test_once(self) -> None:
        """An account is told of once in a while, however often it does too much."""
        for _ in range(5):
            self.alerts.ring(_ALERT)
        self.assertEqual(self.told, [_ALERT])
        self.clock.advance(59)
        self.alerts.ring(_ALERT)
        self.assertEqual(len(self.told), 1)
        self.clock.advance(1)
        self.alerts.ring(_ALERT)
        self.assertEqual(len(self.told), 2)
        self.assertEqual(self.claimed, [("user ann", 60)] * 2)

    def test_manyAccounts(self) -> None:
        """Strangers, who have a new name each time, fill nobody's mailbox."""
        for number in range(50):
            self.alerts.ring(evolve(_ALERT, per="sender", account=f"{number}@a.test"))
        self.assertEqual(len(self.told), 20)
        # Accounts of another kind do not suffer by that.
        self.alerts.ring(_ALERT)
        self.assertEqual(self.told[-1], _ALERT)
        self.clock.advance(3600)
        self.alerts.ring(evolve(_ALERT, per="sender", account="49@a.test"))
        self.assertEqual(len(self.told), 22)

    def test_partOfTheBound(self) -> None:
        """Where others tell, too, each has its part of what may be told."""
        self.alerts = Alerts(self.clock.seconds, self.claim, self.told.append, 60, 7)
        for number in range(50):
            self.alerts.ring(evolve(_ALERT, account=str(number)))
        self.assertEqual(len(self.told), 7)

    def test_anothersDoNotCount(self) -> None:
        """Those of which another process tells take no room."""
        self.mine = succeed(False)
        for number in range(50):
            self.alerts.ring(evolve(_ALERT, account=str(number)))
        self.mine = succeed(True)
        self.alerts.ring(_ALERT)
        self.assertEqual(self.told, [_ALERT])

    def test_anotherRate(self) -> None:
        """It is one account, by whatever it does too much."""
        self.alerts.ring(_ALERT)
        self.alerts.ring(evolve(_ALERT, what="recipients", rule="more"))
        self.alerts.ring(evolve(_ALERT, account="bob"))
        self.assertEqual([each.account for each in self.told], ["ann", "bob"])

    def test_another(self) -> None:
        """Where another process has told of it, this one does not."""
        self.mine = succeed(False)
        self.alerts.ring(_ALERT)
        self.assertEqual(self.told, [])

    def test_clients(self) -> None:
        """It is told where the account comes from, of so many places and no more."""
        for number in [*range(25), 24, 3]:
            self.alerts.saw("user", "ann", b"192.0.2.%d" % number)
        self.alerts.saw("user", "bob", b"198.51.100.1")
        self.alerts.saw("user", "ann", b"")
        self.alerts.ring(_ALERT)
        (told,) = self.told
        self.assertEqual(len(told.clients), 20)
        self.assertEqual(
            told.clients[-3:],
            (("192.0.2.24", 2), ("192.0.2.3", 1), ("this machine", 1)),
        )

    def test_everywhere(self) -> None:
        """Several processes tell together where it comes from, the most last."""
        asked: list[tuple[str, str]] = []
        theirs = [{f"192.0.2.{each}": each for each in range(1, 22)}, {"this": 50}]

        async def elsewhere(per: str, account: str) -> list[dict[str, int]]:
            asked.append((per, account))
            return theirs

        self.alerts.elsewhere = elsewhere
        for _ in range(3):
            self.alerts.saw("user", "ann", b"192.0.2.20")
        self.alerts.ring(_ALERT)
        (told,) = self.told
        self.assertEqual(asked, [("user", "ann")])
        self.assertEqual(len(told.clients), 20)
        expected = (("192.0.2.21", 21), ("192.0.2.20", 23), ("this", 50))
        self.assertEqual(told.clients[-3:], expected)

    def test_asked(self) -> None:
        """Another process is told where an account came from to this one."""
        self.alerts.saw("user", "ann", b"192.0.2.1")
        self.assertEqual(self.alerts.clientsOf("user", "ann"), {"192.0.2.1": 1})
        self.assertEqual(self.alerts.clientsOf("user", "bob"), {})

    def test_bounded(self) -> None:
        """So many accounts are remembered, and no more."""
        for number in range(1200):
            self.alerts.saw("user", str(number), b"192.0.2.1")
        self.assertEqual(len(self.alerts._accounts), 1000)

    def test_stop(self) -> None:
        """What was to be told is told before it ends."""
        waiting: Deferred[bool] = Deferred()
        self.mine = waiting
        self.alerts.ring(_ALERT)
        over = Deferred.fromCoroutine(self.alerts.stop())
        self.assertNoResult(over)
        waiting.callback(True)
        self.successResultOf(over)
        self.assertEqual(self.told, [_ALERT])

    def test_ourFault(self) -> None:
        """What goes wrong is logged, and nobody else notices."""
        self.mine = fail(ZeroDivisionError("a fault"))
        self.alerts.ring(_ALERT)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.successResultOf(Deferred.fromCoroutine(self.alerts.stop()))
