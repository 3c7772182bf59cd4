"""Tests for L{smtpx.queue.whither}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.demands import Source
from smtpx.core.hooks import LookupLevel, RoutePolicy, TLSLevel
from smtpx.queue.whither import both

WANTED = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS)


class BothTests(SynchronousTestCase):
    """What the operator and the message want."""

    def test_messageWithoutAWish(self) -> None:
        """The route is as it was."""
        route = RoutePolicy(TLSLevel.ENCRYPTED)
        self.assertIs(both(route, RoutePolicy()), route)

    def test_messageWantsMore(self) -> None:
        """Who wants more has it; and it is told who that was."""
        policy = both(RoutePolicy(TLSLevel.ENCRYPTED), WANTED)
        self.assertEqual(policy, WANTED)
        [demand] = policy.demands
        self.assertEqual((demand.rule, demand.by), ("message", Source.SENDER))

    def test_messageWantsLess(self) -> None:
        """C{TLS-Required: No} takes nothing from what the operator demands."""
        lenient = RoutePolicy(lenient=True)
        self.assertTrue(both(RoutePolicy(), lenient).lenient)
        for level in (TLSLevel.ENCRYPTED, TLSLevel.VERIFIED):
            policy = both(RoutePolicy(level), lenient)
            self.assertEqual(policy, RoutePolicy(level))
