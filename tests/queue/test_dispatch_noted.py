"""Tests for L{smtpx.queue.dispatch}: who has a message is noted at once."""

from __future__ import annotations

from smtpx.queue.routes import RouteRule, Routes
from smtpx.spool.format import Fate, Outcome, SpooledMessage

from .cases import DispatchCase
from .doubles import ScriptedRelay

DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED


class NotedTests(DispatchCase):
    """What a crash, or an exception, does not make forgotten."""

    def setUp(self) -> None:
        """One relay for everybody."""
        super().setUp()
        self.relay = ScriptedRelay("relay")
        self.routes = Routes([RouteRule("*", "relay")], [self.relay])

    def leased(self, *recipients: bytes) -> SpooledMessage:
        """A message that is being delivered."""
        self.message(*recipients)
        [message] = self.successResultOf(self.spool.ready(self.clock.seconds(), 1))
        return message

    def recovered(self) -> list[int]:
        """Who would not get the message again, if the process died now."""
        self.spool.close()
        return [each.index for one in self.spool.recovered for each in one.outcomes]

    def test_notedAtOnce(self) -> None:
        """Who has the message is noted, though others keep the round from its end."""
        self.relay.patient = True
        message = self.leased(b"x@a", b"y@b", b"z@a", b"w@a")
        self.relay.fates[b"w@a"] = WAITING
        made = self.begin(message)
        self.relay.finish()
        self.assertNoResult(made)
        self.assertEqual(self.recovered(), [0, 2])
        self.relay.finish()

    def test_notRelayed(self) -> None:
        """What is no relay knows a message again, and nothing is noted."""
        self.routes = Routes([RouteRule("*", "one")], [self.one])
        self.make(self.leased(b"x@a"))
        self.assertEqual(self.recovered(), [])

    def test_notedOnTheWay(self) -> None:
        """
        Who had it before something went wrong has it: by exception, by the end, or
        where the transport forgets to say so again.
        """
        for ending in ("broken", "cut", "silent"):
            self.relay.patient = True
            message = self.leased(b"x@a", b"y@a")
            dispatch = self.dispatch()
            made = self.begin(message, dispatch=dispatch)
            told = [Outcome(0, DELIVERED, "had"), Outcome(9, DELIVERED, "strange")]
            self.relay.attempts[-1].note(told)
            answer = self.relay.waiting.pop()
            if ending == "broken":
                answer.errback(OSError("gone"))
            elif ending == "cut":
                self.attempting.cancel()
            else:
                answer.callback([Outcome(1, WAITING, "later")])
            settlement = self.successResultOf(made)
            assert settlement is not None
            self.assertEqual(
                [each.fate for each in settlement.outcomes], [DELIVERED, WAITING]
            )
            self.assertEqual(self.recovered(), [0])
            [message] = self.successResultOf(self.spool.ready(2000, 1))
            self.spool.settle(message, [Outcome(1, FAILED)], None)
